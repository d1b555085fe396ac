"""An order of values, so that what is cut off is the same in every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.scopes import Scope
from gradlint.program.values.objects import (
    NOTHING,
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

V = TypeVar("V", bound=Value)


class Order:
    """Orders values by short texts, and remembers these, and those of contexts, which many values share."""

    def __init__(self) -> None:
        self._ranks: dict[Value, tuple[bool, str]] = {}
        self._given: dict[tuple[Context, int], str] = {}
        self._mades: dict[tuple[Made, int], str] = {}
        self._spelled: dict[Value, str] = {}
        self._sorted: dict[ValueSet, tuple[Value, ...]] = {}

    def sorted(self, values: Iterable[V]) -> list[V]:
        """The values, first what says something: what comes last is what to do without where there is too much."""
        ranked = sorted([(self._rank(value), value) for value in values], key=itemgetter(0))
        out: list[V] = []
        for _, alike in groupby(ranked, key=itemgetter(0)):
            group = [value for _, value in alike]
            out += sorted(group, key=self._spelling) if len(group) > 1 else group
        return out

    def of(self, values: ValueSet) -> tuple[Value, ...]:
        """The same, remembered: many sets hold the same values."""
        known = self._sorted.get(values)
        if known is None:
            known = self._sorted[values] = tuple(self.sorted(frozenset(values)))
        return known

    def _rank(self, value: Value) -> tuple[bool, str]:
        known = self._ranks.get(value)
        if known is None:
            known = self._ranks[value] = isinstance(value, Unknown) or value in NOTHING, self._text(value)
        return known

    def _text(self, value: Value, depth: int = 2) -> str:
        """A short text to sort values by: `repr` would spell out whole chains of contexts."""
        if isinstance(value, Lib):
            return value.path
        if isinstance(value, (Cls, Func)):
            return f"{value.scope.module.name}:{value.scope.node.id}"
        if isinstance(value, Made):
            key = (value, depth)
            known = self._mades.get(key)
            if known is None:
                known = self._mades[key] = self._made(value, depth)
            return known
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
        if isinstance(value, Package):
            return str(value.path)
        return repr(value)[:200] if isinstance(value, (Const, Option)) else type(value).__name__

    def _made(self, value: Made, depth: int) -> str:
        site = value.site.id if value.site is not None else 0
        where = value.scope.module.name if value.scope is not None else ""
        context = value.context if depth else None
        given = self._arguments(context, depth - 1) if context is not None else ""
        of = context.receiver if context is not None else None
        holders = "".join([f"@{self._text(x, depth - 1)}" for x in (of, value.receiver) if x is not None and depth])
        return f"{self._text(value.of)}:{where}:{site}({given}){holders}"

    def _spelling(self, value: Value) -> str:
        """All that makes a value another than one whose text is the same; contexts by when they were met."""
        known = self._spelled.get(value)
        if known is None:
            known = self._spelled[value] = f"{type(value).__name__}({','.join(self._parts(value))})"
        return known

    def _parts(self, value: Value) -> Iterator[str]:
        for name in value.__dataclass_fields__:
            part = getattr(value, name)
            if isinstance(part, tuple):  # the sets that a container holds, those of a table under keys
                yield ";".join(
                    f"{held[0]!r}:{self._spellings(held[1])}" if isinstance(held, tuple) else self._spellings(held)
                    for held in part
                )
            elif isinstance(part, frozenset):
                yield self._spellings(part)
            elif isinstance(part, Scope):
                yield f"{part.module.path}:{part.node.id}"
            elif isinstance(part, Context):
                yield str(part.number)
            elif isinstance(part, s.Node):
                yield str(part.id)
            else:
                yield self._spelling(part) if isinstance(part, Value) else repr(part)

    def _spellings(self, values: ValueSet) -> str:
        return "|".join(sorted(self._spelling(v) for v in values))

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
            self._order = self._by.of(self)
            return iter(self._order)
