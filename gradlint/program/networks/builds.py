"""What is made once of the networks of a project: what holds several of them is built for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Final

from gradlint.program import syntax as s
from gradlint.program.networks.core import Cut, Raised, World
from gradlint.program.networks.kept import Kept
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.making import Root, harvest, made, outermost
from gradlint.program.networks.recipes import Recipe
from gradlint.program.scopes import Scope
from gradlint.records import dataclass

STEPS: Final = 120_000  # that making a network may take
TRIES: Final = 6  # ways that are tried where the first one raises
_KEPT: Final = 32

Prepare = Callable[[Machine, Root], None]  # what scripts do to a network


@dataclass(eq=False)
class Build:
    """A machine in which the outermost instance of some recipes was made, or None if it cannot be."""

    recipe: Recipe
    machine: Machine | None
    roots: list[Root]
    oracle: Mapping[int, bool]
    scripted: dict[tuple[Root, Prepare], Kept] = field(default_factory=dict)
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
class Builds:
    """The outermost instances that were made, by their recipes."""

    world: World
    _builds: dict[Recipe, Build] = field(default_factory=dict)
    _ways: dict[tuple[Recipe, Scope | None, frozenset[tuple[int, bool]]], _Way] = field(default_factory=dict)

    def build(self, recipe: Recipe, target: Scope | None) -> Build:
        """The outermost instance of a recipe, on the first way that does not raise."""
        outer, outer_target = outermost(recipe, target)
        build = self._builds.pop(outer, None) or self._build(outer, outer_target)
        self._builds[outer] = build  # the last one used stands last
        if len(self._builds) > _KEPT:
            del self._builds[next(iter(self._builds))]
        return build

    def make(self, machine: Machine, recipe: Recipe, target: Scope | None) -> list[Root]:
        """What a recipe makes. Raises as the machine does, at once where another recipe showed that it will."""
        if not machine.strict or machine.budget < STEPS:
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

    def _build(self, recipe: Recipe, target: Scope | None) -> Build:
        tried: list[Mapping[int, bool]] = []
        queue: list[dict[int, bool]] = [{}]
        while queue and len(tried) < TRIES:
            oracle = queue.pop(0)
            tried.append(oracle)
            machine = Machine(self.world, oracle, STEPS, strict=True)
            try:
                roots = made(machine, recipe, target)
            except Cut:
                roots = harvest(machine, recipe, target) if recipe.calls else []
            except (Raised, RecursionError):
                met = reversed(machine.decisions.items())
                queue += [{**oracle, key: not decision.value} for key, decision in met if key not in oracle]
                continue
            machine.keep()
            return Build(recipe, machine, roots, oracle)
        return Build(recipe, None, [], {})
