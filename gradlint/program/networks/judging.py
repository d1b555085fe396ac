"""Judging one instance of a network: whether a run holds on each way through the conditions that cannot be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gradlint.program.networks.builds import STEPS, TRIES, Build, Builds, Prepare
from gradlint.program.networks.core import Cut, Decision, Raised
from gradlint.program.networks.forward import forward, weights
from gradlint.program.networks.kept import Kept
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.making import Root, aside, harvest, owner_class
from gradlint.program.networks.objects import Layer, Link
from gradlint.program.networks.outcome import Outcome, Question, Verdict, outcome_of
from gradlint.program.networks.recipes import Recipe
from gradlint.program.scopes import Scope

_FORWARD: Final = 40_000  # steps of a forward pass
_TOTAL: Final = 600_000
_FLIPS: Final = 24


class Judging:
    """The instance of a number by a recipe, as scripts `prepare` it."""

    def __init__(
        self, builds: Builds, recipe: Recipe, target: Scope | None, prepare: Prepare, index: int, question: Question
    ) -> None:
        self.builds, self.recipe, self.target, self.prepare = builds, recipe, target, prepare
        self.question, self.index, self.depth, self.left = question, index, question.depth, _TOTAL
        self.cut = False
        self.strict = True
        self.built: tuple[Build, Machine, Root] | None = None  # where the base ran
        self.start: Kept | None = None  # from where it did, if not from what was built

    def verdict(self) -> Verdict | None:
        """None if there is no such instance; an outcome without a deep run if some way has none."""
        base = self._base()
        if base is None:
            return None
        base = self._reached(base)
        if base.longest() < self.depth:
            return Verdict(_without(base), self.cut, met=False)
        seen = base if self.question.outside else self._again(base.oracle, scripts=True)
        holds = seen is not None and self.question.concerns(seen) and self._confirmed(base)
        final = self.attempt(base.oracle, outer=True) if holds else None
        return Verdict(final or _without(base), self.cut, met=True)

    def first(self) -> Outcome | None:
        """The outcome of one way, whatever the others give."""
        base = self._base()
        if base is None:
            return None
        return self.attempt(base.oracle, outer=True) or base

    def standing(self, apart: bool) -> Root | None:
        """The network as it was built, and as scripts change it; as it stands until the next question.

        With `apart`, one that its owner does not make will do: what is done to all of the owner is not done to it.
        """
        build = self.builds.build(self.recipe, self.target)
        machine, owner = build.machine, self.recipe.owner
        if machine is None:
            return None
        root = next(iter(self._roots(build)), None)
        if root is None and owner is not None:
            if not apart:
                found = self._searched(build, machine)
                found = found and self.attempt(found.oracle, outer=True)
                return found.root if found is not None else None
            root = self._alone(build, machine, owner)
        if root is not None:
            self._rewind(build, machine, root, scripts=True)
        return root

    def _roots(self, build: Build) -> list[Root]:
        if build.machine is None:
            return []
        build.machine.rewind(_FORWARD)
        return build.roots if build.recipe == self.recipe else harvest(build.machine, self.recipe, self.target)

    def _base(self) -> Outcome | None:
        """The network on the first way that gets to it."""
        build = self.builds.build(self.recipe, self.target)
        machine, roots = build.machine, self._roots(build)
        if roots and self.index >= len(roots):
            return None
        if not roots or machine is None:
            return self._elsewhere(build) if self.index == 0 else None
        return self._run(build, machine, roots[self.index])

    def _run(self, build: Build, machine: Machine, root: Root) -> Outcome | None:
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

    def _rewind(self, build: Build, machine: Machine, root: Root, scripts: bool) -> None:
        """Takes a network back to how it was built, or to what scripts make of that."""
        machine.rewind(_FORWARD, self.start)
        if scripts:
            key = root, self.prepare
            if key not in build.scripted:
                self.prepare(machine, root)
                build.scripted[key] = machine.state
                machine.rewind(_FORWARD)
            build.scripted[key].restore()

    def _forward(self, machine: Machine, root: Root, oracle: Mapping[int, bool]) -> Outcome:
        """The forward pass of what has been built."""
        machine.counts, machine.bridged = self.question.counts, self.question.bridged
        kept, machine.oracle = machine.oracle, oracle
        try:
            forward(machine, root)
        finally:
            machine.oracle = kept
        return outcome_of(machine, root)

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

    def _elsewhere(self, build: Build) -> Outcome | None:
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

    def _searched(self, build: Build, machine: Machine) -> Outcome | None:
        """The network by a way on which its owner makes it; what has been searched for once is known."""
        if self.recipe in build.ways:
            way = build.ways[self.recipe]
            return self.attempt(way) if way is not None else None
        found = self._alive(build.oracle, {k: d for k, d in machine.decisions.items() if d.phase == "build"})
        build.ways[self.recipe] = found.oracle if found is not None else None
        return found

    def _alone(self, build: Build, machine: Machine, owner: Recipe) -> Root | None:
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
        for key in list(met)[: -TRIES - 1 : -1]:
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

    def _reached(self, base: Outcome) -> Outcome:
        """A way through the forward pass with a deep run, if one condition of it leads there."""
        for key in self._open(base)[:TRIES]:
            other = self._otherwise(base.oracle, key, base.decisions[key])
            if other is not None and other.longest() >= self.depth:
                return other
        return base

    def _open(self, base: Outcome) -> list[int]:
        """The conditions of a forward pass without a deep run that may lead to one."""
        if base.longest() >= self.depth or all(x.runs for x in weights(base.root)):
            return []
        return [k for k, d in base.decisions.items() if d.phase == "run" and k in base.bearing]

    def _confirmed(self, base: Outcome) -> bool:
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
            other = self._otherwise(base.oracle, key, decision)
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
        machine = Machine(self.builds.world, oracle, min(STEPS, self.left), strict=self.strict)
        machine.counts, machine.bridged = self.question.counts, self.question.bridged
        try:
            roots = self.builds.make(machine, self.recipe, self.target)
            if self.index >= len(roots):
                return None
            root = roots[self.index]
            if outer or self.question.outside:
                self.prepare(machine, root)
            machine.budget, spent = _FORWARD, STEPS - machine.budget
            self.left -= spent
            forward(machine, root)
        except Cut:
            self.cut = True
            return None
        except (Raised, RecursionError):
            return None
        return outcome_of(machine, root)


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
