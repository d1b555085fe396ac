"""Which of several networks a step can have been given: those that the settings on a way to it leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradlint.program import syntax as s
from gradlint.program.choices import Choices, Way, around, ways
from gradlint.program.conditions import Conditions
from gradlint.program.reach import trained_by
from gradlint.program.scopes import Scope
from gradlint.program.truth import truth
from gradlint.program.values import Made, Told, Value, Values


def possible(
    found: set[Made], optimizers: Iterable[Value], node: s.Node, scope: Scope, conditions: Conditions
) -> set[Made]:
    """The networks that may be used at a node: without those that each way there chooses against, if any is left."""
    values = conditions.values
    built = {made: around(made.site, made.scope, conditions) for made in found if made.site and made.scope}
    given = [(x, trained_by(x, values)) for x in optimizers if isinstance(x, Made) and x.scope is not None]
    given = [(optimizer, networks) for optimizer, networks in given if len(networks) > 1]
    if not given and not any(built.values()):
        return found
    there = tuple(ways(node, scope, conditions))
    kept = {made for made in found if any(not _against(built.get(made, frozenset()), way) for way in there)}
    for optimizer, networks in given:
        kept -= _left_out(optimizer, networks, there, values)
    return kept or found


def _against(chosen: Choices, way: Way) -> bool:
    return any(one.excludes(other) for one in chosen for other in way.choices)


def _left_out(optimizer: Made, given: frozenset[Made], there: Sequence[Way], values: Values) -> frozenset[Made]:
    """The networks of an optimizer that no way gives it: those that are taken by other names out of a dict."""
    assert optimizer.scope is not None
    picked: set[object] = set()
    through = [way for way in there if optimizer.scope in way.scopes]
    for way in through or there:
        told = _told_in(way, optimizer.scope)
        context = values.told(optimizer.scope, optimizer.context, told)
        narrowed = Made(optimizer.of, optimizer.site, optimizer.scope, context, optimizer.receiver)
        networks = trained_by(narrowed, values) if told else frozenset()
        if not networks:
            return frozenset()  # nothing is said of it there
        picked |= {(made.of, made.site) for made in networks if not _switched_off(made, values)}
    return frozenset(made for made in given if (made.of, made.site) not in picked)


def _told_in(way: Way, scope: Scope) -> tuple[Told, ...]:
    """What the choices on a way say of settings that a function's code reads."""
    above = {scope, scope.module.scope}
    told = {x.told for x in way.choices if x.told is not None and (x.told.home is None or x.told.home in above)}
    return tuple(sorted(told, key=lambda x: (x.text, sorted(x.asked.names), x.asked.part, x.asked.answer)))


def _switched_off(made: Made, values: Values) -> bool:
    """Whether a function builds a network only where it was given something else."""
    if made.site is None or made.scope is None or made.context is None:
        return False
    for stmt in made.scope.nodes:
        if isinstance(stmt, s.If):
            taken = truth(values, stmt.test, made.scope, made.context)
            if taken is False and s.holds(stmt.then, made.site):
                return True
            if taken is True and stmt.orelse is not None and s.holds(stmt.orelse, made.site):
                return True
    return False
