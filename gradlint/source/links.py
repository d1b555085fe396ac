"""Which files of a project have to do with each other, told from their import lines, without parsing them.

What one file holds can only get into another by an import, so files that no chain of imports connects are analysed
apart: that keeps a run over many small programs linear, and says what an edit can change. Imports are read generously,
by the ends of dotted names, since `sys.path` may be anything; code that imports by a name that it computes is connected
with its whole program, which is the project or, within it, a folder with requirements of its own that needs no file
from outside.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from gradlint.marks import PROGRAM

Parts = tuple[str, ...]

_IMPORT: Final = re.compile(
    rb"""^[ \t]*(?:
        from[ \t]+(?P<dots>[.]*)[ \t]*(?P<home>[\w.]*)[ \t]+import[ \t]*(?:\((?P<many>[^)]*)\)|(?P<few>[^\n;#]*))
        |import[ \t]+(?P<plain>[^\n;#]+)
    )""",
    re.MULTILINE | re.VERBOSE,
)
_NAME: Final = re.compile(r"[^\W\d][\w.]*")
# Code with one of these may import anything.
_DYNAMIC: Final = (
    b"import_module",
    b"__import__",
    b"spec_from_file",
    b"hydra",
    b"pkgutil",
    b"runpy",
    b"entry_points",
    b"import_string",
    b"locate(",
)
_ANYTHING: Final = "*"


def imports_of(data: bytes, is_notebook: bool) -> str:
    """The imports in a file, a line each: the module with its dots, and the names that are taken from it.

    A line with `*` alone says that it may import anything.
    """
    found = dict.fromkeys(_imports(data, is_notebook))
    if any(mark in data for mark in _DYNAMIC):
        found[_ANYTHING] = None
    return "\n".join(found)


def components(root: Path, paths: Iterable[str], imports: Callable[[str], str]) -> list[list[str]]:
    """The files in groups that imports connect, each group and the groups themselves in the order of `paths`.

    `imports` gives the imports of each as `imports_of` writes them.
    """
    files = _Files(root, paths)
    dynamic: dict[Parts, int] = {}
    for index, path in enumerate(files.paths):
        for line in imports(path).split("\n"):
            if line == _ANYTHING:
                files.join(index, dynamic.setdefault(files.folder[index], index))
            elif line:
                files.link(index, *_parts(line))
    programs = _Programs(root, files)
    reached: dict[Parts, int] = {}
    for folder, index in dynamic.items():
        files.join(index, reached.setdefault(programs.of(folder), index))
    for program, index in reached.items():
        for other in files.below(program):
            files.join(other, index)
    return files.groups()


def _imports(data: bytes, is_notebook: bool) -> Iterator[str]:
    if b"import" not in data:
        return
    if is_notebook:
        data = data.replace(b"\\n", b"\n").replace(b'"', b" ")
    if b"\\" in data:
        data = data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    for match in _IMPORT.finditer(data):
        plain = match["plain"]
        listed = (plain or match["many"] or match["few"] or b"").decode("utf-8", "replace")
        names = [found[0] for part in listed.split(",") if (found := _NAME.search(part))]
        if plain is not None:
            yield from names
        else:
            home = (match["dots"] + match["home"]).decode("utf-8", "replace")
            yield " ".join([home, *names])


@cache
def _parts(line: str) -> tuple[int, Parts, tuple[Parts, ...]]:
    """The dots of an import, its module, and the names that it takes from it."""
    home, *names = line.split(" ")
    module = home.lstrip(".")
    return (
        len(home) - len(module),
        tuple(part for part in module.split(".") if part),
        tuple(tuple(name.split(".")) for name in names),
    )


class _Files:
    """The files by the dotted names under which they can be imported, and which of them are connected."""

    def __init__(self, root: Path, paths: Iterable[str]) -> None:
        self.paths = list(dict.fromkeys(paths))
        self.folder: list[Parts] = []  # of each, below the root
        self.needed: list[list[list[Parts]]] = [[] for _ in self.paths]  # of each, what each of its imports may mean
        self._leader = list(range(len(self.paths)))
        self._exact: dict[Parts, list[int]] = {}
        self._ends: dict[str, list[Parts]] = {}
        self._found: dict[tuple[Parts, Parts, bool], list[Parts]] = {}
        below: dict[str, Parts] = {}
        for index, path in enumerate(self.paths):
            above, file = os.path.split(path)
            stem = os.path.splitext(file)[0]
            if above not in below:
                home = Path(above)
                below[above] = home.relative_to(root).parts if home.is_relative_to(root) else home.parts
            folder = below[above]
            self.folder.append(folder)
            name = folder if stem == "__init__" else (*folder, stem)
            if name not in self._exact and name:
                self._ends.setdefault(name[-1], []).append(name)
            self._exact.setdefault(name, []).append(index)

    def link(self, index: int, level: int, home: Parts, names: Sequence[Parts]) -> None:
        """Connect a file with what an import in it may mean."""
        folder = self.folder[index]
        wanted = [home, *((*home, *name) for name in names)]
        for dotted in wanted:
            if level:
                meant = [(*folder[: len(folder) - (level - 1)], *dotted)]
            else:
                meant = self._meant(index, folder, dotted) if dotted else []
            self.needed[index].append([name for name in meant if name in self._exact])
            for found in meant:
                self._join(index, found, len(dotted))

    def below(self, folder: Parts) -> Iterator[int]:
        """The files that lie in a folder, or below it."""
        return (index for index, own in enumerate(self.folder) if own[: len(folder)] == folder)

    def _meant(self, index: int, folder: Parts, dotted: Parts) -> list[Parts]:
        near = (*folder, *dotted)
        is_namesake = self._exact.get(near) == [index]  # a file does not import itself
        key = (folder, dotted, is_namesake)
        if key not in self._found:
            self._found[key] = [near] if near in self._exact and not is_namesake else self._farther(folder, dotted)
        return self._found[key]

    def _farther(self, folder: Parts, dotted: Parts) -> list[Parts]:
        """What an import means that is not in the file's folder: what lies above before what `sys.path` may lead to."""
        ends = [name for name in self._ends.get(dotted[-1], ()) if name[-len(dotted) :] == dotted]
        near = (*folder, *dotted)
        above = [name for name in ends if name != near and name[: -len(dotted)] == folder[: len(name) - len(dotted)]]
        return above or ([] if dotted[0] in sys.stdlib_module_names else ends)

    def _join(self, index: int, name: Parts, length: int) -> None:
        """Connect a file with a module and with the packages that it lies in, which run when it is imported."""
        for end in range(max(len(name) - length, 0), len(name) + 1):
            for other in self._exact.get(name[:end], ()):
                self.join(index, other)

    def join(self, one: int, other: int) -> None:
        first, second = self._find(one), self._find(other)
        self._leader[max(first, second)] = min(first, second)

    def _find(self, index: int) -> int:
        while self._leader[index] != index:
            self._leader[index] = self._leader[self._leader[index]]
            index = self._leader[index]
        return index

    def groups(self) -> list[list[str]]:
        out: dict[int, list[str]] = {}
        for index, path in enumerate(self.paths):
            out.setdefault(self._find(index), []).append(path)
        return list(out.values())


class _Programs:
    """The folders of a project that hold programs of their own."""

    def __init__(self, root: Path, files: _Files) -> None:
        self._root = root
        self._files = files
        self._known: dict[Parts, Parts] = {(): ()}

    def of(self, folder: Parts) -> Parts:
        """The folder of the program that code in `folder` belongs to."""
        if folder not in self._known:
            self._known[folder] = folder if self._is_program(folder) else self.of(folder[:-1])
        return self._known[folder]

    def _is_program(self, folder: Parts) -> bool:
        with suppress(OSError):
            return any(map(PROGRAM.fullmatch, os.listdir(self._root.joinpath(*folder)))) and self._is_closed(folder)
        return False

    def _is_closed(self, folder: Parts) -> bool:
        """Whether all that the files below a folder import of the project may lie there too."""
        end = len(folder)
        return all(
            not meant or any(name[:end] == folder for name in meant)
            for index in self._files.below(folder)
            for meant in self._files.needed[index]
        )
