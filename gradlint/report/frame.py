"""Code frames: the lines around some places of one file, with marks under them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from gradlint.records import dataclass
from gradlint.report.text import ELLIPSIS, Terminal, columns, printable
from gradlint.source import Place

BEFORE: Final = 2
AFTER: Final = 1
TALL: Final = 4
WIDE: Final = 160
NARROW: Final = 24


@dataclass(frozen=True, slots=True)
class Mark:
    """A place to underline, what to write beside it, and its style; related places are marked with dashes."""

    place: Place
    label: str
    style: str
    main: bool


def frame(lines: Sequence[str], marks: Sequence[Mark], terminal: Terminal, gutter: int) -> Iterator[str]:
    """The rows of `lines` (one file or cell) that the marks lie in, with some around the main ones."""
    width = max((terminal.width or WIDE) - gutter - 3, NARROW)
    edge = f"{'':{gutter}} {terminal.paint('|', 'gutter')}"
    previous = None
    yield edge
    for row in _rows(lines, marks):
        if previous is not None and row > previous + 1:
            yield terminal.paint(f"{ELLIPSIS:{max(gutter, len(ELLIPSIS))}}", "gutter")
        previous = row
        here = sorted((mark for mark in marks if row in _marked(mark)), key=lambda mark: mark.place.start)
        # One column is left for a caret that stands behind the end of the line.
        line = _Line(lines[row - 1], width - 1, min((_span(mark, row, lines)[0] for mark in here), default=0))
        number = terminal.paint(f"{row:>{gutter}} |", "gutter")
        yield f"{number} {line.shown}".rstrip()
        for mark in here:
            label = mark.label if row == _marked(mark)[-1] else ""
            for text in _underline(line, mark, _span(mark, row, lines), label, width, terminal):
                yield f"{edge} {text}"
    yield edge


class _Line:
    """One line of code as it is shown: cut to a width around a character."""

    def __init__(self, text: str, width: int, focus: int) -> None:
        self.text = text.rstrip()
        self.first, self.last = 0, len(self.text)
        self.before = ""
        after = ""
        if self._columns(0, self.last) > width:
            if self._columns(0, focus) > width // 2:
                self.before = ELLIPSIS
                while self._columns(self.first, focus) > width // 4:
                    self.first += 1
            room = width - len(self.before)
            if self._columns(self.first, self.last) > room:
                after = ELLIPSIS
                while self.last > self.first and self._columns(self.first, self.last) > room - len(after):
                    self.last -= 1
        self.shown = self.before + printable(self.text[self.first : self.last]) + after

    def _columns(self, start: int, end: int) -> int:
        return columns(printable(self.text[start:end]))

    def column(self, index: int) -> int:
        """The terminal column, from 0, at which a character of the line is shown."""
        index = min(max(index, self.first), self.last)
        return len(self.before) + self._columns(self.first, index)


def _rows(lines: Sequence[str], marks: Iterable[Mark]) -> list[int]:
    """The rows to show; a gap of one row is closed, since a row of dots would take as much room."""
    rows: set[int] = set()
    for mark in marks:
        marked = _marked(mark)
        rows.update(marked)
        if mark.main:
            rows.update(range(marked[0] - BEFORE, marked[-1] + AFTER + 1))
    rows.update([row + 1 for row in rows if row + 2 in rows])
    inside = sorted(row for row in rows if 1 <= row <= len(lines))
    wanted = {row for mark in marks for row in _marked(mark)}
    while inside and inside[0] not in wanted and not lines[inside[0] - 1].strip():
        inside.pop(0)
    while inside and inside[-1] not in wanted and not lines[inside[-1] - 1].strip():
        inside.pop()
    return inside


def _marked(mark: Mark) -> range:
    """The rows of a place that are underlined: all of them, or the first of a tall one."""
    first, last = mark.place.start.row, mark.place.end.row
    if mark.place.end.column == 1 and last > first:
        last -= 1
    return range(first, last + 1) if last - first < TALL else range(first, first + 1)


def _span(mark: Mark, row: int, lines: Sequence[str]) -> tuple[int, int]:
    """The characters of a row, from 0, that a mark underlines; at least one."""
    text = lines[row - 1].rstrip()
    start = mark.place.start.column - 1 if row == mark.place.start.row else len(text) - len(text.lstrip())
    end = mark.place.end.column - 1 if row == mark.place.end.row else len(text)
    return start, max(end, start + 1)


def _underline(
    line: _Line, mark: Mark, span: tuple[int, int], label: str, width: int, terminal: Terminal
) -> Iterator[str]:
    start, end = line.column(span[0]), line.column(span[1])
    under = ("^" if mark.main else "-") * max(end - start, 1)
    beside = start + len(under) + 1
    if not label or beside + columns(label) <= width:
        yield " " * start + terminal.paint(f"{under} {label}".rstrip(), mark.style)
        return
    yield " " * start + terminal.paint(under, mark.style)
    start = min(start, max(width - 2 * NARROW, 0))
    for part in textwrap.wrap(label, max(width - start, NARROW)):
        yield " " * start + terminal.paint(part, mark.style)
