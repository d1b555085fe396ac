"""Fixes of updates, which rules share; each is the fix, or the reason why there is none."""

from __future__ import annotations

from gradlint.fix.bounds import Bound, Style
from gradlint.fix.clips import clip_all, clip_before, clip_by
from gradlint.fix.guards import guard_before
from gradlint.fix.order import after_step, before_step, scheduler_after_step, step_through, without
from gradlint.fix.reactions import react
from gradlint.fix.scaling import scale_loss
from gradlint.fix.unscales import clip_in_file, unscale_before
from gradlint.fix.warmups import above_zero, start_stepping, step_in_loop, warm_up

__all__ = [
    "Bound",
    "Style",
    "above_zero",
    "after_step",
    "before_step",
    "clip_all",
    "clip_before",
    "clip_by",
    "clip_in_file",
    "guard_before",
    "react",
    "scale_loss",
    "scheduler_after_step",
    "start_stepping",
    "step_in_loop",
    "step_through",
    "unscale_before",
    "warm_up",
    "without",
]
