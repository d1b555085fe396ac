"""`gradlint explain`: what is at a line, what the analysis believes of it, and what each rule said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from gradlint.engine import Answer, Project
from gradlint.finding import Finding, Problem
from gradlint.parts import parts_of
from gradlint.plan import Plan, Planner, absolute
from gradlint.program import syntax as s
from gradlint.program.explanation import Explanation, Remark, Section, missed_step, of_network, of_update
from gradlint.program.networks import Network
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.records import dataclass
from gradlint.source import Source, SourceError, read
from gradlint.source.gate import trains
from gradlint.source.place import Place
from gradlint.source.source import display
from gradlint.source.suppressions import Suppressions
from gradlint.tree import Tree

_Subject = TypeVar("_Subject", Update, Network)

_CELL: Final = re.compile(r"(?P<path>.+?\.ipynb):(?:cell )?(?P<cell>\d+)(?::(?P<row>\d+)(?::\d+)?)?")
_ROW: Final = re.compile(r"(?P<path>.+?):(?P<row>\d+)(?::\d+)?")


@dataclass(frozen=True, slots=True)
class Target:
    """A file, or a line in it as reports name it; `cell` is an index among all cells."""

    path: Path
    row: int | None = None
    cell: int | None = None

    @classmethod
    def of(cls, word: str) -> Target:
        """`train.py`, `train.py:42`, `train.py:42:9`, `train.ipynb:3:12` or `train.ipynb:cell 3:12:1`."""
        if not Path(word).exists():
            if (found := _CELL.fullmatch(word)) is not None:
                row = int(found["row"]) if found["row"] else None
                return cls(Path(found["path"]), row, int(found["cell"]) - 1)
            if (found := _ROW.fullmatch(word)) is not None:
                return cls(Path(found["path"]), int(found["row"]))
        return cls(Path(word))

    def covers(self, place: Place) -> bool:
        """Whether a place is on the line, or anywhere in what was named."""
        if self.cell is not None and place.cell != self.cell:
            return False
        return self.row is None or place.start.row <= self.row <= place.end.row

    def distance(self, place: Place) -> tuple[int, int]:
        """How far away a place is, in cells and rows."""
        cells = abs((place.cell or 0) - self.cell) if self.cell is not None else 0
        return cells, abs(place.start.row - (self.row or 1))


@dataclass(frozen=True, slots=True)
class Explained:
    """What there is to say about a target; `problems` are why there is nothing, or not all."""

    explanations: tuple[Explanation, ...] = ()
    problems: tuple[Problem, ...] = ()


def explain(target: Target, planner: Planner) -> Explained:
    """Explain the updates or networks at a target."""
    path = absolute(target.path)
    plan = planner.plan(path.parent)
    if plan is None:
        return Explained(problems=tuple(planner.problems))
    try:
        source = read(path, display(path))
    except SourceError as error:
        return Explained(problems=(error.problem,))
    root = planner.root(path.parent)
    members = [member for part in parts_of(Tree(), root, [path], {}) for member in part.paths]
    project = Project(root, plan.config, plan.instances(), {}, members=members)
    module = project.module(source)
    if module is None:
        return Explained(problems=tuple(project.problems))
    desk = _Desk(project, module, plan, target)
    explanations = tuple(desk.explanations())
    if not explanations:
        return Explained(problems=(desk.nothing(),))
    return Explained(explanations, tuple(project.problems))


class _Desk:
    """The question about one file."""

    def __init__(self, project: Project, module: Module, plan: Plan, target: Target) -> None:
        self.project, self.module, self.plan, self.target = project, module, plan, target
        self.updates = project.updates(module)
        self.networks = project.networks(module)

    @property
    def source(self) -> Source:
        return self.module.source

    def explanations(self) -> Iterator[Explanation]:
        if self.target.row is None:
            subjects: Sequence[Update | Network] = self._covered(self.updates) or self._covered(self.networks)
            yield from map(self._explained, subjects)
            return
        here = self._covered(self.updates)
        if not here and (call := self._step()) is not None:
            yield self._noted(missed_step(*call, self.project.program.values))
            return
        chosen = here or self._in_function() or self._innermost() or self._nearest()
        yield from map(self._explained, chosen)

    def nothing(self) -> Problem:
        """That there is nothing to explain, and why that may be."""
        if not trains(self.source.to_bytes()):
            why = "the file holds neither a training step nor a stack of layers, and `gradlint check` passes it over"
        elif self.target.cell is not None:
            why = f"there is no update and no network in cell {self.target.cell + 1}"
        else:
            why = "no call in it is taken for an update, and no class for a network"
        return Problem(f"nothing to explain: {why}", self.source.name)

    # --- which of them ------------------------------------------------------------------------

    def _covered(self, subjects: Iterable[_Subject]) -> list[_Subject]:
        return [x for x in subjects if self.target.covers(_place(x))]

    def _step(self) -> tuple[s.Call, Scope] | None:
        """A call of a method `step` on the line."""
        for call, scope in self.module.calls.get("step", ()):
            if isinstance(call.func, s.Attribute) and self.target.covers(self.module.place(call)):
                return call, scope
        return None

    def _in_function(self) -> list[Update]:
        """The nearest update of the innermost function that the line stands in."""
        around = [
            scope
            for scope in self.module.scopes
            if scope.kind == "function" and self.target.covers(self.module.place(scope.node))
        ]
        held = [x for x in self.updates if around and x.scope is around[-1]]
        return self._closest(held)

    def _innermost(self) -> list[Network]:
        return self._covered(self.networks)[-1:]

    def _nearest(self) -> list[Update]:
        return self._closest([x for x in self.updates if self.target.cell in (None, x.place.cell)])

    def _closest(self, updates: list[Update]) -> list[Update]:
        return sorted(updates, key=lambda x: self.target.distance(x.place))[:1]

    # --- what to say --------------------------------------------------------------------------

    def _explained(self, subject: Update | Network) -> Explanation:
        program = self.project.program
        if isinstance(subject, Update):
            found = of_update(subject, self.project.all_updates)
        else:
            found = of_network(subject, program.traits, program.values)
        rules = tuple(map(self._answer, self.project.answers(subject, self.module)))
        return self._noted(found.followed_by(Section("rules", rules)))

    def _noted(self, found: Explanation) -> Explanation:
        if trains(self.source.to_bytes()):
            return found
        said = "`gradlint check` passes the file over: it holds neither a training step nor a stack of layers"
        return found.followed_by(Section("gate", (Remark(said, gap=True),)))

    def _answer(self, answer: Answer) -> Remark:
        rule = answer.rule
        name = f"{rule.code} {rule.name}"
        if answer.findings:
            return Remark(name, None, tuple(map(self._finding, answer.findings)))
        return Remark(f"{name}: nothing{', ' + answer.spared if answer.spared else ''}")

    def _finding(self, finding: Finding) -> Remark:
        kept, _ = Suppressions.of(self.source).split([finding])
        silenced = "" if kept else ", silenced by a comment"
        if finding.code in self.plan.ignored(self.source.path):
            silenced = ", silenced by `per-file-ignores`"
        return Remark(f"{finding.level.value}{silenced}: {finding.message}", finding.place)


def _place(subject: Update | Network) -> Place:
    return subject.place if isinstance(subject, Update) else subject.module.place(subject.node)
