"""A project in parts: the files that no import connects are analysed apart, and many files in turns.

What is found in a file depends on its part and on the files of its turn before it, so both are the same however many
processes share the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gradlint.source import Source
from gradlint.source.discover import discover
from gradlint.source.links import components

TURN: Final = 16  # how many files are analysed before what was found out, though not what was parsed, is forgotten


@dataclass(frozen=True, slots=True)
class Part:
    """Files that imports connect; `targets` are those of them to lint."""

    members: tuple[Path, ...]
    targets: tuple[Path, ...]

    @property
    def turns(self) -> Iterator[tuple[Path, ...]]:
        for start in range(0, len(self.targets), TURN):
            yield self.targets[start : start + TURN]


def parts_of(root: Path, targets: Sequence[Path], given: Mapping[Path, Source]) -> list[Part]:
    """The parts of the project at `root` that hold the targets; `given` stands for files on disk."""
    if not targets:
        return []

    def data(path: Path) -> bytes:
        if path in given:
            return given[path].text.encode("utf-8", "replace")
        try:
            return path.read_bytes()
        except OSError:
            return b""

    listed, _ = discover([root])
    wanted = set(targets)
    out = []
    for group in components(root, [*listed, *targets], data):
        chosen = wanted.intersection(group)
        if chosen:
            out.append(Part(tuple(group), tuple(path for path in targets if path in chosen)))
    return out
