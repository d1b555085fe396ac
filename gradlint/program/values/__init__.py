"""What an expression may hold: a light abstract interpretation, asked for when needed.

A value is found by following assignments, attributes, arguments at call sites, returns and containers
across the project's files. A set of values is what the expression *may* be; an empty set means that
nothing is known. Each module answers for one kind of code and is a layer upon the one before:
`core`, `classes`, `containers`, `callers`, `contexts`, `stores`, `options`, `attributes`, `names`,
`chosen`, `calls`, `expressions`.
"""

from __future__ import annotations

from gradlint.program.values.contexts import argument_position
from gradlint.program.values.expressions import Values
from gradlint.program.values.objects import (
    NOTHING,
    Asked,
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
    Told,
    Unknown,
    Value,
    ValueSet,
)

__all__ = [
    "NOTHING",
    "Asked",
    "Bound",
    "Cls",
    "Const",
    "Context",
    "Func",
    "Items",
    "Made",
    "Many",
    "Option",
    "Partial",
    "Table",
    "Told",
    "Unknown",
    "Value",
    "ValueSet",
    "Values",
    "argument_position",
]
