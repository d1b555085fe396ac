"""Losses that live on with their graphs: added to a total, or put into a list, that outlives the batch."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.places import loops_around, span
from gradlint.program.scopes import Binding, Scope
from gradlint.program.updates import Update
from gradlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Retained:
    """One place that keeps a loss: `node` does it, `loss` is the name of the loss there, `into` what keeps it."""

    node: s.Node
    loss: s.Name
    into: str


def retained_losses(update: Update) -> Iterator[Retained]:
    """The places that keep a loss over the loop around them, in the functions that run the backward passes."""
    for scope in {act.scope: None for act in update.backwards if act.scope.module is update.module}:
        backwards = [act for act in update.backwards if act.scope is scope]
        losses = {name for act in backwards for name in act.names}
        for node, target, value in _kept(scope):
            start, end = _loop(scope, target, update)
            if target.text in losses or not any(start <= act.node.id <= end for act in backwards):
                continue
            loss = next((n for n in _added(value) if n.text in losses), None)
            if loss is None:
                continue
            used = {b for act in backwards for b in scope.reaching(loss.text, act.node.id)}
            if all(b in used and _has_graph(b) for b in scope.reaching(loss.text, loss.id)):
                yield Retained(node, loss, target.text)


def _kept(scope: Scope) -> Iterator[tuple[s.Node, s.Name, s.Expr]]:
    """What is added to a name, or appended to it: the statement, the name, the value."""
    for node in scope.nodes:
        if isinstance(node, s.AugAssign) and node.op in ("+", "+=") and isinstance(node.target, s.Name):
            yield node, node.target, node.value
        elif isinstance(node, s.Call) and isinstance(node.func, s.Attribute) and node.func.attr == "append":
            if isinstance(node.func.value, s.Name) and len(node.args) == 1 and isinstance(node.args[0].value, s.Name):
                yield node, node.func.value, node.args[0].value


def _added(value: s.Expr) -> Iterator[s.Name]:
    """The names that a value is a sum or a multiple of."""
    if isinstance(value, s.Name):
        yield value
    elif isinstance(value, s.Binary) and value.op in ("+", "-", "*", "/"):
        yield from _added(value.left)
        yield from _added(value.right)


def _loop(scope: Scope, target: s.Name, update: Update) -> tuple[int, int]:
    """The innermost loop over batches around a name that was set before it, as the ordinals between which it lies."""
    loops = [loop for loop in loops_around(scope, target) if not _over_optimizers(loop, update)]
    bindings = [b for b in scope.bindings.get(target.text, ()) if b.kind == "value"]
    if not loops or not bindings:
        return (0, -1)
    start, end = span(loops[-1])
    return (0, -1) if any(start <= b.at <= end for b in bindings) else (start, end)


def _over_optimizers(loop: s.For | s.While, update: Update) -> bool:
    """Whether each round of a loop steps another optimizer: as many rounds as there are networks, on one batch."""
    step = update.node
    if not (isinstance(loop, s.For) and isinstance(step, s.Call) and isinstance(step.func, s.Attribute)):
        return False
    stepped = step.func.value
    chosen = stepped.index if isinstance(stepped, s.Subscript) else stepped
    return isinstance(chosen, s.Name) and any(
        isinstance(n, s.Name) and n.text == chosen.text for n in s.walk(loop.target)
    )


def _has_graph(binding: Binding) -> bool:
    """Whether a loss still has its graph where it is bound: not after `loss = loss.item()`."""
    value = binding.value
    if isinstance(value, s.Call) and isinstance(value.func, s.Attribute):
        return value.func.attr not in ("item", "detach", "numpy", "tolist")
    return not (isinstance(value, s.Call) and s.dotted(value.func) in ("float", "int")) and not isinstance(
        value, s.Constant
    )
