"""The JSON format: a list of findings, as a contract for other programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias

from gradlint.finding import Finding
from gradlint.fix.edits import Edit, Fix
from gradlint.runner import Summary
from gradlint.source import Place, Position, Source

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"


def render(summary: Summary) -> Iterator[str]:
    """One list; one finding a line, so that it can be read, searched and compared."""
    if not summary.findings:
        yield "[]"
        return
    yield "["
    last = len(summary.findings) - 1
    for index, finding in enumerate(summary.findings):
        item = json.dumps(as_data(finding, summary))
        yield f"  {item}{',' if index < last else ''}"
    yield "]"


def as_data(finding: Finding, summary: Summary) -> dict[str, Json]:
    """A finding in plain data, rows and columns from 1."""
    place, update = finding.place, finding.update
    return {
        "code": finding.code,
        "name": finding.name,
        "level": finding.level.value,
        "message": finding.message,
        **_place(place),
        "update": {"filename": update.path, "row": update.start.row, "cell": update.cell} if update else None,
        "related": [
            {**_place(item.place), "row": item.place.start.row, "message": item.label} for item in finding.related
        ],
        "help": finding.help or None,
        "fix": _fix(finding.fix, source) if finding.fix and (source := summary.source(place.path)) else None,
        "unfixed": finding.unfixed,
        "url": summary.urls.get(finding.code),
    }


def _fix(fix: Fix, source: Source) -> dict[str, Json]:
    return {
        "applicability": fix.safety.name.lower(),
        "title": fix.title,
        "edits": [_edit(edit, source) for edit in fix.edits],
    }


def _edit(edit: Edit, source: Source) -> dict[str, Json]:
    place = source.place(edit.start, edit.end)
    return {
        "location": _position(place.start),
        "end_location": _position(place.end),
        "cell": place.cell,
        "content": edit.text,
    }


def _place(place: Place) -> dict[str, Json]:
    return {
        "filename": place.path,
        "location": _position(place.start),
        "end_location": _position(place.end),
        "cell": place.cell,
    }


def _position(position: Position) -> dict[str, Json]:
    return {"row": position.row, "column": position.column}
