"""`gradlint audit`: every update under some paths, with what is said of each safeguard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from gradlint.audit.kinds import Shown
from gradlint.audit.safeguards import NETWORK, TENSORS, verdicts
from gradlint.audit.subject import Desk, Subject
from gradlint.audit.verdict import Verdict
from gradlint.finding import Finding, Problem
from gradlint.plan import Planner
from gradlint.program.explanation.remark import code
from gradlint.program.explanation.words import function
from gradlint.program.reach import name_of
from gradlint.records import dataclass
from gradlint.runner import Job, jobs
from gradlint.source import Source
from gradlint.source.place import Place
from gradlint.source.suppressions import Suppressions


@dataclass(frozen=True, slots=True)
class Entry:
    """One update: what it is called, of what kinds it is, and what is said of each safeguard by its key.

    `untold` says what it trains where that is no network, or why it is not known. `silenced` are the findings that a
    comment or `per-file-ignores` silences, `unselected` the codes of the rules that `gradlint check` would not run.
    """

    place: Place
    code: str
    function: str
    networks: tuple[str, ...]
    kinds: tuple[Shown, ...]
    untold: str
    verdicts: Mapping[str, Verdict]
    silenced: frozenset[Finding]
    unselected: frozenset[str]


@dataclass(frozen=True, slots=True)
class Audit:
    """All updates, the sources that their places lie in, and what could not be done."""

    entries: tuple[Entry, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def audit(paths: Sequence[Path], planner: Planner) -> Audit:
    """Audit the training code under some paths."""
    work, problems = jobs(paths, planner)
    entries: list[Entry] = []
    sources: dict[str, Source] = {}
    for job in work:
        desk = _Office(job)
        entries += desk.entries()
        sources.update(desk.sources)
        problems += desk.problems
    entries.sort(key=lambda entry: (entry.place.path, entry.place.cell or 0, entry.place.start))
    return Audit(tuple(entries), sources, tuple(dict.fromkeys(problems)))


class _Office:
    """The files that are analysed together."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.plan = job.plan
        asked = [rule(**self.plan.config.rules.get(rule.name, {})) for rule in self.plan.every]
        self.project = job.project(job.batch.given, asked)
        self.sources: dict[str, Source] = {}
        self._unread: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        return [*self._unread, *self.project.problems]

    def entries(self) -> Iterator[Entry]:
        for turn in self.job.part.turns:
            self.project.forget()
            desk = Desk(self.project)
            sources, problems = self.job.sources(turn)
            self._unread += problems
            for source in sources.values():
                module = self.project.module(source)
                if module is not None:
                    yield from (self._entry(Subject(update, desk)) for update in desk.updates(module))

    def _entry(self, subject: Subject) -> Entry:
        update = subject.update
        said = verdicts(subject)
        for module in subject.modules:
            self.sources[module.source.name] = module.source
        findings = [finding for verdict in said.values() for finding in verdict.findings]
        return Entry(
            update.place,
            code(update.module, update.node),
            function(update.scope),
            tuple(dict.fromkeys(map(name_of, subject.networks))),
            subject.kinds,
            _untold(subject),
            said,
            frozenset(finding for finding in findings if self._silenced(finding)),
            frozenset(rule.code for rule in self.plan.every if rule not in self.plan.rules),
        )

    def _silenced(self, finding: Finding) -> bool:
        source = self.sources.get(finding.place.path)
        if source is None:
            return False
        kept, _ = Suppressions.of(source).split([finding])
        return not kept or finding.code in self.plan.ignored(source.path)


def _untold(subject: Subject) -> str:
    if subject.networks:
        return ""
    return TENSORS if subject.bare else f"{NETWORK}: {subject.unresolved}"
