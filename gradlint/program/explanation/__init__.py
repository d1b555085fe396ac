"""What the analysis believes of an update or a network, and what it could not tell: for `gradlint explain`."""

from __future__ import annotations

from gradlint.program.explanation.networks import of_network
from gradlint.program.explanation.remark import Explanation, Remark, Section
from gradlint.program.explanation.steps import missed_step
from gradlint.program.explanation.updates import of_update

__all__ = ["Explanation", "Remark", "Section", "missed_step", "of_network", "of_update"]
