"""Fixes that keep a non-finite loss from a step."""

from __future__ import annotations

from typing import Literal

from gradlint.fix import layout, sites, verbs
from gradlint.fix.agreement import agreement
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.flow import Act, Flows, every
from gradlint.program.names import Lib
from gradlint.program.places import loops_around
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Cls, Made
from gradlint.records import dataclass

How = Literal["raise", "skip"]

_LOSS = ("loss", "total_loss", "loss_value", "backward_loss")
_TITLES = {"raise": "Raise on a non-finite loss", "skip": "Skip the batch on a non-finite loss"}
_OVERFULL = "the backward pass shares its line with code that cannot be parted from it"


@dataclass(frozen=True, slots=True)
class _Loss:
    """What to test, and where: `stmt` is what the test stands before, `bind` what must be given a name for it."""

    text: str
    stmt: s.Stmt
    scalar: bool = True
    bind: Edit | None = None
    value: str = ""


def guard_before(update: Update, how: How) -> Fix | str:
    """A test of each loss before its backward pass; the reason why there can be none."""
    edits: set[Edit] = set()
    for act in _backwards(update):
        module = act.scope.module
        if module is not update.module:
            return f"the backward pass is in another file, `{module.source.name}`"
        losses = _losses(update, act)
        if isinstance(losses, str):
            return losses
        lines: list[str] = []
        for loss in losses:
            more = _lines(update, act, loss, how, edits)
            if isinstance(more, str):
                return more
            lines += more
            edits.update([loss.bind] if loss.bind is not None else [])
        stmt = _before_uses(act, losses[0]) if how == "skip" and len(losses) == 1 else losses[0].stmt
        put = verbs.insert_before(module, stmt, lines)
        if put is None:
            return _OVERFULL
        edits.update(put)
    return Fix(_TITLES[how], Safety.SAFE, tuple(sorted(edits)))


def _backwards(update: Update) -> list[Act]:
    """The backward passes whose gradients the step takes: those that arrive last, and others since the step before."""
    out = list(update.backwards)
    for last in update.backwards:
        chain = sites.around(last.scope, last.node)
        acts = [i for i in every(update.program.flows.of(last.scope)) if isinstance(i, Act)]
        for act in sorted(acts, key=lambda a: a.node.id, reverse=True):
            if act.node.id >= last.node.id or sites.parted(chain, sites.around(last.scope, act.node)) is None:
                continue
            if act.does in ("step", "zero"):
                break
            if act.does == "backward" and not any(act.node is known.node for known in out):
                if act.operand is None or _may_train(update, act.operand, act.scope, set()):
                    out.append(act)
    # What a scaler scales it also steps, and leaves out if it is not finite.
    flows = update.program.flows
    return [a for a in out if a.operand is None or not _is_scaled(flows, a.operand, a)] or out


def _may_train(update: Update, expr: s.Expr, scope: Scope, seen: set[s.Node]) -> bool:
    """Whether a loss may come from a network: not if it is reckoned from numbers by the library alone."""
    if expr in seen:
        return False
    seen.add(expr)
    for node in s.walk(expr, into=False):
        if isinstance(node, s.Call):
            functions = update.program.values.of(node.func, scope)
            if not functions or not all(isinstance(f, Lib) for f in functions):
                return True
        elif isinstance(node, s.Name):
            bindings = sites.reaching(node, scope)
            if not bindings or any(b.kind not in ("value", "import") for b in bindings):
                return True
            values = [b.value for b in bindings if b.kind == "value"]
            if any(v is None or _may_train(update, v, scope, seen) for v in values):
                return True
    return False


def _is_scaled(flows: Flows, expr: s.Expr, act: Act) -> bool:
    return isinstance(expr, s.Call) and flows.scaling(expr, act.scope, 0) is not None


# --- the loss -------------------------------------------------------------------------------------


def _losses(update: Update, act: Act) -> list[_Loss] | str:
    stmts = sites.around(act.scope, act.node)
    if not stmts or not sites.shares_names(stmts[-1], act.node) or sites.is_header(stmts[-1], act.node):
        return "the backward pass is part of an expression"
    if not isinstance(act.node, s.Call) or act.operand is None:
        return "the gradients are computed without a loss"
    expr = argument(act) or act.operand
    if expr is act.receiver and not _may_be_tensor(update, act, expr):
        return f"`{act.scope.module.text(expr)}` may be something else than a tensor"
    found: list[_Loss] = []
    for each in expr.items if isinstance(expr, s.Sequence) else (expr,):
        loss = _loss(update, act, each, stmts)
        if isinstance(loss, str):
            return loss
        found.append(loss)
    several = sum(loss.bind is not None for loss in found) > 1
    return "the backward pass takes several losses that have no names" if several or not found else found


def _loss(update: Update, act: Act, expr: s.Expr, stmts: tuple[s.Stmt, ...]) -> _Loss | str:
    scaled, stmt = before_scaling(update, act, expr), stmts[-1]
    if scaled is not None:
        expr, stmt = scaled, next((x for x in stmts if isinstance(x, s.With) and sites.holds(x, scaled)), stmt)
    text = act.scope.module.text
    if sites.plain(expr):
        return _Loss(text(expr), stmt, scalar=not _is_given_gradients(act))
    core = _core(expr)
    if core is not None:
        return _Loss(text(core), stmt, scalar=not isinstance(expr, s.Call))
    if isinstance(expr, s.Starred):
        return "the backward pass takes any number of losses"
    return _bound(act, expr, stmt)


def _before_uses(act: Act, loss: _Loss) -> s.Stmt:
    """The statement from which on the loss is used as it goes into the backward pass: nothing may count a bad one."""
    block = next((n for n in s.walk(act.scope.body) if isinstance(n, s.Block) and loss.stmt in n.body), None)
    if loss.bind is not None or block is None or not loss.text.isidentifier():
        return loss.stmt
    first = loss.stmt
    for stmt in reversed(block.body[: block.body.index(loss.stmt)]):
        bindings = act.scope.bindings.get(loss.text, ())
        if any(sites.holds(stmt, b.node) for b in bindings) or any(isinstance(n, s.Jump) for n in s.walk(stmt)):
            break
        if loss.text in sites.names_in(stmt):
            first = stmt
    return first


def _may_be_tensor(update: Update, act: Act, expr: s.Expr) -> bool:
    """Whether nothing shows that what has a `backward` is an engine or the like."""
    program = update.program
    if not sites.plain(expr):
        return True
    if any(isinstance(v, Made) and isinstance(v.of, Cls) for v in program.values.of(expr, act.scope)):
        return False
    words = program.values.vocabulary.entry("fixes", "no_loss")
    read = program.flows.conditions.methods_on(expr, act.scope)
    text = s.text(expr)
    called = any(s.text(call.func) == text for call in s.calls(act.scope.body))
    return text != act.scope.self_name and not called and isinstance(words, list) and not read & set(map(str, words))


def argument(act: Act) -> s.Expr | None:
    """The loss of `engine.backward(loss)`, where the engine is of no known class."""
    assert isinstance(act.node, s.Call)
    if act.operand is not act.receiver or not act.node.args:
        return None
    first = act.node.args[0]
    named = first.keyword is None and not first.star and "loss" in s.text(first.value)
    return first.value if named else None


def _is_given_gradients(act: Act) -> bool:
    """Whether the backward pass of a tensor is given gradients: only then it may have several elements."""
    return isinstance(act.node, s.Call) and act.operand is act.receiver and act.node.arg(0, "gradient") is not None


def before_scaling(update: Update, act: Act, expr: s.Expr | None = None) -> s.Expr | None:
    """The loss that a scaler was given: `scaler.scale(loss)`, or `with scale_loss(loss, …) as scaled`."""
    call = expr = expr or act.operand
    if isinstance(expr, s.Name):
        bindings = sites.reaching(expr, act.scope)
        call = bindings[0].value if len(bindings) == 1 and bindings[0].kind in ("enter", "value") else None
    if not isinstance(call, s.Call) or not call.args or update.program.flows.scaling(call, act.scope, 0) is None:
        return None
    return call.args[0].value


def _core(expr: s.Expr) -> s.Expr | None:
    """What is only reduced or divided: `loss` in `loss.mean()` and in `loss / steps`."""
    if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and not expr.args:
        inner = expr.func.value
        return inner if expr.func.attr in ("mean", "sum") and sites.plain(inner) else None
    if isinstance(expr, s.Binary) and expr.op == "/" and sites.plain(expr.left):
        return expr.left
    if isinstance(expr, s.Binary) and expr.op == "*":
        sides = [(expr.left, expr.right), (expr.right, expr.left)]
        return next((a for a, b in sides if sites.plain(a) and isinstance(b, s.Constant)), None)
    return None


def _bound(act: Act, expr: s.Expr, stmt: s.Stmt) -> _Loss | str:
    """A name for a loss that has none."""
    module = act.scope.module
    name = sites.free_name(act.scope, _LOSS)
    if name is None:
        return "the loss has no name, and the names for one are taken"
    if any(isinstance(n, (s.Walrus, s.Await, s.Yield)) for n in s.walk(expr)):
        return "the loss is computed in a way that cannot be parted from its backward pass"
    start, end = sites.in_parentheses(module, expr) if expr is act.receiver else module.span(expr)
    value = module.text(expr)
    if "\n" in value or "\r" in value:
        own = expr is act.receiver
        value = module.source.text[start:end] if own else f"({value})"
        value = _shifted(value, start if own else start - 1, stmt, name, module)
    return _Loss(name, stmt, bind=Edit(start, end, name), value=value)


def _shifted(value: str, start: int, stmt: s.Stmt, name: str, module: Module) -> str:
    """A value of several lines, aligned as it was, behind the name that it is given."""
    if any(mark in value for mark in ('"""', "'''", "\\", "\t")):
        return value
    first, *others = value.splitlines(keepends=True)
    if first.rstrip().endswith(("(", "[", "{")):
        return value
    indent = len(layout.line_lead(module, module.span(stmt)[0]))
    shift = indent + len(f"{name} = ") - (start - layout.line_start(module, start))
    blanks = [len(line) - len(line.lstrip(" ")) for line in others if line.strip()]
    if shift < 0 and -shift > min(blanks, default=0):
        return value
    moved = (" " * shift + line if shift > 0 else line[-shift:] for line in others)
    return "".join([first, *moved])


# --- the test -------------------------------------------------------------------------------------


def _lines(update: Update, act: Act, loss: _Loss, how: How, edits: set[Edit]) -> list[str] | str:
    finite = _say(update, act, "finite", edits)
    if finite is None:
        return "there is no place for an import"
    bind = [f"{loss.text} = {loss.value}"] if loss.bind is not None else []
    test = f"{finite}({loss.text})" if loss.scalar else f"{finite}({loss.text}).all()"
    if how == "raise":
        return [*bind, f"if not {test}:", f"    raise FloatingPointError({_told(loss)})"]
    leave = _leave(update, act)
    if isinstance(leave, str):
        return leave
    if not update.distributed:
        return [*bind, f"if not {test}:", *leave]
    agreed = _agreed(update, act, loss, finite, edits)
    return agreed if isinstance(agreed, str) else [*bind, *agreed, *leave]


def _say(update: Update, act: Act, what: str, edits: set[Edit]) -> str | None:
    """How the file says a library's symbol; the import that this needs goes to the edits."""
    dotted = update.program.values.vocabulary.entry("fixes", what)
    found = verbs.import_name(act.scope.module, str(dotted), act.scope, act.node)
    if found is None:
        return None
    edits.update(found[0])
    return found[1]


def _told(loss: _Loss) -> str:
    """The message, with the value: as a number where the loss is one."""
    value = f"{loss.text}.item()" if loss.scalar else loss.text
    quote = "'" if '"' in value else '"'
    if quote in value or "\\" in value or "{" in value:
        return '"non-finite loss"'
    return f"f{quote}non-finite loss: {{{value}}}{quote}"


def _leave(update: Update, act: Act) -> list[str] | str:
    """The way out of the iteration, without the gradients that it has so far."""
    inner = _innermost_loop(act.scope, act.node)
    if inner is None:
        return "the loop over the batches is in another function, so the batch cannot be skipped here"
    if act.scope is not update.scope or not sites.holds(inner, update.node):
        return ["    continue"]
    optimizer = update.act.operand
    said = optimizer is not None and sites.plain(optimizer)
    if optimizer is None or not said or not sites.said_at(optimizer, update.scope, act.scope, act.node):
        return ["    continue"]
    values = update.program.values
    paths = {path for value in update.optimizers for path in values.bases_of(value)}
    if any(values.vocabulary.about("unclippable", path) is not None for path in paths):
        return ["    continue"]
    own = any(isinstance(v, Made) and isinstance(v.of, Cls) for v in update.optimizers)
    return [f"    {update.module.text(optimizer)}.zero_grad({'' if own else 'set_to_none=True'})", "    continue"]


def _innermost_loop(scope: Scope, node: s.Node) -> s.Stmt | None:
    inside = [x for x in loops_around(scope, node) if sites.holds(x.body, node)]
    return inside[-1] if inside else None


def _agreed(update: Update, act: Act, loss: _Loss, finite: str, edits: set[Edit]) -> list[str] | str:
    """A test that has one answer in all processes: each gives its own, and the worst counts."""
    value = f"(~{finite}({loss.text}.detach()){'' if loss.scalar else '.all()'}).float()"
    made = agreement(update, act.scope, act.node, value, edits)
    return made if isinstance(made, str) else [*made[1], f"if {made[0]}.item():"]
