"""Hidden states that are carried from one batch to the next, with the graph that computed them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.program import syntax as s
from gradlint.program.places import loops_around, span
from gradlint.program.scopes import Binding, Scope
from gradlint.program.updates import Update
from gradlint.program.values import Made


@dataclass(frozen=True, slots=True)
class Carried:
    """A name that a recurrent network is given in a loop of batches, and gives back for the next.

    `starts` is what the name is before the loop, `network` what is called, `resets` what else sets it in the loop.
    """

    name: str
    call: s.Call
    stmt: s.Assign
    scope: Scope
    starts: tuple[Binding, ...]
    network: Made
    resets: tuple[Binding, ...] = ()


def carried_states(update: Update) -> Iterator[Carried]:
    """The states that the loops around the update's backward passes carry on, and that nothing else sets in them."""
    return (state for state in states_over_batches(update) if not state.resets and not _cut(state))


def states_over_batches(update: Update) -> Iterator[Carried]:
    """The states that recurrent networks are given and give back in the loops around the update's backward passes."""
    values, traits = update.program.values, update.program.traits
    for act in update.backwards:
        for stmt in s.walk(act.scope.body, into=False):
            if not isinstance(stmt, s.Assign) or not isinstance(stmt.value, s.Call):
                continue
            span = _loop(act.scope, stmt)
            if span is None or not span[0] <= act.node.id <= span[1]:
                continue
            given = {a.value.text for a in stmt.value.args if isinstance(a.value, s.Name)}
            for name in sorted(given & set(_names(stmt))):
                bindings = act.scope.bindings.get(name, [])
                inside = [b for b in bindings if span[0] <= b.at <= span[1]]
                outside = tuple(b for b in bindings if b not in inside)
                networks = (v for v in values.of(stmt.value.func, act.scope) if isinstance(v, Made))
                network = next((v for v in networks if traits.recurrent(v) is not None), None)
                resets = tuple(b for b in inside if b.value is not stmt.value)
                if inside and outside and network is not None and len(inside) - len(resets) == 1:
                    yield Carried(name, stmt.value, stmt, act.scope, outside, network, resets)


def _cut(state: Carried) -> bool:
    """Whether something in the loop takes the state, or a part of it, out of its graph in place."""
    parts, span = {state.name}, _loop(state.scope, state.stmt)
    if span is None:
        return False
    for node in s.walk(state.scope.body, into=False):
        if isinstance(node, s.For) and _base(node.iter) in parts and isinstance(node.target, s.Name):
            parts.add(node.target.text)
        elif isinstance(node, s.Call) and span[0] <= node.id <= span[1] and isinstance(node.func, s.Attribute):
            if node.func.attr == "detach_" and _base(node.func.value) in parts:
                return True
    return False


def _base(expr: s.Expr) -> str | None:
    while isinstance(expr, (s.Subscript, s.Attribute)):
        expr = expr.value
    return expr.text if isinstance(expr, s.Name) else None


def _names(stmt: s.Assign) -> Iterator[str]:
    for target in stmt.targets:
        for part in target.items if isinstance(target, s.Sequence) else (target,):
            if isinstance(part, s.Name):
                yield part.text


def _loop(scope: Scope, stmt: s.Stmt) -> tuple[int, int] | None:
    """The innermost loop around a statement, as the ordinals between which it lies."""
    loops = loops_around(scope, stmt)
    return span(loops[-1]) if loops else None
