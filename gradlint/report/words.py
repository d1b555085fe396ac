"""Words that the formats for people share: places, problems, and the line at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gradlint.finding import Finding, Level, Problem
from gradlint.fix.edits import Safety
from gradlint.report.text import Terminal, printable
from gradlint.runner import Mode, Summary
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
    if summary.changes:
        hazards = count(sum(len(change.fixed) for change in summary.changes), "hazard")
        verb = "Would fix" if summary.mode is Mode.DIFF else "Fixed"
        said.append(f"{verb} {hazards} in {count(len(summary.changes), 'file')}.")
    if summary.findings:
        said.append(_found(summary))
    elif summary.problems and not summary.files:
        pass
    elif summary.problems:
        said.append(f"No hazards in what could be checked, but {count(len(summary.problems), 'problem')}.")
    elif summary.unreported and not summary.changes:
        said.append("Nothing to fix.")
    elif not summary.files and not summary.changes:
        said.append("Nothing to check: no Python file or notebook in these paths.")
    elif not summary.changes:
        train = f"{summary.training} with training code" if summary.training else "none with training code"
        said.append(f"All clear: {count(summary.files, 'file')} checked, {train}.")
    return " ".join(said)


def fixes(summary: Summary, terminal: Terminal) -> Iterator[str]:
    """What was fixed, or would be: under each file, how often for which rule and by what."""
    for change in summary.changes:
        yield terminal.paint(printable(change.before.name), "bold")
        made = Counter((finding.code, finding.name, _title(finding)) for finding in change.fixed)
        width = len(str(max(made.values(), default=0)))
        for (code, name, title), number in sorted(made.items()):
            yield f"  {number:{width}} x {code} {name}: {printable(title)}"


def _title(finding: Finding) -> str:
    return finding.fix.title if finding.fix is not None else ""


def _found(summary: Summary) -> str:
    levels = Counter(finding.level for finding in summary.findings)
    counts = ", ".join(count(levels[level], level.value) for level in _COUNTED if levels[level])
    files = count(len({finding.place.path for finding in summary.findings}), "file")
    text = f"{counts} left in {files}" if summary.changes else f"Found {counts} in {files}"
    safe = _fixable(summary, Safety.SAFE)
    unsafe = _fixable(summary, Safety.UNSAFE)
    offers = [f"{safe} fixable with --fix"] if safe else []
    if unsafe:
        offers.append(f"{unsafe} more with --unsafe-fixes" if safe else f"{unsafe} fixable with --fix --unsafe-fixes")
    return f"{text}; {', '.join(offers)}." if offers else f"{text}."


def _fixable(summary: Summary, safety: Safety) -> int:
    return sum(1 for finding in summary.findings if finding.fix is not None and finding.fix.safety is safety)


def _where(path: str, cell: int | None, row: int | None, column: int | None) -> str:
    parts = [path]
    if cell is not None:
        parts.append(f"cell {cell + 1}")
    if row is not None:
        parts.append(str(row))
        if column is not None:
            parts.append(str(column))
    return printable(":".join(parts))
