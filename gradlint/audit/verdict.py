"""What is said of one safeguard of one update."""

from __future__ import annotations

from enum import Enum

from gradlint.finding import Finding
from gradlint.fix.edits import Safety
from gradlint.program import syntax as s
from gradlint.program.explanation.remark import header
from gradlint.program.project import Module
from gradlint.records import dataclass
from gradlint.source.place import Place


class Status(str, Enum):
    """Whether a safeguard is there; `FAULTY`: it is, and a rule says that it does not do its work."""

    PRESENT = "present"
    FAULTY = "faulty"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    UNNEEDED = "not applicable"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that a verdict points at, and what is there."""

    place: Place
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one safeguard: how it stands, why, where that shows, and what rules find about it."""

    status: Status
    why: str
    spots: tuple[Spot, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def safety(self) -> Safety | None:
        """How far the fix may be trusted that rules offer, the safest; None where there is none."""
        fixes = [finding.fix.safety for finding in self.findings if finding.fix is not None]
        return max(fixes, default=None)


def present(why: str, *spots: Spot) -> Verdict:
    return Verdict(Status.PRESENT, why, spots)


def absent(why: str, *spots: Spot) -> Verdict:
    return Verdict(Status.ABSENT, why, spots)


def unknown(why: str, *spots: Spot) -> Verdict:
    return Verdict(Status.UNKNOWN, why, spots)


def unneeded(why: str, *spots: Spot) -> Verdict:
    return Verdict(Status.UNNEEDED, why, spots)


def spot(what: str, module: Module, node: s.Node) -> Spot:
    """A place by its node; a class or function is its first line."""
    place = header(module, node) if isinstance(node, (s.Class, s.Function)) else module.place(node)
    return Spot(place, what)
