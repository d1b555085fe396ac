"""What is asked of a network, and what one way through it shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gradlint.program.networks.core import Decision, untouched
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.making import Root
from gradlint.program.networks.objects import Container, Layer, Link, Tensor
from gradlint.records import dataclass


@dataclass(frozen=True, eq=False)
class Question:
    """How many layers a run has to have, which of them count, and whether that hangs on what scripts do to them.

    `bridged` is whether a run may go on behind layers that a residual goes around, `concerns` whether an outcome is of
    interest at all.
    """

    depth: int
    counts: Callable[[Layer], bool] = untouched
    outside: bool = False
    bridged: bool = True
    concerns: Callable[[Outcome], bool] = lambda outcome: True


@dataclass(frozen=True, eq=False)
class Outcome:
    """One way through: the runs, the conditions decided, the network as it was built, and what its methods gave."""

    root: Root
    runs: tuple[tuple[Link, ...], ...]
    decisions: Mapping[int, Decision]
    order: Mapping[Layer, tuple[int, int]]
    bearing: frozenset[int] = frozenset()  # the conditions that layers may hang on
    containers: tuple[Container, ...] = ()
    outputs: tuple[Tensor, ...] = ()

    @property
    def oracle(self) -> dict[int, bool]:
        """How its conditions were taken, to go the same way again."""
        return {key: decision.value for key, decision in self.decisions.items()}

    def longest(self) -> int:
        return max((len(r) for r in self.runs), default=0)


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome that holds on all ways, whether some were left out, and whether the first held a run at all."""

    outcome: Outcome
    cut: bool
    met: bool


def outcome_of(machine: Machine, root: Root) -> Outcome:
    """What a forward pass has shown of a network."""
    return Outcome(
        root,
        tuple(_segments(machine)),
        dict(machine.decisions),
        dict(machine.order),
        frozenset(machine.bearing),
        tuple(machine.containers),
        tuple(machine.outputs),
    )


def _segments(machine: Machine) -> list[tuple[Link, ...]]:
    """The runs without the layers that a residual goes around, each only in its whole length."""
    found: list[tuple[Link, ...]] = []
    for run in machine.runs:
        part: list[Link] = []
        for link in run:
            if link.layer in machine.covered:
                found.append(tuple(part))
                part = []
            else:
                part.append(link)
        found.append(tuple(part))
    found.sort(key=len, reverse=True)
    out: list[tuple[Link, ...]] = []
    for run in found:
        layers = {link.layer for link in run}
        if run and not any(layers <= {link.layer for link in kept} for kept in out):
            out.append(run)
    return out
