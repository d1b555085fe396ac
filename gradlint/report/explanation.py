"""Explanations: as an outline for a terminal, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gradlint.program.explanation import Explanation, Remark, Section
from gradlint.report.text import Terminal, printable
from gradlint.report.words import where
from gradlint.source import Place

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_STEP = "  "
_UNKNOWN = "? "


def outline(explanations: Sequence[Explanation], terminal: Terminal) -> Iterator[str]:
    """The explanations for people."""
    for index, each in enumerate(explanations):
        if index:
            yield ""
        yield terminal.paint(printable(f"{where(each.place)} {each.headline}"), "bold")
        for section in each.sections:
            yield ""
            yield terminal.paint(section.title, "gutter")
            if section.steps:
                yield from _steps(section, terminal)
            else:
                for remark in section.remarks:
                    yield from _remark(remark, 1, terminal)


def _remark(remark: Remark, depth: int, terminal: Terminal) -> Iterator[str]:
    indent = _STEP * depth
    place = f" ({_row(remark.place)})" if remark.place is not None else ""
    yield from _wrapped(f"{_UNKNOWN if remark.gap else ''}{remark.text}", place, indent, terminal)
    for inner in remark.below:
        yield from _remark(inner, depth + 1, terminal)


def _steps(section: Section, terminal: Terminal) -> Iterator[str]:
    """Events under each other: where, what, and the states that arrive."""
    for remark in section.remarks:
        if remark.place is None or not remark.below:
            yield from _remark(remark, 1, terminal)
            continue
        yield f"{_STEP * 2}{terminal.paint(_row(remark.place), 'dim')} {printable(remark.text)}"
        for inner in remark.below:
            yield from _wrapped(inner.text, "", _STEP * 4, terminal)


def _wrapped(text: str, place: str, indent: str, terminal: Terminal) -> Iterator[str]:
    """A line, folded where the terminal is narrower; a place is never folded."""
    said = printable(text)
    width = terminal.width
    if width is None or len(indent) + len(said) + len(place) <= width:
        yield f"{indent}{said}{terminal.paint(printable(place), 'dim')}"
        return
    room = max(width - len(indent) - len(_STEP), 20)
    folded = textwrap.wrap(said, room, break_long_words=False, break_on_hyphens=False) or [""]
    for index, line in enumerate(folded):
        last = index == len(folded) - 1
        start = indent if not index else f"{indent}{_STEP}"
        if last and place and len(start) + len(line) + len(place) > width:
            yield f"{start}{line}"
            yield f"{indent}{_STEP}{terminal.paint(printable(place.strip()), 'dim')}"
        else:
            yield f"{start}{line}{terminal.paint(printable(place), 'dim') if last else ''}"


def _row(place: Place) -> str:
    return where(place).rpartition(":")[0]


def as_json(explanations: Sequence[Explanation]) -> Iterator[str]:
    """The explanations for programs: one list."""
    yield json.dumps([_explanation(each) for each in explanations], indent=2)


def _explanation(each: Explanation) -> dict[str, Json]:
    return {
        "subject": each.subject,
        "headline": each.headline,
        **_at(each.place),
        "sections": [
            {"title": section.title, "remarks": [_data(remark) for remark in section.remarks]}
            for section in each.sections
        ],
    }


def _data(remark: Remark) -> dict[str, Json]:
    place = _at(remark.place) if remark.place is not None else {"filename": None, "row": None, "cell": None}
    return {"text": remark.text, **place, "gap": remark.gap, "below": [_data(inner) for inner in remark.below]}


def _at(place: Place) -> dict[str, Json]:
    return {"filename": place.path, "row": place.start.row, "cell": place.cell}
