"""The harness that executes fixed code of others: that it sees what it should, on code written here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.executed.__main__ import faults, faults_when_poisoned
from tests.executed.cases import CASES, Case
from tests.executed.probe import POISONED, STEPS, Probe, Seen

CLIPPED = Case("clipped", "owner/name", "train.py", ("GL101", "GL501"), print)


def watched(train: Callable[[Any], object], poison: bool = False) -> Seen:
    """What a probe sees of a function that is given torch."""
    torch = pytest.importorskip("torch")
    probe = Probe(poison)
    with probe.watching():
        torch.manual_seed(0)
        train(torch)
    return probe.seen


def endless(torch: Any, guard: bool = False, clip: bool = False) -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    while True:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(torch.randn(4, 2)), torch.full((4, 1), 100.0))
        if guard and not torch.isfinite(loss):
            raise FloatingPointError(f"non-finite loss: {loss.item()}")
        loss.backward()
        if clip or not guard:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0 if clip else 1e6)
        optimizer.step()


def test_a_run_is_ended_after_its_steps() -> None:
    seen = watched(lambda torch: endless(torch, clip=True))
    assert seen.steps == STEPS
    assert len(seen.losses) == STEPS + 1
    assert seen.changed
    assert seen.finite
    assert list(faults(CLIPPED, seen)) == []


def test_a_long_gradient_is_seen() -> None:
    assert any("gradient of norm" in fault for fault in faults(CLIPPED, watched(endless)))


def test_a_guard_stops_a_poisoned_run() -> None:
    seen = watched(lambda torch: endless(torch, guard=True), poison=True)
    assert (seen.steps, seen.finite, seen.error) == (POISONED, True, "FloatingPointError: non-finite loss: nan")
    assert list(faults_when_poisoned(seen)) == []


def test_poison_without_a_guard_reaches_the_weights() -> None:
    seen = watched(endless, poison=True)
    assert not seen.finite
    assert len(list(faults_when_poisoned(seen))) == 3


def test_errors_and_runs_that_do_nothing_are_faults() -> None:
    def crash(torch: Any) -> None:
        raise RuntimeError("boom")

    assert list(faults(CLIPPED, watched(crash))) == [
        "RuntimeError: boom",
        f"0 steps, not {STEPS}",
        "losses: []",
        "no weight has changed",
    ]


def test_what_is_watched_is_as_before() -> None:
    torch = pytest.importorskip("torch")
    before = (torch.Tensor.backward, torch.Tensor.cuda, torch.nn.functional.mse_loss)
    watched(endless)
    assert (torch.Tensor.backward, torch.Tensor.cuda, torch.nn.functional.mse_loss) == before


def test_at_least_twenty_functions_of_others_are_executed() -> None:
    assert len(CASES) >= 20
    assert all(case.rules and len(case.commit) == 40 for case in CASES.values())
