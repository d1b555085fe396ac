"""How often each built-in rule was right on real code: `measured.json`, counted from the verdicts of the benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final

from gradlint.records import dataclass

FILE: Final = Path(__file__).with_suffix(".json")
ENOUGH: Final = 20  # findings that must have been judged before a rule can leave preview
RIGHT: Final = 0.95  # the share of them that must be true


@dataclass(frozen=True, slots=True)
class Measured:
    """The findings of one rule that somebody read the code of, by verdict, and in how many repositories they were."""

    true: int
    false: int
    debatable: int
    repositories: int

    @property
    def judged(self) -> int:
        return self.true + self.false + self.debatable

    @property
    def precision(self) -> float | None:
        """The share of true findings; what can be argued counts for neither side."""
        counted = self.true + self.false
        return self.true / counted if counted else None

    @property
    def proven(self) -> bool:
        """Whether it is enough to leave preview."""
        return self.judged >= ENOUGH and self.precision is not None and self.precision >= RIGHT

    def __str__(self) -> str:
        if self.precision is None:
            return "no finding on real code has been judged yet"
        argued = f", {self.debatable} debatable" if self.debatable else ""
        return (
            f"{self.precision:.1%} of its findings on real code are true: {self.judged} judged in {self.repositories} "
            f"repositories, {self.false} false{argued}"
        )


NOTHING: Final = Measured(0, 0, 0, 0)


@cache
def measures() -> dict[str, Measured]:
    """What was measured, by code; a rule without findings is missing."""
    return {code: Measured(**counts) for code, counts in json.loads(FILE.read_text(encoding="utf-8")).items()}


def written(found: dict[str, Measured]) -> str:
    """The file as it is kept: one line a rule."""
    lines = [f'  "{code}": {json.dumps(asdict(one))}' for code, one in sorted(found.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"
