"""Fixes that clip the gradients before a step."""

from __future__ import annotations

import math

from gradlint.fix import parameters, sites, verbs
from gradlint.fix.bounds import Bound, imported
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.fix.guards import before_scaling
from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.places import loops_around
from gradlint.program.precision import halved
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Cls, Func, Made
from gradlint.records import dataclass
from gradlint.vocabulary import Plain

_ELSEWHERE = "the gradients are computed in another file, `{}`"
_NAMELESS = "the optimizer has no name where it steps"
_IN_EXPRESSION = "the step is part of an expression"
_ONLY_NORM = 'what trains here clips by its own means, which do not know this style: choose `style = "norm"`'
_FORMS = {"norm": "clip", "value": "clip_value"}  # by style, how a framework's own clip is called
_SHARDED = "the gradients may be sharded over processes: clip them through the wrapper that shards them"
_NO_PLACE = "the step shares its line with code that cannot be parted from it"


@dataclass(frozen=True, slots=True)
class _Site:
    """Where the clip goes: directly before a statement, or after the one with the last backward pass."""

    scope: Scope
    stmt: s.Stmt
    node: s.Node
    after: bool = False

    def put(self, lines: list[str]) -> tuple[Edit, ...] | None:
        verb = verbs.insert_after if self.after else verbs.insert_before
        return verb(self.scope.module, self.stmt, lines)


def clip_before(update: Update, bound: Bound) -> Fix | str:
    """A clip of the update's gradients before its step; the reason why there can be none."""
    refusal = _refusal(update)
    if refusal is not None:
        return refusal
    edits: set[Edit] = set()
    if update.kind == "implicit":
        made = _by_argument(update, bound)
    elif update.act.fact.get("whole"):
        made = _of_whole_step(update, bound)
    elif update.kind == "manual":
        made = _by_hand(update, bound, edits)
    else:
        made = _of_step(update, bound, edits)
    if isinstance(made, str):
        return made
    return Fix(f"Clip the gradients to {bound}", Safety.SAFE, tuple(sorted(edits.union(made))))


def measure_before(update: Update, name: str) -> tuple[Edit, ...] | str:
    """The norm of the update's gradients, given to a name before its step by a clip that bounds nothing."""
    refusal = _refusal(update)
    if refusal is not None:
        return refusal
    if update.kind == "implicit" or update.act.fact.get("whole") or _closure(update) is not None:
        return "the backward pass is run by what steps"
    if next(halved(update), None) is not None:
        return "in float16 a norm may be infinite where no gradient is, and clipping by it would spoil them"
    edits: set[Edit] = set()
    made = _of_step(update, Bound("norm", math.inf), edits, name)
    return made if isinstance(made, str) else tuple(sorted(edits.union(made)))


def _refusal(update: Update) -> str | None:
    """Why a clip before the step would be wrong."""
    vocabulary = update.program.values.vocabulary
    for optimizer in update.optimizers:
        for path in update.program.values.bases_of(optimizer):
            reason = vocabulary.about("unclippable", path) or vocabulary.about("spoiled_by_clip", path)
            if isinstance(reason, str):
                return reason
    unfixed = _way(update).get("unfixed")
    if isinstance(unfixed, str):
        return unfixed
    if _has_sparse_gradients(update):
        return "a norm of sparse gradients cannot be taken: make the embedding's gradients dense, or clip the others"
    return None


def _has_sparse_gradients(update: Update) -> bool:
    """Whether a layer may be asked for gradients that hold some rows only."""
    layers = [(path.rpartition(".")[2], str(keyword)) for path, keyword in _entries(update, "sparse")]
    return any(
        arg.keyword == keyword and not (isinstance(arg.value, s.Constant) and arg.value.value is False)
        for module in _modules(update)
        for name, keyword in layers
        for call, _ in module.calls.get(name, ())
        for arg in call.args
    )


def _entries(update: Update, section: str) -> list[tuple[str, Plain]]:
    return list(update.program.values.vocabulary.entries(section))


def _modules(update: Update) -> set[Module]:
    """The files of the update, its backward passes, its optimizers and its networks."""
    values = [v for v in (*update.optimizers, *update.networks) if isinstance(v, Made)]
    made = {v.scope.module for v in values if v.scope is not None}
    defined = {v.of.scope.module for v in values if isinstance(v.of, Cls)}
    return {update.module, *(a.scope.module for a in update.backwards), *made, *defined}


def _way(update: Update) -> dict[str, Plain]:
    """How the framework that computes the gradients clips them."""
    kind = update.act.fact.get("kind") if update.kind == "implicit" else update.kind
    found = update.program.values.vocabulary.entry("clips", str(kind))
    return found if isinstance(found, dict) else {}


# --- a clip that is there -------------------------------------------------------------------------


def clip_all(update: Update, call: s.Node, given: s.Expr | None, scope: Scope) -> Fix | str:
    """A clip of all that the optimizer updates, in place of the parameters that it is given."""
    arg = next((a for a in call.args if a.value is given), None) if isinstance(call, s.Call) else None
    refusal = _refusal(update) or (_SHARDED if sharded(update) else None)
    if arg is None or arg.star or refusal is not None:
        return refusal or "the clip is not given the parameters"
    if any(not sites.holds(loop, update.node) for loop in loops_around(scope, call)):
        return "the clip stands in a loop of its own"
    optimizer = update.act.operand
    if optimizer is None or not sites.plain(optimizer) or not sites.said_at(optimizer, update.scope, scope, call):
        return "the optimizer has no name where the gradients are clipped"
    over = parameters.parameters_at(update, scope, call, update.module.text(optimizer))
    edits = verbs.replace_argument(scope.module, arg, over)
    return Fix("Clip all that the optimizer updates", Safety.UNSAFE, edits) if edits else "the clip cannot be rewritten"


def clip_by(update: Update, call: s.Call, dotted: str) -> Fix | str:
    """A clip by the function of a library that is meant."""
    edits: set[Edit] = set()
    name = imported(dotted, update.scope, call, edits)
    if name is None:
        return "there is no place for an import"
    edits.update(verbs.replace(update.module, call.func, name) or ())
    return Fix(f"Call `{name}`", Safety.UNSAFE, tuple(sorted(edits)))


# --- before a step --------------------------------------------------------------------------------


def _of_step(update: Update, bound: Bound, edits: set[Edit], kept: str = "") -> tuple[Edit, ...] | str:
    site = _site(update)
    if isinstance(site, str):
        return site
    optimizer = parameters.optimizer_at(update, site.scope, site.node)
    if optimizer is None:
        return _NAMELESS
    lines = _unscaled(update, optimizer)
    if isinstance(lines, str):
        return lines
    if any(act.receiver is not None and s.text(act.receiver) == optimizer for act in update.backwards):
        return "the engine that runs the backward pass clips by its own settings"
    clip = _own_clip(update, site, optimizer, bound) or _clip_of_shards(update, site, bound)
    if clip is None:
        over = parameters.of_groups(optimizer)
        if update.kind == "scaler" or not any(before_scaling(update, act) for act in update.backwards):
            over = parameters.parameters_at(update, site.scope, site.node, optimizer)
        clip = bound.lines(over, site.scope, site.node, update.program.values, edits)
    if isinstance(clip, str):
        return clip
    if kept:
        clip[-1] = f"{kept} = {clip[-1]}"
    return site.put([*lines, *clip]) or _NO_PLACE


def _site(update: Update) -> _Site | str:
    closure = _closure(update)
    if closure is not None:
        last = max((a for a in update.backwards if a.scope is closure), key=lambda a: a.node.id)
        if closure.module is not update.module:
            return _ELSEWHERE.format(closure.module.source.name)
        stmts = sites.around(closure, last.node)
        return _Site(closure, stmts[0], last.node, after=True) if stmts else "the closure is an expression"
    stmts = sites.around(update.scope, update.node)
    if not stmts or not sites.shares_names(stmts[-1], update.node) or sites.is_header(stmts[-1], update.node):
        return _IN_EXPRESSION
    return _Site(update.scope, stmts[-1], update.node)


def _closure(update: Update) -> Scope | None:
    """The function handed to the step that runs the backward pass: a clip before the step would be none of its."""
    if not isinstance(update.node, s.Call):
        return None
    held = {v for a in update.node.args for v in update.program.values.of(a.value, update.scope)}
    scopes = {v.scope for v in held if isinstance(v, Func)}
    return next((a.scope for a in update.backwards if a.scope in scopes), None)


def _unscaled(update: Update, optimizer: str) -> list[str] | str:
    """What takes the scale away from the gradients first, if they have one then."""
    if update.kind != "scaler":
        return []
    unscaled = {state.unscaled for state in update.trained}
    if unscaled == {True}:
        return []
    if True in unscaled:
        return "the gradients are unscaled on some ways to the step only"
    if update.act.receiver is None or not sites.plain(update.act.receiver):
        return "the gradient scaler has no name where it steps"
    return [f"{update.module.text(update.act.receiver)}.unscale_({optimizer})"]


def _own_clip(update: Update, site: _Site, optimizer: str, bound: Bound) -> list[str] | str | None:
    """The clip of the framework that computes the gradients; None where it leaves that to PyTorch."""
    way = _way(update)
    if "clip" not in way:
        return None
    form = way.get(_FORMS.get(bound.style, ""))
    if not isinstance(form, str):
        return _ONLY_NORM
    owner = _owner(update, site)
    if owner is None:
        return "the framework's object has no name where the optimizer steps"
    networks = parameters.networks_at(update, site.scope, site.node)
    if "{network}" in form and len(networks) != 1:
        return "the network has no name where the optimizer steps"
    over = parameters.parameters_at(update, site.scope, site.node, optimizer)
    said = {
        "owner": owner,
        "parameters": over,
        "network": "".join(networks),
        "optimizer": optimizer,
        "bound": bound.text,
    }
    clip, test, when = form.format(**said), way.get("test"), way.get("when")
    words = site.scope.module.words | {a.keyword for c in s.calls(site.scope.module.block) for a in c.args}
    if isinstance(test, str) and isinstance(when, list) and any(word in words for word in when):
        return [f"if {test.format(**said)}:", f"    {clip}"]
    return [clip]


def _clip_of_shards(update: Update, site: _Site, bound: Bound) -> list[str] | str | None:
    """The clip of the wrapper that holds a part of each gradient in each process; None where there is none."""
    shards = sharded(update)
    if not shards:
        return None
    if bound.style != "norm":
        return _ONLY_NORM
    for path, form in shards:
        network = _wrapped(update, site, path)
        if network is not None and form:
            return [form.format(network=network, bound=bound.text)]
    return _SHARDED


def sharded(update: Update) -> list[tuple[str, str]]:
    """The wrappers of its files that hold a part of each gradient in each process, and how each clips."""
    modules = _modules(update)
    return [
        (path, str(form))
        for path, form in _entries(update, "shards")
        if any(path.rpartition(".")[2] in module.source.code for module in modules)
    ]


def _wrapped(update: Update, site: _Site, path: str) -> str | None:
    """The network whose parameters the optimizer holds, if a wrapper is put around it whatever the settings."""
    networks = parameters.networks_at(update, site.scope, site.node)
    values = update.program.values
    for name, calls in update.module.calls.items():
        for call, scope in calls if len(networks) == 1 and name else ():
            functions = values.of(call.func, scope)
            if not any(isinstance(f, Lib) and values.vocabulary.canonical(f.path) == path for f in functions):
                continue
            chain = sites.around(scope, call)
            stmt = chain[-1] if chain else None
            if not isinstance(stmt, s.Assign) or stmt.value is not call or len(stmt.targets) != 1:
                continue
            target = stmt.targets[0]
            always = not any(isinstance(x, (s.If, s.Try)) and not sites.holds(x, site.node) for x in chain)
            if always and s.text(target) == networks[0] and sites.said_at(target, scope, site.scope, site.node):
                return networks[0]
    return None


def _owner(update: Update, site: _Site) -> str | None:
    """The framework's object as the code at the clip says it."""
    for act in update.backwards:
        owner = act.receiver
        if owner is None or not sites.plain(owner):
            continue
        if act.scope is site.scope or sites.said_at(owner, act.scope, site.scope, site.node):
            return act.scope.module.text(owner)
    return None


# --- by an argument -------------------------------------------------------------------------------


def _by_argument(update: Update, bound: Bound) -> tuple[Edit, ...] | str:
    """The clip of a framework that trains by itself: an argument where it is built."""
    place = update.act.event.operands.get("bound") if update.act.event is not None else None
    if place is None or place.keyword is None or not isinstance(update.node, s.Call):
        return "the framework's own settings decide on clipping"
    by_hand = _way(update).get("by_hand")
    for network in update.networks:
        if isinstance(network.of, Cls) and isinstance(by_hand, str):
            values = update.program.values
            if any(values.self_stores(scope, by_hand) for scope in values.lineage(network.of.scope)):
                return "the module optimizes by hand, where the framework does not clip"
    if bound.style != "norm":
        return _ONLY_NORM
    return _with_arguments(update, update.node, {place.keyword: bound.text})


def _of_whole_step(update: Update, bound: Bound) -> tuple[Edit, ...] | str:
    """The clip of a call that does backward, clip and step at once."""
    if bound.style != "norm":
        return _ONLY_NORM
    assert update.act.event is not None
    assert isinstance(update.node, s.Call)
    places = update.act.event.operands
    optimizer = places.get("optimizer")
    given = update.node.arg(optimizer.position, optimizer.keyword) if optimizer is not None else None
    if given is None or not sites.plain(given):
        return _NAMELESS
    wanted: dict[str, str] = {}
    for name, text in (
        ("bound", bound.text),
        ("parameters", parameters.parameters_at(update, update.scope, update.node, update.module.text(given))),
    ):
        place = places.get(name)
        if place is None or place.keyword is None:
            return "the call takes no bound"
        value = update.node.arg(place.position, place.keyword)
        if value is None or (isinstance(value, s.Constant) and value.value is None):
            wanted[place.keyword] = text
    return _with_arguments(update, update.node, wanted)


def _with_arguments(update: Update, call: s.Call, wanted: dict[str, str]) -> tuple[Edit, ...] | str:
    if any(a.star for a in call.args):
        return "the call's arguments are not all visible"
    edits: list[Edit] = []
    given = {a.keyword: a for a in call.args}
    for name, text in wanted.items():
        if name in given:
            edits.extend(verbs.replace_argument(update.module, given[name], text) or ())
    new = ", ".join(f"{name}={text}" for name, text in wanted.items() if name not in given)
    if new:
        added = verbs.add_argument(update.module, call, new)
        if added is None:
            return "the call's arguments cannot be added to"
        edits.extend(added)
    return tuple(edits) or "the call's arguments cannot be replaced"


# --- by hand --------------------------------------------------------------------------------------


def _by_hand(update: Update, bound: Bound, edits: set[Edit]) -> tuple[Edit, ...] | str:
    """The clip before a loop that updates each parameter."""
    operand = update.act.operand
    names = sites.names_in(operand) if operand is not None else frozenset()
    loops = [x for x in sites.around(update.scope, update.node) if isinstance(x, s.For)]
    loop = next((x for x in reversed(loops) if names & sites.names_in(x.target)), None)
    if loop is None:
        return "the parameters are updated one by one, not in a loop over them"
    over = _iterated(update, loop.iter)
    if over is None:
        return "what the loop over the parameters iterates cannot be iterated twice"
    site = _Site(update.scope, loop, loop)
    clip = bound.lines(over, site.scope, site.node, update.program.values, edits)
    return clip if isinstance(clip, str) else site.put(clip) or _NO_PLACE


def _iterated(update: Update, expr: s.Expr) -> str | None:
    """The parameters that a loop goes through, said once more."""
    if isinstance(expr, s.Call):
        network = parameters.parameters_of(expr)
        if network is not None:
            return update.module.text(expr) if sites.plain(network) else None
        func = expr.func
        if isinstance(func, s.Attribute) and func.attr == "named_parameters" and sites.plain(func.value):
            return f"{update.module.text(func.value)}.parameters()"
        if isinstance(func, s.Name) and func.text in ("zip", "enumerate", "list", "reversed", "filter") and expr.args:
            return _iterated(update, expr.args[1 if func.text == "filter" else 0].value)
    if isinstance(expr, s.Name):
        bindings = sites.reaching(expr, update.scope)
        lists = (s.Sequence, s.Comprehension)
        if bindings and all(
            _is_list(b.value) if not isinstance(b.value, lists) else _is_eager(b.value) for b in bindings
        ):
            return expr.text
    return None


def _is_list(expr: s.Expr | None) -> bool:
    return isinstance(expr, s.Call) and s.dotted(expr.func) in ("list", "tuple")


def _is_eager(expr: s.Sequence | s.Comprehension) -> bool:
    return not isinstance(expr, s.Comprehension) or expr.kind == "list"
