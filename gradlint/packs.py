"""Load rule packs: a pack is a folder of rule files, one rule a file."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from gradlint.finding import Problem
from gradlint.rule import Rule

GROUP = "gradlint.packs"
CODE = re.compile(r"[A-Z]{2,}[0-9]{3}")
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class PackError(Exception):
    """A pack does not load; `problem` says which file and line."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def builtin() -> Path:
    """The folder of built-in rules: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "rules"
    return installed if installed.is_dir() else package.parent / "rules"


def load(folders: Iterable[Path] = (), *, installed: bool = True) -> tuple[type[Rule], ...]:
    """The rules of the built-in pack, of installed packs and of `folders`, sorted by code.

    Raises PackError where a folder is missing, a file fails to import or holds no rule, or two rules share a code.
    """
    builtins = builtin().resolve()
    packs = {builtins: _mounted(builtins, "gradlint.rules")}
    for folder in [*(_installed() if installed else ()), *folders]:
        folder = folder.resolve()
        if folder not in packs:
            packs[folder] = _mounted(folder, _free_name(folder))
    rules = [rule for folder, name in packs.items() for rule in _load(folder, name)]
    rules.sort(key=lambda rule: rule.code)
    _no_clash(rules)
    return tuple(rules)


def file_of(rule: type[Rule]) -> str:
    """The file that a rule was loaded from."""
    return str(sys.modules[rule.__module__].__file__)


def _free_name(folder: Path) -> str:
    """A package name for a folder: the one that it has already, else one that no other folder has."""
    stem = re.sub(r"\W", "_", folder.name)
    name, count = f"gradlint_packs_{stem}", 1
    while name in sys.modules and list(sys.modules[name].__path__) != [str(folder)]:
        count += 1
        name = f"gradlint_packs_{stem}_{count}"
    return name


def _mounted(folder: Path, name: str) -> str:
    """Make `folder` importable as the package `name`, wherever it lies.

    A mounted folder is an ordinary package to Python: tracebacks, `inspect.getsource`, relative imports and
    breakpoints work, and nothing is added to `sys.path`.
    """
    if not folder.is_dir():
        raise PackError(Problem("the rule pack is not a folder", str(folder)))
    if name not in sys.modules:
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)
    return name


def _load(folder: Path, name: str) -> list[type[Rule]]:
    importlib.invalidate_caches()
    files = sorted(path for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return [_rule(path, f"{name}.{path.stem}") for path in files]


def _rule(path: Path, name: str) -> type[Rule]:
    """The one rule in the file at `path`."""
    try:
        module = importlib.import_module(name)
    except SyntaxError as error:
        message = f"the rule does not load: {error.msg}"
        raise PackError(Problem(message, error.filename or str(path), error.lineno, error.offset)) from error
    except Exception as error:
        message = f"the rule does not load: {type(error).__name__}: {error}"
        raise PackError(Problem(message, str(path), _row(error, path))) from error
    found = _defined(module)
    if len(found) != 1:
        names = ", ".join(rule.__name__ for rule in found) or "none"
        raise PackError(Problem(f"a rule file defines exactly one rule, this one: {names}", str(path)))
    _well_formed(found[0], path)
    return found[0]


def _row(error: Exception, path: Path) -> int | None:
    """The last line of the rule's own file that the error came through."""
    rows = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return rows[-1] if rows else None


def _defined(module: ModuleType) -> list[type[Rule]]:
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Rule) and item.__module__ == module.__name__
    ]


def _well_formed(rule: type[Rule], path: Path) -> None:
    for attribute, pattern, example in (("code", CODE, "GL101"), ("name", NAME, "unclipped-recurrent-update")):
        value = getattr(rule, attribute, None)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            message = f"the rule `{rule.__name__}` needs a `{attribute}` like `{example}`, not {value!r}"
            raise PackError(Problem(message, str(path)))


def _no_clash(rules: Iterable[type[Rule]]) -> None:
    taken: dict[str, type[Rule]] = {}
    for rule in rules:
        for key in (rule.code, rule.name):
            if key in taken:
                message = f"`{key}` is taken by another rule ({file_of(taken[key])})"
                raise PackError(Problem(message, file_of(rule)))
            taken[key] = rule


def _installed() -> list[Path]:
    """The folders of the packs that installed distributions offer."""
    if not any(map(_offers, sys.path)):
        return []
    from importlib.metadata import entry_points

    folders = []
    for point in entry_points(group=GROUP):
        try:
            package = importlib.import_module(point.value)
            folders += [Path(place).resolve() for place in package.__path__]
        except Exception as error:
            message = f"the installed rule pack `{point.name}` does not load: {type(error).__name__}: {error}"
            raise PackError(Problem(message)) from error
    return folders


def _offers(place: str) -> bool:
    """Whether what is installed in a place may offer packs; asking `importlib.metadata` costs as much as a file."""
    try:
        with os.scandir(place or os.curdir) as entries:
            about = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except NotADirectoryError:  # an archive
        return True
    except OSError:
        return False
    if place.endswith(".egg"):
        return True
    for folder in about:
        try:
            with open(os.path.join(folder, "entry_points.txt"), "rb") as file:
                if GROUP.encode() in file.read():
                    return True
        except OSError:
            continue
    return False
