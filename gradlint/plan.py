"""What counts for a file: its project's root, its settings, and the rules that they select."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pathspec import PathSpec

from gradlint import config, packs
from gradlint.config import Settings, SettingsError
from gradlint.finding import Problem
from gradlint.packs import PackError
from gradlint.rule import Rule
from gradlint.selection import checked, matches, selected

ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


@dataclass(frozen=True, eq=False)
class Plan:
    """Settings, and the rules that they select; one for all files that share a settings file."""

    settings: Settings
    rules: tuple[type[Rule], ...]
    every: tuple[type[Rule], ...] = field(repr=False)

    def instances(self) -> tuple[Rule, ...]:
        """The selected rules, each with its options."""
        options = self.settings.config.rules
        return tuple(rule(**options.get(rule.name, {})) for rule in self.rules)

    def ignored(self, path: Path) -> frozenset[str]:
        """The codes that `per-file-ignores` switches off for a file."""
        selectors = [
            selector
            for pattern, given in self.settings.config.per_file_ignores.items()
            if _spec(pattern).match_file(_relative(path, self.settings.base))
            for selector in given
        ]
        return frozenset(rule.code for rule in self.rules if matches(rule, selectors))


class Planner:
    """Finds the plan of each folder, once; what is wrong with settings is kept as a problem, once."""

    def __init__(self, flags: Mapping[str, object], file: Path | None = None, isolated: bool = False) -> None:
        self.flags = flags
        self.file = file
        self.isolated = isolated
        self.problems: list[Problem] = []
        self._by_file: dict[Path | None, Plan | None] = {}
        self._by_folder: dict[Path, Plan | None] = {}

    def plan(self, folder: Path) -> Plan | None:
        """The plan for files in `folder`, None where its settings cannot be used."""
        if folder not in self._by_folder:
            self._by_folder[folder] = self._guarded(folder)
        return self._by_folder[folder]

    def _guarded(self, folder: Path) -> Plan | None:
        try:
            file = None if self.isolated else self.file or config.find(folder)
            if file not in self._by_file:
                self._by_file[file] = None
                self._by_file[file] = self._load(file)
            return self._by_file[file]
        except (SettingsError, PackError) as error:
            if error.problem not in self.problems:
                self.problems.append(error.problem)
            return None

    def _load(self, file: Path | None) -> Plan:
        settings = config.load(file, self.flags, Path.cwd())
        every = packs.load(settings.base / folder for folder in settings.config.packs)
        settings = checked(settings, every)
        return Plan(settings, selected(settings, every), every)


@cache
def project_root(folder: Path) -> Path:
    """The nearest folder at or above `folder` that looks like a project's root, else the current directory."""
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return Path.cwd()


@cache
def _spec(pattern: str) -> PathSpec:
    return PathSpec.from_lines("gitwildmatch", [pattern])


def _relative(path: Path, base: Path) -> str:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return path.as_posix()
