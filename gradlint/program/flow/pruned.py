"""Flows without what cannot change a state, and what their conditions ask."""

from __future__ import annotations

from collections import Counter
from dataclasses import field

from gradlint.program.flow.items import Act, Attempt, Branch, Choice, Flow, Invoke, Item, Leave, Loop, Rebind, every
from gradlint.program.flow.told import Told
from gradlint.program.scopes import Scope
from gradlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """What a function and all that it calls ask about, which names they bind, and whether they check any value."""

    asked: frozenset[tuple[Scope, str]]
    bound: frozenset[str]
    checks: bool


@dataclass(slots=True)
class Pruned(Told):
    """Prunes the flow of each function."""

    _pruned: dict[Scope, Flow] = field(default_factory=dict)
    _recurring: dict[Scope, frozenset[tuple[Scope, str]]] = field(default_factory=dict)
    _reach: dict[Scope, Reach] = field(default_factory=dict)

    def pruned(self, scope: Scope) -> Flow:
        """The flow without what cannot change a state: calls that touch nothing, branches around nothing."""
        known = self._pruned.get(scope)
        if known is None:
            flow = self._prune(self.of(scope))
            known = self._pruned[scope] = _without_idle_names(flow, self._named(flow))
        return known

    def recurring(self, scope: Scope) -> frozenset[tuple[Scope, str]]:
        """The conditions of a function that are asked more than once, or may be asked by other methods too."""
        known = self._recurring.get(scope)
        if known is None:
            asked = Counter(i.leaf.key for i in every(self.pruned(scope)) if isinstance(i, Branch))
            flags = {
                (scope, n)
                for i in every(self.pruned(scope))
                if isinstance(i, Rebind) and i.constant is not None
                for n in i.names
            }
            known = frozenset(k for k, times in asked.items() if times > 1 or k[0] is not scope or k in flags)
            self._recurring[scope] = known
        return known

    def reach(self, scope: Scope) -> Reach:
        known = self._reach.get(scope)
        if known is None:
            asked: set[tuple[Scope, str]] = set()
            bound: set[str] = set()
            checks = False
            seen = {scope}
            queue = [scope]
            while queue:
                for item in every(self.pruned(queue.pop())):
                    if isinstance(item, Branch):
                        asked.add(item.leaf.key)
                        checks = checks or item.leaf.finite is not None
                    elif isinstance(item, Act):
                        checks = checks or item.does == "check"
                    elif isinstance(item, Rebind):
                        bound.update(item.names)
                    elif isinstance(item, Invoke):
                        fresh = {target.scope for target in item.targets} - seen
                        seen |= fresh
                        queue += fresh
            known = self._reach[scope] = Reach(frozenset(asked), frozenset(bound), checks)
        return known

    def _prune(self, flow: Flow) -> Flow:
        out: list[Item] = []
        for item in flow:
            if isinstance(item, Invoke):
                targets = tuple(t for t in item.targets if self.matters(t.scope))
                if targets:
                    out.append(Invoke(item.node, item.scope, targets))
            elif isinstance(item, Branch):
                then, orelse = self._prune(item.then), self._prune(item.orelse)
                if item.leaf.finite is not None or _acts(then) or _acts(orelse):
                    out.append(Branch(item.leaf, then, orelse))
                else:
                    out += [*then, *orelse]
            elif isinstance(item, Loop):
                body, orelse = self._prune(item.body), self._prune(item.orelse)
                if _acts(body) or _acts(orelse):
                    out.append(Loop(body, orelse, item.endless))
                else:
                    out += body
            elif isinstance(item, Choice):
                ways = tuple(self._prune(w) for w in item.ways)
                if any(_acts(w) for w in ways):
                    out.append(Choice(ways))
            elif isinstance(item, Attempt):
                parts = [self._prune(p) for p in (item.body, *item.handlers, item.orelse, item.final)]
                if any(_acts(p) for p in parts):
                    out.append(Attempt(parts[0], tuple(parts[1:-2]), parts[-2], parts[-1]))
                else:
                    out += parts[0]
            else:
                out.append(item)
        return tuple(out)

    def _named(self, flow: Flow) -> frozenset[str]:
        """The names that conditions, losses and calls of a flow depend on."""
        names: set[str] = set()
        rebinds: list[Rebind] = []
        for item in every(flow):
            if isinstance(item, Branch):
                names |= item.leaf.names
                if item.leaf.finite is not None:
                    names |= item.leaf.finite.subjects
            elif isinstance(item, Act):
                names |= item.names
            elif isinstance(item, Invoke):
                for arg in item.node.args:
                    names |= self.conditions.light(arg.value, item.scope)
            elif isinstance(item, Leave):
                names |= item.names
            elif isinstance(item, Rebind):
                rebinds.append(item)
        grown = True
        while grown:
            grown = False
            for item in rebinds:
                if not item.sources <= names and not names.isdisjoint(item.names):
                    names |= item.sources
                    grown = True
        return frozenset(names)


def _acts(flow: Flow) -> bool:
    """Whether a pruned flow holds more than assignments."""
    return any(not isinstance(item, Rebind) for item in flow)


def _without_idle_names(flow: Flow, names: frozenset[str]) -> Flow:
    out: list[Item] = []
    for item in flow:
        if isinstance(item, Rebind):
            if names.isdisjoint(item.names):
                continue
        elif isinstance(item, Branch):
            item = Branch(item.leaf, _without_idle_names(item.then, names), _without_idle_names(item.orelse, names))
        elif isinstance(item, Loop):
            body, orelse = _without_idle_names(item.body, names), _without_idle_names(item.orelse, names)
            item = Loop(body, orelse, item.endless)
        elif isinstance(item, Choice):
            item = Choice(tuple(_without_idle_names(w, names) for w in item.ways))
        elif isinstance(item, Attempt):
            body, orelse, final = (_without_idle_names(p, names) for p in (item.body, item.orelse, item.final))
            item = Attempt(body, tuple(_without_idle_names(h, names) for h in item.handlers), orelse, final)
        out.append(item)
    return tuple(out)
