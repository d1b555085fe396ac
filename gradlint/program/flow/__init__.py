"""What a function does to gradients, in control-flow order: a small program of events, calls and branches."""

from __future__ import annotations

from gradlint.program.flow.flows import Flows
from gradlint.program.flow.items import RESULT, Act, Attempt, Branch, Choice, Flow, Invoke, Leave, Loop, Rebind, every
from gradlint.program.flow.manual import HOOKS
from gradlint.program.flow.told import arguments

__all__ = [
    "HOOKS",
    "RESULT",
    "Act",
    "Attempt",
    "Branch",
    "Choice",
    "Flow",
    "Flows",
    "Invoke",
    "Leave",
    "Loop",
    "Rebind",
    "arguments",
    "every",
]
