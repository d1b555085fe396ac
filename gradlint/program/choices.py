"""The choices under which code runs: the settings that the branches around it ask for, and those around its callers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from gradlint.program import syntax as s
from gradlint.program.conditions import Conditions
from gradlint.program.scopes import Scope
from gradlint.program.values import Asked, Const, Func, Items, Told, Values, argument_position
from gradlint.records import dataclass

_CALLERS = 8
_CLIMB = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer to one question about a setting; the same text is the same question, of plain names in one `home`.

    Where it asks which name a setting is, or holds, `told` says which those may be.
    """

    text: str
    answer: bool
    home: Scope | None = None
    told: Told | None = None

    def excludes(self, other: Choice) -> bool:
        """Whether no configuration answers both so."""
        if self.text == other.text and self.home is other.home:
            return self.answer is not other.answer
        if self.told is None or other.told is None:
            return False
        if self.told.text != other.told.text or self.told.home is not other.told.home:
            return False
        return _apart(self.told.asked, other.told.asked) or _apart(other.told.asked, self.told.asked)


Choices = frozenset[Choice]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a place: the functions that lead to it, and the choices under which they do."""

    choices: Choices
    scopes: frozenset[Scope]


def _apart(one: Asked, other: Asked) -> bool:
    """Whether no text is as both say."""
    if not one.answer:
        return False
    if not one.part:
        return not any(other.allows(name) for name in one.names)
    names = [(a, b) for a in one.names for b in other.names]
    return other.answer and other.part and not any(a in b or b in a for a, b in names)


def ways(node: s.Node, scope: Scope, conditions: Conditions, climb: int = _CLIMB) -> Iterator[Way]:
    """The ways to a node, with the choices of the functions that lead to it."""
    own = around(node, scope, conditions)
    values = conditions.values
    calls = [(call, where) for call, where in values.callers(scope)[:_CALLERS] if where is not scope] if climb else []
    led = False
    for call, where in calls if scope.kind != "module" else ():
        bound = _naming(call, scope, where, conditions)
        passed = frozenset(x for choice in own if (x := _of_caller(choice, scope, call, where)) is not None)
        for way in ways(call, where, conditions, climb - 1):
            whole = own | passed | bound | way.choices
            if not any(one.excludes(other) for one, other in combinations(whole, 2)):
                led = True
                yield Way(whole, way.scopes | {scope})
    if not led:
        yield Way(own, frozenset([scope]))


def _naming(call: s.Call, function: Scope, where: Scope, conditions: Conditions) -> Choices:
    """The choices under which a name that may hold several functions holds this one."""
    name = call.func
    home = where.lookup(name.text) if isinstance(name, s.Name) else None
    if home is None or not isinstance(name, s.Name):
        return frozenset()
    bindings = home.reaching(name.text, name.id if home is where else None)
    found = [
        b
        for b in bindings
        if any(isinstance(v, Func) and v.scope is function for v in conditions.values.binding(b, home, None))
    ]
    return around(found[0].node, home, conditions) if len(found) == 1 < len(bindings) else frozenset()


def _of_caller(choice: Choice, function: Scope, call: s.Call, where: Scope) -> Choice | None:
    """What a choice about a parameter says of the setting that a call gives for it."""
    told = choice.told
    param = next((p for p in function.params if told is not None and p.name == told.text), None)
    if told is None or told.home is not function or param is None or param.star:
        return None
    bound = function.owner is not None and not function.static
    given = call.arg(argument_position(function, param, bound=bound), param.name)
    home = _home(given, where) if isinstance(given, (s.Name, s.Attribute)) else False
    if given is None or home is False:
        return None
    return Choice(f"{choice.text} of {s.text(given)}", choice.answer, home, Told(s.text(given), home, told.asked))


def apart(one: s.Node, other: s.Node, scope: Scope, conditions: Conditions) -> bool:
    """Whether two places of a function are in branches of which only one is taken, whatever the configuration."""
    here, there = (around(node, scope, conditions) for node in (one, other))
    return any(mine.excludes(theirs) for mine in here for theirs in there)


def around(node: s.Node, scope: Scope, conditions: Conditions) -> Choices:
    """The settings that the branches around a node in its own function ask for."""
    found: set[Choice] = set()
    for stmt in scope.nodes:
        if isinstance(stmt, s.If):
            if s.holds(stmt.then, node):
                found.update(_asked(stmt.test, True, scope, conditions))
            elif stmt.orelse is not None and s.holds(stmt.orelse, node):
                found.update(_asked(stmt.test, False, scope, conditions))
    return frozenset(found)


def _asked(test: s.Expr, answer: bool, scope: Scope, conditions: Conditions) -> Iterator[Choice]:
    """What a test tells where it comes out so: of `a and b` that is false, nothing."""
    if isinstance(test, s.Unary) and test.op == "not":
        yield from _asked(test.value, not answer, scope, conditions)
    elif isinstance(test, s.Boolean):
        if (test.op == "and") is answer:
            yield from _asked(test.left, answer, scope, conditions)
            yield from _asked(test.right, answer, scope, conditions)
    else:
        home = _home(test, scope)
        leaf = conditions.leaf(test, scope) if home is not False else None
        if leaf is not None and leaf.config and home is not False:
            held = answer is not leaf.flipped
            yield Choice(leaf.key[1], held, home, _told(test, held, scope, conditions.values))


def _home(expr: s.Expr, scope: Scope) -> Scope | Literal[False] | None:
    """Where a setting means what it means: None, everywhere, as `args.model` does; False, it may change on the way."""
    if any(isinstance(inner, s.Attribute) for inner in s.walk(expr)):
        return None
    names = {inner.text for inner in s.walk(expr) if isinstance(inner, s.Name)}
    homes = {name: home for name in names if (home := scope.lookup(name)) is not None}
    if any(len(home.bindings[name]) > 1 or home.module.item_stores.get(name) for name, home in homes.items()):
        return False
    found = set(homes.values())
    return found.pop() if len(found) == 1 else scope


def _told(test: s.Expr, answer: bool, scope: Scope, values: Values) -> Told | None:
    """What a comparison with names says of the setting that is compared."""
    if not isinstance(test, s.Compare) or len(test.ops) != 1:
        return None
    setting, named = test.left, test.rights[0]
    inside = test.ops[0] in ("in", "not in")
    if isinstance(setting, s.Constant):
        setting, named = named, setting
    elif isinstance(named, s.Constant) and inside:
        return None  # whether it is a part of a text
    if test.ops[0] not in ("==", "!=", "in", "not in"):
        return None
    names, home = _names(named, scope, values), _home(setting, scope)
    part = inside and isinstance(named, s.Constant)
    return Told(s.text(setting), home, Asked(names, part, answer)) if names and home is not False else None


def _names(expr: s.Expr, scope: Scope, values: Values) -> frozenset[str]:
    """The names that a constant is, or that a list of constants holds; none where it may hold others."""
    held = values.of(expr, scope)
    if len(held) != 1:
        return frozenset()
    (only,) = held
    parts = only.parts if isinstance(only, Items) else (held,)
    found = [v.value for part in parts for v in part if isinstance(v, Const) and isinstance(v.value, str)]
    return frozenset(found) if len(found) == len(parts) and all(len(part) == 1 for part in parts) else frozenset()
