"""What counts for a file: its project's root, its settings, and the rules that they select."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import field, fields
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gradlint import config, marks, packs
from gradlint.cache import digest, digest_of, digest_of_tool
from gradlint.config import COMMAND_LINE, Config, Settings, SettingsError
from gradlint.finding import Problem
from gradlint.packs import PackError
from gradlint.records import dataclass
from gradlint.rule import Rule
from gradlint.selection import checked, matches, selected

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

# Settings that change what is done about findings, not what is found.
_ABOUT_THE_RUN: Final = frozenset(["fix", "unsafe_fixes", "fix_only", "show_fixes", "output_format", "jobs"])


@dataclass(frozen=True, eq=False)
class Plan:
    """Settings and the rules that they select: one for all files that share a settings file."""

    settings: Settings
    rules: tuple[type[Rule], ...]
    every: tuple[type[Rule], ...] = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """The digest of all here that findings depend on, and of gradlint itself."""
        config = self.config
        said = {item.name: getattr(config, item.name) for item in fields(config) if item.name not in _ABOUT_THE_RUN}
        folders = sorted({Path(packs.file_of(rule)).parent for rule in self.rules})
        rules = [part for folder in folders for file in sorted(folder.rglob("*.py")) for part in _file(file)]
        chosen = " ".join(f"{rule.__module__}:{rule.code}" for rule in self.rules)
        return digest(digest_of_tool(), repr(said), str(self.settings.base), chosen, *rules)

    @property
    def config(self) -> Config:
        return self.settings.config

    def instances(self) -> tuple[Rule, ...]:
        """The selected rules, each with its options."""
        return tuple(rule(**self.config.rules.get(rule.name, {})) for rule in self.rules)

    def ignored(self, path: Path) -> frozenset[str]:
        """The codes that `per-file-ignores` switches off for a file."""
        if not self.config.per_file_ignores:
            return frozenset()
        within = _within(path, self.settings.base)
        selectors = [
            selector
            for pattern, given in self.config.per_file_ignores.items()
            if within is not None and _spec((pattern,)).match_file(within)
            for selector in given
        ]
        return frozenset(rule.code for rule in self.rules if matches(rule, selectors))

    @cached_property
    def exclude(self) -> tuple[str, ...]:
        """The patterns of what to pass over, relative to the settings' folder."""
        return tuple(
            pattern
            for name in ("exclude", "extend_exclude")
            for given in getattr(self.config, name)
            if (pattern := self._pattern(given, self.settings.origins.get(name))) is not None
        )

    def excluded(self, path: Path) -> bool:
        """Whether a file is passed over."""
        if not self.exclude:
            return False
        within = _within(path, self.settings.base)
        return within is not None and _spec(self.exclude).match_file(within)

    def _pattern(self, given: str, origin: str | None) -> str | None:
        """A pattern of the command line means the current directory, which may lie deeper than the settings."""
        if origin != COMMAND_LINE or "/" not in given.rstrip("/"):
            return given
        negated, bare = ("!", given[1:]) if given.startswith("!") else ("", given)
        within = _within(absolute(Path(bare)), self.settings.base)
        if within is None:
            within = _within(absolute(Path(bare.lstrip("/"))), self.settings.base)
        return None if within is None else f"{negated}/{within}{'/' if bare.endswith('/') else ''}"


class Planner:
    """Finds the plan of each folder, once. What is wrong with settings is kept as a problem, once."""

    def __init__(
        self, flags: Mapping[str, object] | None = None, file: Path | None = None, isolated: bool = False
    ) -> None:
        self.problems: list[Problem] = []
        self._flags = flags or {}
        self._file = file
        self._isolated = isolated
        self._plans: dict[Path | None, Plan | None] = {}
        self._files: dict[Path, Path | None] = {}
        self._roots: dict[Path, Path | None] = {}
        self._homes: dict[Path, Path] = {}

    def plan(self, folder: Path) -> Plan | None:
        """The plan for files in `folder`; None where its settings cannot be used."""
        file: Path | None = None
        try:
            file = self._file or (None if self._isolated else self._settings_file(folder))
            if file not in self._plans:
                self._plans[file] = None
                self._plans[file] = self._load(file)
            return self._plans[file]
        except (SettingsError, PackError) as error:
            if error.problem not in self.problems:
                self.problems.append(error.problem)
            return None

    @property
    def seen(self) -> set[str]:
        """The files that say, or could say, what the settings and the roots are, and those of the packs."""
        looked = {*self._files, *self._roots}
        files = {str(folder / name) for folder in looked for name in (*config.NAMES, *marks.ROOT, ".gitignore")}
        rules = {rule for plan in self._plans.values() if plan is not None for rule in plan.every}
        return files | {packs.file_of(rule) for rule in rules} | ({str(self._file)} if self._file else set())

    def main(self, paths: Sequence[Path]) -> Plan | None:
        """The plan that says how to run and report: that of the first path."""
        return self.plan(folder_of(absolute(paths[0])))

    def root(self, folder: Path) -> Path:
        """The nearest folder at or above `folder` that looks like a project's root.

        Where there is none, it is the current directory if that is above too, else `folder` itself.
        """
        if folder not in self._homes:
            here = Path.cwd()
            self._homes[folder] = self._marked(folder) or (here if folder.is_relative_to(here) else folder)
        return self._homes[folder]

    def _marked(self, folder: Path) -> Path | None:
        if folder not in self._roots:
            above = folder.parent
            if any((folder / mark).exists() for mark in marks.ROOT):
                self._roots[folder] = folder
            else:
                self._roots[folder] = None if above == folder else self._marked(above)
        return self._roots[folder]

    def _settings_file(self, folder: Path) -> Path | None:
        """The settings file at or nearest above a folder."""
        if folder not in self._files:
            above = folder.parent
            self._files[folder] = config.in_folder(folder) or (None if above == folder else self._settings_file(above))
        return self._files[folder]

    def _load(self, file: Path | None) -> Plan:
        settings = config.load(file, self._flags, Path.cwd())
        every = packs.load(settings.base / folder for folder in settings.config.packs)
        settings = checked(settings, every)
        return Plan(settings, selected(settings, every), every)


def _file(path: Path) -> tuple[str, str]:
    return str(path), digest_of(path) or ""


def absolute(path: Path) -> Path:
    """A path from the root of the file system, without `..`; links stay as they are."""
    return Path(os.path.abspath(path))


def folder_of(path: Path) -> Path:
    """The folder itself, or the one that a file lies in."""
    return path if path.is_dir() else path.parent


@cache
def _spec(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns)


def _within(path: Path, folder: Path) -> str | None:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return None
