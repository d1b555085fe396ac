"""A project in parts: the files that no import connects are analysed apart, and many files in turns.

What is found in a file depends on its part and on the files of its turn before it, so both are the same however many
processes share the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from gradlint.cache import digest
from gradlint.records import dataclass
from gradlint.source import Source
from gradlint.source.links import components
from gradlint.tree import Glance, Tree, glance_at

# How many files are analysed before what was found out, though not what was parsed, is forgotten: a quarter of a part,
# so that processes can share it, but at least the one, for what they would find out twice, and at most the other.
LEAST: Final = 16
MOST: Final = 64


@dataclass(frozen=True, slots=True)
class Part:
    """Files that imports connect; `targets` are those of them to lint, `digest` is that of what they all hold."""

    members: tuple[str, ...]
    targets: tuple[Path, ...]
    digest: str

    @property
    def paths(self) -> list[Path]:
        """Its members; most parts have no training code and are never asked."""
        return [Path(path) for path in self.members]

    @property
    def turns(self) -> Iterator[tuple[Path, ...]]:
        size = min(max(-(-len(self.targets) // 4), LEAST), MOST)
        for start in range(0, len(self.targets), size):
            yield self.targets[start : start + size]


def parts_of(tree: Tree, root: Path, targets: Sequence[Path], given: Mapping[Path, Source]) -> list[Part]:
    """The parts of the project at `root` that hold the targets; `given` stands for files on disk."""
    if not targets:
        return []
    texts = {str(path): source.text.encode("utf-8", "replace") for path, source in given.items()}
    overlay = {path: glance_at(text, path) for path, text in texts.items()}

    def glance(path: str) -> Glance:
        return (overlay and overlay.get(path)) or tree.glance(path)

    listed, _ = tree.files(root)
    places = {str(path): place for place, path in enumerate(targets)}
    out = []
    for group in components(root, [*listed, *places], lambda path: glance(path).imports):
        chosen = sorted(places[path] for path in group if path in places)
        if chosen:
            held = digest(*(part for path in group for part in (path, glance(path).digest)))
            out.append(Part(tuple(group), tuple(targets[place] for place in chosen), held))
    return out
