"""The events around an update in the order in which they run, with the gradient states that arrive at each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradlint.program import syntax as s
from gradlint.program.conditions import Leaf
from gradlint.program.flow import Act, Attempt, Branch, Choice, Flows, Invoke, Loop
from gradlint.program.gradients import Budget, Concerns, Exits, Solver, State
from gradlint.program.scopes import Scope
from gradlint.program.updates import STEPS, Focus, Update, Updates

Call = tuple[Scope, s.Call | None]


@dataclass(frozen=True, slots=True)
class Met:
    """An event, or a test for non-finite values, that the analysis came to.

    Args:
        what: the act, or the condition that tests.
        scope: the function that it stands in.
        path: the functions on the first way to it, outer first, each with the call that enters it.
        states: the gradient states that arrive.
        concerns: whether it is about the update's gradients.
    """

    what: Act | Leaf
    scope: Scope
    path: tuple[Call, ...]
    states: frozenset[State]
    concerns: bool

    @property
    def node(self) -> s.Node | None:
        return self.what.node if isinstance(self.what, Act) else self.what.test


class _Tracer(Solver):
    """A solver that notes every event in the order in which it first comes to it."""

    def __init__(self, flows: Flows, concerns: Concerns) -> None:
        super().__init__(flows, concerns, Budget(STEPS))
        self.met: dict[Act | Branch, tuple[Scope, tuple[Call, ...], set[State]]] = {}

    def _note(self, what: Act | Branch, states: Iterable[State]) -> None:
        known = self.met.setdefault(what, (self._scope, tuple(self._active), set()))
        known[2].update(states)

    def _act(self, act: Act, state: State) -> State:
        self._note(act, [state])
        return super()._act(act, state)

    def _compound(self, item: Branch | Choice | Loop | Attempt | Invoke, states: set[State]) -> Exits:
        if isinstance(item, Branch) and item.leaf.finite is not None:
            self._note(item, states)
        return super()._compound(item, states)


def trace(update: Update, updates: Updates) -> list[Met]:
    """The events on the ways to an update and behind it."""
    focus = Focus(update.act, update.program.flows)
    tracer = _Tracer(update.program.flows, focus.concerns)
    for root, entry in updates.roots(update.act):
        tracer.run(root, entry)
    if not any(isinstance(x, Act) and x.node is update.node for x in tracer.met):
        tracer.run(update.scope, State(fresh=None))
    return [
        Met(
            what.leaf if isinstance(what, Branch) else what,
            scope,
            path,
            frozenset(states),
            isinstance(what, Branch) or focus.concerns(what),
        )
        for what, (scope, path, states) in tracer.met.items()
    ]
