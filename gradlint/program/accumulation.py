"""Gradients that are accumulated: where the boundary is, and whether the losses are averaged."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.given import function_of, held, taken
from gradlint.program.places import holds
from gradlint.program.scopes import Binding, Scope
from gradlint.program.updates import Update
from gradlint.program.values import Made, Values
from gradlint.records import dataclass

_DEPTH = 4
_COUNTING = frozenset(["enumerate", "range", "count"])
_SUMS = frozenset(["sum"])  # the loss of twice as many samples is twice as large, in one batch or in two


@dataclass(frozen=True, slots=True)
class Boundary:
    """A condition with a remainder that a step is taken under; `at_one` if it holds at one remainder alone."""

    stmt: s.If
    remainder: s.Binary
    at_one: bool


def boundaries(update: Update) -> Iterator[Boundary]:
    """The conditions by which the step is taken every so many batches."""
    for stmt in update.scope.nodes:
        if isinstance(stmt, s.If) and holds(stmt, update.node):
            asked = {id(_asked(part)) for part in s.walk(stmt.test)} if holds(stmt.then, update.node) else set()
            for part in s.walk(stmt.test):
                if isinstance(part, s.Binary) and part.op == "%":
                    yield Boundary(stmt, part, id(part) in asked)


def _asked(test: s.Node) -> s.Expr | None:
    """`x` in `x == 0` and in `not x`."""
    if isinstance(test, s.Compare) and test.ops == ("==",):
        return test.left
    return test.value if isinstance(test, s.Unary) and test.op == "not" else None


def moves_by_one(counter: s.Expr, loop: s.For | s.While) -> bool:
    """Whether an expression is greater by one with each round of a loop."""
    names = {s.text(n) for n in s.walk(counter) if isinstance(n, (s.Name, s.Attribute))}
    for node in s.walk(loop, into=False):
        if isinstance(node, s.AugAssign) and s.text(node.target) in names:
            return node.op.rstrip("=") == "+" and isinstance(node.value, s.Constant) and node.value.value == 1
        if isinstance(node, s.Assign) and node.value is not None and any(s.text(t) in names for t in node.targets):
            if not names.isdisjoint(s.text(n) for n in s.walk(node.value)):
                return _adds_one(node.value)
            return moves_by_one(node.value, loop)
    if not isinstance(loop, s.For):
        return False
    first = loop.target.items[0] if isinstance(loop.target, s.Sequence) and loop.target.items else loop.target
    counted = (s.last_name(c.func) for c in s.calls(loop.iter) if len(c.args) < 3)
    return s.text(first) in names and not _COUNTING.isdisjoint(counted)


def _adds_one(value: s.Expr) -> bool:
    return (
        isinstance(value, s.Binary)
        and value.op == "+"
        and any(isinstance(side, s.Constant) and side.value == 1 for side in (value.left, value.right))
    )


def averaged(update: Update, act: Act) -> bool:
    """Whether a loss may be divided by the number of micro-batches, in the code or by what runs its backward pass."""
    if (names := act.fact.get("averages")) and isinstance(names, list) and _told(update, act, names):
        return True
    return act.operand is None or _scaled(update, act.operand, act.scope, _DEPTH)


def _told(update: Update, act: Act, names: list[str]) -> bool:
    """Whether the object that runs the backward pass is told the number, or may be."""
    made = act.owner or (update.program.values.of(act.receiver, act.scope) if act.receiver is not None else ())
    calls = [v.site for v in made if isinstance(v, Made)]
    return not calls or any(c is None or any(a.star or a.keyword in names for a in c.args) for c in calls)


def _scaled(update: Update, expr: s.Expr, scope: Scope, depth: int) -> bool:
    """Whether a value as a whole is divided, or multiplied by what may be a part, or is a sum over the samples."""
    if depth == 0:
        return False
    if isinstance(expr, s.Binary):
        return _combined(update, expr, scope, depth)
    if isinstance(expr, s.Call):
        return _computed(update, expr, scope, depth)
    if isinstance(expr, (s.Attribute, s.Subscript)):
        return _scaled(update, expr.value, scope, depth)
    if isinstance(expr, s.Conditional):
        return any(_scaled(update, way, scope, depth) for way in (expr.then, expr.orelse))
    if not isinstance(expr, s.Name):
        return False
    home = scope.lookup(expr.text)
    for binding in home.reaching(expr.text, expr.id if home is scope else None) if home is not None else ():
        assert home is not None
        if isinstance(binding.node, s.Name) and _in_place(binding, home):
            return True
        if binding.kind == "enter" and isinstance(binding.value, s.Call) and binding.value.args:
            return _scaled(update, binding.value.args[0].value, home, depth - 1)
        for value, where in taken(binding.value, binding.path, home, update.program.values):
            if value is not None and _scaled(update, value, where, depth - 1):
                return True
    return False


def _combined(update: Update, expr: s.Binary, scope: Scope, depth: int) -> bool:
    sides = [side for side in (expr.left, expr.right) if not isinstance(side, s.Constant)]
    if expr.op in ("/", "*") and (scope in update.near or _counts_batches(update, expr)):
        if expr.op == "*" and len(sides) == 2:
            return True
        if expr.op == "/":
            return not _counts_samples(update, expr.right, scope)
    if expr.op == "/" and len(sides) == 2:
        return False  # a mean over the samples
    found = [_scaled(update, side, scope, depth) for side in sides]
    return any(found) if expr.op == "*" else bool(found) and all(found)


def _counts_batches(update: Update, expr: s.Binary) -> bool:
    """Whether a factor is named as what the step is taken every so many batches by."""
    counts = {_name(n) for b in boundaries(update) for n in s.walk(b.remainder.right)} - {None}
    return any(_name(node) in counts for node in s.walk(expr))


def _name(node: s.Node) -> str | None:
    return node.attr if isinstance(node, s.Attribute) else node.text if isinstance(node, s.Name) else None


def _in_place(binding: Binding, scope: Scope) -> bool:
    """Whether a binding is `loss /= steps`."""
    return binding.kind == "update" and any(
        isinstance(n, s.AugAssign)
        and n.target is binding.node
        and (n.op.rstrip("=") == "/" or (n.op.rstrip("=") == "*" and not isinstance(n.value, s.Constant)))
        for n in scope.nodes
    )


def _counts_samples(update: Update, divisor: s.Expr, scope: Scope) -> bool:
    """Whether a loss is divided by something of its batch, as the number of its samples: `mask.sum()`."""
    about = update.program.values.vocabulary
    if isinstance(divisor, s.Name):
        given = [value for value, _ in held(divisor, scope, update.program.values)]
        return (
            bool(given)
            and all(v is not None and not isinstance(v, s.Name) for v in given)
            and all(_counts_samples(update, v, scope) for v in given if v is not None)
        )
    names = (
        s.last_name(n.func) if isinstance(n, s.Call) else n.attr
        for n in s.walk(divisor)
        if isinstance(n, (s.Call, s.Attribute))
    )
    return any(about.entry("untracked", n) is not None or about.entry("range_methods", n) == "total" for n in names)


def _sums(call: s.Call, values: Values) -> bool:
    """Whether a criterion is told to sum over the samples."""
    for arg in call.args:
        said = values.vocabulary.entry("summed", arg.keyword or "")
        if said is not None and isinstance(arg.value, s.Constant) and arg.value.value == said:
            return True
    return False


def _computed(update: Update, call: s.Call, scope: Scope, depth: int) -> bool:
    """Whether what a call gives is scaled: what it is given, what it is called on, or in a function of the project."""
    values = update.program.values
    made = [v.site for v in values.of(call.func, scope) if isinstance(v, Made) and v.site is not None]
    if s.last_name(call.func) in _SUMS or any(_sums(each, values) for each in (call, *made)):
        return True
    functions = [f for v in values.of(call.func, scope) if (f := function_of(v, values)) is not None]
    given = [(r.value, f) for f in functions for r in f.returns if r.value is not None]
    if given:
        return any(_scaled(update, value, function, depth - 1) for value, function in given)
    parts = [arg.value for arg in call.args] if len(call.args) == 1 else []
    if isinstance(call.func, s.Attribute):
        parts.append(call.func.value)
    return any(_scaled(update, part, scope, depth) for part in parts)
