"""Fixes of updates, which rules share; each is the fix, or the reason why there is none."""

from __future__ import annotations

from gradlint.fix.guards import guard_before

__all__ = ["guard_before"]
