"""Fixes of updates, which rules share; each is the fix, or the reason why there is none."""

from __future__ import annotations

from gradlint.fix.clips import clip_before
from gradlint.fix.guards import guard_before

__all__ = ["clip_before", "guard_before"]
