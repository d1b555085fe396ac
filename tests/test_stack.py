"""Room for frames: calls at the end of a chunk of Python's stack take no memory from the system each time."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from gradlint.stack import roomy

resource = pytest.importorskip("resource")
CALLS = 2000


def at_depth(depth: int, work: Callable[[], None]) -> None:
    if depth:
        at_depth(depth - 1, work)
    else:
        work()


def nested(depth: int) -> None:
    if depth:
        nested(depth - 1)


def calls() -> None:
    for _ in range(CALLS):
        nested(4)


def most_faults() -> int:
    """The pages that calls at some depth make the system provide."""
    found = 0
    for depth in range(200):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        at_depth(depth, calls)
        found = max(found, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux counts")
def test_calls_need_no_new_memory() -> None:
    if most_faults() < CALLS:
        pytest.skip("this Python does not give chunks of its stack back")
    assert roomy(most_faults) < CALLS / 4
