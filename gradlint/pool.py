"""Many pieces of work over several processes, with the results in order and the same as from one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

WORTH: Final = 250_000  # bytes of training code: below, starting a process costs more than it saves
_BLOCKS: Final = 4  # for each process: fewer balance badly, more find out once more what pieces have in common
_SMALL: Final = 8  # how many blocks of pieces that have nothing in common weigh as much as one of the others

_work: Callable[[int], object] | None = None


def processes(wanted: int, weight: int, pieces: int) -> int:
    """How many processes a run is worth: as many as `wanted`, or, where that is 0, what the machine and the work allow.

    Under pre-commit there are several of us already. Only a forked process starts fast enough to be worth it.
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":
        return 1
    if not wanted:
        wanted = 1 if weight < WORTH or "PRE_COMMIT" in os.environ else _cores()
    return max(1, min(wanted, pieces))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def results(work: Callable[[int], T], weights: Sequence[int], count: int, wholes: Sequence[object] = ()) -> Iterator[T]:
    """What `work` gives for each piece, in order. What a process that dies has not done is done here.

    Pieces of the same of `wholes` have much in common, others next to nothing.
    """
    if count <= 1:
        yield from map(work, range(len(weights)))
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    global _work
    _work = work
    pool = ProcessPoolExecutor(count, mp_context=get_context("fork"))
    finished = False
    try:
        blocks = list(_blocks(weights, wholes or [None] * len(weights), count * _BLOCKS))
        heaviest = sorted(blocks, key=lambda block: -sum(weights[index] for index in block))
        promises = {block: pool.submit(_block, block) for block in heaviest}
        for block in blocks:
            try:
                done = promises[block].result()
            except BrokenProcessPool:
                done = [work(index) for index in block]
            yield from done  # type: ignore[misc]  # it is what `work` gave, in another process
        finished = True
    finally:
        _work = None
        # A pool that is still closing when Python ends writes a traceback; one that is interrupted is not waited for.
        pool.shutdown(wait=finished, cancel_futures=True)


def _block(block: range) -> list[object]:
    assert _work is not None
    return [_work(index) for index in block]


def _blocks(weights: Sequence[int], wholes: Sequence[object], count: int) -> Iterator[range]:
    """Neighbours together, in blocks of about the same weight or, where a whole ends, smaller ones."""
    most = sum(weights) / count
    start, held = 0, 0
    for index, weight in enumerate(weights):
        ends = held >= most / _SMALL and wholes[index] is not wholes[index - 1]
        if held and (ends or held + weight > most):
            yield range(start, index)
            start, held = index, 0
        held += weight
    if start < len(weights):
        yield range(start, len(weights))
