"""The nouns of an explanation: what is believed, where it stands, and what follows from it."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.project import Module
from gradlint.records import dataclass
from gradlint.source.place import Place

_LONGEST = 72


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is believed.

    Args:
        place: where the code shows it.
        below: what it rests on, or what it is made of.
        gap: whether it is something that could not be told.
    """

    text: str
    place: Place | None = None
    below: tuple[Remark, ...] = ()
    gap: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Remarks about one question. `steps`: they are events, in the order in which they run."""

    title: str
    remarks: tuple[Remark, ...]
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is believed of one subject: an "update", a "network" or a "call" that is neither."""

    subject: str
    headline: str
    place: Place
    sections: tuple[Section, ...]

    def followed_by(self, *sections: Section) -> Explanation:
        return Explanation(self.subject, self.headline, self.place, (*self.sections, *sections))


def code(module: Module, node: s.Node) -> str:
    """A piece of code on one line, cut where it is long."""
    text = " ".join(module.text(node).split())
    return f"`{text}`" if len(text) <= _LONGEST else f"`{text[: _LONGEST - 4]} ...`"


def header(module: Module, node: s.Class | s.Function) -> Place:
    """Where a class or function begins: its whole text would be half the file."""
    place = module.place(node)
    return Place(place.path, place.start, place.start, place.cell)


def at(text: str, module: Module, node: s.Node, *below: Remark, gap: bool = False) -> Remark:
    """A remark with its place."""
    place = header(module, node) if isinstance(node, (s.Class, s.Function)) else module.place(node)
    return Remark(text, place, below, gap)


def several(remarks: list[Remark], most: int, what: str) -> list[Remark]:
    """So many remarks, and how many more there are."""
    if len(remarks) <= most + 1:
        return remarks
    return [*remarks[:most], Remark(f"and {len(remarks) - most} more {what}")]
