"""What imported names mean: a file of the project, something in it, or a library's symbol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gradlint.program import syntax as s
from gradlint.program.project import Files, Module
from gradlint.program.scopes import Scope
from gradlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Lib:
    """A symbol of a library, by its full name."""

    path: str


@dataclass(frozen=True, slots=True)
class Package:
    """A module or a package folder of the project."""

    path: Path


@dataclass(frozen=True, slots=True)
class Member:
    """A name at the top level of a project module."""

    module: Module
    name: str


Meaning = Lib | Package | Member


def imported(files: Files, module: Module, stmt: s.Import | s.ImportFrom, name: str) -> Meaning:
    """What an import statement binds `name` to."""
    if isinstance(stmt, s.Import):
        for dotted, alias in stmt.names:
            if (alias or dotted.partition(".")[0]) == name:
                whole = dotted if alias else dotted.partition(".")[0]
                found = files.find(whole, module.path)
                if found is None and whole != dotted and files.find(dotted, module.path) is not None:
                    found = files.root / "__init__.py"  # the root is that package, under another folder name
                return Package(found) if found is not None and found != module.path else Lib(whole)
        return Lib(name)
    original = next((n for n, alias in stmt.names or () if (alias or n) == name), name)
    home = home_of(files, module, stmt)
    if home is None:
        return Lib(f"{stmt.module}.{original}" if stmt.level == 0 else original)
    own = _below(files, home, original) if home == module.path else None  # `from . import nets` in a package itself
    return own or member(files, home, original) or Lib(f"{stmt.module}.{original}")


def home_of(files: Files, module: Module, stmt: s.ImportFrom) -> Path | None:
    """The project's file that a `from` import is about."""
    if stmt.level:
        return files.relative(stmt.level, stmt.module, module.path)
    found = files.find(stmt.module, module.path)
    return None if found == module.path else found


def member(files: Files, path: Path, name: str, _seen: frozenset[Path] = frozenset()) -> Meaning | None:
    """What `name` means in the project module or package at `path`, through star imports; None if nothing."""
    module = files.load(path) if path.is_file() else None
    if module is not None and name in module.scope.bindings:
        return Member(module, name)
    below = _below(files, path, name)
    if below is not None:
        return below
    if module is not None and path not in _seen:
        found = starred(files, module.scope, name, _seen | {path})
        if found is not None:
            return found
    return None


def _below(files: Files, path: Path, name: str) -> Package | None:
    """A module or package of a package."""
    folder = path if path.is_dir() else path.parent if path.name == "__init__.py" else None
    if folder is None:
        return None
    for candidate in (folder / name / "__init__.py", folder / f"{name}.py"):
        if candidate.is_file():
            return Package(candidate)
    files.looked.add(folder)
    if (folder / name).is_dir():
        files.looked.add(folder / name)
        return Package(folder / name)
    return None


def starred(files: Files, scope: Scope, name: str, _seen: frozenset[Path] = frozenset()) -> Meaning | None:
    """What a star import of the scope's module brings in under `name`; the last one wins."""
    library: Lib | None = None
    passed_on: Member | None = None
    for stmt in reversed(scope.star_imports):
        home = home_of(files, scope.module, stmt)
        if home is None:
            if stmt.level == 0 and library is None and not _is_itself(scope.module.path, stmt.module):
                library = Lib(f"{stmt.module}.{name}")
            continue
        found = member(files, home, name, _seen)
        if isinstance(found, Lib):  # what a library may have: what the project defines comes first
            library = library or found
        elif isinstance(found, Member) and all(b.kind == "import" for b in found.module.scope.bindings[name]):
            passed_on = passed_on or found  # where a package's modules import from it, this may lead in a circle
        elif found is not None:
            return found
    return passed_on or library


def _is_itself(path: Path, dotted: str) -> bool:
    """Whether a script takes its own names whole; in a package, it would be a library's that is called the same."""
    return dotted == path.stem and not path.with_name("__init__.py").is_file()


def imports(files: Files, module: Module) -> Iterator[Module]:
    """The project's modules that a module imports, anywhere in it."""
    for scope in module.scopes:
        for stmt in scope.star_imports:
            path = home_of(files, module, stmt)
            found = files.load(path) if path is not None and path.is_file() else None
            if found is not None:
                yield found
        for name, bindings in scope.bindings.items():
            for binding in bindings:
                if binding.kind == "import" and isinstance(binding.node, (s.Import, s.ImportFrom)):
                    meaning = imported(files, module, binding.node, name)
                    if isinstance(meaning, Member):
                        yield meaning.module
                    elif isinstance(meaning, Package) and meaning.path.is_file():
                        found = files.load(meaning.path)
                        if found is not None:
                            yield found


def starred_modules(files: Files, scope: Scope) -> Iterator[Module]:
    """The project's modules whose names a scope's module takes whole: `from .nets import *`."""
    for stmt in scope.star_imports:
        home = home_of(files, scope.module, stmt)
        path = home / "__init__.py" if home is not None and home.is_dir() else home
        module = files.load(path) if path is not None and path.is_file() else None
        if module is not None:
            yield module
