"""What a fix is: text edits with a safety."""

from __future__ import annotations

from enum import IntEnum

from gradlint.records import dataclass


class Safety(IntEnum):
    """How far a fix may be trusted: `--fix` applies SAFE, `--unsafe-fixes` adds UNSAFE."""

    SUGGESTION = 0
    UNSAFE = 1
    SAFE = 2


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the characters `start` up to `end` of a source's text; `start == end` inserts."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits of one file that belong together: all of them are applied, or none."""

    title: str
    safety: Safety
    edits: tuple[Edit, ...]
