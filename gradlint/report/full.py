"""The full format: each hazard with its code, what is wrong there, and what to do."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from gradlint.finding import Finding
from gradlint.report.frame import Mark, frame
from gradlint.report.text import Terminal, printable
from gradlint.report.words import where
from gradlint.runner import Summary
from gradlint.source import Place, Source

_LINE_END = re.compile(r"\r\n|\r|\n")
_MESSAGE, _ADVICE = 2, 6


def render(summary: Summary, terminal: Terminal) -> Iterator[str]:
    """A frame for each update or place, with all that was found there under it."""
    for group in _grouped(summary.findings):
        yield from _hazard(group, summary, terminal)
        yield ""


def brief(finding: Finding, terminal: Terminal) -> Iterator[str]:
    """One finding without its code: where it is, what is wrong, and what to do."""
    yield terminal.paint(where(finding.place), "bold")
    yield from _message(finding, terminal)


def _grouped(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings about one update belong together, so that a loop with three hazards reads as one message."""
    groups: dict[Place, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.update or finding.place, []).append(finding)
    return list(groups.values())


def _hazard(group: Sequence[Finding], summary: Summary, terminal: Terminal) -> Iterator[str]:
    head = group[0].place if len({finding.place for finding in group}) == 1 else group[0].update or group[0].place
    yield terminal.paint(where(head), "bold")
    frames = _frames(_marks(group), head)
    gutter = max(len(str(mark.place.end.row)) for mark in chain(*frames))
    for index, marks in enumerate(frames):
        place = marks[0].place
        if index:
            yield f"{'':{gutter}} {terminal.paint('::: ' + where(place), 'gutter')}"
        lines = file_lines(summary.source(place.path), place.cell)
        if all(mark.place.start.row <= len(lines) for mark in marks):
            yield from frame(lines, marks, terminal, gutter)
        else:
            yield from (f"{'':{gutter}} {mark.label}" for mark in marks)
    for finding in group:
        yield from _message(finding, terminal)


def _marks(group: Sequence[Finding]) -> list[Mark]:
    """One mark a place; the places of the findings are the main ones."""
    marks: dict[Place, Mark] = {}
    for finding in group:
        label = f"{marks[finding.place].label}, {finding.code}" if finding.place in marks else finding.code
        style = marks[finding.place].style if finding.place in marks else finding.level.value
        marks[finding.place] = Mark(finding.place, label, style, main=True)
    for finding in group:
        for related in finding.related:
            label = printable(related.label)
            if related.place not in marks:
                marks[related.place] = Mark(related.place, label, "gutter", main=False)
            elif label not in marks[related.place].label:
                mark = marks[related.place]
                marks[related.place] = replace(mark, label=f"{mark.label}; {label}")
    return list(marks.values())


def _frames(marks: Iterable[Mark], head: Place) -> list[list[Mark]]:
    """The marks by file and cell, the one with the hazard first."""
    frames: dict[tuple[str, int | None], list[Mark]] = {(head.path, head.cell): []}
    for mark in marks:
        frames.setdefault((mark.place.path, mark.place.cell), []).append(mark)
    return [sorted(frame, key=lambda mark: mark.place.start) for frame in frames.values() if frame]


def file_lines(source: Source | None, cell: int | None) -> list[str]:
    """The lines of a file, or of one cell of a notebook; none where there is no source."""
    if source is None:
        return []
    if cell is None:
        return _LINE_END.split(source.text)
    return next(
        (_LINE_END.split(source.text[each.start : each.end]) for each in source.cells if each.index == cell), []
    )


def _message(finding: Finding, terminal: Terminal) -> Iterator[str]:
    level = f"{finding.level.value} {finding.code}"
    plain = f"{level} {finding.name}: {finding.message}"
    first, *rest = _wrapped(plain, terminal, _MESSAGE, _MESSAGE + 2)
    yield first.replace(level, terminal.paint(level, finding.level.value), 1)
    yield from rest
    if finding.help:
        yield from _advice("help", finding.help, terminal)
    if finding.fix is not None:
        yield from _advice(f"fix [{finding.fix.safety.name.lower()}]", finding.fix.title, terminal)
    elif finding.unfixed:
        yield from _advice("no fix", finding.unfixed, terminal)


def _advice(kind: str, text: str, terminal: Terminal) -> Iterator[str]:
    first, *rest = _wrapped(f"{kind}: {text}", terminal, _ADVICE, _ADVICE + len(kind) + 2)
    yield first.replace(kind, terminal.paint(kind, "good" if kind.startswith("fix") else "bold"), 1)
    yield from rest


def _wrapped(text: str, terminal: Terminal, indent: int, hanging: int) -> list[str]:
    text = " " * indent + printable(text)
    if terminal.width is None:
        return [text]
    return textwrap.wrap(text, max(terminal.width, 40), subsequent_indent=" " * hanging, break_on_hyphens=False)
