"""Many files: the gate, the project of each, suppressions, and fixes until nothing is left to fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from gradlint import docs
from gradlint.engine import Project
from gradlint.finding import Finding, Problem
from gradlint.fix.edits import Safety
from gradlint.plan import Plan, Planner, absolute, folder_of
from gradlint.rule import Rule
from gradlint.source import Source, SourceError, from_bytes, read
from gradlint.source.discover import discover
from gradlint.source.gate import trains
from gradlint.source.source import display
from gradlint.source.suppressions import Suppressions

# The one rule that is about gradlint's own comments: its class is in the pack, for its page and its level.
UNUSED_SUPPRESSION: Final = "GL001"


class Mode(Enum):
    """What to do about what is found."""

    CHECK = "check"
    FIX = "fix"
    DIFF = "diff"


@dataclass(frozen=True, slots=True)
class Change:
    """What the fixes make of one file, and how many findings they remove."""

    before: Source
    after: Source
    fixed: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run found and did."""

    mode: Mode = Mode.CHECK
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: int = 0
    training: int = 0
    changes: tuple[Change, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)

    def source(self, name: str) -> Source | None:
        """The file that a place names; None where it can no longer be read."""
        if name in self.sources:
            return self.sources[name]
        try:
            return read(Path(name), name)
        except SourceError:
            return None


@dataclass(slots=True)
class _Batch:
    """The files of one project that share their settings."""

    root: Path
    plan: Plan
    paths: list[Path] = field(default_factory=list)


def run(paths: Sequence[Path], planner: Planner, mode: Mode = Mode.CHECK, wanted: Safety = Safety.SAFE) -> Summary:
    """Lint the files under `paths`, each with the settings and in the project that are nearest to it.

    Fixes of at least the safety `wanted` are written (FIX) or only worked out (DIFF).
    """
    batches, problems = _batches(paths, planner)
    checked: list[_Checked] = []
    for batch in batches:
        found, wrong = _check(batch)
        checked += found
        problems += wrong
    findings = sorted((finding for each in checked for finding in each.findings), key=_order)
    rules = {rule for batch in batches for rule in batch.plan.rules}
    return Summary(
        mode,
        tuple(findings),
        tuple(problems),
        sum(len(batch.paths) for batch in batches),
        len(checked),
        (),
        {each.source.name: each.source for each in checked if each.findings},
        {rule.code: page for rule in rules if (page := docs.url(rule)) is not None},
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    source: Source
    findings: tuple[Finding, ...]


def _check(batch: _Batch) -> tuple[list[_Checked], list[Problem]]:
    """Check the training files of a batch."""
    project = Project(batch.root, batch.plan.config, batch.plan.instances(), {})
    checked: list[_Checked] = []
    problems: list[Problem] = []
    for path in batch.paths:
        try:
            source = _training_source(path)
        except SourceError as error:
            problems.append(error.problem)
            continue
        if source is not None:
            checked.append(_Checked(source, _reported(source, project.check(source), batch.plan)))
    return checked, [*problems, *project.problems]


def _reported(source: Source, findings: Iterable[Finding], plan: Plan) -> tuple[Finding, ...]:
    """The findings that neither a comment nor the settings silence, and the comments that silence nothing."""
    ignored = plan.ignored(source.path)
    checked = {rule.code: rule for rule in plan.rules if rule.code not in ignored}
    suppressions = Suppressions.of(source)
    kept, _ = suppressions.split(finding for finding in findings if finding.code in checked)
    if (rule := checked.get(UNUSED_SUPPRESSION)) is not None:
        unused = suppressions.unused(_names(checked.values()), _names(plan.every))
        kept += suppressions.split(
            Finding(rule.code, rule.name, rule.level, each.message, each.place) for each in unused
        )[0]
    return tuple(kept)


def _names(rules: Iterable[type[Rule]]) -> dict[str, str]:
    return {rule.code: rule.name for rule in rules}


def _training_source(path: Path) -> Source | None:
    """The source at a path, None if it holds no training code. Raises SourceError as `read` does."""
    if not path.is_file():
        return read(path)
    try:
        data = path.read_bytes()
    except OSError:
        return read(path)
    return from_bytes(data, path, display(path)) if trains(data) else None


def _batches(paths: Iterable[Path], planner: Planner) -> tuple[list[_Batch], list[Problem]]:
    """The files to look at, by project and settings, each once."""
    problems: list[Problem] = []
    batches: dict[tuple[Path, Plan], _Batch] = {}
    seen: set[Path] = set()
    for path in map(absolute, paths):
        plan = planner.plan(folder_of(path))
        if plan is None:
            continue
        files, missing = discover(
            [path],
            exclude=plan.exclude,
            respect_gitignore=plan.config.respect_gitignore,
            root=plan.settings.base,
        )
        problems += missing
        for file in files:
            own = planner.plan(file.parent)
            named = file == path
            if own is None or file in seen or (own.excluded(file) and (not named or own.config.force_exclude)):
                continue
            seen.add(file)
            root = planner.root(file.parent)
            batches.setdefault((root, own), _Batch(root, own)).paths.append(file)
    return list(batches.values()), [*planner.problems, *problems]


def _order(finding: Finding) -> tuple[object, ...]:
    place = finding.place
    return place.path, -1 if place.cell is None else place.cell, place.start, place.end, finding.code
