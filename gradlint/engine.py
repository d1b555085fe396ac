"""One project: its program model, and the rules asked about each file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gradlint.config import Config
from gradlint.finding import Finding, Problem
from gradlint.program.flow import Flows
from gradlint.program.networks import Network, networks_of
from gradlint.program.project import Files, Module
from gradlint.program.schedules import Schedules
from gradlint.program.trainers import Trainers
from gradlint.program.traits import Traits
from gradlint.program.updates import Program, Update, Updates
from gradlint.program.values import Values
from gradlint.rule import Rule
from gradlint.source import Source
from gradlint.vocabulary import load


class Project:
    """The files of one project, analysed together.

    Args:
        root: the project's folder; imports resolve within it.
        config: the settings.
        rules: the rules to ask.
        overlay: sources that stand for the files on disk.
        before: the same project as it was analysed before, which lends what is still the same.
    """

    def __init__(
        self,
        root: Path,
        config: Config,
        rules: Sequence[Rule],
        overlay: Mapping[Path, Source],
        before: Project | None = None,
    ) -> None:
        self.root = root
        self.rules = tuple(rules)
        self.files: Files = Files(root, overlay, before=before.files if before is not None else None)
        values = Values(self.files, load(config.vocabulary))
        flows, schedules = Flows(values), Schedules(values)
        trainers = Trainers(values, flows, schedules.frameworks)
        self.program = Program(values, flows, Traits(values), schedules, trainers)
        self._updates = Updates(self.program)
        self._own: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        """What could not be done so far: files that do not parse, rules that crashed."""
        return [*self.files.problems, *self._own]

    def check(self, source: Source) -> list[Finding]:
        """What the rules find in one file, in the order of the file."""
        module = self.files.load(source.path, source)
        if module is None:
            return []
        found: list[Finding] = []
        if any(_overrides(rule, "check_update") for rule in self.rules):
            for update in self._updates.of(module):
                found += self._ask("check_update", update, module)
        if any(_overrides(rule, "check_network") for rule in self.rules):
            for network in networks_of(module, self.program.values):
                found += self._ask("check_network", network, module)
        once = {(f.code, f.place, f.message): f for f in sorted(found, key=_order, reverse=True)}  # by several updates
        return sorted(once.values(), key=_order)

    def _ask(self, level: str, subject: Update | Network, module: Module) -> Iterator[Finding]:
        for rule in self.rules:
            if not _overrides(rule, level):
                continue
            try:
                answers: Iterable[Finding] = getattr(rule, level)(subject)
                yield from list(answers)
            except Exception as error:  # a rule may come from anyone; the others still report
                self._own.append(Problem(f"{rule.code} crashed: {type(error).__name__}: {error}", module.source.name))


def _overrides(rule: Rule, level: str) -> bool:
    return getattr(type(rule), level) is not getattr(Rule, level)


def _order(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    return (place.cell or 0, place.start, place.end, finding.code, finding.message)
