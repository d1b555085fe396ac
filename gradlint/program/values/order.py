"""An order of values, so that what is cut off is the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program.names import Lib
from gradlint.program.values.objects import (
    Bound,
    Cls,
    Const,
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


class Ranked(frozenset[Value]):
    """Values that are gone through in the same order in every run: what is looked into first may use up the fuel."""

    __slots__ = ("_order",)
    _order: tuple[Value, ...]

    def __iter__(self) -> Iterator[Value]:
        try:
            return iter(self._order)
        except AttributeError:
            self._order = tuple(sorted(super().__iter__(), key=rank))
            return iter(self._order)


def rank(value: Value) -> tuple[bool, str]:
    """What to keep where there is too much: first what says something."""
    return isinstance(value, Unknown) or value == Const(None), _order(value)


def _order(value: Value, depth: int = 2) -> str:
    """A short text to sort values by: `repr` would spell out whole chains of contexts."""
    if isinstance(value, Lib):
        return value.path
    if isinstance(value, (Cls, Func)):
        return f"{value.scope.module.name}:{value.scope.node.id}"
    if isinstance(value, Made):
        site = value.site.id if value.site is not None else 0
        where = value.scope.module.name if value.scope is not None else ""
        given = value.context.args if value.context is not None and depth else ()
        of = value.context.receiver if value.context is not None and depth else None
        holders = "".join(f"@{_order(x, depth - 1)}" for x in (of, value.receiver) if x is not None and depth)
        text = ",".join(f"{k}={_orders(v, depth - 1)}" for k, v in given)
        return f"{_order(value.of)}:{where}:{site}({text}){holders}"
    if isinstance(value, Items):
        return f"({','.join(_orders(p, depth - 1) for p in value.parts)})" if depth else "()"
    if isinstance(value, Many):
        return f"*{_orders(value.element, depth - 1)}" if depth else "*"
    if isinstance(value, Table):
        return "{" + (",".join(f"{k!r}:{_orders(v, depth - 1)}" for k, v in value.items) if depth else "") + "}"
    if isinstance(value, Bound):
        return f"{_order(value.receiver, depth - 1) if depth else ''}.{value.name}"
    if isinstance(value, Partial):
        return f"partial:{value.site.id}"
    return repr(value)[:200] if isinstance(value, (Const, Option)) else type(value).__name__


def _orders(values: ValueSet, depth: int) -> str:
    return "|".join(sorted(_order(v, depth) for v in values)) if depth else str(len(values))
