"""Words that the formats for people share: places, problems, and the line at the end."""

from __future__ import annotations

from collections import Counter

from gradlint.finding import Level, Problem
from gradlint.fix.edits import Safety
from gradlint.report.text import printable
from gradlint.runner import Summary
from gradlint.source import Place

_COUNTED = (Level.ERROR, Level.WARNING, Level.NOTE)


def where(place: Place) -> str:
    """A place as editors and people read it; cells are counted from 1, like rows."""
    return _where(place.path, place.cell, place.start.row, place.start.column)


def problem(item: Problem) -> str:
    """A problem in one line."""
    if item.path is None:
        return printable(f"error: {item.message}")
    return printable(f"error: {_where(item.path, item.cell, item.row, item.column)}: {item.message}")


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def conclusion(summary: Summary) -> str:
    """The line that ends a report."""
    said = []
    if summary.fixed:
        hazards = sum(summary.fixed.values())
        said.append(f"Fixed {count(hazards, 'hazard')} in {count(len(summary.fixed), 'file')}.")
    if summary.findings:
        said.append(_found(summary))
    elif summary.problems:
        said.append(f"No findings, but {count(len(summary.problems), 'problem')}: see above.")
    else:
        train = f"{summary.training} of them" if summary.training else "none of them"
        said.append(f"All clear: {count(summary.files, 'file')} checked, {train} with training code.")
    return " ".join(said)


def _found(summary: Summary) -> str:
    levels = Counter(finding.level for finding in summary.findings)
    counts = ", ".join(count(levels[level], level.value) for level in _COUNTED if levels[level])
    files = len({finding.place.path for finding in summary.findings})
    left = "left" if summary.fixed else "in"
    text = f"Found {counts} {left}{' in' if summary.fixed else ''} {count(files, 'file')}"
    safe = sum(1 for finding in summary.findings if finding.fix and finding.fix.safety is Safety.SAFE)
    unsafe = sum(1 for finding in summary.findings if finding.fix and finding.fix.safety is Safety.UNSAFE)
    offers = []
    if safe:
        offers.append(f"{safe} fixable with --fix")
    if unsafe:
        offers.append(f"{unsafe}{' more' if safe else ' fixable'} with --fix --unsafe-fixes")
    return f"{text}; {', '.join(offers)}." if offers else f"{text}."


def _where(path: str, cell: int | None, row: int | None, column: int | None) -> str:
    parts = [path]
    if cell is not None:
        parts.append(f"cell {cell + 1}")
    if row is not None:
        parts.append(str(row))
        if column is not None:
            parts.append(str(column))
    return printable(":".join(parts))
