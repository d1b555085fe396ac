"""Many files: the gate, the project of each, suppressions, and fixes until nothing is left to fix."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

from gradlint import docs, pool
from gradlint.cache import Cache, Entry, digest, digest_of, digest_of_folder, places
from gradlint.engine import Project
from gradlint.finding import Finding, Problem
from gradlint.fix.edits import Safety
from gradlint.fix.settle import Accept, Findings, RolledBack, Sources, settle
from gradlint.fix.write import WriteError, write
from gradlint.parts import Part, parts_of
from gradlint.plan import Plan, Planner, absolute, folder_of
from gradlint.records import dataclass
from gradlint.rule import Rule
from gradlint.source import Source, SourceError, read
from gradlint.source.gate import trains
from gradlint.source.suppressions import Suppressions
from gradlint.tree import Tree

# The one rule that is about gradlint's own comments: its class is in the pack, for its page and its level.
UNUSED_SUPPRESSION: Final = "GL001"
_TIDY: Final = 50  # after so many parts, what they leave is collected: scopes hold each other, and nothing else does it

Tell: TypeAlias = "Callable[[int, int], None]"  # how many pieces of work are done, and of how many


class Mode(Enum):
    """What to do about what is found."""

    CHECK = "check"
    FIX = "fix"
    DIFF = "diff"


@dataclass(frozen=True, slots=True)
class Change:
    """What the fixes make of one file, and the findings that they remove."""

    before: Source
    after: Source
    fixed: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run found and did; `unreported` is how many findings a person does not want to be told of."""

    mode: Mode = Mode.CHECK
    findings: tuple[Finding, ...] = ()
    unreported: int = 0
    problems: tuple[Problem, ...] = ()
    files: int = 0
    training: int = 0
    changes: tuple[Change, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()  # the folders and files that the run looked at
    _read: dict[str, Source | None] = field(default_factory=dict, repr=False)

    def source(self, name: str) -> Source | None:
        """The file that a place names; None where it can no longer be read."""
        if name in self.sources:
            return self.sources[name]
        if name not in self._read:
            try:
                self._read[name] = read(Path(name), name)
            except SourceError:
                self._read[name] = None
        return self._read[name]


@dataclass(slots=True)
class _Batch:
    """The files of one project that share their settings."""

    root: Path
    plan: Plan
    paths: list[str] = field(default_factory=list)
    given: Mapping[Path, Source] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """What of a batch is analysed together: the training code among files that imports connect."""

    batch: _Batch
    part: Part
    tree: Tree
    last: Project | None = None

    @property
    def plan(self) -> Plan:
        return self.batch.plan

    def sources(self, paths: Iterable[Path]) -> tuple[Sources, list[Problem]]:
        """What some of its files hold, and what is wrong with those that cannot be understood."""
        sources: dict[Path, Source] = {}
        problems: list[Problem] = []
        for path in paths:
            try:
                sources[path] = self.batch.given.get(path) or self.tree.source(path)
            except SourceError as error:
                problems.append(error.problem)
        return sources, problems

    def project(self, overlay: Mapping[Path, Source], rules: Sequence[Rule] | None = None) -> Project:
        """The project with these sources, asked these rules or else the selected ones.

        What the last one parsed of files that have not changed is used again.
        """
        plan = self.plan
        asked = plan.instances() if rules is None else rules
        self.last = Project(self.batch.root, plan.config, asked, overlay, self.last, members=self.part.paths)
        return self.last


@dataclass(slots=True)
class _Outcome:
    """What became of some files; `sources` are those of them that were read and hold findings."""

    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    sources: dict[str, Source] = field(default_factory=dict)
    training: int = 0

    def add(self, source: Source, findings: Sequence[Finding]) -> None:
        self.training += 1
        if findings:
            self.findings += findings
            self.sources[source.name] = source


def run(
    paths: Sequence[Path],
    planner: Planner,
    mode: Mode = Mode.CHECK,
    wanted: Safety = Safety.SAFE,
    accept: Accept | None = None,
    given: Source | None = None,
    cache: Cache | None = None,
    tell: Tell | None = None,
) -> Summary:
    """Lint the files under `paths`, each with the settings and in the project that are nearest to it.

    Fixes of at least the safety `wanted` are written (FIX) or only worked out (DIFF); `accept` is asked about each
    finding that has one. `given` stands for the file at its path, is linted alone, and is never written.
    What `cache` holds is not looked for again, unless there are fixes to be made; `tell` is told how far a run is.
    """
    cache = cache or Cache(None)
    tree = Tree(cache.folder)
    batches, problems = _batches(paths, planner, tree) if given is None else _batch_of(given, planner)
    work = [job for batch in batches for job in _jobs_of(batch, problems, tree)]
    if mode is Mode.CHECK:
        tree.save()
    outcomes = _check(work, cache, tell) if mode is Mode.CHECK else [_fix(job, mode, wanted, accept) for job in work]
    rules = {rule for batch in batches for rule in batch.plan.rules}
    seen = tree.visited | cache.seen
    return Summary(
        mode,
        findings=tuple(sorted((finding for outcome in outcomes for finding in outcome.findings), key=_order)),
        problems=tuple(problems + [problem for outcome in outcomes for problem in outcome.problems]),
        files=sum(len(batch.paths) for batch in batches),
        training=sum(outcome.training for outcome in outcomes),
        changes=tuple(change for outcome in outcomes for change in outcome.changes),
        sources={name: source for outcome in outcomes for name, source in outcome.sources.items()},
        urls={rule.code: page for rule in rules if (page := docs.url(rule)) is not None},
        seen=frozenset(seen | {path for path in planner.seen if os.path.dirname(path) not in seen}),
    )


def jobs(paths: Sequence[Path], planner: Planner) -> tuple[list[Job], list[Problem]]:
    """The training code under `paths`, by what is analysed together, and what cannot be read."""
    tree = Tree()
    batches, problems = _batches(paths, planner, tree)
    found = [job for batch in batches for job in _jobs_of(batch, problems, tree)]
    return found, problems


def _check(jobs: Sequence[Job], cache: Cache, tell: Tell | None) -> list[_Outcome]:
    """Check the files turn by turn, over several processes if there is much to do, and keep only what is found."""
    turns = [_Turn(job, paths) for job in jobs for paths in job.part.turns]
    outcomes = {index: outcome for index, turn in enumerate(turns) if (outcome := turn.recalled(cache)) is not None}
    left = [index for index in range(len(turns)) if index not in outcomes]
    weights = [turns[index].weight for index in left]
    wanted = max((job.plan.config.jobs for job in jobs), default=0)
    count = pool.processes(wanted, sum(weights), len(left))
    done = len(turns) - len(left)
    found = pool.results(_Turns(turns, left).check, weights, count, [turns[index].job for index in left])
    for index, (outcome, entry) in zip(left, found, strict=True):
        outcomes[index] = outcome
        if entry is not None:
            cache.put(turns[index].key, entry)
        done += 1
        if tell is not None:
            tell(done, len(turns))
    cache.save()
    return [outcomes[index] for index in range(len(turns))]


@dataclass(slots=True)
class _Turns:
    """The turns that are left to one process."""

    turns: Sequence[_Turn]
    left: Sequence[int]
    _job: Job | None = None
    _done: int = 0

    def check(self, index: int) -> tuple[_Outcome, Entry | None]:
        turn = self.turns[self.left[index]]
        if self._job is not None and self._job is not turn.job:
            self._job.last = None  # trees are large
            self._done += 1
            if self._done % _TIDY == 0:
                gc.collect()
                gc.freeze()  # what is left stays: the next time it need not be looked through again
        self._job = turn.job
        return turn.check()


@dataclass(frozen=True, slots=True)
class _Turn:
    """Some files of a part, checked one after another."""

    job: Job
    paths: tuple[Path, ...]

    @property
    def weight(self) -> int:
        given, glance = self.job.batch.given, self.job.tree.glance
        return sum(len(given[path].data) if path in given else glance(str(path)).size for path in self.paths)

    @property
    def key(self) -> str:
        job = self.job
        return digest(os.getcwd(), str(job.batch.root), job.plan.digest, job.part.digest, *map(str, self.paths))

    def check(self) -> tuple[_Outcome, Entry | None]:
        """What is found; to be kept unless a file was changed meanwhile."""
        job = self.job
        project = job.last or job.project(job.batch.given)
        project.forget()
        before = len(project.problems)
        sources, problems = job.sources(self.paths)
        outcome = _Outcome()
        found: list[tuple[str, tuple[Finding, ...]]] = []
        for path in self.paths:
            reported = _reported(sources[path], project.check(sources[path]), job.plan) if path in sources else []
            found.append((str(path), tuple(reported)))
            if path in sources:
                outcome.add(sources[path], reported)
        outcome.problems = [*problems, *project.problems[before:]]
        on_disk = [path for path in sources if path not in job.batch.given]
        if any(digest(sources[path].data) != job.tree.glance(str(path)).digest for path in on_disk):
            return outcome, None
        files, members = project.files, set(job.part.members)
        read = {str(path): digest_of(path) for path in files.loaded if str(path) not in members}
        looked = {str(path): digest_of_folder(path) for path in files.looked}
        return outcome, Entry(tuple(found), tuple(outcome.problems), read, looked)

    def recalled(self, cache: Cache) -> _Outcome | None:
        """What the cache knows of these files."""
        entry = cache.get(self.key)
        if entry is None:
            return None
        own = {*self.job.part.members, *entry.read}
        findings = [finding for _, found in entry.findings for finding in found]
        if {path for path, _ in entry.findings} != set(map(str, self.paths)):
            return None
        if not {os.path.abspath(place) for place in set(places(findings))} <= own:
            return None
        return _Outcome(findings, list(entry.problems), training=len(self.paths))


def _fix(job: Job, mode: Mode, wanted: Safety, accept: Accept | None) -> _Outcome:
    """Fix all files of a part together, since what is found in one can depend on another."""
    sources, problems = job.sources(job.part.targets)
    outcome = _Outcome(problems=problems)
    before = _checked(job, sources)
    last: tuple[Sources, _Checked] = sources, before

    def check(now: Sources) -> Findings:
        nonlocal last
        if now is not last[0]:
            last = now, _checked(job, now)
        return _fixable(job, now, last[1])

    settled = settle(sources, check, wanted, accept or _always)
    if settled.sources is not last[0]:
        last = settled.sources, before if settled.sources is sources else _checked(job, settled.sources)
    now = last[1]
    outcome.problems += [*now.problems, *settled.problems]
    for path, source in sources.items():
        after, findings = settled.sources[path], now.findings[path]
        if after is not source:
            try:
                if mode is Mode.FIX and path not in job.batch.given:
                    write(path, source.to_bytes(), after.to_bytes())
                outcome.changes.append(Change(source, after, tuple(finding for finding, _ in settled.applied[path])))
            except WriteError as error:
                outcome.problems.append(error.problem)
                after, findings = source, before.findings[path]
        taken_back = settled.rolled_back.get(path, ())
        outcome.add(after, [_explained(each, taken_back) for each in _reported(after, findings, job.plan)])
    return outcome


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the rules find in the files of a part, before anything is silenced."""

    findings: Findings
    problems: list[Problem]


def _checked(job: Job, sources: Sources) -> _Checked:
    project = job.project(sources)
    findings: dict[Path, list[Finding]] = {}
    for turn in job.part.turns:
        project.forget()
        findings.update((path, project.check(sources[path])) for path in turn if path in sources)
    return _Checked(findings, project.problems)


def _fixable(job: Job, sources: Sources, checked: _Checked) -> Findings:
    """What of it is not silenced: a fix has no business there."""
    return {path: _kept(source, checked.findings[path], job.plan)[0] for path, source in sources.items()}


def _explained(finding: Finding, taken_back: Iterable[RolledBack]) -> Finding:
    """A finding whose fix was taken back offers none, and says why."""
    reasons = [each.reason for each in taken_back if each.finding.code == finding.code and each.finding.fix]
    if finding.fix is None or not reasons:
        return finding
    exact = [each.reason for each in taken_back if each.finding.place == finding.place]
    return replace(finding, fix=None, unfixed=f"the fix was taken back: {(exact or reasons)[-1]}")


def _reported(source: Source, findings: Iterable[Finding], plan: Plan) -> list[Finding]:
    """The findings that nothing silences, and the comments that silence nothing."""
    kept, suppressions = _kept(source, findings, plan)
    checked = _active(source, plan)
    if (rule := checked.get(UNUSED_SUPPRESSION)) is not None:
        unused = suppressions.unused(_names(checked.values()), _names(plan.every))
        comments = [Finding(rule.code, rule.name, rule.level, each.message, each.place) for each in unused]
        kept += suppressions.split(comments)[0]
    return kept


def _kept(source: Source, findings: Iterable[Finding], plan: Plan) -> tuple[list[Finding], Suppressions]:
    """The findings that neither a comment nor `per-file-ignores` silences."""
    checked = _active(source, plan)
    suppressions = Suppressions.of(source)
    kept, _ = suppressions.split(finding for finding in findings if finding.code in checked)
    return kept, suppressions


def _active(source: Source, plan: Plan) -> dict[str, type[Rule]]:
    ignored = plan.ignored(source.path)
    return {rule.code: rule for rule in plan.rules if rule.code not in ignored}


def _names(rules: Iterable[type[Rule]]) -> dict[str, str]:
    return {rule.code: rule.name for rule in rules}


def _jobs_of(batch: _Batch, problems: list[Problem], tree: Tree) -> list[Job]:
    """The training code of a batch, by parts; a file that cannot be read becomes a problem."""
    targets: list[Path] = []
    given = set(map(str, batch.given))
    for path in batch.paths:
        try:
            if path in given or tree.trains(path):
                targets.append(Path(path))
        except SourceError as error:
            problems.append(error.problem)
    return [Job(batch, part, tree) for part in parts_of(tree, batch.root, targets, batch.given)]


def _batch_of(given: Source, planner: Planner) -> tuple[list[_Batch], list[Problem]]:
    """The source that a person gave in place of a file, if it is to be looked at."""
    plan = planner.plan(given.path.parent)
    if plan is None or (plan.excluded(given.path) and plan.config.force_exclude):
        return [], planner.problems
    paths, sources = ([str(given.path)], {given.path: given}) if trains(given.to_bytes()) else ([], {})
    return [_Batch(planner.root(given.path.parent), plan, paths, sources)], planner.problems


def _always(source: Source, finding: Finding) -> bool:
    return True


def _batches(paths: Sequence[Path], planner: Planner, tree: Tree) -> tuple[list[_Batch], list[Problem]]:
    """The files to look at, by project and settings, each once."""
    problems: list[Problem] = []
    batches: dict[tuple[Path, Plan], _Batch] = {}
    of_folder: dict[str, _Batch | None] = {}
    seen: set[str] = set()
    for path in map(absolute, paths):
        plan = planner.plan(folder_of(path))
        if plan is None:
            continue
        files, missing = tree.files(path, plan.exclude, plan.config.respect_gitignore, plan.settings.base)
        tree.visited.add(str(path))
        problems += missing
        for file in files:
            folder = os.path.dirname(file)
            if folder not in of_folder:
                of_folder[folder] = _batch_at(Path(folder), planner, batches)
            batch = of_folder[folder]
            if batch is None:
                continue
            if batch.plan.exclude and batch.plan.excluded(Path(file)):
                if file != str(path) or batch.plan.config.force_exclude:
                    continue
            if len(paths) > 1:
                real = os.path.realpath(file)
                if real in seen:
                    continue
                seen.add(real)
            batch.paths.append(file)
    found = [batch for batch in batches.values() if batch.paths]
    return found, [*planner.problems, *problems]


def _batch_at(folder: Path, planner: Planner, batches: dict[tuple[Path, Plan], _Batch]) -> _Batch | None:
    """The batch of the files in a folder; None where its settings cannot be used."""
    plan = planner.plan(folder)
    if plan is None:
        return None
    root = planner.root(folder)
    return batches.setdefault((root, plan), _Batch(root, plan))


def _order(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    return place.path, -1 if place.cell is None else place.cell, place.start, place.end, finding.code
