"""What fixes would change, as unified diffs: one a file, or one a notebook cell."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from gradlint.report.text import Terminal
from gradlint.runner import Change, Summary
from gradlint.source import Source

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_STYLES = {"+": "good", "-": "error", "@": "gutter"}


def render(summary: Summary, terminal: Terminal) -> Iterator[str]:
    """A diff that `patch` applies (cells of notebooks apart, which are for reading)."""
    for change in summary.changes:
        for line in _diff(change):
            style = "bold" if line.startswith(("--- ", "+++ ")) else _STYLES.get(line[:1])
            yield terminal.paint(line, style) if style else line


def _diff(change: Change) -> Iterator[str]:
    name = change.before.name
    if not change.before.is_notebook:
        yield from _unified(name, change.before.text, change.after.text)
        return
    after = dict(_cells(change.after))
    for index, text in _cells(change.before):
        yield from _unified(f"{name}:cell {index + 1}", text, after.get(index, ""))


def _cells(source: Source) -> Iterator[tuple[int, str]]:
    return ((cell.index, source.text[cell.start : cell.end]) for cell in source.cells)


def _unified(name: str, before: str, after: str) -> Iterator[str]:
    for line in difflib.unified_diff(_LINE.findall(before), _LINE.findall(after), name, name):
        if line.endswith("\n"):
            yield line[:-1]
        elif line.startswith(("--- ", "+++ ", "@@ ")):
            yield line
        else:
            yield line
            yield "\\ No newline at end of file"
