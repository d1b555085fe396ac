"""What looks at how large the gradients of an update are."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.collectives import is_collective
from gradlint.program.flow import Invoke, every
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.records import dataclass

_DEPTH = 2  # through how many functions a gradient is looked for
_COPIES = frozenset(["clone", "detach", "cpu", "cuda", "to", "numpy", "view", "reshape", "flatten", "size", "numel"])


@dataclass(frozen=True, slots=True)
class Measure:
    """One place that reads the gradients, or their norm."""

    what: str
    module: Module
    node: s.Node


def measures(update: Update) -> Iterator[Measure]:
    """Where the norm that a clip returns is kept, gradients are measured, or a logger is set to do so."""
    for scope in sorted(update.near, key=_at):
        for act in update.program.flows.acts(scope):
            if act.does == "clip" and isinstance(act.node, s.Call) and act.node not in scope.unread:
                if update.concerned(act):
                    yield Measure("the norm that the clip returns", scope.module, act.node)
        yield from _read(update, scope, _DEPTH)
    values = update.program.values
    for path, _ in values.vocabulary.entries("watches"):
        for module in update.modules:
            for call, where in module.calls.get(path.rpartition(".")[2], ()):
                if any(isinstance(v, Lib) and v.path == path for v in values.of(call.func, where)):
                    yield Measure("the gradients are logged", module, call)


def _read(update: Update, scope: Scope, depth: int) -> Iterator[Measure]:
    """Where a function, or one that it calls, computes something from a gradient and leaves the gradient as it is."""
    for call in s.calls(scope.body) if "grad" in scope.module.words else ():
        name = s.last_name(call.func)
        if name.endswith("_") or is_collective(name):
            continue
        given = [arg.value for arg in call.args]
        if isinstance(call.func, s.Attribute) and name not in _COPIES and call not in scope.unread:
            given.append(call.func.value)
        if any(_is_gradient(value) for value in given):
            yield Measure("a gradient is measured", scope.module, call)
    for item in every(update.program.flows.of(scope)) if depth else ():
        if isinstance(item, Invoke):
            for target in item.targets:
                if target.scope not in update.near:
                    yield from _read(update, target.scope, depth - 1)


def _is_gradient(expr: s.Expr) -> bool:
    """Whether an expression is a gradient, a copy or a part of it, or a power of it."""
    while True:
        if isinstance(expr, s.Attribute) and expr.attr == "grad":
            return True
        if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and not expr.func.attr.endswith("_"):
            expr = expr.func.value
        elif isinstance(expr, (s.Attribute, s.Subscript)):
            expr = expr.value
        elif isinstance(expr, s.Binary):
            return _is_gradient(expr.left) or _is_gradient(expr.right)
        elif isinstance(expr, s.Comprehension):
            expr = expr.element
        else:
            return False


def _at(scope: Scope) -> tuple[str, int]:
    return str(scope.module.path), scope.node.id
