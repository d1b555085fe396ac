"""GL201: gradients are clipped while they are still scaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update


class ClipOfScaledGradients(Rule):
    """x"""

    code: ClassVar[str] = "GL201"
    name: ClassVar[str] = "clip-of-scaled-gradients"
    level: ClassVar[Level] = Level.ERROR

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind != "scaler":
            return
        for clip in update.scaled_clips:
            yield self.at(
                clip.act.scope.module,
                clip.act.node,
                "this clips gradients that are still scaled",
                update=update,
                related=update.related(),
            )
