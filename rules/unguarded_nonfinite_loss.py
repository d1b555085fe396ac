"""GL501: a non-finite loss reaches the step unchecked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update


class UnguardedNonfiniteLoss(Rule):
    """x"""

    code: ClassVar[str] = "GL501"
    name: ClassVar[str] = "unguarded-nonfinite-loss"
    level: ClassVar[Level] = Level.WARNING

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind in ("implicit", "manual") or update.skips_nonfinite:
            return
        if not update.can_be(lambda state: not (state.guarded or state.anomaly)):
            return
        yield self.at(
            update.module,
            update.node,
            "a NaN or infinite loss reaches this step unchecked",
            update=update,
            related=update.related(),
        )
