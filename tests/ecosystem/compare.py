"""What changed: the findings of this run against those that the manifest records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from tests.conftest import ROOT
from tests.ecosystem.manifest import Entry, Row, Spot

HANGS: Final = 1800


class LintError(Exception):
    """gradlint did not come to an end; the message says what it left."""


class What(Enum):
    """How a finding differs from the recorded run."""

    NEW = "new finding, without a verdict"
    GONE = "finding gone, without a verdict"
    LOST = "true finding lost"
    GAINED = "true finding gained"
    BACK = "false positive back"
    CURED = "false positive gone"
    ARGUED = "debatable finding gained"
    DROPPED = "debatable finding gone"


_FOUND: Final = {None: What.NEW, "true": What.GAINED, "false": What.BACK, "debatable": What.ARGUED}
_GONE: Final = {None: What.GONE, "true": What.LOST, "false": What.CURED, "debatable": What.DROPPED}


@dataclass(frozen=True, slots=True)
class Result:
    """What gradlint says of one repository.

    Args:
        found: the message of each finding.
        complaints: what it could not do.
    """

    found: Mapping[Spot, str]
    complaints: Sequence[str] = ()

    @property
    def crashes(self) -> list[str]:
        """The complaints that are gradlint's own fault: code that does not parse is not."""
        return [line for line in self.complaints if " crashed: " in line or "internal error" in line]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference from the recorded run."""

    what: What
    spot: Spot
    said: str

    def __str__(self) -> str:
        return f"{self.what.value}: {self.spot} {self.said}".rstrip()


def lint(tree: Path, select: Collection[str]) -> Result:
    """Run gradlint on a folder, in a process of its own. Raises LintError."""
    command = [sys.executable, "-m", "gradlint", "check", "--isolated", "--exit-zero"]
    command += ["--output-format", "json", "--select", ",".join(sorted(select)), "."]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PYTHONHASHSEED": "0"}
    try:
        done = subprocess.run(command, cwd=tree, env=environ, capture_output=True, encoding="utf-8", timeout=HANGS)
    except subprocess.TimeoutExpired as error:
        raise LintError(f"no end after {HANGS} seconds") from error
    complaints = done.stderr.splitlines()
    try:
        findings = json.loads(done.stdout)
    except ValueError as error:
        raise LintError(f"exit status {done.returncode}: {complaints[-1] if complaints else 'no output'}") from error
    found: dict[Spot, str] = {}
    for finding in findings:
        found.setdefault(spot_of(finding), finding["message"])
    return Result(found, complaints)


def spot_of(finding: Mapping[str, object]) -> Spot:
    """Where a finding of the JSON report belongs: at its update, if it has one."""
    place = finding["update"] or {**finding, "row": _row(finding["location"])}
    assert isinstance(place, dict)
    cell = place["cell"]
    return Spot(
        str(place["filename"]).replace("\\", "/"), -1 if cell is None else cell, place["row"], str(finding["code"])
    )


def _row(location: object) -> int:
    assert isinstance(location, dict)
    return int(location["row"])


def changes(entry: Entry, found: Mapping[Spot, str], rules: Collection[str] | None = None) -> Iterator[Change]:
    """What is otherwise than recorded, of these rules or of all."""
    rows = entry.by_spot()
    for spot in sorted({*rows, *found}):
        row = rows.get(spot, Row(spot))
        if (rules is not None and spot.rule not in rules) or not entry.judges(spot.rule):
            continue
        if spot in found and not row.found:
            yield Change(_FOUND[row.verdict], spot, row.why or found[spot])
        elif row.found and spot not in found:
            yield Change(_GONE[row.verdict], spot, row.why)


def updated(entry: Entry, found: Mapping[Spot, str], rules: Collection[str] | None = None) -> Entry:
    """The entry as this run records it: rows for new findings, and none for those gone that nobody judged."""
    rows = dict(entry.by_spot())
    if entry.judged and rules is not None:
        entry = replace(entry, judged=tuple(sorted({*entry.judged, *rules})))
    for spot in {*rows, *found}:
        if (rules is not None and spot.rule not in rules) or not entry.judges(spot.rule):
            continue
        row = replace(rows.get(spot, Row(spot)), found=spot in found)
        if row.found or row.verdict is not None:
            rows[spot] = row
        else:
            del rows[spot]
    return entry.with_rows(rows.values())
