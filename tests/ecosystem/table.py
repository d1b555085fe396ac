"""The table of the README: how often each rule is right, as the verdicts have it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gradlint.measured import FILE, Measured, written
from tests.conftest import ROOT
from tests.ecosystem.manifest import Entry, Row

README: Final = ROOT / "README.md"
MARKED: Final = re.compile(r"<!-- ecosystem -->\n(?P<shown>.*?)<!-- /ecosystem -->\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Measure:
    """How one rule does.

    Args:
        found: its findings by verdict.
        read: in how many repositories its findings were read.
        cured: what it reported falsely before, and no longer does.
        missed: what the sample of silent places shows that it should have reported.
        sample: how many places the sample has.
    """

    rule: str
    found: Measured
    read: int
    cured: int
    missed: int
    sample: int


def measures(entries: Sequence[Entry]) -> Iterator[Measure]:
    """The measure of each rule that the rows name."""
    for rule in sorted({row.spot.rule for entry in entries for row in entry.rows}):
        by_entry = [[row for row in entry.rows if row.spot.rule == rule] for entry in entries]
        rows = [row for each in by_entry for row in each]
        found = [row for row in rows if row.found]
        sample = [row for row in rows if row.sample]
        yield Measure(
            rule,
            Measured(
                _count(found, "true"),
                _count(found, "false"),
                _count(found, "debatable"),
                sum(any(row.found for row in each) for each in by_entry),
            ),
            sum(entry.judges(rule) for entry in entries),
            _count((row for row in rows if not row.found and not row.sample), "false"),
            _count((row for row in sample if not row.found), "true"),
            len(sample),
        )


def counts(entries: Sequence[Entry]) -> dict[str, Measured]:
    """The findings of each rule by verdict; the sample of silent places is no part of them."""
    return {each.rule: each.found for each in measures(entries) if each.found.judged}


def _count(rows: Iterable[Row], verdict: str) -> int:
    return sum(row.verdict == verdict for row in rows)


def table(entries: Sequence[Entry]) -> Iterator[str]:
    """The measures in Markdown."""
    heads = ("rule", "repositories", "findings judged", "true", "false", "debatable", "precision")
    yield f"| {' | '.join((*heads, 'false and cured', 'missed in the sample'))} |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for each in measures(entries):
        found = each.found
        precision = "-" if found.precision is None else f"{found.precision:.1%}"
        missed = f"{each.missed} of {each.sample}" if each.sample else "-"
        yield (
            f"| {each.rule} | {found.repositories} of {each.read} | {found.judged} | {found.true} | {found.false} "
            f"| {found.debatable} | {precision} | {each.cured} | {missed} |"
        )


def write(entries: Sequence[Entry], readme: Path = README, data: Path = FILE) -> None:
    """Put the table between its marks in the README, and the counts where `gradlint rule` reads them."""
    data.write_text(written(counts(entries)), encoding="utf-8")
    text = readme.read_text(encoding="utf-8")
    shown = MARKED.search(text)
    assert shown is not None, f"{readme} has no <!-- ecosystem -->"
    real = "".join(f"{line}\n" for line in table(entries))
    readme.write_text(text[: shown.start("shown")] + real + text[shown.end("shown") :], encoding="utf-8")
