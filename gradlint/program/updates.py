"""The places where parameters change, with what arrives there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

from gradlint.finding import Related
from gradlint.program import syntax as s
from gradlint.program.flow import HOOKS, Act, Flows, Invoke, Loop, every
from gradlint.program.gradients import Budget, Clip, Exhausted, Solver, State, unsafe_everywhere
from gradlint.program.picked import possible
from gradlint.program.places import around
from gradlint.program.project import Module
from gradlint.program.reach import is_network, networks_in, networks_of, only_tensors, same_network, trained_by
from gradlint.program.scopes import Scope
from gradlint.program.traits import Evidence, Traits
from gradlint.program.values import Cls, Const, Func, Made, Unknown, Value, Values, ValueSet
from gradlint.records import dataclass
from gradlint.source.place import Place

if TYPE_CHECKING:
    from gradlint.program.adversaries import Trail
    from gradlint.program.schedules import Schedule, Schedules
    from gradlint.program.trainers import Trainers

_ROOTS = 12
STEPS = 200_000  # how many states at events are followed for one file: some seconds
_CLIMB = 8
_LEADS = 2  # through how many functions a call is looked for that leads to an event


@dataclass(frozen=True, slots=True)
class Program:
    """What the rules' questions are answered from."""

    values: Values
    flows: Flows
    traits: Traits
    schedules: Schedules
    trainers: Trainers
    trail: Trail


@dataclass(eq=False)
class Update:
    """One place where parameters change.

    `node` is the step (or the framework's construction), `states` the gradient states that can arrive there,
    `networks` the ones that are trained, as far as they can be found. `arrivals` has, for each event that concerns
    the same gradients, the states that can arrive there. `beside` are all updates of the file, itself included.
    `forgotten` are the conditions that were too many to keep apart, so that states may contradict them.
    """

    program: Program
    act: Act
    states: frozenset[State]
    known_callers: bool
    arrivals: Mapping[Act, frozenset[State]] = field(default_factory=dict)
    beside: Sequence[Update] = ()
    forgotten: frozenset[str] = frozenset()

    @property
    def module(self) -> Module:
        return self.act.scope.module

    @property
    def node(self) -> s.Node:
        return self.act.node

    @property
    def scope(self) -> Scope:
        return self.act.scope

    @cached_property
    def place(self) -> Place:
        return self.module.place(self.node)

    @cached_property
    def distributed(self) -> bool:
        """Whether the project can train in several processes."""
        words = self.program.values.vocabulary.entry("fixes", "processes")
        files = self.program.values.files
        return isinstance(words, list) and any(files.mentions(str(word)) for word in words)

    @cached_property
    def losses(self) -> frozenset[str]:
        """The names of the losses in the functions that run the backward passes."""
        return frozenset(name for act in self.backwards for name in act.names)

    @cached_property
    def near(self) -> frozenset[Scope]:
        """The functions that run the backward passes and the step, or work on the gradients in between."""
        between = (
            act.scope
            for act, states in self.arrivals.items()
            if any(state.backward in self.backwards and not state.stepped for state in states)
        )
        return frozenset([self.scope, *(act.scope for act in self.backwards), *between])

    def read(self, act: Act) -> bool:
        """Whether the code takes what an event's call gives."""
        return act.node not in act.scope.unread

    @cached_property
    def accumulates(self) -> tuple[Act, ...]:
        """The backward passes that add to what the same one gave for an earlier batch."""
        return tuple(
            act
            for act, states in self.events("backward")
            if any(state.fresh and not state.stepped and state.backward is act for state in states)
        )

    @cached_property
    def unguarded(self) -> bool:
        """Whether a non-finite loss can reach the step without a test that stops, skips or raises."""
        return self.can_be(lambda state: not (state.guarded or state.anomaly)) and not self.skips_nonfinite

    @cached_property
    def optimizers(self) -> ValueSet:
        return self.program.values.ranked(self.act.optimizers)

    @cached_property
    def kind(self) -> str:
        """How it steps: "torch", "scaler" (a gradient scaler), "manual", "implicit", or the name of a framework."""
        if self.act.event is None:
            return "manual"
        if self.act.does == "implicit":
            return "implicit"
        if self.act.fact.get("scaled"):
            return "scaler"
        kinds = {str(a.fact.get("kind")) for a in self.backwards if a.fact.get("kind")}
        own = self.act.fact.get("kind")
        return str(own) if own else kinds.pop() if len(kinds) == 1 else "torch"

    @cached_property
    def backwards(self) -> tuple[Act, ...]:
        """The backward passes whose gradients arrive; those of gradients that were since cleared, if none do."""
        states = [state for state in self.states if state.fresh is not False] or self.states
        found = {state.backward for state in states if state.backward is not None}
        return tuple(sorted(found, key=lambda a: (str(a.scope.module.path), a.node.id)))

    @cached_property
    def trained(self) -> tuple[State, ...]:
        """The states that hold gradients of a backward pass."""
        if self.kind == "implicit":
            return (State(fresh=True),)
        return tuple(st for st in self.states if st.fresh)

    def can_be(self, hazard: Callable[[State], bool]) -> bool:
        """Whether gradients of a backward pass can arrive in such a state, whatever the configuration."""
        return unsafe_everywhere(self.trained, lambda state: not hazard(state))

    @cached_property
    def clipped_elsewhere(self) -> bool:
        """Whether something clips that is no call before the step: a hook on the gradients, the framework itself."""
        if self.kind == "implicit":
            return self.program.trainers.clips(self.act, self.networks)
        return bool(self.act.fact.get("clips")) or any(
            isinstance(item, Act) and item.does == "hook" and self._concerns(item)
            for module in self.modules
            if not HOOKS.isdisjoint(module.words)
            for scope in module.scopes
            for item in every(self.program.flows.of(scope))
        )

    @cached_property
    def zeroed_elsewhere(self) -> bool:
        """Whether something may zero the gradients that was not met on the way to the step."""
        stepped = s.text(self.act.operand) if self.act.operand is not None else None
        if any(a.receiver is not None and s.text(a.receiver) == stepped for a in self.backwards):
            return True  # an engine, which does both, and zeroes by itself
        if self.program.flows.hands_over():
            return True  # what is zeroed is the copy that the gradients come from
        met = {(act.scope, act.node.id) for act in self.arrivals if act.does == "zero"}
        near = {act.scope for act in self.arrivals}
        near |= {method for scope in near if scope.owner is not None for method in scope.owner.inner.values()}
        for module in self.modules:
            for call, scope in module.calls.get("zero_grad", ()):
                acts = [a for a in self.program.flows.acts(scope) if a.node is call and self._told(a)]
                about = any(self.concerned(a) or self._shares(a) for a in acts) if acts else scope in near
                if (scope, call.id) not in met and about:
                    return True
        return False

    def _shares(self, zero: Act) -> bool:
        """Whether what zeroes is another optimizer, which trains some of the same networks."""
        values = self.program.values
        others = {n for optimizer in zero.optimizers for n in trained_by(optimizer, values)}
        return any(same_network(a, b, values) for a in others for b in self.networks)

    def _told(self, act: Act) -> bool:
        """Whether it is known what an event is about: a network, or what is an optimizer for certain."""
        values = self.program.values
        return bool(act.networks) or any(
            isinstance(v, Made) and any(values.vocabulary.role(base) == "optimizer" for base in values.bases_of(v))
            for v in act.optimizers
        )

    @cached_property
    def _parts(self) -> tuple[Made, ...]:
        """The networks with all that they hold."""
        return tuple(part.made for made in self.networks for part in self.program.traits.parts.whole(made))

    def _concerns(self, hook: Act) -> bool:
        """Whether a hook is on gradients of this update's networks; one that is on something unknown is taken to be."""
        values = self.program.values
        if not self.networks:
            return True
        if hook.networks:
            if not hook.networks.isdisjoint(self._parts):
                return True
            return any(
                same_network(a, b, values) for a in hook.networks for b in self.networks if isinstance(a.of, Cls)
            )
        owner = _class_around(hook.scope)
        if owner is None or not is_network(Made(Cls(owner)), values):
            return True
        return any(
            isinstance(x.of, Cls) and owner in values.lineage(x.of.scope) for x in (*self.networks, *self._parts)
        )

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """The files that have to do with the update: its own, its callers', its networks' and its optimizer's."""
        out = dict.fromkeys([self.module, *(a.scope.module for a in self.backwards)])
        for made in (*self.networks, *self._parts, *self.optimizers):
            if isinstance(made, Made):
                if made.scope is not None:
                    out[made.scope.module] = None
                if isinstance(made.of, Cls):
                    out[made.of.scope.module] = None
        return tuple(out)

    def events(self, does: str) -> list[tuple[Act, frozenset[State]]]:
        """The events of a kind that concern the gradients of this step, with the states that arrive there."""
        found = ((act, states) for act, states in self.arrivals.items() if act.does == does)
        return sorted(found, key=lambda pair: (str(pair[0].scope.module.path), pair[0].node.id))

    def here(self, act: Act) -> s.Node | None:
        """Where the step's file does what an event does: the event itself, or the call that leads to it elsewhere."""
        return act.node if act.scope.module is self.module else self.call_to(act)

    def call_to(self, act: Act, depth: int = _LEADS) -> s.Call | None:
        """The call, in the function that steps, that leads to an event elsewhere, through so many functions at most.

        Of several it is the first between the backward pass and the step, where there is one.
        """
        items = (item for item in every(self.program.flows.of(self.scope)) if isinstance(item, Invoke))
        calls = [item.node for item in items if self._leads(item, act.scope, depth)]
        start = min((b.node.id for b in self.backwards if b.scope is self.scope), default=self.node.id)
        between = (call for call in calls if start < call.id < self.node.id)
        return next(between, calls[0] if calls else None)

    def _leads(self, call: Invoke, goal: Scope, depth: int) -> bool:
        if any(target.scope is goal for target in call.targets):
            return True
        inner = (i for t in call.targets for i in every(self.program.flows.of(t.scope)) if isinstance(i, Invoke))
        return depth > 0 and any(self._leads(i, goal, depth - 1) for i in inner)

    @cached_property
    def alone(self) -> bool:
        """Whether no other optimizer steps in the functions that run the backward passes and the step."""
        scopes = dict.fromkeys([self.scope, *(a.scope for a in self.backwards)])
        steps = (a for scope in scopes for a in self.program.flows.acts(scope) if a.does == "step")
        return all(self.concerned(act) for act in steps)

    def concerned(self, act: Act) -> bool:
        """Whether an event is about the gradients of this step."""
        return act.node is self.node or self._focus.concerns(act)

    @cached_property
    def _focus(self) -> Focus:
        return Focus(self.act, self.program.flows)

    def one(self, act: Act) -> bool:
        """Whether an event is about one optimizer, not about each of several in turn."""
        if not isinstance(act.operand, s.Name):
            return True
        home = act.scope.lookup(act.operand.text)
        return home is None or all(b.kind != "element" for b in home.bindings.get(act.operand.text, ()))

    def sure(self, act: Act) -> bool:
        """Whether it is known that an event is about the gradients of this step and of no other."""
        return bool(act.networks and self.networks) or self.alone

    @cached_property
    def skips_nonfinite(self) -> bool:
        """Whether what steps leaves out a step with non-finite gradients by itself, as a gradient scaler does."""
        if self.kind == "scaler" or self.act.fact.get("skips_nonfinite"):
            return True
        if any(self.program.trainers.skips(optimizer) for optimizer in self.optimizers):
            return True
        return bool(self.backwards) and all(self.program.trainers.scales(act) for act in self.backwards)

    @cached_property
    def networks(self) -> tuple[Made, ...]:
        """The networks whose parameters the step changes."""
        values = self.program.values
        found: set[Made] = set(self.act.networks)
        off: set[Made] = set()
        for optimizer in self.optimizers:
            given = trained_by(optimizer, values)
            found |= given
            off |= {made for made in given if self._switched_off(made, optimizer)}
        if self.kind == "implicit":
            found |= self.program.trainers.networks(self.act)
        elif not found and not any(only_tensors(optimizer, values) for optimizer in self.optimizers):
            found |= self._used()
        found = (found - off) | self._heirs(found - off)
        if len(found) > 1:
            found = possible(found, self.optimizers, self.node, self.scope, self.program.flows.conditions)
        return tuple(sorted(values.ordered(found), key=_order))

    def _switched_off(self, made: Made, optimizer: Value) -> bool:
        """Whether the function that builds the optimizer freezes the network first, but for layers that it names."""
        scope = optimizer.scope if isinstance(optimizer, Made) else None
        return scope is not None and self.program.traits.frozen_in(made, scope)

    def _heirs(self, found: set[Made]) -> set[Made]:
        """What a network may be that trains itself in a base class: any class that inherits from it."""
        values = self.program.values
        owners = [n.of.scope for n in found if isinstance(n.of, Cls) and n.site is None]
        return {Made(Cls(heir)) for owner in owners for heir in values.heirs(owner)}

    def _used(self) -> set[Made]:
        """Where the optimizer says nothing: the networks called in the functions that run the backward pass."""
        values = self.program.values
        found: set[Made] = set()
        for scope in dict.fromkeys([*(a.scope for a in self.backwards), self.scope]):
            for call in s.calls(scope.body, into=False):
                found |= {v for v in values.of(call.func, scope) if isinstance(v, Made) and is_network(v, values)}
        return found

    @cached_property
    def recurrence(self) -> Evidence | None:
        traits = self.program.traits
        every = (e for n in self.networks if (e := traits.recurrent(n)) is not None)
        found = min(every, key=lambda evidence: evidence.read, default=None)
        if found is None:
            scopes = {a.scope: None for a in (*self.backwards, self.act)}
            found = next((e for x in scopes if (e := traits.fed_back(x, self.networks)) is not None), None)
        return found

    @cached_property
    def transformer(self) -> Evidence | None:
        return next((e for n in self.networks if (e := self.program.traits.transformer(n)) is not None), None)

    @cached_property
    def schedule(self) -> Schedule:
        schedules = self.program.schedules
        if self.kind == "manual":
            return schedules.by_hand(self.node, self.scope)
        if self.kind != "implicit" or not isinstance(self.node, s.Call):
            return schedules.of(self.optimizers, self.scope, self.module)
        own = schedules.of_modules(self.networks)
        return own if own.known else schedules.of_arguments(self.node, self.scope)

    @cached_property
    def scaled_clips(self) -> tuple[Clip, ...]:
        """The clips, on some way to this step, of gradients that were still scaled."""
        found = {c for st in self.states for c in st.clips if c.scaled}
        if self._unscales_on_condition:
            return ()
        if self.scaled_in_block:
            found = {c for c in found if any(self._runs_in(block, scope, c.act) for block, scope in self._blocks)}
        return tuple(sorted(found, key=lambda c: (c.act.node.id, str(c.act.scope.module.path))))

    @cached_property
    def scaled_in_block(self) -> bool:
        """Whether the loss is scaled by a block that takes the scale away again, and all steps are plain ones."""
        flows = self.program.flows
        calls = ((flows.scaling(act.operand, act.scope), act.scope) for act in self.backwards)
        return self.kind != "scaler" and any(call is not None and flows.descales(call, scope) for call, scope in calls)

    @property
    def _unscales_on_condition(self) -> bool:
        """Whether an `unscale_` stands under a condition that was forgotten: a state may be of neither way."""
        for act in self.arrivals if self.forgotten else ():
            if act.does == "unscale":
                tests = (x.test for x in around(act.scope, act.node) if isinstance(x, s.If))
                if any(s.text(part) in self.forgotten for test in tests for part in s.walk(test)):
                    return True
        return False

    @property
    def _blocks(self) -> Iterator[tuple[s.With, Scope]]:
        """The blocks that take the scale of a loss away again when they are left."""
        flows = self.program.flows
        for scope in {act.scope: None for act in self.backwards}:
            for node in scope.nodes:
                if isinstance(node, s.With):
                    calls = (item for item, _ in node.items if isinstance(item, s.Call))
                    if any(flows.descales(call, scope) for call in calls):
                        yield node, scope

    def _runs_in(self, block: s.With, scope: Scope, act: Act) -> bool:
        """Whether an event stands in a block, or in a function that the block calls."""
        if act.scope is scope:
            return any(node is act.node for node in s.walk(block.body))
        called = (v for call in s.calls(block.body) for v in self.program.values.of(call.func, scope))
        return any(isinstance(v, Func) and v.scope is act.scope for v in called)

    def bound(self, clip: Clip) -> tuple[str, float] | None:
        """What a clip calls its bound, and its value where there is only one that it can be."""
        event, node = clip.act.event, clip.act.node
        place = event.operands.get("bound") if event is not None else None
        if place is None or place.keyword is None or not isinstance(node, s.Call):
            return None
        given = node.arg(place.position, place.keyword)
        held = self.program.values.of(given, clip.act.scope) if given is not None else frozenset()
        found = {v.value if isinstance(v, Const) else None for v in held}
        value = found.pop() if len(found) == 1 else None
        known = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
        return (place.keyword, float(value)) if known and isinstance(value, (int, float)) else None

    def related(self) -> Iterator[Related]:
        """The places that explain the update: its backward passes and its optimizer."""
        for act in self.backwards[:2]:
            yield Related(act.scope.module.place(act.node), "the gradients come from this backward pass")
        made = self.program.values.ordered(v for v in self.optimizers if isinstance(v, Made))
        for optimizer in sorted(made, key=_order):
            if optimizer.site is not None and optimizer.scope is not None:
                yield Related(optimizer.scope.module.place(optimizer.site), "the optimizer is built here")
                break


def _class_around(scope: Scope) -> Scope | None:
    here: Scope | None = scope
    while here is not None and here.kind != "class":
        here = here.parent
    return here


def _order(network: Made) -> tuple[str, int]:
    if network.site is None or network.scope is None:
        return ("", 0)
    return (str(network.scope.module.path), network.site.id)


def _at(act: Act, reached: Mapping[Act, set[State]]) -> frozenset[State]:
    here = (found for other, found in reached.items() if other.node is act.node and other.scope is act.scope)
    return frozenset().union(*here)


class Updates:
    """Finds the updates of a module, each with the states that arrive at it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._solved: dict[object, dict[Act, set[State]]] = {}
        self._solvers: dict[object, Solver] = {}
        self.unjudged: dict[Module, Act] = {}  # the first step of a file that took too much to follow

    def of(self, module: Module) -> list[Update]:
        out: list[Update] = []
        budget, near = Budget(STEPS), Budget(STEPS)
        for scope in module.scopes:
            if scope.kind == "class":
                continue
            acts = {a.node.id: a for a in every(self.program.flows.of(scope)) if isinstance(a, Act)}
            for act in acts.values():
                if act.does in ("step", "implicit"):
                    found = self._judged(act, budget, near, out)
                    if found is not None:
                        out.append(found)
                    else:
                        self.unjudged.setdefault(module, act)
        return out

    def _judged(self, act: Act, budget: Budget, near: Budget, beside: Sequence[Update]) -> Update | None:
        """An update with all that leads to it, or from its own function alone where that is too much to follow."""
        for find, pool, share in ((self._whole, budget, STEPS), (self._near, near, STEPS // 10)):
            pool.left -= len(beside)  # rules compare an update with all beside it
            part = Budget(min(pool.left, share))
            if part.left <= 0:
                continue
            try:
                return find(Focus(act, self.program.flows), part, beside)
            except (Exhausted, RecursionError):
                continue
            finally:
                pool.left -= min(pool.left, share) - part.left
        return None

    def _whole(self, focus: Focus, budget: Budget, beside: Sequence[Update]) -> Update:
        act, reached = focus.act, dict[Act, set[State]]()
        for root, entry in self.roots(act):
            key = (root, entry, focus.key)
            arrivals = self._solved.get(key)
            if arrivals is None:
                # One that does not come to an end is not kept.
                solver = self._solvers.pop(focus.key, None) or Solver(self.program.flows, focus.concerns)
                arrivals = self._solved[key] = solver.run(root, entry, budget)
                self._solvers[focus.key] = solver
            for other, found in arrivals.items():
                reached.setdefault(other, set()).update(found)
        if not _at(act, reached) and act.does == "step":
            return self._near(focus, budget, beside)
        return self._update(act, reached, True, beside, self._solvers.get(focus.key))

    def _near(self, focus: Focus, budget: Budget, beside: Sequence[Update]) -> Update:
        solver = Solver(self.program.flows, focus.concerns)
        arrivals = solver.run(focus.act.scope, State(fresh=None), budget)
        return self._update(focus.act, arrivals, False, beside, solver)

    def _update(
        self,
        act: Act,
        reached: Mapping[Act, set[State]],
        known: bool,
        beside: Sequence[Update],
        solver: Solver | None,
    ) -> Update:
        arrivals = {other: frozenset(found) for other, found in reached.items()}
        forgotten = frozenset(solver.forgotten if solver is not None else ())
        return Update(self.program, act, _at(act, reached), known, arrivals, beside, forgotten)

    def roots(self, act: Act) -> list[tuple[Scope, State]]:
        """The outermost project code that leads to a step, with the state in which it starts.

        Where the backward pass is in code that is not known, a step through a gradient scaler says that what comes
        in is scaled.
        """
        scaled = bool(act.fact.get("scaled"))
        roots: dict[Scope, State] = {}
        seen: set[Scope] = set()
        queue = [(act.scope, 0)]
        while queue and len(roots) < _ROOTS:
            here, depth = queue.pop(0)
            if here in seen:
                continue
            seen.add(here)
            above = self.above(here) if depth < _CLIMB else []
            if above:
                queue.extend((a, depth + 1) for a in above)
            else:
                unknown = State(fresh=None, scaled=scaled and not self._goes_backward(here))
                roots[here] = State(fresh=False) if here.kind == "module" else unknown
        return list(roots.items())

    def _goes_backward(self, scope: Scope) -> bool:
        """Whether a function runs a backward pass, itself or through what it calls."""
        seen: set[Scope] = set()
        queue = [scope]
        while queue:
            here = queue.pop()
            if here in seen:
                continue
            seen.add(here)
            for item in every(self.program.flows.pruned(here)):
                if isinstance(item, Act) and item.does == "backward":
                    return True
                if isinstance(item, Invoke):
                    queue += [target.scope for target in item.targets]
        return False

    def above(self, scope: Scope) -> list[Scope]:
        """The scopes that call a function."""
        if scope.kind == "module":
            return []
        out = [where for _, where in self.program.values.callers(scope)[:_ROOTS] if where is not scope]
        if not out and scope.owner is None and scope.parent is not None and scope.parent.kind != "module":
            out.append(scope.parent)
        return [w if w.kind != "class" else w.module.scope for w in out]


class Focus:
    """The optimizer that an update steps, and which events are about it."""

    def __init__(self, act: Act, flows: Flows) -> None:
        self.act = act
        self.flows = flows
        self.values = values = flows.values
        self.text = s.text(act.operand) if act.operand is not None else ""
        self.optimizers = {(v.of, v.site) for v in act.optimizers if isinstance(v, Made)}
        self.networks: set[Made] = set(act.networks)
        for optimizer in act.optimizers:
            self.networks |= trained_by(optimizer, values)
        self.key = (
            frozenset(self.optimizers),
            self.text if not self.optimizers else "",
            act.scope if not self.optimizers else None,
        )

    def concerns(self, act: Act) -> bool:
        if act.does in ("clip", "hook"):
            return self._covers(act)
        if act.does == "zero" and not act.optimizers and (act.networks or act.event is None):
            return self._covers(act)
        if act.does == "new":
            return bool({(v.of, v.site) for v in act.optimizers if isinstance(v, Made)} & self.optimizers)
        if act.does in ("zero", "unscale", "step"):
            return self._same(act)
        return True

    def _same(self, act: Act) -> bool:
        others = {(v.of, v.site) for v in act.optimizers if isinstance(v, Made)}
        if others and self.optimizers:
            return bool(others & self.optimizers)
        if act.does == "step" and act.node is self.act.node:
            return True
        if act.operand is not None and self.text and act.scope is self.act.scope:
            return s.text(act.operand) == self.text
        return act.does != "step" or (not others and not self.optimizers)

    def _covers(self, clip: Act) -> bool:
        """Whether a clip is about this update's parameters; one whose parameters cannot be found is taken to be."""
        if not clip.networks or self._shares(clip.networks):
            return True
        copies = any(a.of == b.of for a in clip.networks for b in self.networks)
        return copies and clip.does == "clip" and self.flows.hands_over()

    def _shares(self, networks: frozenset[Made]) -> bool:
        if not self.networks:
            return True
        return any(same_network(a, b, self.values) for a in networks for b in self.networks)


__all__ = ["Loop", "Program", "Unknown", "Update", "Updates", "networks_in", "networks_of"]
