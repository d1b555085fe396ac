"""Sharing work among processes."""

from __future__ import annotations

import os
import sys

import pytest

from gradlint import pool

FORKS = hasattr(os, "fork") and sys.platform != "darwin"


@pytest.mark.skipif(not FORKS, reason="there is one process there")
def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRE_COMMIT", raising=False)
    monkeypatch.setattr(pool, "_cores", lambda: 8)
    assert pool.processes(0, pool.WORTH - 1, 100) == 1
    assert pool.processes(0, pool.WORTH, 100) == 8
    assert pool.processes(0, pool.WORTH, 3) == 3
    assert pool.processes(5, 1, 100) == 5
    assert pool.processes(0, pool.WORTH, 0) == 1
    monkeypatch.setenv("PRE_COMMIT", "1")
    assert pool.processes(0, pool.WORTH, 100) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_order(count: int) -> None:
    assert list(pool.results(lambda index: index * index, [1] * 50, count if FORKS else 1)) == [
        n * n for n in range(50)
    ]


def test_blocks_end_where_wholes_do() -> None:
    weights, wholes = [8] * 8 + [2] * 8, ["one"] * 8 + ["other"] * 2 + ["third"] * 6
    blocks = [list(block) for block in pool._blocks(weights, wholes, 5)]
    assert blocks == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11, 12, 13, 14, 15]]


@pytest.mark.skipif(not FORKS, reason="there is one process there")
def test_what_a_dead_process_leaves_is_done() -> None:
    parent = os.getpid()

    def work(index: int) -> int:
        if index == 7 and os.getpid() != parent:
            os._exit(1)
        return index

    assert list(pool.results(work, [1] * 20, 2)) == list(range(20))
