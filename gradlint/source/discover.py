"""Which files to lint: the ones that were named, and the Python below the directories that were."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gradlint.finding import Problem
from gradlint.records import dataclass
from gradlint.source.source import display

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SUFFIXES = (".py", ".ipynb")

# Directories that hold what others wrote, or what a tool did.
EXCLUDED_DIRECTORIES = frozenset(
    {
        ".bzr",
        ".direnv",
        ".eggs",
        ".git",
        ".gradlint_cache",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "build",
        "dist",
        "node_modules",
        "site-packages",
        "venv",
    }
)
# Tests, as pytest finds them: their updates last a few steps, and nobody's run diverges there.
EXCLUDED_FILES = ("test_*.py", "*_test.py", "conftest.py")
# What a file so called holds if it is one: some people's training scripts are `mnist_test.py`.
_TEST = re.compile(rb"\bdef test_|\bunittest\b|\bpytest\b")
_TEST_FOLDERS = ("test", "tests")
# A directory that holds one of these is an environment, whatever it is called.
_ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})


def discover(
    paths: Iterable[Path],
    *,
    exclude: Sequence[str] = (),
    respect_gitignore: bool = True,
    root: Path | None = None,
    visited: set[str] | None = None,
) -> tuple[list[str], list[Problem]]:
    """The files to lint, each once, in the order of `paths` and by name below a directory.

    `exclude` has patterns as in a `.gitignore` at `root`, by default the current directory; those of tests, which hold
    for files with tests in them, come first, so that `!test_*.py` takes them back. What is named is taken
    even if it is excluded or ignored. Links to files are followed; links to directories, which may lead to data of any
    size or back up, only where they are named. The directories that were looked into are added to `visited`.
    """
    walk = _Walk(_rules(os.path.realpath(root or "."), (*EXCLUDED_FILES, *exclude)), respect_gitignore)
    for path in paths:
        if os.path.isdir(path):
            walk.directory(str(path))
        elif os.path.lexists(path):
            walk.file(str(path))
        else:
            walk.problem(path, "no such file or directory")
    if visited is not None:
        visited |= walk.seen
    return [path for path, _ in walk.files.values()], walk.problems


@dataclass(frozen=True)
class _Rules:
    """The patterns of one `.gitignore`, and the directory that they are relative to."""

    base: str
    spec: GitIgnoreSpec

    @cached_property
    def _any(self) -> re.Pattern[str] | None:
        """One regex for all that may ignore: four times faster than asking each pattern for most files' no."""
        sources = [pattern.regex.pattern for pattern in self.spec.patterns if pattern.include and pattern.regex]
        unnamed = [re.sub(r"[(][?]P<[^>]+>", "(?:", source) for source in sources]
        try:
            return re.compile("|".join(f"(?:{source})" for source in unnamed) or "(?!)")
        except re.error:
            return None

    def may_ignore(self, path: str) -> bool:
        return self._any is None or self._any.match(self._relative(path)) is not None

    def decide(self, path: str) -> bool | None:
        """Whether a path, which ends in `/` if it is a directory's, is ignored; None if no pattern speaks of it."""
        return self.spec.check_file(self._relative(path)).include

    def by_name_of_test(self, path: str) -> bool:
        """Whether a path is ignored since it is called like a test, where these patterns come first."""
        decided = self.spec.check_file(self._relative(path)).index
        return decided is not None and decided < len(EXCLUDED_FILES)

    def _relative(self, path: str) -> str:
        return path[len(self.base) + 1 :].replace(os.sep, "/")


@dataclass(frozen=True, slots=True)
class _Directory:
    path: str  # as it was named
    real: str
    ignores: tuple[_Rules, ...] | None  # the outermost first; None outside of a git work tree
    exclude: _Rules | None
    is_named: bool = False


class _Walk:
    """A walk over directories, which collects files and goes on after problems."""

    def __init__(self, exclude: _Rules | None, respect_gitignore: bool) -> None:
        self.files: dict[str, tuple[str, bool]] = {}  # by real path: the path, and whether it is a link
        self.problems: list[Problem] = []
        self._exclude = exclude
        self._respect_gitignore = respect_gitignore
        self.seen: set[str] = set()

    def problem(self, path: str | Path, message: str) -> None:
        self.problems.append(Problem(message, display(Path(path))))

    def file(self, path: str) -> None:
        self._add(path, os.path.realpath(path), os.path.islink(path))

    def directory(self, path: str) -> None:
        real = os.path.realpath(path)
        ignores = self._inherited(real) if self._respect_gitignore else None
        if ignores and _is_within_ignored(real, ignores):
            ignores = ()
        exclude = self._exclude
        if exclude and not (real + os.sep).startswith(exclude.base + os.sep):
            exclude = _Rules(real.rstrip(os.sep), exclude.spec)
        if exclude and _is_within_ignored(real, (exclude,)):
            exclude = None
        stack: list[_Directory | tuple[str, str, bool]] = [_Directory(path, real, ignores, exclude, is_named=True)]
        while stack:
            item = stack.pop()
            if isinstance(item, _Directory):
                stack += reversed(self._entries(item))
            else:
                self._add(*item)

    def _add(self, path: str, real: str, is_link: bool) -> None:
        """Take a file, under its own name rather than a link's if it is reached by both."""
        _, had_link = self.files.setdefault(real, (path, is_link))
        if had_link and not is_link:
            self.files[real] = (path, is_link)

    def _entries(self, directory: _Directory) -> list[_Directory | tuple[str, str, bool]]:
        """What to visit in a directory, by name."""
        if directory.real in self.seen:
            return []
        self.seen.add(directory.real)
        try:
            with os.scandir(directory.path) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.problem(directory.path, f"cannot be read: {error.strerror or error}")
            return []
        names = {entry.name for entry in entries}
        if not directory.is_named and not _ENVIRONMENT_MARKS.isdisjoint(names):
            return []
        ignores = directory.ignores
        if ".git" in names and self._respect_gitignore:
            ignores = self._rules_of(directory.real, os.path.join(".git", "info", "exclude"))
        if ".gitignore" in names and ignores is not None:
            ignores += self._rules_of(directory.real, ".gitignore")
        exclude = (directory.exclude,) if directory.exclude else ()
        found: list[_Directory | tuple[str, str, bool]] = []
        for entry in entries:
            real = os.path.join(directory.real, entry.name)
            if _is_directory(entry):
                inside = real + os.sep
                if entry.name in EXCLUDED_DIRECTORIES or _is_ignored(inside, exclude):
                    continue
                if not _is_ignored(inside, ignores or ()):
                    found.append(_Directory(entry.path, real, ignores, directory.exclude))
                continue
            if not entry.name.lower().endswith(SUFFIXES) or not _is_file(entry):
                continue
            if not self._is_excluded(real, directory.exclude) and not _is_ignored(real, ignores or ()):
                linked = entry.is_symlink()
                found.append((entry.path, os.path.realpath(real) if linked else real, linked))
        return found

    def _is_excluded(self, real: str, exclude: _Rules | None) -> bool:
        if exclude is None or not _is_ignored(real, (exclude,)):
            return False
        return not exclude.by_name_of_test(real) or _is_test(real)

    def _inherited(self, real: str) -> tuple[_Rules, ...] | None:
        """The patterns that directories above give to one: from the root of its git work tree on down."""
        above: list[str] = []
        at = real
        while not os.path.lexists(os.path.join(at, ".git")):
            if at == os.path.dirname(at):
                return None
            at = os.path.dirname(at)
            above.append(at)
        rules = self._rules_of(at, os.path.join(".git", "info", "exclude"))
        for directory in reversed(above):
            rules += self._rules_of(directory, ".gitignore")
        return rules

    def _rules_of(self, directory: str, name: str) -> tuple[_Rules, ...]:
        path = os.path.join(directory, name)
        self.seen.add(path)
        if not os.path.isfile(path):
            return ()
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                rules = _rules(directory, file.read().splitlines())
        except OSError as error:
            self.problem(path, f"cannot be read: {error.strerror or error}")
            return ()
        return (rules,) if rules else ()


def _rules(base: str, lines: Iterable[str]) -> _Rules | None:
    """The patterns on these lines; like git, it passes over what is no pattern."""
    wanted = [line for line in lines if line.strip()]
    if not wanted:
        return None
    from pathspec import GitIgnoreSpec

    try:
        spec = GitIgnoreSpec.from_lines(wanted)
    except ValueError:
        spec = GitIgnoreSpec([])
        for line in wanted:
            with suppress(ValueError):
                spec += GitIgnoreSpec.from_lines([line])
    return _Rules(base.rstrip(os.sep), spec)


def _is_ignored(path: str, rules: tuple[_Rules, ...]) -> bool:
    """Whether a path, which ends in a separator if it is a directory's, is ignored: the innermost pattern decides."""
    if any(each.may_ignore(path) for each in rules):
        for each in reversed(rules):
            decision = each.decide(path)
            if decision is not None:
                return decision
    return False


def _is_within_ignored(path: str, rules: tuple[_Rules, ...]) -> bool:
    """Whether a directory, or one above it, is ignored."""
    while path != os.path.dirname(path):
        if _is_ignored(path + os.sep, tuple(each for each in rules if path.startswith(each.base + os.sep))):
            return True
        path = os.path.dirname(path)
    return False


def _is_test(path: str) -> bool:
    """Whether a file that is called like a test is one: by its folder, or by what it holds."""
    if os.path.basename(os.path.dirname(path)) in _TEST_FOLDERS:
        return True
    try:
        with open(path, "rb") as file:
            return _TEST.search(file.read()) is not None
    except OSError:
        return True


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file or a link to one: not a pipe, nor a link to nothing or to itself."""
    try:
        return entry.is_file()
    except OSError:
        return False
