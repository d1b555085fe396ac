"""Containers: what iterating over a value, an item of it, or entering it gives."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.values.classes import Classes
from gradlint.program.values.objects import NONE, Cls, Const, Items, Made, Many, Option, Table, Value, ValueSet


class Containers(Classes):
    """Takes values out of what holds them."""

    def elements(self, values: ValueSet) -> ValueSet:
        """What iterating over any of the values gives."""
        out: set[Value] = set()
        for value in values:
            if isinstance(value, Items):
                for part in value.parts:
                    out |= part
            elif isinstance(value, Many):
                out |= value.element
            elif isinstance(value, Table):
                for _, part in value.items:
                    out |= part
            elif isinstance(value, Made) and isinstance(value.of, Lib):
                out |= self._guarded(("i", self._number(value)), self._library_elements, value, value.of.path)
        return frozenset(out)

    def _library_elements(self, value: Made, path: str) -> ValueSet:
        """What a library's container holds, or something of what a method gave: `for p in net.parameters()`."""
        if not self.vocabulary.is_container(path):
            if value.receiver is None:
                return NONE
            if path.endswith(".[]"):
                return frozenset([value])
            return frozenset([Made(Lib(f"{path}.[]"), value.site, value.scope, value.context, value)])
        out: set[Value] = set()
        if value.site is not None and value.scope is not None:
            for arg in value.site.args:
                given = self.of(arg.value, value.scope, value.context)
                out |= self.elements(given) or given
        return frozenset(out)

    def _items(self, values: ValueSet, index: int) -> ValueSet:
        """What stands at a place in any of the values."""
        place: ValueSet = frozenset([Const(index)])
        return self._union([self._item(value, place) for value in values])

    def _item(self, value: Value, index: ValueSet) -> ValueSet:
        keys = [k.value for k in index if isinstance(k, Const)]
        if isinstance(value, Items):
            out: set[Value] = set()
            for key in keys:
                if isinstance(key, int) and -len(value.parts) <= key < len(value.parts):
                    out |= value.parts[key]
            return frozenset(out) if keys else self.elements(frozenset([value]))
        if isinstance(value, Table):
            free = [i for i in index if isinstance(i, Option) and not i.listed]
            if free:  # the user may choose any, as far as the conditions around let them
                hit = [v for k, v in value.items if k is None or k in keys or any(i.allows(k) for i in free)]
                return self._union(hit)
            hit = [v for k, v in value.items if k in keys or k is None] if keys else []
            return self._union(hit) if hit else (NONE if keys else self.elements(frozenset([value])))
        if isinstance(value, Many):
            return value.element
        if isinstance(value, Package):
            return self._union(self.attribute(value, k) for k in keys if isinstance(k, str))
        if isinstance(value, Lib):
            return self._picked(value, keys)
        if isinstance(value, Cls) and self._enumerates(value.scope):
            names = [k for k in keys if isinstance(k, str)] or [
                name for name, bindings in value.scope.bindings.items() if bindings[0].kind == "value"
            ]
            return self._union(self.attribute(value, name) for name in names)
        if isinstance(value, Made) and isinstance(value.of, Lib):
            option = self._union(self._option(value, k) for k in keys if isinstance(k, str))
            return (
                option
                or self.elements(frozenset([value]))
                or frozenset([Made(Lib(f"{value.of.path}.[]"), value.site, value.scope, value.context, value)])
            )
        if isinstance(value, Made) and isinstance(value.of, Cls):
            method = self.method(value, "__getitem__")
            if method is not None:
                return self.returned(method, self.context(method.scope, (), value, 1))
            return self._union(self.attribute(value, k) for k in keys if isinstance(k, str))
        return NONE

    def _picked(self, module: Lib, names: list[s.Literal]) -> ValueSet:
        """What `getattr(module, name)` picks from a library's module: of one that holds one kind, anything."""
        known = frozenset(v for name in names if isinstance(name, str) for v in self.attribute(module, name))
        kind = self.vocabulary.entry("kinds", module.path)
        return known or (frozenset([Lib(kind)]) if isinstance(kind, str) else NONE)

    def _entered(self, values: ValueSet) -> ValueSet:
        """What `with value as x` binds x to."""
        out: set[Value] = set()
        for value in values:
            if isinstance(value, Made) and isinstance(value.of, Cls):
                method = self.method(value, "__enter__")
                out |= self.returned(method, self.context(method.scope, (), value, 1)) if method else {value}
            elif isinstance(value, Many):
                out |= value.element
            else:
                out.add(value)
        return frozenset(out)
