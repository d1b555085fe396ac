"""Many files: the settings and the project of each, the gate, suppressions, fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradlint.engine import Project
from gradlint.finding import Finding, Problem
from gradlint.plan import Plan, Planner, project_root
from gradlint.source import Source, SourceError, read
from gradlint.source.discover import discover
from gradlint.source.gate import trains


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do; `flags` are settings by field name, None where not given."""

    paths: Sequence[Path]
    flags: Mapping[str, object] = field(default_factory=dict)
    config: Path | None = None
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run found and did."""

    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...] = ()
    files: int = 0
    training: int = 0
    fixed: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)

    def source(self, name: str) -> Source | None:
        """The file that a place names; None where it can no longer be read."""
        if name in self.sources:
            return self.sources[name]
        try:
            return read(Path(name), name)
        except SourceError:
            return None


def run(request: Request) -> Summary:
    """Lint the files under the paths of a request, each with the settings that are nearest to it."""
    planner = Planner(request.flags, request.config, request.isolated)
    files, problems = _files(request.paths, planner)
    findings: list[Finding] = []
    sources: dict[str, Source] = {}
    projects: dict[tuple[Path, Plan], Project] = {}
    training = 0
    for path, plan in files:
        try:
            if not trains(path.read_bytes()):
                continue
            source = read(path)
        except OSError as error:
            problems.append(Problem(f"cannot be read: {error.strerror}", str(path)))
            continue
        except SourceError as error:
            problems.append(error.problem)
            continue
        training += 1
        root = project_root(path.parent)
        if (root, plan) not in projects:
            projects[root, plan] = Project(root, plan.settings.config, plan.instances(), {})
        found = projects[root, plan].check(source)
        if found:
            sources[source.name] = source
            findings += found
    for project in projects.values():
        problems += project.problems
    return Summary(tuple(findings), tuple(problems), len(files), training, {}, sources)


def _files(paths: Sequence[Path], planner: Planner) -> tuple[list[tuple[Path, Plan]], list[Problem]]:
    """The files to look at, each with its plan, in the order in which they are reported."""
    found: dict[Path, Plan] = {}
    problems: list[Problem] = []
    for path in paths:
        path = Path.cwd() / path
        plan = planner.plan(path if path.is_dir() else path.parent)
        if plan is None:
            continue
        config = plan.settings.config
        exclude = (*config.exclude, *config.extend_exclude)
        files, missing = discover([path], exclude=exclude, respect_gitignore=config.respect_gitignore)
        problems += missing
        for file in files:
            nearest = planner.plan(file.parent)
            if nearest is not None:
                found.setdefault(file, nearest)
    return list(found.items()), [*planner.problems, *problems]
