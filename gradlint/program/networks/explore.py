"""Searching a project's networks for runs of layers, by all recipes that make them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property

from gradlint.program import syntax as s
from gradlint.program.networks.builds import Builds, Prepare
from gradlint.program.networks.core import Cut, Raised, World
from gradlint.program.networks.judging import Judging
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.making import Root, given, outermost, shorter
from gradlint.program.networks.objects import Value
from gradlint.program.networks.outcome import Outcome, Question, Verdict
from gradlint.program.networks.recipes import Recipe
from gradlint.program.scopes import Scope
from gradlint.records import dataclass

_GIVEN = 4_000

Path = tuple[tuple[s.Call, ...], tuple[Value, ...]]  # the calls to a network, and what the first of them are given


@dataclass(eq=False)
class Explorer:
    """Judges the networks of one project."""

    world: World
    _told: dict[Recipe, tuple[Value, ...] | None] = field(default_factory=dict)

    @cached_property
    def builds(self) -> Builds:
        return Builds(self.world)

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
                found = Judging(self.builds, way, target, prepare, index, question).verdict()
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
            found = Judging(self.builds, way, target, prepare, 0, Question(1)).first()
            if found is not None:
                return found
        return None

    def standing(self, recipe: Recipe, target: Scope | None, prepare: Prepare, apart: bool) -> Root | None:
        """The first instance by a recipe as it stands before its forward pass, until the next question is asked.

        With `apart`, one that is made without what holds it will do.
        """
        ways = shorter(recipe, target) if apart else [recipe]
        found = (Judging(self.builds, way, target, prepare, 0, Question(1)).standing(apart) for way in ways)
        return next((root for root in found if root is not None), None)


def _end(recipe: Recipe) -> tuple[s.Call, ...]:
    """The calls of a recipe, inner first, up to the last one of its outermost part."""
    calls: list[s.Call] = []
    while recipe.owner is not None:
        calls += [call for call, _ in recipe.calls]
        recipe = recipe.owner
    return tuple(calls + [call for call, _ in recipe.calls[-1:]])
