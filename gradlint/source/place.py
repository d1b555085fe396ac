"""Where something is: rows and columns from 1, and the notebook cell if there is one."""

from __future__ import annotations

from gradlint.records import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A row and a column, both counted from 1, in characters."""

    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of one file, as a person names it.

    Rows count from the start of the file or, in a notebook, of the cell;
    `cell` is the index among all cells of the notebook, from 0.
    """

    path: str
    start: Position
    end: Position
    cell: int | None = None
