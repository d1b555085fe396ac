"""GL101: a recurrent network is updated without clipping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update


class UnclippedRecurrentUpdate(Rule):
    """x"""

    code: ClassVar[str] = "GL101"
    name: ClassVar[str] = "unclipped-recurrent-update"
    level: ClassVar[Level] = Level.WARNING
    max_norm: float = 1.0

    def check_update(self, update: Update) -> Iterator[Finding]:
        if not update.can_be(lambda state: not state.clips) or update.clipped_elsewhere:
            return
        recurrence = update.recurrence
        if recurrence is None:
            return
        yield self.at(
            update.module,
            update.node,
            f"the gradients of {recurrence.what} reach this step unclipped",
            update=update,
            related=update.related(),
        )
