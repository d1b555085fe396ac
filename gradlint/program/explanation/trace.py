"""The events around an update in the order in which they run, with the gradient states that arrive at each."""

from __future__ import annotations

from collections.abc import Iterable

from gradlint.program import syntax as s
from gradlint.program.flow import Act, Flows
from gradlint.program.gradients import Budget, Concerns, Solver, State
from gradlint.program.scopes import Scope
from gradlint.program.updates import STEPS, Focus, Update, Updates
from gradlint.records import dataclass

Call = tuple[Scope, s.Call | None]


@dataclass(frozen=True, slots=True)
class Met:
    """An event that the analysis came to.

    Args:
        what: the act.
        scope: the function that it stands in.
        path: the functions on the first way to it, outer first, each with the call that enters it.
        states: the gradient states that arrive.
        concerns: whether it is about the update's gradients.
    """

    what: Act
    scope: Scope
    path: tuple[Call, ...]
    states: frozenset[State]
    concerns: bool

    @property
    def node(self) -> s.Node:
        return self.what.node


class _Tracer(Solver):
    """A solver that notes every event in the order in which it first comes to it."""

    def __init__(self, flows: Flows, concerns: Concerns) -> None:
        super().__init__(flows, concerns)
        self.met: dict[Act, tuple[Scope, tuple[Call, ...], set[State]]] = {}

    def _note(self, what: Act, states: Iterable[State]) -> None:
        known = self.met.setdefault(what, (self._scope, tuple(self._active), set()))
        known[2].update(states)

    def _act(self, act: Act, state: State) -> State:
        self._note(act, [state])
        return super()._act(act, state)


def trace(update: Update, updates: Updates) -> list[Met]:
    """The events on the ways to an update and behind it."""
    focus = Focus(update.act, update.program.flows)
    tracer, budget = _Tracer(update.program.flows, focus.concerns), Budget(STEPS)
    for root, entry in updates.roots(update.act):
        tracer.run(root, entry, budget)
    if not any(x.node is update.node for x in tracer.met):
        tracer.run(update.scope, State(fresh=None), budget)
    return [
        Met(what, scope, path, frozenset(states), what.does == "test" or focus.concerns(what))
        for what, (scope, path, states) in tracer.met.items()
    ]
