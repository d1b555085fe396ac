"""Where nodes of `ast` lie in the text, as far as a concrete tree would tell it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import cached_property

from gradlint.records import dataclass

_LINE = re.compile(r"\r\n|\r|\n")
_BLANK = r"(?:\s|\\|#[^\r\n]*)*"
_AHEAD = re.compile(_BLANK)
_BETWEEN = re.compile(rf"{_BLANK}(?:\){_BLANK})*(?:[(,=]|and\b|or\b)")  # what stands between two parts
_CLOSED = re.compile(rf"{_BLANK}\)")
_MARK = re.compile(r"#[^\r\n]*|[()]")


@dataclass(slots=True)
class Run:
    """From the start of one node to the end of another."""

    first: ast.AST
    last: ast.AST


@dataclass(slots=True)
class Operands:
    """The operands of `and` or `or` up to one that is not the last, with the parentheses around that one."""

    first: ast.AST
    before: ast.expr
    last: ast.expr


@dataclass(slots=True)
class Positional:
    """An argument without a keyword, with the parentheses around it; `before` is the last one, or what is called."""

    before: ast.expr
    value: ast.expr


@dataclass(slots=True)
class Parameter:
    """A parameter with its star and its default."""

    arg: ast.arg
    default: ast.expr | None
    star: str


Part = ast.AST | Run | Operands | Positional | Parameter


class Extents:
    """The character spans of what was read from one text.

    A node keeps its own text only: for a parenthesized expression, what is inside the parentheses.
    """

    def __init__(self, code: str) -> None:
        self._code = code
        self._special: dict[type, Callable[..., tuple[int, int]]] = {
            Run: lambda part: (self._start(part.first), self._end(part.last)),
            Operands: lambda part: (self._start(part.first), self._grown(part.before, part.last)[1]),
            Positional: lambda part: self._grown(part.before, part.value),
            Parameter: self._parameter,
            ast.Module: lambda part: (0, len(code)),
            ast.GeneratorExp: lambda part: self._inside(*self._plain(part)),
            ast.Tuple: self._tuple,
            ast.comprehension: lambda part: (
                self._before(part.target, "for"),
                self._end((part.ifs or [part.iter])[-1]),
            ),
            ast.match_case: lambda part: (self._before(part.pattern, "case"), self._end(part.body[-1])),
        }

    def of(self, part: Part) -> tuple[int, int]:
        """Where a part starts and ends."""
        special = self._special.get(part.__class__)
        return self._plain(part) if special is None else special(part)

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line starts: a form feed, unlike for `str.splitlines`, ends none."""
        return [0, *(match.end() for match in _LINE.finditer(self._code))]

    @cached_property
    def _ascii(self) -> bool:
        return self._code.isascii()

    def _offset(self, row: int, column: int) -> int:
        """A row from 1 and a column in bytes of UTF-8, as a character of the text."""
        start = self._lines[row - 1]
        if self._ascii:
            return start + column
        # A character has one byte at least: those of the line's first `column` characters are enough.
        return start + len(self._code[start : start + column].encode()[:column].decode())

    def _start(self, part: ast.AST) -> int:
        return self._offset(part.lineno, part.col_offset)  # type: ignore[attr-defined]

    def _end(self, part: ast.AST) -> int:
        return self._offset(part.end_lineno, part.end_col_offset)  # type: ignore[attr-defined]

    def _plain(self, part: Part) -> tuple[int, int]:
        assert isinstance(part, ast.AST)
        return self._start(part), self._end(part)

    def _inside(self, start: int, end: int) -> tuple[int, int]:
        """What is in the parentheses that start and end so."""
        opened = _AHEAD.match(self._code, start + 1, end - 1)
        assert opened is not None
        return opened.end(), len(self._code[: end - 1].rstrip())

    def _tuple(self, part: ast.Tuple) -> tuple[int, int]:
        start, end = self._plain(part)
        if not part.elts:
            return self._inside(start, end)
        first = self._plain(part.elts[0])
        comma = _BETWEEN.match(self._code, first[1])
        assert comma is not None
        bare = len(self._marks("(", start, first[0])) == len(self._marks(")", first[1], comma.end()))
        return (start, end) if bare else self._inside(start, end)

    def _parameter(self, part: Parameter) -> tuple[int, int]:
        start, end = self._plain(part.arg)
        if part.star:
            start = self._code.rindex(part.star, 0, start)
        return start, end if part.default is None else self._grown(part.arg, part.default)[1]

    def _grown(self, before: ast.AST, node: ast.expr) -> tuple[int, int]:
        """The span of a node with the parentheses around it, as far back as what divides it from the one before."""
        start, end = self.of(node)
        divided = _BETWEEN.match(self._code, self._end(before))
        assert divided is not None
        for opened in reversed(self._marks("(", divided.end(), start)):
            closed = _CLOSED.match(self._code, end)
            if closed is None:
                break
            start, end = opened, closed.end()
        return start, end

    def _marks(self, mark: str, start: int, end: int) -> list[int]:
        """Where a parenthesis stands in a stretch that holds no more than them, blanks and comments."""
        return [found.start() for found in _MARK.finditer(self._code, start, end) if found.group() == mark]

    def _before(self, part: ast.AST, keyword: str) -> int:
        return self._code.rindex(keyword, 0, self._start(part))
