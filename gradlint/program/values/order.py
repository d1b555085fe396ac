"""An order of values, so that what is cut off is the same in every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program.names import Lib
from gradlint.program.values.objects import (
    Bound,
    Cls,
    Const,
    Context,
    Func,
    Items,
    Made,
    Many,
    Option,
    Partial,
    Table,
    Unknown,
    Value,
    ValueSet,
)


class Order:
    """Orders values by short texts, and remembers these, and those of contexts, which many values share."""

    def __init__(self) -> None:
        self._ranks: dict[Value, tuple[bool, str]] = {}
        self._given: dict[tuple[Context, int], str] = {}

    def sorted(self, values: Iterable[Value]) -> list[Value]:
        """The values, first what says something: what comes last is what to do without where there is too much."""
        return sorted(values, key=self._rank)

    def _rank(self, value: Value) -> tuple[bool, str]:
        known = self._ranks.get(value)
        if known is None:
            known = self._ranks[value] = isinstance(value, Unknown) or value == Const(None), self._text(value)
        return known

    def _text(self, value: Value, depth: int = 2) -> str:
        """A short text to sort values by: `repr` would spell out whole chains of contexts."""
        if isinstance(value, Lib):
            return value.path
        if isinstance(value, (Cls, Func)):
            return f"{value.scope.module.name}:{value.scope.node.id}"
        if isinstance(value, Made):
            site = value.site.id if value.site is not None else 0
            where = value.scope.module.name if value.scope is not None else ""
            context = value.context if depth else None
            given = self._arguments(context, depth - 1) if context is not None else ""
            of = context.receiver if context is not None else None
            holders = "".join(f"@{self._text(x, depth - 1)}" for x in (of, value.receiver) if x is not None and depth)
            return f"{self._text(value.of)}:{where}:{site}({given}){holders}"
        if isinstance(value, Items):
            return f"({','.join(self._texts(p, depth - 1) for p in value.parts)})" if depth else "()"
        if isinstance(value, Many):
            return f"*{self._texts(value.element, depth - 1)}" if depth else "*"
        if isinstance(value, Table):
            held = ",".join(f"{k!r}:{self._texts(v, depth - 1)}" for k, v in value.items) if depth else ""
            return f"{{{held}}}"
        if isinstance(value, Bound):
            return f"{self._text(value.receiver, depth - 1) if depth else ''}.{value.name}"
        if isinstance(value, Partial):
            return f"partial:{value.site.id}"
        return repr(value)[:200] if isinstance(value, (Const, Option)) else type(value).__name__

    def _texts(self, values: ValueSet, depth: int) -> str:
        return "|".join(sorted(self._text(v, depth) for v in values)) if depth else str(len(values))

    def _arguments(self, context: Context, depth: int) -> str:
        known = self._given.get((context, depth))
        if known is None:
            known = ",".join(f"{k}={self._texts(v, depth)}" for k, v in context.args)
            self._given[context, depth] = known
        return known


class Ranked(frozenset[Value]):
    """Values that are gone through in the same order in every run: what is looked into first may use up the fuel."""

    __slots__ = ("_by", "_order")
    _by: Order
    _order: tuple[Value, ...]

    def __new__(cls, values: Iterable[Value], by: Order) -> Ranked:
        self = super().__new__(cls, values)
        self._by = by
        return self

    def __iter__(self) -> Iterator[Value]:
        try:
            return iter(self._order)
        except AttributeError:
            self._order = tuple(self._by.sorted(super().__iter__()))
            return iter(self._order)
