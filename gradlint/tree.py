"""The files of a run as they are on disk: each folder is walked once, and a file that is as it was before is not read.

What was seen of a file is kept under its inode, size and times. What changed so shortly before a run that it could
change again under the same times is not kept, and what is analysed is read in any case.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gradlint import store
from gradlint.cache import digest, digest_of_tool
from gradlint.finding import Problem
from gradlint.records import dataclass
from gradlint.source import Source, from_bytes, read
from gradlint.source.discover import discover
from gradlint.source.gate import trains
from gradlint.source.links import imports_of
from gradlint.source.source import display

FILES: Final = "files.json"
MOST: Final = 100_000  # files that are remembered


@dataclass(frozen=True, slots=True)
class Glance:
    """What decides whether a file is analysed, and with which others; `imports` as `components` reads them."""

    digest: str
    size: int
    trains: bool
    imports: str


class Tree:
    """The files on disk; what was seen of them is kept in a folder, unless that is None.

    `visited` are the directories that were looked into.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.visited: set[str] = set()
        self._folder = folder
        self._latest = time.time_ns() - store.RECENT
        self._listed: dict[tuple[object, ...], tuple[list[str], list[Problem]]] = {}
        self._glances: dict[str, Glance] = {}
        self._held: dict[str, bytes] = {}  # what training code holds, until somebody asks for it
        self._before: dict[str, object] = {}
        self._now: dict[str, object] = {}
        held = store.load(str(folder), FILES) if folder is not None else None
        if isinstance(held, dict) and held.get("tool") == digest_of_tool() and isinstance(held.get("files"), dict):
            self._before = held["files"]

    def files(
        self,
        path: Path,
        exclude: tuple[str, ...] = (),
        respect_gitignore: bool = True,
        root: Path | None = None,
    ) -> tuple[Sequence[str], Sequence[Problem]]:
        """The files to lint at a path, as `discover` finds them."""
        key = (path, exclude, respect_gitignore, root if exclude else None)
        if key not in self._listed:
            self._listed[key] = discover(
                [path], exclude=exclude, respect_gitignore=respect_gitignore, root=root, visited=self.visited
            )
        return self._listed[key]

    def trains(self, path: str) -> bool:
        """Whether the file at a path may hold training code. Raises SourceError where it cannot be read."""
        glance = self._look(path)
        return glance.trains if glance is not None else trains(read(Path(path)).data)

    def source(self, path: Path) -> Source:
        """The source at a path. Raises SourceError as `read` does."""
        data = self._held.pop(str(path), None)
        return read(path) if data is None else from_bytes(data, path, display(path))

    def glance(self, path: str) -> Glance:
        """What is seen of a file; of one that cannot be read, that it holds nothing."""
        return self._glances.get(path) or self._look(path) or glance_at(b"", path)

    def save(self) -> None:
        """Keep what was seen."""
        if self._folder is None or all(self._before.get(path) is row for path, row in self._now.items()):
            return
        rows = {path: row for path, row in self._before.items() if path not in self._now}
        rows.update(self._now)
        store.save(str(self._folder), FILES, {"tool": digest_of_tool(), "files": dict(list(rows.items())[-MOST:])})

    def _look(self, path: str) -> Glance | None:
        """What is seen of a file; None where it cannot be read."""
        row = self._before.get(path)
        if row is not None and (glance := _known(row)) is not None:
            try:
                if store.stamp(os.stat(path)) == row[0]:  # type: ignore[index]  # it is a list
                    self._now[path] = row
                    self._glances[path] = glance
                    return glance
            except (OSError, ValueError):
                return None
        return self._read(path)

    def _read(self, path: str) -> Glance | None:
        try:
            with open(path, "rb", buffering=0, opener=_waiting_for_nobody) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return None
                data = file.read()
        except (OSError, ValueError):
            return None
        glance = self._glances[path] = glance_at(data, path)
        if glance.trains:
            self._held[path] = data
        stamp = store.stamp(status, self._latest)
        if stamp is not None:
            self._now[path] = [stamp, glance.digest, glance.size, glance.trains, glance.imports]
        return glance


def glance_at(data: bytes, path: str) -> Glance:
    """What is seen of a file that holds these bytes."""
    return Glance(digest(data), len(data), trains(data), imports_of(data, path.lower().endswith(".ipynb")))


def _known(row: object) -> Glance | None:
    """What a row of the cache says, if it has the form of one."""
    if not isinstance(row, list) or len(row) != 5:
        return None
    _, held, size, does_train, imports = row
    if isinstance(held, str) and type(size) is int and isinstance(does_train, bool) and isinstance(imports, str):
        return Glance(held, size, does_train, imports)
    return None


def _waiting_for_nobody(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to would block for ever."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
