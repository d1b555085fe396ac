"""The audit: as a table for a terminal, and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Final, TypeAlias

from gradlint.audit import ADVICE, Audit, Entry, Kind, Status, Verdict
from gradlint.audit.safeguards import NETWORK
from gradlint.audit.verdict import Spot
from gradlint.finding import Finding
from gradlint.fix.edits import Safety
from gradlint.report.text import Terminal, columns, printable
from gradlint.report.words import count, where
from gradlint.source import Place

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

STYLES: Final = {
    Status.PRESENT: "good",
    Status.FAULTY: "error",
    Status.ABSENT: "warning",
    Status.UNKNOWN: "note",
    Status.UNNEEDED: "dim",
}
NOTHING: Final = "Nothing to audit: no training step in these paths."

_TITLE: Final = max(len(advice.title) for advice in ADVICE.values())
_STATUS: Final = max(len(status.value) for status in Status if status is not Status.UNNEEDED)
_SIDE: Final = 2 + _TITLE + 2 + _STATUS + 2
_ROOM: Final = 36  # what a third column has to have to be one
_FIXES: Final = {Safety.SAFE: "--fix", Safety.UNSAFE: "--fix --unsafe-fixes"}


def table(audit: Audit, terminal: Terminal) -> Iterator[str]:
    """A table for each update, and a line of conclusion; a reason is given where it is first needed."""
    given: set[str] = set()
    for entry in audit.entries:
        yield terminal.paint(printable(f"{where(entry.place)} {headline(entry)}"), "bold")
        for line in kinds(entry):
            yield from _folded(line, "  ", "    ", terminal)
        yield ""
        for key, verdict in entry.verdicts.items():
            if verdict.status is not Status.UNNEEDED and verdict.why != NETWORK:
                yield from _row(ADVICE[key].title, verdict, said(key, verdict, entry, given), terminal)
        untold = [ADVICE[key].title for key, verdict in entry.verdicts.items() if verdict.why == NETWORK]
        if untold:
            yield from _folded(f"unknown, since the network is: {', '.join(untold)}", "  ", "    ", terminal, "note")
        spared = [ADVICE[key].title for key, verdict in entry.verdicts.items() if verdict.status is Status.UNNEEDED]
        if spared:
            yield from _folded(f"not applicable: {', '.join(spared)}", "  ", "    ", terminal, "dim")
        yield ""
    yield from _folded(conclusion(audit), "", "", terminal, "bold")


def headline(entry: Entry) -> str:
    """The update in one line, behind its place."""
    return f"{entry.code} in {entry.function}"


def kinds(entry: Entry) -> Iterator[str]:
    """A line for each kind, with what shows it."""
    for shown in entry.kinds:
        yield f"{shown.kind.value}: {shown.spot.what} ({row(shown.spot.place)})"
    if entry.untold:
        yield entry.untold


def said(key: str, verdict: Verdict, entry: Entry, given: set[str]) -> list[str]:
    """What there is to say of a safeguard: how it stands, where, why that matters, and which rule says so.

    Reasons in `given` are known to the reader; what is said now is added to them.
    """
    because = reason(key, entry) if verdict.status is Status.ABSENT else ""
    why = f": {because}" if because and because not in given else ""
    given.add(because)
    at = f" ({'; '.join(places(verdict.spots))})" if verdict.spots else ""
    return [f"{verdict.why}{at}{why}", *dict.fromkeys(rule(finding, entry) for finding in verdict.findings)]


def reason(key: str, entry: Entry) -> str:
    """Why the update needs a safeguard; nothing where a rule has said it."""
    verdict = entry.verdicts[key]
    if any(finding.message == verdict.why for finding in verdict.findings):
        return ""
    reasons = ADVICE[key].reasons
    return next((reasons[shown.kind] for shown in entry.kinds if shown.kind in reasons), _shared(key))


def _shared(key: str) -> str:
    """The reason where it is the same for every kind."""
    reasons = set(ADVICE[key].reasons.values())
    return reasons.pop() if len(reasons) == 1 and len(ADVICE[key].reasons) == len(Kind) else ""


def rule(finding: Finding, entry: Entry) -> str:
    """A rule, and what it offers: `GL101 unclipped-recurrent-update (--fix)`."""
    notes = []
    if finding in entry.silenced:
        notes.append("silenced")
    if finding.fix is not None and finding.fix.safety in _FIXES:
        select = f"--select {finding.code} " if finding.code in entry.unselected else ""
        notes.append(f"{select}{_FIXES[finding.fix.safety]}")
    else:
        notes.append("no fix")
        if finding.code in entry.unselected:
            notes.append("off unless selected")
    return f"{finding.code} {finding.name} ({', '.join(notes)})"


def places(spots: tuple[Spot, ...]) -> list[str]:
    """The places, those of one file with its name once: `train.py:3, 4`."""
    by_file: dict[str, list[str]] = {}
    for each in spots:
        file, _, line = row(each.place).rpartition(":")
        by_file.setdefault(file, []).append(line)
    return [f"{file}:{', '.join(dict.fromkeys(rows))}" for file, rows in by_file.items()]


def conclusion(audit: Audit) -> str:
    """How many safeguards are there, and how many are not."""
    but = f", but {count(len(audit.problems), 'problem')}" if audit.problems else ""
    if not audit.entries:
        return f"Nothing to audit in what could be read{but}." if but else NOTHING
    verdicts = [verdict for entry in audit.entries for verdict in entry.verdicts.values()]
    counts = Counter(verdict.status for verdict in verdicts)
    listed = [
        f"{counts[status]} {status.value}" for status in Status if status is not Status.UNNEEDED and counts[status]
    ]
    missing = [v for v in verdicts if v.status in (Status.ABSENT, Status.FAULTY)]
    safe = sum(1 for v in missing if v.safety is Safety.SAFE)
    unsafe = sum(1 for v in missing if v.safety is Safety.UNSAFE)
    offers = [f"{safe} fixable with --fix"] if safe else []
    if unsafe:
        offers.append(f"{unsafe} more with --unsafe-fixes" if safe else f"{unsafe} fixable with --fix --unsafe-fixes")
    updates = count(len(audit.entries), "update")
    found = f"Safeguards of {updates}: {', '.join(listed) or 'none needed'}"
    return f"{found}{'; ' if offers else ''}{', '.join(offers)}{but}."


def row(place: Place) -> str:
    """A place without its column."""
    return where(place).rpartition(":")[0]


def _row(title: str, verdict: Verdict, lines: list[str], terminal: Terminal) -> Iterator[str]:
    style = STYLES[verdict.status]
    head = f"  {title:{_TITLE}}  {terminal.paint(f'{verdict.status.value:{_STATUS}}', style)}"
    width = terminal.width
    if width is not None and width < _SIDE + _ROOM:
        yield head.rstrip()
        for line in lines:
            yield from _folded(line, "    ", "      ", terminal)
        return
    first = True
    for line in lines:
        for part in _parts(line, (width or 10_000) - _SIDE):
            yield f"{head if first else ' ' * (_SIDE - 2)}  {part}"
            first = False


def _folded(text: str, first: str, rest: str, terminal: Terminal, style: str = "") -> Iterator[str]:
    room = (terminal.width or 10_000) - len(rest)
    for index, part in enumerate(_parts(text, room)):
        line = f"{rest if index else first}{part}"
        yield terminal.paint(line, style) if style else line


def _parts(text: str, room: int) -> list[str]:
    shown = printable(text)
    if columns(shown) <= room:
        return [shown]
    return textwrap.wrap(shown, max(room, 20), break_long_words=False, break_on_hyphens=False)


def as_json(audit: Audit) -> Iterator[str]:
    """The audit for programs: one list of updates."""
    yield json.dumps([_entry(entry) for entry in audit.entries], indent=2)


def _entry(entry: Entry) -> dict[str, Json]:
    return {
        **_at(entry.place),
        "column": entry.place.start.column,
        "code": entry.code.strip("`"),
        "function": entry.function.strip("`"),
        "networks": list(entry.networks),
        "kinds": [
            {"kind": shown.kind.value, "what": shown.spot.what, **_at(shown.spot.place)} for shown in entry.kinds
        ],
        "safeguards": [_verdict(key, verdict, entry) for key, verdict in entry.verdicts.items()],
    }


def _verdict(key: str, verdict: Verdict, entry: Entry) -> dict[str, Json]:
    missing = verdict.status in (Status.ABSENT, Status.FAULTY)
    return {
        "safeguard": key,
        "title": ADVICE[key].title,
        "status": verdict.status.value,
        "why": verdict.why,
        "reason": (reason(key, entry) or None) if missing else None,
        "places": [{"what": each.what, **_at(each.place)} for each in verdict.spots],
        "rules": [_finding(finding, entry) for finding in verdict.findings],
    }


def _finding(finding: Finding, entry: Entry) -> dict[str, Json]:
    fix = finding.fix
    return {
        "code": finding.code,
        "name": finding.name,
        "message": finding.message,
        **_at(finding.place),
        "fix": {"applicability": fix.safety.name.lower(), "title": fix.title} if fix is not None else None,
        "selected": finding.code not in entry.unselected,
        "silenced": finding in entry.silenced,
    }


def _at(place: Place) -> dict[str, Json]:
    return {"filename": place.path, "row": place.start.row, "cell": place.cell}
