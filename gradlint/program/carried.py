"""Hidden states that are carried from one batch to the next, with the graph that computed them."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.given import held, taken
from gradlint.program.places import loops_around, span
from gradlint.program.scopes import Binding, Scope
from gradlint.program.updates import Update
from gradlint.program.values import Func, Made, Values
from gradlint.records import dataclass

_DEPTH = 4


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
    values = update.program.values
    return (x for x in states_over_batches(update) if not (x.resets or _cut(x) or _given_cut(x, values)))


def states_over_batches(update: Update) -> Iterator[Carried]:
    """The states that recurrent networks are given and give back in the loops around the update's backward passes."""
    values, traits = update.program.values, update.program.traits
    for act in update.backwards:
        for stmt in act.scope.nodes:
            if not isinstance(stmt, s.Assign) or not isinstance(stmt.value, s.Call):
                continue
            given = {a.value.text for a in stmt.value.args if isinstance(a.value, s.Name)}
            both = sorted(given.intersection(_names(stmt)))
            span = _loop(act.scope, stmt) if both else None
            if span is None or not span[0] <= act.node.id <= span[1]:
                continue
            for name in both:
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
    for node in state.scope.nodes:
        if isinstance(node, s.For) and s.root_name(node.iter) in parts and isinstance(node.target, s.Name):
            parts.add(node.target.text)
        elif isinstance(node, s.Call) and span[0] <= node.id <= span[1] and isinstance(node.func, s.Attribute):
            if node.func.attr == "detach_" and s.root_name(node.func.value) in parts:
                return True
    return False


def _given_cut(state: Carried, values: Values) -> bool:
    """Whether the network gives the state without its graph: `return outputs, hidden.detach()`."""
    bound = [b for b in state.scope.bindings[state.name] if b.value is state.call]
    given = [each for b in bound for each in taken(state.call, b.path, state.scope, values)]
    return bool(given) and all(_is_cut(value, where, values, _DEPTH) for value, where in given)


def _is_cut(value: s.Expr | None, scope: Scope, values: Values, depth: int) -> bool:
    """Whether a value, or every part of it, is out of its graph."""
    if value is None or depth == 0:
        return False
    if isinstance(value, s.Sequence):
        return all(_is_cut(item, scope, values, depth) for item in value.items)
    if isinstance(value, s.Comprehension):
        return _is_cut(value.element, scope, values, depth)
    if isinstance(value, s.Attribute):
        return values.vocabulary.entry("untracked", value.attr) is not None
    if isinstance(value, s.Name):
        given = list(held(value, scope, values))
        return bool(given) and all(_is_cut(inner, where, values, depth - 1) for inner, where in given)
    if not isinstance(value, s.Call):
        return False
    if values.vocabulary.entry("untracked", s.last_name(value.func)) is not None:
        return True
    functions = [v.scope for v in values.of(value.func, scope) if isinstance(v, Func)]
    given = [(r.value, function) for function in functions for r in function.returns]
    return bool(given) and all(_is_cut(inner, where, values, depth - 1) for inner, where in given)


def _names(stmt: s.Assign) -> Iterator[str]:
    for target in stmt.targets:
        for part in target.items if isinstance(target, s.Sequence) else (target,):
            if isinstance(part, s.Name):
                yield part.text


def _loop(scope: Scope, stmt: s.Stmt) -> tuple[int, int] | None:
    """The innermost loop around a statement, as the ordinals between which it lies."""
    loops = loops_around(scope, stmt)
    return span(loops[-1]) if loops else None
