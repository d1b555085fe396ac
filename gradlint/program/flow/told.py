"""What a function tells its callers: that it touches gradients, or what it tests."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import field

from gradlint.program import syntax as s
from gradlint.program.conditions import instance_name
from gradlint.program.flow.items import RESULT, Act, Branch, Invoke, Item, Leave, Rebind, every, result_of
from gradlint.program.flow.lowered import Lowered
from gradlint.program.scopes import Scope
from gradlint.records import dataclass

_GRADIENTS = frozenset(["<gradients>"])  # stands for what a function that touches gradients tells its callers


@dataclass(slots=True)
class Told(Lowered):
    """Tells which functions matter to those that call them."""

    _told: dict[Scope, frozenset[str]] = field(default_factory=dict)
    _arguments: dict[tuple[s.Call, Scope], list[tuple[str, s.Expr]]] = field(default_factory=dict)

    def matters(self, scope: Scope) -> bool:
        """Whether a function touches gradients, or tests what its callers know, itself or through what it calls."""
        known = self._told.get(scope)
        if known is None:
            self._told.update(self._tell(scope))
            known = self._told[scope]
        return bool(known)

    def _tell(self, scope: Scope) -> dict[Scope, frozenset[str]]:
        """By which names a function, and those that it calls, tell their callers what they test."""
        told: dict[Scope, frozenset[str]] = {scope: frozenset()}
        queue = [scope]
        while queue:
            for item in every(self.of(queue.pop())):
                targets = {t.scope for t in item.targets} if isinstance(item, Invoke) else set()
                if _touches(item) or any(self._told.get(target) == _GRADIENTS for target in targets):
                    return {scope: _GRADIENTS}
                fresh = targets - told.keys()
                told |= dict.fromkeys(fresh, frozenset())
                queue += fresh
        before = None
        while told != before:
            before = dict(told)
            for here in told:
                told[here] = self._tested(here, told)
        return told

    def _tested(self, scope: Scope, told: dict[Scope, frozenset[str]]) -> frozenset[str]:
        """What a function tests, as its callers know it: its parameters, attributes, or what it gives back."""
        items = list(every(self.of(scope)))
        names: set[str] = set()
        for item in items:
            if isinstance(item, Branch) and item.leaf.finite is not None:
                names |= item.leaf.finite.subjects
            elif isinstance(item, Invoke):
                for target in item.targets:
                    names |= self.handed_back(item, target.scope, told[target.scope])
        if not names:
            return frozenset()
        rebinds = [(set(i.names), i.sources) for i in items if isinstance(i, Rebind)]
        derived = _grown(names, [(sources, bound) for bound, sources in rebinds])
        out = {n for n in _grown(names, rebinds) if _from_outside(n, scope)}
        if any(isinstance(i, Leave) and i.names & derived for i in items):
            out.add(RESULT)
        return frozenset(out)

    def handed_back(self, item: Invoke, scope: Scope, names: frozenset[str]) -> frozenset[str]:
        """Names of a called function as its caller knows them: what it gave, attributes, and what it gets back."""
        own = f"{scope.self_name}." if not _on_own_instance(item) else "."
        out = {n for n in names if "." in n and not n.startswith(own)}
        if RESULT in names:
            out.add(result_of(item.node))
        for param, given in self.arguments(item, scope):
            if param in names:
                out |= self.conditions.light(given, item.scope)
        return frozenset(out)

    def arguments(self, item: Invoke, scope: Scope) -> list[tuple[str, s.Expr]]:
        """The parameters of a called function with what the call gives for them."""
        key = (item.node, scope)
        known = self._arguments.get(key)
        if known is None:
            known = self._arguments[key] = arguments(item.node, scope)
        return known


def _touches(item: Item) -> bool:
    """Whether something happens to gradients, or they are tested."""
    if isinstance(item, Act):
        return item.does != "test" or item.about_gradients
    return isinstance(item, Branch) and item.leaf.finite is not None and item.leaf.finite.gradients


def _grown(names: set[str], links: Sequence[tuple[Set[str], Set[str]]]) -> set[str]:
    """The names, and those that links lead to: each from any of some names to all of others."""
    out = set(names)
    size = 0
    while len(out) > size:
        size = len(out)
        for start, end in links:
            if not out.isdisjoint(start):
                out |= end
    return out


def _given(scope: Scope) -> tuple[s.Param, ...]:
    """The parameters of a function, without the instance that a method is called on."""
    return scope.params[1:] if scope.owner is not None and not scope.static else scope.params


def _from_outside(name: str, scope: Scope) -> bool:
    """Whether callers of a function know a name in it: a parameter, or an attribute of what is not its own."""
    first, _, rest = name.partition(".")
    if rest:
        return all(b.kind == "param" for b in scope.bindings.get(first, ()))
    return any(p.name == name and not p.star for p in _given(scope))


def _on_own_instance(item: Invoke) -> bool:
    """Whether a method is called on the instance whose method calls it."""
    func = item.node.func
    if not isinstance(func, s.Attribute):
        return True
    if isinstance(func.value, s.Call):
        return s.dotted(func.value.func) == "super"
    return s.text(func.value) == instance_name(item.scope)


def arguments(call: s.Call, scope: Scope) -> list[tuple[str, s.Expr]]:
    """The parameters of a project function with what a call gives for them, as far as visible."""
    out: list[tuple[str, s.Expr]] = []
    for index, param in enumerate(_given(scope)):
        given = call.arg(None if param.keyword_only else index, param.name)
        if given is not None and not param.star:
            out.append((param.name, given))
    return out
