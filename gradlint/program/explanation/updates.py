"""An update explained: its network, its optimizer, the events around it, its schedule, its guard."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.explanation.gaps import Gaps, foreign
from gradlint.program.explanation.remark import Explanation, Remark, Section, at, code, several
from gradlint.program.explanation.trace import Met, trace
from gradlint.program.explanation.traits import network
from gradlint.program.explanation.words import built, function, states, value
from gradlint.program.flow import Act, Invoke, every
from gradlint.program.optimizers import Cause
from gradlint.program.reach import trained_by
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update, Updates
from gradlint.program.values import Bound, Made, Unknown

_NETWORKS = 6
_EVENTS = 60
_CALLERS = 4
_CLIMB = 6
_CALLS = 6

_KINDS = {
    "torch": "an optimizer's step",
    "scaler": "a step through a gradient scaler",
    "manual": "parameters changed by hand",
    "implicit": "a framework's own training loop",
}
_NAMES = {
    "zero": "zero_grad",
    "unscale": "unscale_",
    "update": "scaler.update",
    "implicit": "training",
    "new": "new optimizer",
}


def of_update(update: Update, updates: Updates) -> Explanation:
    """What is believed of an update."""
    gaps = Gaps(update.program.values)
    met = trace(update, updates)
    kind = _KINDS.get(update.kind, f"a step of {update.kind}")
    sections = (
        Section("network", tuple(_networks(update, gaps))),
        Section("optimizer", tuple(_optimizers(update, gaps))),
        Section("called from", tuple(_callers(update.scope, updates, _CLIMB, set()))),
        Section("events", tuple(_events(update, met)), steps=True),
        Section("schedule", tuple(_schedule(update))),
        Section("guard", tuple(_guard(update, met))),
        Section("not followed", tuple(several(list(_unfollowed(update, met, gaps)), _CALLS, "calls"))),
    )
    headline = f"update: {kind}, {code(update.module, update.node)} in {function(update.scope)}"
    return Explanation("update", headline, update.place, tuple(x for x in sections if x.remarks))


# --- networks ---------------------------------------------------------------------------------


def _networks(update: Update, gaps: Gaps) -> Iterator[Remark]:
    program = update.program
    found = update.networks
    for made in found[:_NETWORKS]:
        yield network(made, program.traits, program.values, gaps)
    if len(found) > _NETWORKS:
        yield Remark(f"and {len(found) - _NETWORKS} more networks")
    if not found:
        yield Remark("no network was found: rules about kinds of networks say nothing", gap=True)
        told: dict[str, Remark] = {}
        for optimizer in sorted((v for v in update.optimizers if isinstance(v, Made)), key=_place):
            if optimizer.site is not None and optimizer.scope is not None:
                for arg in optimizer.site.args[:1]:
                    gap = gaps.of(source(arg.value), optimizer.scope, "a network")
                    told.setdefault(gap.text, gap)
        yield from told.values()


def source(expr: s.Expr) -> s.Expr:
    """`model` of `filter(..., model.parameters())`: what the question is really about."""
    for call in s.calls(expr):
        if isinstance(call.func, s.Attribute) and call.func.attr.endswith("parameters"):
            return call.func.value
    return expr


# --- optimizer --------------------------------------------------------------------------------


def _place(made: Made) -> tuple[str, str, int]:
    where = str(made.scope.module.path) if made.scope is not None else ""
    return value(made), where, made.site.id if made.site is not None else 0


def _optimizers(update: Update, gaps: Gaps) -> Iterator[Remark]:
    values, schedules = update.program.values, update.program.schedules
    known = [v for v in update.optimizers if isinstance(v, Made) and schedules.optimizers.is_optimizer(v)]
    for made in sorted(known, key=_place):
        head = built(made)
        below = [_parameters(made, update)]
        rate = schedules.optimizers.rate([made])
        if rate is not None:
            below.append(Remark(f"learning rate {rate:g}"))
        yield Remark(head.text, head.place, tuple(below))
    if known or update.act.operand is None:
        return
    if update.kind == "manual":
        yield at("none: the code changes the parameters itself", update.module, update.node)
    elif update.kind != "implicit":
        yield gaps.of(
            update.act.operand, update.scope, "an optimizer" if values.of(update.act.operand, update.scope) else ""
        )


def _parameters(optimizer: Made, update: Update) -> Remark:
    values = update.program.values
    found = sorted(values.ordered(trained_by(optimizer, values)), key=value)
    assert optimizer.site is None or optimizer.scope is not None
    if optimizer.site is None or not optimizer.site.args or optimizer.scope is None:
        return Remark("its parameters are not known", gap=True)
    given = optimizer.site.args[0].value
    text = f"updates {code(optimizer.scope.module, given)}"
    if not found:
        return at(f"{text}, which leads to no network", optimizer.scope.module, given, gap=True)
    return at(f"{text}: of {', '.join(dict.fromkeys(built(m).text for m in found))}", optimizer.scope.module, given)


# --- callers ----------------------------------------------------------------------------------


def _callers(scope: Scope, updates: Updates, depth: int, seen: set[Scope]) -> Iterator[Remark]:
    """The ways on which the update is reached, inner first."""
    if scope in seen:
        yield Remark(f"{function(scope)}, as above")
        return
    seen.add(scope)
    if scope.kind == "module":
        yield Remark("module level: it runs when the file is run")
        return
    calls = updates.program.values.callers(scope)
    above = updates.above(scope)
    if not above:
        why = f"{function(scope)} is called by nothing that can be followed: what comes in is not known"
        yield at(why, scope.module, scope.node, gap=True)
        return
    if depth == 0:
        yield Remark("and so on")
        return
    sites = [(call, where) for call, where in calls if where is not scope]
    if not sites:
        yield at(
            f"{function(scope)} stands in {function(above[0])}",
            scope.module,
            scope.node,
            *_callers(above[0], updates, depth - 1, seen),
        )
        return
    for call, where in sites[:_CALLERS]:
        outer = where if where.kind != "class" else where.module.scope
        yield at(
            f"{function(scope)} is called from {function(outer)}",
            where.module,
            call,
            *_callers(outer, updates, depth - 1, seen),
        )
    if len(sites) > _CALLERS:
        yield Remark(f"and {len(sites) - _CALLERS} more calls of {function(scope)}")


# --- events -----------------------------------------------------------------------------------


def _events(update: Update, met: list[Met]) -> Iterator[Remark]:
    """Each event with the states that arrive; those in a called function behind how it is called."""
    shown = [x for x in met if x.concerns and x.node is not None]
    others = sum(1 for x in met if not x.concerns)
    here: Scope | None = None
    for each in shown[:_EVENTS]:
        if each.scope is not here:
            yield _entry(each)
            here = each.scope
        yield _event(each, update)
    if len(shown) > _EVENTS:
        yield Remark(f"and {len(shown) - _EVENTS} more events")
    if others:
        yield Remark(f"{others} events of other optimizers and networks are left out")


def _entry(met: Met) -> Remark:
    said = f"in {function(met.scope)}"
    calls = [(scope, call) for scope, call in met.path if call is not None]
    if not calls:
        return Remark(said)
    outer = met.path[-2][0] if len(met.path) > 1 else met.scope
    _, call = calls[-1]
    return at(f"{said}, called from {function(outer)}", outer.module, call)


def _event(met: Met, update: Update) -> Remark:
    node = met.node
    mark = "  <- this update" if node is update.node else ""
    return at(f"{_verb(met)}: {code(met.scope.module, node)}{mark}", met.scope.module, node, *states(met.states))


def _verb(met: Met) -> str:
    if met.what.does == "test":
        return f"test whether {'the gradients' if met.what.about_gradients else 'the values'} are finite"
    return _NAMES.get(met.what.does, met.what.does)


# --- schedule ---------------------------------------------------------------------------------


def _schedule(update: Update) -> Iterator[Remark]:
    schedule = update.schedule
    causes = [_cause(c) for c in schedule.causes]
    steps = [at("stepped here", scope.module, call) for call, scope in schedule.steps[:2]]
    if schedule.warms:
        yield Remark("the learning rate rises at the start", None, (*causes, *steps))
    elif schedule.warms is False:
        text = "the learning rate starts at its peak" if causes else "nothing moves the learning rate"
        yield Remark(text, None, (*causes, *steps))
    else:
        why = "" if causes else ": no optimizer is known that it could be of"
        yield Remark(f"whether the learning rate rises at the start cannot be told{why}", None, tuple(causes), gap=True)


def _cause(cause: Cause) -> Remark:
    said = {True: "warms up", False: "does not warm up", None: "may warm up or not"}[cause.warms]
    return at(f"{cause.what} {said}", cause.module, cause.node)


# --- guard ------------------------------------------------------------------------------------


def _guard(update: Update, met: list[Met]) -> Iterator[Remark]:
    if update.skips_nonfinite:
        yield Remark("what steps leaves out steps with non-finite gradients by itself")
    tests = [x for x in met if x.what.does == "test"]
    checks = [x for x in met if x.what.does in ("check", "anomaly")]
    safe = [st for st in update.trained if st.guarded or st.anomaly]
    if update.trained and len(safe) == len(update.trained):
        yield Remark("a non-finite loss does not reach the step")
    elif safe:
        yield Remark("a non-finite loss reaches the step on some ways and not on others")
    elif update.trained and not update.skips_nonfinite:
        said = "none of these tests stops it" if tests or checks else "nothing tests for one"
        yield Remark(f"a non-finite loss reaches the step: {said}")
    for each in (*tests, *checks):
        yield at(code(each.scope.module, each.node), each.scope.module, each.node)


# --- what was not followed --------------------------------------------------------------------


def _unfollowed(update: Update, met: list[Met], gaps: Gaps) -> Iterator[Remark]:
    """Calls near the events that are given gradients' owners, or the loss, and whose meaning is not known."""
    program = update.program
    scopes = dict.fromkeys([update.scope, *(x.scope for x in met if x.concerns)])
    losses = {n for x in met if x.what.does == "backward" for n in _losses(x.what.operand)}
    for scope in scopes:
        followed = {item.node.id for item in every(program.flows.of(scope)) if isinstance(item, (Act, Invoke))}
        for call in s.calls(scope.body, into=False):
            if call.id in followed or not _matters(call, scope, update, losses):
                continue
            functions = program.values.of(call.func, scope)
            lost = not functions or all(isinstance(f, (Unknown, Bound)) for f in functions)
            if lost or foreign(functions, program.values) is not None:
                if _may_act(call, scope):
                    why = gaps.of(call.func, scope)
                    yield Remark(
                        f"{code(scope.module, call)}: {why.text}", scope.module.place(call), why.below, gap=True
                    )


def _losses(expr: s.Expr | None) -> set[str]:
    """The names of the loss that a backward pass starts from: `loss`, or what `scaler.scale(loss)` is given."""
    if isinstance(expr, s.Call):
        return {arg.value.text for arg in expr.args if isinstance(arg.value, s.Name)} if len(expr.args) == 1 else set()
    return {expr.text} if isinstance(expr, s.Name) else set()


def _matters(call: s.Call, scope: Scope, update: Update, losses: set[str]) -> bool:
    values = update.program.values
    for arg in call.args:
        given = arg.value
        if isinstance(given, s.Call) and isinstance(given.func, s.Attribute) and given.func.attr.endswith("parameters"):
            return True
        if isinstance(given, s.Name) and given.text in losses:
            return True
        if isinstance(given, (s.Name, s.Attribute)) and any(
            isinstance(v, Made) and update.program.schedules.optimizers.is_optimizer(v) for v in values.of(given, scope)
        ):
            return True
    return False


def _may_act(call: s.Call, scope: Scope) -> bool:
    """Whether a call is of something that the file imports, is given or keeps: not a method of a tensor or a list."""
    name = s.dotted(call.func)
    if name is None:
        return False
    first, _, rest = name.partition(".")
    home = scope.lookup(first)
    bindings = home.bindings.get(first, []) if home is not None else []
    return not rest or home is None or any(b.kind in ("import", "param") for b in bindings)
