"""The typestate of one optimizer's gradients: which states can arrive at each clip and step.

Between `backward` and `step` gradients are fresh or stale, scaled or unscaled, clipped or not, checked for
non-finite values or not. A state carries the choices under which it arose, so that two branches on the same
condition are taken alike. Loops run at least once; calls of project functions are followed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import field
from functools import cache
from typing import NamedTuple

from gradlint.program import syntax as s
from gradlint.program.flow import (
    RESULT,
    Act,
    Attempt,
    Branch,
    Choice,
    Flow,
    Flows,
    Invoke,
    Leave,
    Loop,
    Rebind,
)
from gradlint.program.scopes import Scope
from gradlint.records import dataclass

_STATES = 24
_DEPTH = 10
_ROUNDS = 4
_LIGHT = 8  # a state is as quick to follow as any with so many clips; with more it counts for several
_TOLD = frozenset(["backward", "clip", "unscale", "schedule", "step", "test", "zero"])

Key = tuple[Scope, str]
Assumption = tuple[Key, bool, bool]  # a choice, how it was taken, and whether the configuration makes it
NOTHING: frozenset[Assumption] = frozenset()
_NAMELESS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that the gradients went through, and whether they were still scaled then."""

    act: Act
    scaled: bool


class State(NamedTuple):
    """What is true of the gradients on one way to a point; `fresh` is None where the caller is not known.

    A tuple, since a run makes and compares millions; the choices and names stand last, `core` is what is before them.
    """

    fresh: bool | None = False
    backward: Act | None = None
    scaled: bool = False
    unscaled: bool = False
    stepped: bool = False
    clips: frozenset[Clip] = frozenset()
    guarded: bool = False
    anomaly: bool = False
    leftover: bool = False  # the gradients of an earlier step are still in them
    zeroed: bool = False  # they may have been zeroed since the last step
    awaiting: bool = False  # the scaler stepped, and was not updated since
    moved: bool = False  # a step may have been taken before
    loss: frozenset[str] = frozenset()
    checked: frozenset[str] = frozenset()
    assumed: frozenset[Assumption] = NOTHING

    @property
    def core(self) -> tuple[object, ...]:
        """What is true of the gradients, whatever the choices that led there."""
        return self[:_CORE]

    def under(self, assumed: frozenset[Assumption]) -> State:
        """The same under other choices: what `_replace` gives, several times as fast."""
        return State(*self[:-1], assumed)

    def assume(self, key: Key, value: bool, config: bool) -> State:
        return self.under(self.assumed | {(key, value, config)})

    def knows(self, key: Key) -> bool | None:
        assumed = self.assumed
        if not assumed:
            return None
        if (key, True, True) in assumed or (key, True, False) in assumed:
            return True
        return False if (key, False, True) in assumed or (key, False, False) in assumed else None

    @property
    def configuration(self) -> frozenset[tuple[Key, bool]]:
        """The settings under which this state arises."""
        return frozenset((k, v) for k, v, config in self.assumed if config)


_CORE = State._fields.index("loss")


class Exhausted(Exception):  # noqa: N818 - no error
    """More ways lead through the code than may be followed."""


@dataclass(slots=True)
class Budget:
    """How much may still be followed: one for each state at each event."""

    left: int


@dataclass(slots=True)
class Exits:
    """The states in which a piece of flow ends, by how it ends."""

    falls: set[State] = field(default_factory=set)
    returns: set[State] = field(default_factory=set)
    breaks: set[State] = field(default_factory=set)
    continues: set[State] = field(default_factory=set)

    def absorb(self, other: Exits) -> None:
        self.returns |= other.returns
        self.breaks |= other.breaks
        self.continues |= other.continues


@dataclass(slots=True, eq=False)
class _Passage:
    """One way through a function: the states at its own events, and the ways through what it calls.

    A way through a called function goes with the choices that were put aside for it.
    """

    arrivals: dict[Act, set[State]] = field(default_factory=dict)
    calls: dict[tuple[_Passage, frozenset[Assumption]], None] = field(default_factory=dict)

    def gathered(self) -> dict[Act, set[State]]:
        """The states at all events, those of called functions too."""
        out: dict[Act, set[State]] = {}
        ways = {(self, NOTHING): None}
        queue = list(ways)
        for passage, aside in queue:
            for act, states in passage.arrivals.items():
                out.setdefault(act, set()).update(_resumed(states, aside))
            inner = [way for called, more in passage.calls if (way := (called, aside | more)) not in ways]
            ways.update(dict.fromkeys(inner))
            queue += inner
        return out


Concerns = Callable[[Act], bool]


class Solver:
    """Follows one optimizer through root functions, and notes the states that arrive at its events.

    What several roots call is followed once.

    Args:
        flows: what each function does.
        concerns: whether an event is about this optimizer (its step, its clip, its `unscale_`).
    """

    def __init__(self, flows: Flows, concerns: Concerns) -> None:
        self.flows = flows
        self.concerns = cache(concerns)
        self.budget = Budget(0)
        self.forgotten: set[str] = set()  # the texts of choices that were more than could be kept apart
        self._checks = True  # whether any value is ever checked: else nobody asks what a loss is called
        self._passage = _Passage()
        self._memo: dict[tuple[Scope, State, bool], tuple[frozenset[State], _Passage]] = {}
        self._kept: dict[tuple[Rebind, frozenset[Assumption]], frozenset[Assumption]] = {}
        self._active: list[tuple[Scope, s.Call | None]] = []

    def run(self, root: Scope, entry: State, budget: Budget) -> dict[Act, set[State]]:
        """Follow a root function from its first statement: the states that arrive at each event.

        Raises Exhausted where the budget is not enough; the solver is of no use then.
        """
        self.budget, self._passage = budget, _Passage()
        self._checks = self.flows.reach(root).checks
        self._function(root, entry, None)
        return self._passage.gathered()

    def _few(self, states: set[State]) -> set[State]:
        """At most so many states: beyond, choices are forgotten, those first that tell the least of the gradients."""
        if len(states) <= _STATES:
            return states
        telling = _telling(states)
        keys = sorted(telling, key=lambda key: (telling[key], repr(key[1]), _place(key)))
        low, high = 1, len(keys)
        while low < high:  # the fewest to forget: the more, the fewer states are left
            middle = (low + high) // 2
            if len(_forgetting(states, keys[:middle])) <= _STATES:
                high = middle
            else:
                low = middle + 1
        self.forgotten.update(str(key[1]) for key in keys[:low])
        states = _forgetting(states, keys[:low])
        if len(states) <= _STATES:
            return states
        states = {state._replace(checked=frozenset()) for state in states}
        return set(sorted(states, key=_rank)[: 2 * _STATES])

    def _function(self, scope: Scope, entry: State, call: s.Call | None) -> frozenset[State]:
        aside = self._aside(scope, entry) if entry.assumed else NOTHING
        if aside:
            entry = entry.under(entry.assumed - aside)
        key = (scope, entry, self._checks)
        known = self._memo.get(key)
        if known is None:
            if any(scope is active for active, _ in self._active) or len(self._active) >= _DEPTH:
                known = frozenset([entry]), _Passage()
            else:
                self._memo[key] = frozenset([entry]), _Passage()
                self._active.append((scope, call))
                outer, self._passage = self._passage, _Passage()
                exits = self._flow(self.flows.pruned(scope), {entry})
                known = self._memo[key] = frozenset(self._few(_perhaps(exits.falls | exits.returns))), self._passage
                self._passage = outer
                self._active.pop()
        ends, passage = known
        if passage.arrivals or passage.calls:
            self._passage.calls[passage, aside] = None
        return frozenset(_resumed(ends, aside))

    def _aside(self, scope: Scope, entry: State) -> frozenset[Assumption]:
        """The choices that a function neither asks about nor opens again: it does the same whatever they are."""
        reach = self.flows.reach(scope)
        return frozenset(a for a in entry.assumed if a[0] not in reach.asked and not reads(a[0][1], reach.bound))

    def _flow(self, flow: Flow, states: set[State]) -> Exits:
        exits = Exits(falls=states)
        for item in flow:
            if not exits.falls:
                break
            self.budget.left -= len(exits.falls)
            if self.budget.left < 0:
                raise Exhausted
            if isinstance(item, Act):
                exits.falls = {self._act(item, state) for state in exits.falls}
            elif isinstance(item, Rebind):
                exits.falls = {self._rebind(item, state) for state in exits.falls}
            elif isinstance(item, Leave):
                self._leave(item, exits)
            else:
                inner = self._compound(item, exits.falls)
                exits.falls = self._few(inner.falls)
                exits.absorb(inner)
        return exits

    @property
    def _scope(self) -> Scope:
        return self._active[-1][0]

    def _leave(self, item: Leave, exits: Exits) -> None:
        if item.kind == "return":
            exits.returns |= {_give_back(state, item.names) for state in exits.falls}
        elif item.kind == "break":
            exits.breaks |= exits.falls
        elif item.kind == "continue":
            exits.continues |= exits.falls
        exits.falls = set()

    def _compound(self, item: Branch | Choice | Loop | Attempt | Invoke, states: set[State]) -> Exits:
        if isinstance(item, Branch):
            return self._branch(item, states)
        if isinstance(item, Loop):
            return self._loop(item, states)
        if isinstance(item, Invoke):
            return Exits(falls={after for state in states for after in self._invoke(item, state)})
        out = Exits()
        if isinstance(item, Choice):
            for way in item.ways:
                inner = self._flow(way, set(states))
                out.falls |= inner.falls
                out.absorb(inner)
            return out
        body = self._flow((*item.body, *item.orelse), set(states))
        out.falls |= body.falls
        out.absorb(body)
        for handler in item.handlers:
            inner = self._flow(handler, set(states))
            out.falls |= inner.falls
            out.absorb(inner)
        out.falls = _perhaps(out.falls)  # what a handler takes up may have stepped before it raised
        if item.final:
            final = self._flow(item.final, out.falls)
            out.falls = final.falls
            out.absorb(final)
        return out

    def _branch(self, item: Branch, states: set[State]) -> Exits:
        leaf = item.leaf
        recurring = self.flows.recurring(self._scope)
        then: set[State] = set()
        orelse: set[State] = set()
        for state in states:
            known = leaf.constant if leaf.constant is not None else state.knows(leaf.key)
            yes = no = state
            if known is None and (leaf.config or leaf.key in recurring):
                yes, no = state.assume(leaf.key, True, leaf.config), state.assume(leaf.key, False, leaf.config)
            if leaf.finite is not None and (leaf.finite.bad_when is not None or item.then or item.orelse):
                if leaf.finite.bad_when is not True:
                    yes = _check(yes, leaf.finite.subjects, leaf.finite.gradients)
                if leaf.finite.bad_when is not False:
                    no = _check(no, leaf.finite.subjects, leaf.finite.gradients)
            if known is not False:
                then.add(yes)
            if known is not True:
                orelse.add(no)
        first, second = self._flow(item.then, then), self._flow(item.orelse, orelse)
        return Exits(
            _perhaps(_merged(first.falls, second.falls, leaf.key)),
            _merged(first.returns, second.returns, leaf.key),
            _merged(first.breaks, second.breaks, leaf.key),
            _merged(first.continues, second.continues, leaf.key),
        )

    def _loop(self, item: Loop, states: set[State]) -> Exits:
        out = Exits()
        seen: set[State] = set()
        ends: set[State] = set()
        entering = set(states)
        for _ in range(_ROUNDS):
            entering -= seen
            if not entering:
                break
            seen |= entering
            inner = self._flow(item.body, entering)
            out.returns |= inner.returns
            out.falls |= inner.breaks
            entering = self._few(_perhaps(inner.falls | inner.continues))
            ends |= entering
        if not item.endless:
            after = self._flow(item.orelse, self._few(ends))
            out.falls |= after.falls
            out.absorb(after)
        out.falls = _perhaps(out.falls)
        return out

    def _invoke(self, item: Invoke, state: State) -> Iterable[State]:
        out: set[State] = set()
        for target in item.targets:
            inside = state
            if state.checked or state.loss:
                inside = state._replace(
                    checked=self._passed(item, target.scope, state.checked),
                    loss=self._passed(item, target.scope, state.loss),
                )
            kept = frozenset(a for a in state.assumed if not a[2] and a[0][0] is item.scope)
            if kept:
                inside = inside.under(state.assumed - kept)
            for after in self._function(target.scope, inside, item.node):
                # What a called function chose on the way is its own; its settings stay.
                left = frozenset(a for a in after.assumed if a[2] or a[0][0] is not target.scope)
                if self._checks:
                    checked = state.checked | self.flows.handed_back(item, target.scope, after.checked)
                    after = after._replace(checked=checked, loss=after.loss | state.loss)
                out.add(after.under(left | kept))
        return _perhaps(out) or {state}

    def _passed(self, item: Invoke, scope: Scope, names: frozenset[str]) -> frozenset[str]:
        """The names as the called function knows them: its parameters, and attributes of the same `self`."""
        if not names:
            return names
        conditions = self.flows.conditions
        out = {n for n in names if "." in n}
        for param, given in self.flows.arguments(item, scope):
            if conditions.light(given, item.scope) & names:
                out.add(param)
        return frozenset(out)

    def _rebind(self, item: Rebind, state: State) -> State:
        """An assignment: conditions on the name are open again; a value computed from checked ones is checked."""
        checked, assumed, loss = state.checked, state.assumed, state.loss
        if checked:
            derived = bool(item.sources & checked)
            checked = frozenset(n for n in checked if not n.startswith(RESULT))
            names = set(item.names)
            checked = frozenset(checked | names) if derived else frozenset(n for n in checked if _base(n) not in names)
        if loss and item.sources & loss:
            loss = loss | set(item.names)
        if assumed:
            assumed = self._still(item, assumed)
        if checked != state.checked or assumed != state.assumed or loss != state.loss:
            state = state._replace(checked=checked, assumed=assumed, loss=loss)
        if item.constant is not None and len(item.names) == 1:
            state = state.assume((self._scope, item.names[0]), item.constant, False)
        return state

    def _still(self, item: Rebind, assumed: frozenset[Assumption]) -> frozenset[Assumption]:
        """The choices that an assignment leaves as they are."""
        kept = self._kept.get((item, assumed))
        if kept is None:
            kept = self._kept[item, assumed] = frozenset(a for a in assumed if not reads(a[0][1], item.names))
        return kept

    # --- events -------------------------------------------------------------------------------

    def _act(self, act: Act, state: State) -> State:
        does = act.does
        if does in _TOLD and self.concerns(act):
            self._passage.arrivals.setdefault(act, set()).add(state)
        if does == "backward":
            return self._backward(act, state)
        if does == "zero":
            if not self.concerns(act):
                return state
            return state._replace(fresh=False, clips=frozenset(), guarded=False, leftover=False, zeroed=True)
        if does == "new":  # what ran backward before was for another optimizer
            return state._replace(fresh=False, clips=frozenset(), guarded=False) if self.concerns(act) else state
        if does == "clip":
            return self._clip(act, state)
        if does == "unscale":
            return state._replace(unscaled=True) if self.concerns(act) else state
        if does == "descale":  # the block that scaled the loss is left
            return state._replace(scaled=False)
        if does == "step":
            return self._step(act, state)
        if does == "update":
            return state._replace(scaled=False, unscaled=False, awaiting=False)
        if does == "check":
            return _check(state, act.names, bool(act.fact.get("gradients")))
        if does == "anomaly":
            operand = act.operand
            off = isinstance(operand, s.Constant) and operand.value is False
            return state if off else state._replace(anomaly=True)
        if does == "implicit":
            self._passage.arrivals.setdefault(act, set()).add(state)
        return state

    def _backward(self, act: Act, state: State) -> State:
        names = act.names if self._checks else _NAMELESS
        guarded = bool(names & state.checked)
        if state.stepped or not state.fresh:
            return state._replace(
                fresh=True,
                backward=act,
                stepped=False,
                scaled=self._is_scaled(act),
                unscaled=False,
                clips=frozenset(c for c in state.clips if state.fresh and not state.stepped),
                guarded=guarded,
                loss=names,
                leftover=state.leftover or bool(state.fresh and state.moved and not state.zeroed and _adds(act)),
            )
        scaled = state.scaled or self._is_scaled(act)
        return state._replace(backward=act, scaled=scaled, guarded=guarded or state.guarded, loss=names | state.loss)

    def _is_scaled(self, act: Act) -> bool:
        """Whether the loss went through a gradient scaler on its way here."""
        if act.operand is None:
            return False
        return self.flows.scales(act.operand, act.scope)

    def _clip(self, act: Act, state: State) -> State:
        scaled = state.scaled and not state.unscaled
        if scaled and act.bound is not None and self.flows.rescales(act.bound, act.scope):
            scaled = False
        if act.fact.get("unscales"):
            state = state._replace(unscaled=True)
            scaled = False
        if act.fact.get("raises"):
            state = state._replace(guarded=True)
        nonfinite = act.event.operands.get("nonfinite") if act.event is not None else None
        if nonfinite is not None and isinstance(act.node, s.Call):
            given = act.node.arg(nonfinite.position, nonfinite.keyword)
            if isinstance(given, s.Constant) and given.value is True:
                state = state._replace(guarded=True)
        if state.fresh is False or not self.concerns(act) or self.flows.idle(act):
            return state
        self.budget.left -= len(state.clips) // _LIGHT
        return state._replace(clips=state.clips | {Clip(act, scaled)})

    def _step(self, act: Act, state: State) -> State:
        if not self.concerns(act):
            return state._replace(stepped=True)
        awaiting = state.awaiting or bool(act.fact.get("scaled") and not act.fact.get("whole"))
        return state._replace(stepped=True, moved=True, zeroed=False, awaiting=awaiting)


def _adds(act: Act) -> bool:
    """Whether a backward pass adds to the gradients that are there."""
    return act.event is not None and not act.event.facts.get("apart")


def _check(state: State, subjects: frozenset[str], gradients: bool) -> State:
    guarded = state.guarded
    if state.fresh is not False and not state.stepped:
        guarded = guarded or gradients or bool(subjects & state.loss)
    return state._replace(checked=state.checked | subjects, guarded=guarded)


def _resumed(states: Iterable[State], aside: frozenset[Assumption]) -> Iterable[State]:
    """The states with the choices that were put aside."""
    return (state.under(state.assumed | aside) for state in states) if aside else states


def _base(name: str) -> str:
    return name.partition("[")[0]


def _give_back(state: State, names: frozenset[str]) -> State:
    """A return: whether what it gives back was checked."""
    if names & state.checked:
        return state._replace(checked=state.checked | {RESULT})
    return state._replace(checked=state.checked - {RESULT}) if RESULT in state.checked else state


def reads(text: str, names: Iterable[str]) -> bool:
    """Whether a condition's text reads one of the names, as whole words."""
    for name in names:
        start = text.find(name)
        while start >= 0:
            end = start + len(name)
            before = text[start - 1] if start else " "
            after = text[end] if end < len(text) else " "
            if not (before.isalnum() or before in "_.") and not (after.isalnum() or after == "_"):
                return True
            start = text.find(name, start + 1)
    return False


def _merged(first: set[State], second: set[State], key: Key) -> set[State]:
    """The states after both ways of a branch: where they agree, the choice no longer matters."""
    if not first or not second:
        return first | second
    stripped = {_without(state, key) for state in first} & {_without(state, key) for state in second}
    if not stripped:
        return first | second
    return stripped | {state for state in first | second if _without(state, key) not in stripped}


def _perhaps(states: set[State]) -> set[State]:
    """The states where ways meet: what was stepped or zeroed on one of them may have been so on any."""
    moved, zeroed = any(state.moved for state in states), any(state.zeroed for state in states)
    return {state._replace(moved=moved, zeroed=zeroed) for state in states} if moved or zeroed else states


def _without(state: State, key: Key) -> State:
    if state.knows(key) is None:
        return state
    return state.under(frozenset(a for a in state.assumed if a[0] != key))


def _forgetting(states: set[State], keys: Iterable[Key]) -> set[State]:
    gone = set(keys)
    left = {known: frozenset(a for a in known if a[0] not in gone) for known in {state.assumed for state in states}}
    return {state.under(left[state.assumed]) for state in states}


def _telling(states: set[State]) -> dict[Key, int]:
    """In how many ways the gradients differ by each choice."""
    with_core = Counter(state.core for state in states)
    chosen: dict[Key, tuple[Counter[tuple[object, ...]], Counter[tuple[object, ...]]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for state in states:
        for key, value, _ in state.assumed:
            chosen[key][value][state.core] += 1
    out: dict[Key, int] = {}
    for key, (no, yes) in chosen.items():  # a state that leaves the choice open is on both sides
        out[key] = sum(no[core] + yes[core] == with_core[core] for core in no.keys() ^ yes.keys())
    return out


def _place(key: Key) -> tuple[str, int]:
    return str(key[0].module.path), key[0].node.id


def _rank(state: State) -> tuple[object, ...]:
    """An order of states that is the same in every run."""
    return (
        state.guarded,
        bool(state.clips),
        repr(state.fresh),
        *state[2:5],
        state.anomaly,
        _act_place(state.backward),
        sorted((*_act_place(clip.act), clip.scaled) for clip in state.clips),
        sorted(state.loss),
        sorted((*_place(key), *key[1:], value, config) for key, value, config in state.assumed),
    )


def _act_place(act: Act | None) -> tuple[str, int]:
    return ("", 0) if act is None else (str(act.scope.module.path), act.node.id)


def unsafe_everywhere(states: Iterable[State], safe: Callable[[State], bool]) -> bool:
    """Whether no configuration makes all its ways safe: then the hazard is there.

    A safeguard that the code can switch on counts as present, so one configuration in which every
    state is safe is enough to be silent.
    """
    every = list(states)
    for good in every:
        if not safe(good):
            continue
        chosen = good.configuration
        denied = {(k, not v) for k, v in chosen}
        if all(safe(st) for st in every if not (st.configuration & denied)):
            return False
    return bool(every)
