"""The concise format: one line a finding, as compilers write it and editors read it."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.fix.edits import Safety
from gradlint.report.text import Terminal, printable
from gradlint.report.words import where
from gradlint.runner import Summary

_OFFER = {Safety.SAFE: " [fixable]", Safety.UNSAFE: " [fixable, unsafe]", Safety.SUGGESTION: ""}


def render(summary: Summary, terminal: Terminal) -> Iterator[str]:
    """`file:row:column: level: code message`."""
    for finding in summary.findings:
        level = terminal.paint(finding.level.value, finding.level.value)
        place = terminal.paint(where(finding.place), "bold")
        offer = _OFFER[finding.fix.safety] if finding.fix else ""
        yield f"{place}: {level}: {finding.code} {printable(finding.message)}{offer}"
