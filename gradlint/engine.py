"""One project: its program model, and the rules asked about each file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from gradlint.config import Config
from gradlint.finding import Finding, Problem
from gradlint.program.adversaries import Trail
from gradlint.program.files import File
from gradlint.program.flow import Act, Flows
from gradlint.program.networks import Network, networks_of
from gradlint.program.project import Files, Module
from gradlint.program.schedules import Schedules
from gradlint.program.scopes import Binding
from gradlint.program.trainers import Trainers
from gradlint.program.traits import Traits
from gradlint.program.updates import Program, Update, Updates
from gradlint.program.values import Values
from gradlint.records import dataclass
from gradlint.rule import Rule
from gradlint.source import Source
from gradlint.source.place import Place
from gradlint.vocabulary import load


@dataclass(frozen=True, slots=True)
class Answer:
    """What one rule says of an update or network; `spared` is why it finds nothing, where it tells."""

    rule: Rule
    findings: tuple[Finding, ...]
    spared: str | None = None


class Project:
    """The files of one project, analysed together.

    Args:
        root: the project's folder; imports resolve within it.
        config: the settings.
        rules: the rules to ask.
        overlay: sources that stand for the files on disk.
        before: the same project as it was analysed before, which lends what is still the same.
        members: the files that questions about the whole project are asked about; all of them without it.
    """

    def __init__(
        self,
        root: Path,
        config: Config,
        rules: Sequence[Rule],
        overlay: Mapping[Path, Source],
        before: Project | None = None,
        members: Sequence[Path] | None = None,
    ) -> None:
        self.root = root
        self.rules = tuple(rules)
        self.files: Files = Files(root, overlay, before=before.files if before is not None else None, members=members)
        self._vocabulary = load(config.vocabulary)
        self._own: list[Problem] = []
        self.forget()

    def forget(self) -> None:
        """Forget what was found out so far, though not what was parsed."""
        values = Values(self.files, self._vocabulary)
        flows, schedules = Flows(values), Schedules(values)
        trainers = Trainers(values, flows, schedules.frameworks)
        self.program = Program(values, flows, Traits(values), schedules, trainers, Trail(values))
        self.all_updates = Updates(self.program)

    @property
    def problems(self) -> list[Problem]:
        """What could not be done so far, each once: files that do not parse, rules that crashed."""
        return list(dict.fromkeys([*self.files.problems, *self._own]))

    def check(self, source: Source) -> list[Finding]:
        """What the rules find in one file, in the order of the file."""
        module = self.files.load(source.path, source)
        if module is None:
            return []
        found: list[Finding] = []
        if any(_overrides(rule, "check_update") for rule in self.rules):
            for update in self.updates(module):
                found += self._ask("check_update", update, module)
        if any(_overrides(rule, "check_network") for rule in self.rules):
            for network in networks_of(module, self.program.values):
                found += self._ask("check_network", network, module)
        found += self._ask("check_file", File(self.program, module), module)
        crowded = next((scope.crowded for scope in module.scopes if scope.crowded is not None), None)
        if crowded is not None:
            self._own.append(_crowded(crowded, module))
        once = {(f.code, f.place, f.message): f for f in sorted(found, key=_order, reverse=True)}  # by several updates
        return sorted(once.values(), key=_order)

    def module(self, source: Source) -> Module | None:
        """One file as it is read; None where it cannot be, which becomes a problem."""
        return self.files.load(source.path, source)

    def updates(self, module: Module) -> list[Update]:
        """The places of a file where parameters change; one that takes too much to follow becomes a problem."""
        found = self.all_updates.of(module)
        if module in self.all_updates.unjudged:
            self._own.append(_unjudged(self.all_updates.unjudged[module], module))
        return found

    def networks(self, module: Module) -> list[Network]:
        """The networks that a file defines."""
        return list(networks_of(module, self.program.values))

    def answers(self, subject: Update | Network, module: Module) -> list[Answer]:
        """What each rule that asks about such a subject says of it."""
        level = "check_update" if isinstance(subject, Update) else "check_network"
        answers = []
        for rule in self.rules:
            if _overrides(rule, level):
                findings = tuple(self._ask_one(rule, level, subject, module))
                answers.append(Answer(rule, findings, None if findings else self._spared(rule, subject, module)))
        return answers

    def _spared(self, rule: Rule, subject: Update | Network, module: Module) -> str | None:
        try:
            return rule.spares_update(subject) if isinstance(subject, Update) else rule.spares_network(subject)
        except Exception as error:
            self._own.append(_crash(rule, error, module))
            return None

    def _ask(self, level: str, subject: Update | Network | File, module: Module) -> Iterator[Finding]:
        for rule in self.rules:
            if _overrides(rule, level):
                yield from self._ask_one(rule, level, subject, module)

    def _ask_one(self, rule: Rule, level: str, subject: Update | Network | File, module: Module) -> list[Finding]:
        try:
            answers: Iterable[Finding] = getattr(rule, level)(subject)
            return list(answers)
        except Exception as error:  # a rule may come from anyone; the others still report
            self._own.append(_crash(rule, error, module))
            return []


def _unjudged(act: Act, module: Module) -> Problem:
    message = "too many ways lead to this step to be followed; it, and perhaps others of the file, are not judged"
    return _problem_at(message, module.place(act.node))


def _crowded(binding: Binding, module: Module) -> Problem:
    message = f"too many assignments may set `{binding.name}` to be followed; what the first ones give is not judged"
    return _problem_at(message, module.place(binding.node))


def _problem_at(message: str, place: Place) -> Problem:
    return Problem(message, place.path, place.start.row, place.start.column, place.cell)


def _crash(rule: Rule, error: Exception, module: Module) -> Problem:
    return Problem(f"{rule.code} crashed: {type(error).__name__}: {error}", module.source.name)


def _overrides(rule: Rule, level: str) -> bool:
    return getattr(type(rule), level) is not getattr(Rule, level)


def _order(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    return (place.cell or 0, place.start, place.end, finding.code, finding.message)
