"""Judging a network: the runs of layers on each way through the conditions that cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field

from gradlint.program import syntax as s
from gradlint.program.networks.core import Cut, Decision, Raised, World, untouched
from gradlint.program.networks.forward import Root, forward, weights
from gradlint.program.networks.kept import Kept
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.making import aside, given, harvest, made, outermost, owner_class, shorter
from gradlint.program.networks.objects import Container, Layer, Link, Tensor, Value
from gradlint.program.networks.recipes import Recipe
from gradlint.program.scopes import Scope
from gradlint.records import dataclass

_BUILD = 120_000
_FORWARD = 40_000
_TOTAL = 600_000
_GIVEN = 4_000
_FLIPS = 24
_TRIES = 6
_KEPT = 32

Prepare = Callable[[Machine, Root], None]
Path = tuple[tuple[s.Call, ...], tuple[Value, ...]]  # the calls to a network, and what the first of them are given


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

    def longest(self) -> int:
        return max((len(r) for r in self.runs), default=0)


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome that holds on all ways, whether some were left out, and whether the first held a run at all."""

    outcome: Outcome
    cut: bool
    met: bool


@dataclass(eq=False)
class _Build:
    """A machine in which the outermost instance of some recipes was made, or None if it cannot be."""

    recipe: Recipe
    machine: Machine | None
    roots: list[Root]
    oracle: Mapping[int, bool]
    scripted: dict[Root, Kept] = field(default_factory=dict)  # what scripts make of a network
    ways: dict[Recipe, Mapping[int, bool] | None] = field(default_factory=dict)  # to networks not on the first one


@dataclass(frozen=True, eq=False)
class _Way:
    """What the outermost instance of some recipes makes on one way: the calls, and whether it was cut off."""

    calls: frozenset[s.Node]
    cut: bool

    def leads_to(self, recipe: Recipe, target: Scope | None) -> bool:
        """Whether all that holds a network is made, and the network too if it is an instance."""
        here = recipe if target is not None else recipe.owner
        while here is not None and here.owner is not None:
            if here.calls[-1][0] not in self.calls:
                return False
            here = here.owner
        return True


@dataclass(eq=False)
class Explorer:
    """Judges the networks of one project; what holds several of them is built once."""

    world: World
    _builds: dict[Recipe, _Build] = field(default_factory=dict)
    _told: dict[Recipe, tuple[Value, ...] | None] = field(default_factory=dict)
    _ways: dict[tuple[Recipe, Scope | None, frozenset[tuple[int, bool]]], _Way] = field(default_factory=dict)

    def judge(
        self, recipes: Sequence[Recipe], target: Scope | None, prepare: Prepare, question: Question
    ) -> Iterator[Verdict]:
        """The instances by some recipes that hold a run as asked for, whatever the conditions that cannot be told.

        Where the first way by a recipe holds none, another that gives its last function the same does not either.
        """
        barren: set[Path] = set()
        for recipe, path in zip(recipes, self._paths(recipes, target), strict=True):
            if path is not None and path in barren:
                continue
            verdicts = self._judge(recipe, target, prepare, question)
            if path is not None and not any(v.met or v.cut for v in verdicts):
                barren.add(path)
            yield from (v for v in verdicts if v.outcome.longest() >= question.depth)

    def _judge(self, recipe: Recipe, target: Scope | None, prepare: Prepare, question: Question) -> list[Verdict]:
        """The same by one recipe; where what holds them cannot be made so, less of the way to them is followed."""
        for way in shorter(recipe, target):
            out: list[Verdict] = []
            for index in range(3):
                found = _Judging(self, way, target, prepare, index, question).verdict()
                if found is None:
                    break
                out.append(found)
            if out:
                return out
        return []

    def _paths(self, recipes: Sequence[Recipe], target: Scope | None) -> Iterator[Path | None]:
        """What tells recipes apart that end alike; None for one that is the only one of its kind."""
        ends = [_end(recipe) for recipe in recipes]
        for recipe, end in zip(recipes, ends, strict=True):
            outer = outermost(recipe, target)[0]
            alike = len(outer.calls) > 1 and ends.count(end) > 1
            told = self._given(outer) if alike else None
            yield (end, told) if told is not None else None

    def _given(self, recipe: Recipe) -> tuple[Value, ...] | None:
        if recipe not in self._told:
            try:
                self._told[recipe] = given(Machine(self.world, {}, _GIVEN), recipe)
            except (Cut, Raised, RecursionError):
                self._told[recipe] = None
        return self._told[recipe]

    def overview(self, recipe: Recipe, target: Scope | None, prepare: Prepare) -> Outcome | None:
        """The first instance by a recipe on the first way through, with runs of any length; None if it is not made."""
        for way in shorter(recipe, target):
            found = _Judging(self, way, target, prepare, 0, Question(1)).first()
            if found is not None:
                return found
        return None

    def glance(self, recipe: Recipe, target: Scope | None, prepare: Prepare) -> Outcome | None:
        """The same as it stands until the next question, where the recipe makes it in the first place."""
        return _Judging(self, recipe, target, prepare, 0, Question(1)).prepared()

    def build(self, recipe: Recipe, target: Scope | None) -> _Build:
        """The outermost instance of a recipe, on the first way that does not raise."""
        outer, outer_target = outermost(recipe, target)
        build = self._builds.pop(outer, None) or self._build(outer, outer_target)
        self._builds[outer] = build  # the last one used stands last
        if len(self._builds) > _KEPT:
            del self._builds[next(iter(self._builds))]
        return build

    def made(self, machine: Machine, recipe: Recipe, target: Scope | None) -> list[Root]:
        """What a recipe makes. Raises as the machine does, at once where another recipe showed that it will."""
        if not machine.strict or machine.budget < _BUILD:
            return made(machine, recipe, target)
        key = (*outermost(recipe, target), frozenset(machine.oracle.items()))
        way = self._ways.get(key)
        if way is not None:
            if not way.leads_to(recipe, target):
                raise Cut if way.cut else Raised
            return made(machine, recipe, target)
        cut = False
        try:
            return made(machine, recipe, target)
        except Cut:
            cut = True
            raise
        finally:
            things: list[Root] = [*machine.objects, *machine.containers]
            met = [x.site.node for x in things if x.site is not None]
            self._ways[key] = _Way(frozenset(met), cut)

    def _build(self, recipe: Recipe, target: Scope | None) -> _Build:
        tried: list[Mapping[int, bool]] = []
        queue: list[dict[int, bool]] = [{}]
        while queue and len(tried) < _TRIES:
            oracle = queue.pop(0)
            tried.append(oracle)
            machine = Machine(self.world, oracle, _BUILD, strict=True)
            try:
                roots = made(machine, recipe, target)
            except Cut:
                roots = harvest(machine, recipe, target) if recipe.calls else []
            except (Raised, RecursionError):
                met = reversed(machine.decisions.items())
                queue += [{**oracle, key: not decision.value} for key, decision in met if key not in oracle]
                continue
            machine.keep()
            return _Build(recipe, machine, roots, oracle)
        return _Build(recipe, None, [], {})


class _Judging:
    def __init__(
        self, explorer: Explorer, recipe: Recipe, target: Scope | None, prepare: Prepare, index: int, question: Question
    ) -> None:
        self.explorer, self.recipe, self.target, self.prepare = explorer, recipe, target, prepare
        self.question, self.index, self.depth, self.left = question, index, question.depth, _TOTAL
        self.cut = False
        self.strict = True
        self.built: tuple[_Build, Machine, Root] | None = None  # where the base ran
        self.start: Kept | None = None  # from where it did, if not from what was built

    def verdict(self) -> Verdict | None:
        """None if there is no such instance; an outcome without a deep run if some way has none."""
        base = self._base()
        if base is None:
            return None
        oracle = {k: d.value for k, d in base.decisions.items()}
        base, oracle = self._reached(base, oracle)
        if base.longest() < self.depth:
            return Verdict(_without(base), self.cut, met=False)
        seen = base if self.question.outside else self._again(oracle, scripts=True)
        holds = seen is not None and self.question.concerns(seen) and self._confirmed(base, oracle)
        final = self.attempt(oracle, outer=True) if holds else None
        return Verdict(final or _without(base), self.cut, met=True)

    def first(self) -> Outcome | None:
        """The outcome of one way, whatever the others give."""
        base = self._base()
        if base is None:
            return None
        return self.attempt({k: d.value for k, d in base.decisions.items()}, outer=True) or base

    def prepared(self) -> Outcome | None:
        """The outcome of what is built already, changed as scripts change it; None if it does not run to its end."""
        build = self.explorer.build(self.recipe, self.target)
        roots = self._roots(build)
        if not roots or build.machine is None:
            return None
        self.built = (build, build.machine, roots[0])
        return self._again(build.oracle, scripts=True)

    def _roots(self, build: _Build) -> list[Root]:
        if build.machine is None:
            return []
        build.machine.rewind(_FORWARD)
        return build.roots if build.recipe == self.recipe else harvest(build.machine, self.recipe, self.target)

    def _base(self) -> Outcome | None:
        """The network on the first way that gets to it."""
        build = self.explorer.build(self.recipe, self.target)
        machine, roots = build.machine, self._roots(build)
        if roots and self.index >= len(roots):
            return None
        if not roots or machine is None:
            return self._elsewhere(build) if self.index == 0 else None
        return self._run(build, machine, roots[self.index])

    def _run(self, build: _Build, machine: Machine, root: Root) -> Outcome | None:
        self._rewind(build, machine, root, self.question.outside)
        if not self._holds_enough(machine, root):
            return Outcome(root, (), {}, {})
        self.built = (build, machine, root)
        try:
            return self._forward(machine, root, build.oracle)
        except Cut:
            self.cut = True
            return None
        except (Raised, RecursionError):
            return None if self.question.outside else self._alive(build.oracle, dict(machine.decisions))

    def _rewind(self, build: _Build, machine: Machine, root: Root, scripts: bool) -> None:
        """Takes a network back to how it was built, or to what scripts make of that."""
        machine.rewind(_FORWARD, self.start)
        if scripts:
            if root not in build.scripted:
                self.prepare(machine, root)
                build.scripted[root] = machine.state
                machine.rewind(_FORWARD)
            build.scripted[root].restore()

    def _forward(self, machine: Machine, root: Root, oracle: Mapping[int, bool]) -> Outcome:
        """The forward pass of what has been built."""
        machine.counts, machine.bridged = self.question.counts, self.question.bridged
        kept, machine.oracle = machine.oracle, oracle
        try:
            forward(machine, root)
        finally:
            machine.oracle = kept
        return _outcome(machine, root)

    def _again(self, oracle: Mapping[int, bool], scripts: bool) -> Outcome | None:
        """Another forward pass of the network of the base, which may not have been built in one place."""
        if self.built is None:
            return self.attempt(oracle, outer=scripts)
        build, machine, root = self.built
        try:
            self._rewind(build, machine, root, scripts)
            return self._forward(machine, root, oracle)
        except Cut:
            self.cut = True
        except (Raised, RecursionError):
            pass
        return None

    def _elsewhere(self, build: _Build) -> Outcome | None:
        """A network that is not made where its owner first is: by another way, else on its own."""
        machine, owner = build.machine, self.recipe.owner
        if machine is not None and self.question.outside:
            return self.attempt(build.oracle) if self.target is None else None
        if machine is None or owner is None:
            return None
        alone = self._alone(build, machine, owner)
        if alone is not None and not self._holds_enough(machine, alone):
            return Outcome(alone, (), {}, {})
        self.strict = False
        found = self._run(build, machine, alone) if alone is not None else None
        if found is not None and found.longest() < self.depth and not self._open(found):
            return found
        self.strict, kept, start = True, self.built, self.start
        self.built = self.start = None
        searched = self._searched(build, machine)
        if searched is not None:
            return searched
        self.strict, self.built, self.start = False, kept, start
        return found

    def _searched(self, build: _Build, machine: Machine) -> Outcome | None:
        """The network by a way on which its owner makes it; what has been searched for once is known."""
        if self.recipe in build.ways:
            way = build.ways[self.recipe]
            return self.attempt(way) if way is not None else None
        found = self._alive(build.oracle, {k: d for k, d in machine.decisions.items() if d.phase == "build"})
        build.ways[self.recipe] = {k: d.value for k, d in found.decisions.items()} if found is not None else None
        return found

    def _alone(self, build: _Build, machine: Machine, owner: Recipe) -> Root | None:
        """The network as the last call of its recipe makes it, though its owner does not run that call."""
        held = build.roots if build.recipe == owner else harvest(machine, owner, owner_class(self.recipe))
        if not held:
            return None
        try:
            roots = aside(machine, self.recipe, self.target, held[0])
        except (Cut, Raised, RecursionError):
            return None
        self.start = machine.state
        return roots[0] if roots else None

    def _alive(self, oracle: Mapping[int, bool], met: Mapping[int, Decision]) -> Outcome | None:
        """The first of the ways that take one condition otherwise and do not raise."""
        for key in list(met)[: -_TRIES - 1 : -1]:
            if met[key].phase == "build":
                self.built = None
            found = self._otherwise(oracle, key, met[key])
            if found is not None:
                return found
        return None

    def _otherwise(self, oracle: Mapping[int, bool], key: int, decision: Decision) -> Outcome | None:
        """A way that takes one condition otherwise: one in the forward pass needs no other network."""
        other = {**oracle, key: not decision.value}
        return self._again(other, self.question.outside) if decision.phase == "run" else self.attempt(other)

    def _holds_enough(self, machine: Machine, root: Root) -> bool:
        """Whether a network has as many weight layers that count as a run needs."""
        own = {id(x): x for x in weights(root)}
        own.update((id(x), x) for x in machine.layers if x.role == "weight" and root in x.makers)
        return sum(1 for x in own.values() if self.question.counts(x)) >= self.depth

    def _reached(self, base: Outcome, oracle: dict[int, bool]) -> tuple[Outcome, dict[int, bool]]:
        """A way through the forward pass with a deep run, if one condition of it leads there."""
        for key in self._open(base)[:_TRIES]:
            other = self._otherwise(oracle, key, base.decisions[key])
            if other is not None and other.longest() >= self.depth:
                return other, {k: d.value for k, d in other.decisions.items()}
        return base, oracle

    def _open(self, base: Outcome) -> list[int]:
        """The conditions of a forward pass without a deep run that may lead to one."""
        if base.longest() >= self.depth or all(x.runs for x in weights(base.root)):
            return []
        return [k for k, d in base.decisions.items() if d.phase == "run" and k in base.bearing]

    def _confirmed(self, base: Outcome, oracle: dict[int, bool]) -> bool:
        """Whether every other way keeps the run, or does not get to it."""
        deepest = max(base.runs, key=len)
        places = [base.order[link.layer] for link in deepest if link.layer in base.order]
        first, last = min(p[0] for p in places), max(p[0] for p in places)
        for count, (key, decision) in enumerate(base.decisions.items()):
            if decision.phase == "run" and not first <= decision.clock <= last:
                continue
            if decision.phase == "build" and not _concerns(decision, base.root):
                continue
            if count > _FLIPS:
                self.cut = True
                return False
            other = self._otherwise(oracle, key, decision)
            if other is None or other.longest() >= self.depth:
                continue
            if decision.phase == "build":
                return False
            sites = {id(link.layer.site) for link in deepest}
            ran = sum(1 for layer in other.order if layer.site is not None and _same_site(layer, deepest))
            if ran >= min(self.depth, len(sites)):
                return False
        return True

    def attempt(self, oracle: Mapping[int, bool], outer: bool = False) -> Outcome | None:
        """One interpretation; None if it raises or is cut off."""
        machine = Machine(self.explorer.world, oracle, min(_BUILD, self.left), strict=self.strict)
        machine.counts, machine.bridged = self.question.counts, self.question.bridged
        try:
            roots = self.explorer.made(machine, self.recipe, self.target)
            if self.index >= len(roots):
                return None
            root = roots[self.index]
            if outer or self.question.outside:
                self.prepare(machine, root)
            machine.budget, spent = _FORWARD, _BUILD - machine.budget
            self.left -= spent
            forward(machine, root)
        except Cut:
            self.cut = True
            return None
        except (Raised, RecursionError):
            return None
        return _outcome(machine, root)


def _end(recipe: Recipe) -> tuple[s.Call, ...]:
    """The calls of a recipe, inner first, up to the last one of its outermost part."""
    calls: list[s.Call] = []
    while recipe.owner is not None:
        calls += [call for call, _ in recipe.calls]
        recipe = recipe.owner
    return tuple(calls + [call for call, _ in recipe.calls[-1:]])


def _outcome(machine: Machine, root: Root) -> Outcome:
    return Outcome(
        root,
        tuple(_segments(machine)),
        dict(machine.decisions),
        dict(machine.order),
        frozenset(machine.bearing),
        tuple(machine.containers),
        tuple(machine.outputs),
    )


def _same_site(layer: Layer, run: tuple[Link, ...]) -> bool:
    return any(
        link.layer.site is not None and layer.site is not None and link.layer.site.node is layer.site.node
        for link in run
    )


def _without(outcome: Outcome) -> Outcome:
    return Outcome(outcome.root, (), outcome.decisions, outcome.order)


def _concerns(decision: Decision, root: Root) -> bool:
    """Whether a condition was met while the network, or what leads to it, was built: not beside it."""
    if not decision.makers:
        return True
    around = {id(m) for m in root.makers} | {id(root)}
    return id(decision.makers[-1]) in around or id(root) in {id(m) for m in decision.makers}


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
