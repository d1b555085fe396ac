"""Reports: what a run found, one module a format."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.formats import ReportFormat
from gradlint.report import concise, diff, full, github, json
from gradlint.report.text import Terminal
from gradlint.report.words import conclusion, fixes
from gradlint.runner import Mode, Summary


def lines(
    summary: Summary,
    output_format: ReportFormat,
    terminal: Terminal,
    quiet: bool = False,
    show_fixes: bool = False,
) -> Iterator[str]:
    """A report, line by line; `show_fixes` lists what was fixed, `quiet` leaves out the conclusion.

    What machines read has neither.
    """
    if summary.mode is Mode.DIFF:
        yield from diff.render(summary, terminal)
    elif output_format == "json":
        yield from json.render(summary)
        return
    elif output_format == "github":
        yield from github.render(summary)
        return
    else:
        form = concise if output_format == "concise" else full
        yield from form.render(summary, terminal)
    if show_fixes:
        yield from fixes(summary, terminal)
    if not quiet and (said := conclusion(summary)):
        yield terminal.paint(said, "bold")
