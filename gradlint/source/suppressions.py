"""The comments that silence findings, and which of them silence nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from gradlint.finding import Finding
from gradlint.records import dataclass
from gradlint.source.place import Place
from gradlint.source.source import Source

_COMMENT = re.compile(
    r"""
      \#[^\r\n]*
    | \"{3} [^"\\]* (?: (?:\\.|"(?!"")) [^"\\]* )* (?:\"{3}|\Z)
    | '{3} [^'\\]* (?: (?:\\.|'(?!'')) [^'\\]* )* (?:'{3}|\Z)
    | " (?: [^"\\\r\n] | \\(?:\r\n|.) )* "?
    | ' (?: [^'\\\r\n] | \\(?:\r\n|.) )* '?
    """,
    re.VERBOSE | re.DOTALL,
)
_IGNORE = re.compile(r"\#\s*gradlint:\s*(?P<what>ignore-file|ignore)(?![\w-])(?:\s*\[(?P<selectors>[^\]]*)\])?", re.I)
_NOQA = re.compile(r"\#\s*noqa\b(?:\s*:\s*(?P<selectors>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.I)
_SELECTOR = re.compile(r"[^\s,]+")
_CODE = re.compile(r"([A-Z]+)[0-9]*\Z", re.I)


def selects(selector: str, code: str, name: str) -> bool:
    """Whether a selector means a rule: by its code, the start of its code (`GL1`), or its name."""
    if selector.lower() == name.lower():
        return True
    wanted, family = _CODE.match(selector), _CODE.match(code)
    if wanted is None or family is None or wanted.group(1).upper() != family.group(1).upper():
        return False
    return code.upper().startswith(selector.upper())


@dataclass(frozen=True, slots=True)
class Unused:
    """A suppression, or one of its selectors, that silences nothing."""

    place: Place
    message: str


@dataclass(frozen=True, slots=True)
class _Suppression:
    """One selector of a comment, or all that a comment without selectors means."""

    selector: str | None
    place: Place
    is_file: bool
    is_noqa: bool

    def covers(self, finding: Finding) -> bool:
        return self.selector is None or selects(self.selector, finding.code, finding.name)


class Suppressions:
    """The suppressions of one source. A line's apply to findings that have it among their lines."""

    def __init__(self, suppressions: Iterable[_Suppression]) -> None:
        self._all = list(suppressions)
        self._of_file = [each for each in self._all if each.is_file]
        self._by_line: dict[tuple[int | None, int], list[_Suppression]] = {}
        for each in self._all:
            if not each.is_file:
                self._by_line.setdefault((each.place.cell, each.place.start.row), []).append(each)
        self._used: set[_Suppression] = set()

    @classmethod
    def of(cls, source: Source) -> Suppressions:
        """The suppressions in a source's comments; it need not parse."""
        return cls(_parsed(source))

    def split(self, findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
        """The findings to report, and those that are silenced; the suppressions that silence them are then in use."""
        kept: list[Finding] = []
        silenced: list[Finding] = []
        for finding in findings:
            covering = [each for each in self._near(finding.place) if each.covers(finding)]
            self._used.update(covering)
            (silenced if covering else kept).append(finding)
        return kept, silenced

    def unused(self, checked: Mapping[str, str], known: Mapping[str, str] | None = None) -> list[Unused]:
        """The suppressions that silenced nothing in the splits so far, in order of their place.

        `checked` has the codes and names of the rules that ran, `known` those of all rules, if there are more:
        nothing is said of a suppression that a rule which did not run may need. A bare `noqa` and codes of other tools
        are not ours to judge.
        """
        known = checked if known is None else known
        found: list[Unused] = []
        for each in self._all:
            if each in self._used:
                continue
            shown = each.selector if each.is_noqa else _shown(each)
            if each.selector is None:
                if not each.is_noqa and known.keys() <= checked.keys():
                    found.append(Unused(each.place, f"`{shown}` silences nothing"))
            elif any(selects(each.selector, code, name) for code, name in checked.items()):
                found.append(Unused(each.place, f"`{shown}` silences nothing"))
            elif not each.is_noqa and not any(selects(each.selector, code, name) for code, name in known.items()):
                found.append(Unused(each.place, f"`{shown}` names no rule"))
        return found

    def _near(self, place: Place) -> Iterator[_Suppression]:
        yield from self._of_file
        if self._by_line:
            for row in range(place.start.row, place.end.row + 1):
                yield from self._by_line.get((place.cell, row), ())


def _shown(suppression: _Suppression) -> str:
    what = "ignore-file" if suppression.is_file else "ignore"
    return f"gradlint: {what}" + (f"[{suppression.selector}]" if suppression.selector is not None else "")


def _parsed(source: Source) -> Iterator[_Suppression]:
    lower = source.code.lower()
    if "noqa" not in lower and "gradlint" not in lower:
        return
    # Each cell by itself, lest a string that one leaves open hide the next.
    spans = [(cell.start, cell.end) for cell in source.cells] or [(0, len(source.code))]
    for start, end in spans:
        for match in _COMMENT.finditer(source.code, start, end):
            if match.group().startswith("#"):
                yield from _in_comment(source, match.start(), match.end())


def _in_comment(source: Source, start: int, end: int) -> Iterator[_Suppression]:
    for pattern in (_IGNORE, _NOQA):
        for match in pattern.finditer(source.code, start, end):
            is_noqa = pattern is _NOQA
            is_file = not is_noqa and match.group("what").lower() == "ignore-file"
            if match.group("selectors") is None:
                yield _Suppression(None, source.place(*match.span()), is_file, is_noqa)
                continue
            for selector in _SELECTOR.finditer(source.code, *match.span("selectors")):
                yield _Suppression(selector.group(), source.place(*selector.span()), is_file, is_noqa)
