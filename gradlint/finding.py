"""What a rule reports: a finding, its level and its places."""

from __future__ import annotations

from enum import Enum

from gradlint.fix.edits import Fix
from gradlint.records import dataclass
from gradlint.source.place import Place


class Level(str, Enum):
    """How bad it is. Errors and warnings make the exit status 1; notes are off unless selected."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains a finding: the backward, the network's class, the optimizer."""

    place: Place
    label: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One hazard at one place, with the fix if the code allows one.

    `update` is the step (or framework construction) that a finding about an update concerns;
    `help` says what to do in one line; `unfixed` says why there is no fix.
    """

    code: str
    name: str
    level: Level
    message: str
    place: Place
    help: str = ""
    update: Place | None = None
    related: tuple[Related, ...] = ()
    fix: Fix | None = None
    unfixed: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that kept gradlint from its work: one clear line, exit status 2."""

    message: str
    path: str | None = None
    row: int | None = None
    column: int | None = None
    cell: int | None = None
