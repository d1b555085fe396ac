"""Which of the safeguards against exploding gradients each update has: the decision table, filled in for the code."""

from __future__ import annotations

from gradlint.audit.advice import ADVICE, Kind
from gradlint.audit.report import Audit, Entry, audit
from gradlint.audit.verdict import Status, Verdict

__all__ = ["ADVICE", "Audit", "Entry", "Kind", "Status", "Verdict", "audit"]
