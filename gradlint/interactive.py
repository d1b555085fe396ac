"""A person asked about each fix: take it, skip it, see more of it, or stop."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final, TextIO

from gradlint import console
from gradlint.finding import Finding
from gradlint.report import diff, full
from gradlint.report.text import Terminal
from gradlint.runner import Change, Mode, Summary
from gradlint.source import Source

_QUESTION: Final = "Apply this fix? [a]ccept, [s]kip, s[h]ow, [q]uit: "
_HELP: Final = "Type a to apply it, s to leave it, h to see what is wrong in full, q to leave it and all that follow."
_ACCEPT: Final = ("a", "accept", "y", "yes")
_SKIP: Final = ("s", "skip", "n", "no")
_SHOW: Final = ("h", "show")
_QUIT: Final = ("q", "quit")


class Asker:
    """Asks on a terminal about one finding after the other; what was accepted before a person quits is applied.

    Args:
        answers: where the answers are read.
        terminal: how to show things.
    """

    def __init__(self, answers: TextIO, terminal: Terminal) -> None:
        self._answers = answers
        self._terminal = terminal
        self._is_over = False

    def __call__(self, source: Source, finding: Finding) -> bool:
        """Whether to apply the fix of a finding in a source."""
        if self._is_over:
            return False
        console.write(_told(source, finding, self._terminal))
        while True:
            answer = self._answer()
            if answer in _SHOW:
                console.write(full.render(_only(source, finding), self._terminal))
            elif answer in _ACCEPT:
                return True
            elif answer in _SKIP:
                return False
            elif answer is None or answer in _QUIT:
                self._is_over = True
                return False
            else:
                console.write([_HELP])

    def _answer(self) -> str | None:
        """What a person types, None at the end of the input."""
        console.prompt(self._terminal.paint(_QUESTION, "bold"))
        line = self._answers.readline()
        if not line:
            console.write([""])
            return None
        return line.strip().lower()


def asker() -> Asker | None:
    """One that asks on this process's terminal; None where nobody sits at one."""
    if sys.stdin is None or not sys.stdin.isatty() or not console.out().isatty():
        return None
    return Asker(sys.stdin, Terminal.of(console.out()))


def _told(source: Source, finding: Finding, terminal: Terminal) -> Iterator[str]:
    """What is wrong in a few lines, and what the fix changes."""
    assert finding.fix is not None
    yield from full.brief(finding, terminal)
    fixed = source.edited(finding.fix.edits)
    yield from diff.render(Summary(Mode.DIFF, changes=(Change(source, fixed, (finding,)),)), terminal)


def _only(source: Source, finding: Finding) -> Summary:
    return Summary(findings=(finding,), sources={source.name: source})
