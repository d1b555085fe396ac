"""A file's text as the analysis' own syntax, and where each node of it lies in the text."""

from __future__ import annotations

from typing import Protocol

from gradlint.program import syntax as s
from gradlint.program.parse.abstract import AbstractTree


class Tree(Protocol):
    """What was read of one text."""

    @property
    def block(self) -> s.Block:
        """Its statements."""

    @property
    def faithful(self) -> bool:
        """Whether the places are those of the text: only then may the file be edited."""

    def span(self, index: int) -> tuple[int, int]:
        """Where the own text of the node with this `id` starts and ends, in characters."""


class ParseError(Exception):
    """Text that no version of Python takes; `row` and `column` count from 1 and 0."""

    def __init__(self, message: str, row: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.column = column


def parse(code: str) -> Tree:
    """What some text says.

    Python's own parser takes a tenth of the time of libcst's, of whose import a run without need of it is spared too.
    libcst reads what is written for newer versions, and says where what is wrong is.

    Raises ParseError, and RecursionError where the text is nested too deeply.
    """
    try:
        return AbstractTree(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return _concrete(code, error)


def _concrete(code: str, ours: Exception) -> Tree:
    """What libcst reads of it, where Python itself raised an error."""
    from libcst import CSTValidationError, ParserSyntaxError

    from gradlint.program.parse.concrete import ConcreteTree

    try:
        return ConcreteTree(code)
    except ParserSyntaxError as error:
        reason = error.message.split("\n")[0].partition("expected one of")[0].rstrip(": ")
        raise ParseError(reason, max(error.raw_line, 1), max(error.raw_column, 0)) from None
    except CSTValidationError as error:  # it knows no place
        row, column = (ours.lineno, ours.offset) if isinstance(ours, SyntaxError) else (1, 1)
        raise ParseError(str(error), row or 1, max(column or 1, 1) - 1) from None
