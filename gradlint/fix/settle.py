"""Fixes made until nothing is left to fix: each is checked, and taken back if it does not do what it promises."""

from __future__ import annotations

import ast
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from gradlint.finding import Finding, Problem
from gradlint.fix.apply import apply
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program.parse import ParseError, parse
from gradlint.records import dataclass
from gradlint.source.source import Source, SourceError

PASSES = 10
BREAKS = "the file would no longer compile"
STILL_FOUND = "what it fixes was still found"

Sources: TypeAlias = Mapping[Path, Source]
Findings: TypeAlias = Mapping[Path, Sequence[Finding]]
Check: TypeAlias = Callable[[Sources], Findings]
Accept: TypeAlias = Callable[[Source, Finding], bool]

# A finding to fix, in the file that it and its fix are about.
_Chosen: TypeAlias = tuple[Path, Finding, Fix]

# What tells findings of a file apart: the code, and the offset.
_Key: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A finding whose fix was made and taken back; its place is as of then."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What fixing came to: the sources, what is still found in them, and what was done.

    The places of fixed findings are as of the pass that fixed them.
    """

    sources: Sources
    findings: Findings
    applied: Mapping[Path, tuple[tuple[Finding, Fix], ...]]
    rolled_back: Mapping[Path, tuple[RolledBack, ...]]
    problems: tuple[Problem, ...]


def settle(sources: Sources, check: Check, wanted: Safety, accept: Accept = lambda source, finding: True) -> Settled:
    """The sources with every fix made that is at least as safe as wanted and does what it promises.

    `check` finds what is wrong in all the sources together, since a fix in one can change what is found in another.
    The safest fixes are made first. `accept` is asked once about each finding that could be fixed. After a pass, a fix
    stays if the file still compiles, its finding is gone and no file has more findings of any rule than before. A file
    whose fixes bring on new ones for ten passes is left as it was, with a problem that names the rules.
    """
    return _Settling(sources, check, wanted, accept).run()


@dataclass(frozen=True, slots=True)
class _Trial:
    """What the sources and findings would be with some fixes made; `reason` is why that will not do."""

    sources: Sources
    findings: Findings
    edits: Mapping[Path, Sequence[Edit]]
    reason: str | None


class _Settling:
    """The passes over one set of sources."""

    def __init__(self, sources: Sources, check: Check, wanted: Safety, accept: Accept) -> None:
        self._original = dict(sources)
        self._check = check
        self._wanted = wanted
        self._accept = accept
        self._sources = sources
        self._findings: Findings = {}
        # Which findings to fix, by what the person said and what became of it; by code and offset, which moves.
        self._verdicts: dict[Path, dict[_Key, bool]] = {path: {} for path in sources}
        self._applied: dict[Path, list[tuple[Finding, Fix]]] = {}
        self._rolled_back: dict[Path, list[RolledBack]] = {}

    def run(self) -> Settled:
        self._findings = before = self._check(self._sources)
        problems: tuple[Problem, ...] = ()
        for _ in range(PASSES):
            if not (chosen := self._choose(self._accept)):
                break
            self._pass(chosen)
        else:
            problems = self._leave_unsettled(before)
        return Settled(
            self._sources,
            self._findings,
            {path: tuple(applied) for path, applied in self._applied.items()},
            {path: tuple(rolled_back) for path, rolled_back in self._rolled_back.items()},
            problems,
        )

    def _choose(self, accept: Accept) -> list[_Chosen]:
        """The findings to fix next; `accept` is asked about those that are new.

        The safest come first: one that they make needless is then not fixed in a less safe way.
        """
        open_: list[_Chosen] = []
        for path, source in self._sources.items():
            for finding in self._findings.get(path, ()):
                fix = finding.fix
                if fix is None or not fix.edits or fix.safety < self._wanted:
                    continue
                verdict = self._verdicts[path].get(_key(source, finding))
                if verdict is None and (objection := source.objection(fix.edits)):
                    self._take_back(path, finding, objection)
                elif verdict is not False:
                    open_.append((path, finding, fix))
        for safety in sorted({fix.safety for _, _, fix in open_}, reverse=True):
            chosen = [each for each in open_ if each[2].safety is safety and self._is_accepted(*each[:2], accept)]
            if chosen:
                return chosen
        return []

    def _is_accepted(self, path: Path, finding: Finding, accept: Accept) -> bool:
        source, verdicts = self._sources[path], self._verdicts[path]
        key = _key(source, finding)
        if key not in verdicts:
            verdicts[key] = accept(source, finding)
        return verdicts[key]

    def _pass(self, chosen: Sequence[_Chosen]) -> None:
        """Make those of the fixes that can be made together and that do what they promise."""
        together: list[_Chosen] = []
        for path, source in self._sources.items():
            fixes = [fix for at, _, fix in chosen if at == path]
            if fixes:
                applied = set(apply(source, fixes)[1])
                together += (each for each in chosen if each[0] == path and each[2] in applied)
        nothing = _Trial(self._sources, self._findings, {}, None)
        kept, trial = self._keep([], nothing, together)
        for path, finding, fix in kept:
            self._applied.setdefault(path, []).append((finding, fix))
        for path, finding, _ in kept:
            # It is gone: what is found there from now on is another.
            self._verdicts[path].pop(_key(self._sources[path], finding), None)
        for path, edits in trial.edits.items():
            verdicts = self._verdicts[path].items()
            self._verdicts[path] = {(code, mapped(offset, edits)): verdict for (code, offset), verdict in verdicts}
        self._sources, self._findings = trial.sources, trial.findings

    def _keep(self, kept: list[_Chosen], so_far: _Trial, group: Sequence[_Chosen]) -> tuple[list[_Chosen], _Trial]:
        """The fixes that can be kept: those that are, and the good ones of a group, found by halving it."""
        if not group:
            return kept, so_far
        trial = self._try([*kept, *group])
        if trial.reason is None:
            return [*kept, *group], trial
        if len(group) > 1:
            middle = len(group) // 2
            return self._keep(*self._keep(kept, so_far, group[:middle]), group[middle:])
        # One that only the others spoil can be made in the next pass.
        reason = self._try(group).reason if kept else trial.reason
        if reason is not None:
            self._take_back(*group[0][:2], reason)
        return kept, so_far

    def _try(self, fixes: Iterable[_Chosen]) -> _Trial:
        fixes = list(fixes)
        edits: dict[Path, list[Edit]] = {}
        for path, _, fix in fixes:
            edits[path] = sorted({*edits.get(path, ()), *fix.edits})
        sources = dict(self._sources)
        for path, ordered in edits.items():
            try:
                sources[path] = self._sources[path].edited(ordered)
            except SourceError as error:
                return _Trial(sources, {}, edits, str(error))
            if not still_compiles(self._sources[path], sources[path]):
                return _Trial(sources, {}, edits, BREAKS)
        findings = self._check(sources)
        return _Trial(sources, findings, edits, self._fault(fixes, edits, sources, findings))

    def _fault(
        self, fixes: Iterable[_Chosen], edits: Mapping[Path, Sequence[Edit]], sources: Sources, findings: Findings
    ) -> str | None:
        """Why the findings after some fixes are not what they should be."""
        for path, source in self._sources.items():
            made = edits.get(path, ())
            before = Counter(_moved_key(source, finding, made) for finding in self._findings.get(path, ()))
            fixed = Counter(_moved_key(source, finding, made) for at, finding, _ in fixes if at == path)
            after = Counter(_key(sources[path], finding) for finding in findings.get(path, ()))
            codes_before, codes_fixed, codes_after = map(_codes, (before, fixed, after))
            new = sorted(codes_after - codes_before)
            if new:
                return f"it brought on {', '.join(new)}"
            # Neither where it was, nor elsewhere as if it were another.
            if any(after[key] > before[key] - fixed[key] for key in fixed):
                return STILL_FOUND
            if any(codes_after[code] > codes_before[code] - codes_fixed[code] for code in codes_fixed):
                return STILL_FOUND
        return None

    def _take_back(self, path: Path, finding: Finding, reason: str) -> None:
        self._verdicts[path][_key(self._sources[path], finding)] = False
        self._rolled_back.setdefault(path, []).append(RolledBack(finding, reason))

    def _leave_unsettled(self, before: Findings) -> tuple[Problem, ...]:
        """Undo the files that still have something to fix, and those whose findings only grow by that."""
        problems: list[Problem] = []
        codes: dict[Path, set[str]] = {}
        for path, finding, _ in self._choose(lambda source, finding: True):
            codes.setdefault(path, set()).add(finding.code)
        while codes:
            for path, unsettled in codes.items():
                named = ", ".join(sorted(unsettled))
                message = (
                    f"internal error: fixes of {named} do not settle in {PASSES} passes; the file is left as it was"
                )
                problems.append(Problem(message, self._original[path].name))
                self._applied.pop(path, None)
            undone = {path: self._original[path] for path in codes}
            self._sources = {**self._sources, **undone}
            self._findings = self._check(self._sources)
            codes = dict(self._grown(before))
        return tuple(problems)

    def _grown(self, before: Findings) -> Iterator[tuple[Path, set[str]]]:
        for path in self._applied:
            allowed = Counter(finding.code for finding in before.get(path, ()))
            after = Counter(finding.code for finding in self._findings.get(path, ()))
            grown = {code for code, count in after.items() if count > allowed[code]}
            if grown:
                yield path, grown


def mapped(offset: int, edits: Iterable[Edit]) -> int:
    """Where an offset is after edits, which are in order and apart: what is inserted there comes before it."""
    shift = 0
    for edit in edits:
        if edit.end > offset:
            # Within what is replaced, which is then all that is known.
            return min(offset, edit.start) + shift
        shift += len(edit.text) - (edit.end - edit.start)
    return offset + shift


def _offset(source: Source, finding: Finding) -> int:
    start = finding.place.start
    return source.offset(start.row, start.column, finding.place.cell)


def _key(source: Source, finding: Finding) -> _Key:
    return finding.code, _offset(source, finding)


def _moved_key(source: Source, finding: Finding, edits: Iterable[Edit]) -> _Key:
    """The key that a finding has after edits if it is still there."""
    return finding.code, mapped(_offset(source, finding), edits)


def _codes(keys: Counter[_Key]) -> Counter[str]:
    return Counter(code for code, _ in keys.elements())


def still_compiles(before: Source, after: Source) -> bool:
    """Whether each cell, or the file, compiles as far as it did."""
    if not before.cells:
        pairs = [(before.code, after.code)]
    else:
        pairs = [
            (before.code[old.start : old.end], after.code[new.start : new.end])
            for old, new in zip(before.cells, after.cells, strict=True)
        ]
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if before.is_notebook else 0
    for old, new in pairs:
        if old != new:
            takes = next((takes for takes in (_compiles, _parses, _is_syntax) if takes(old, flags)), None)
            if takes is None or not takes(new, flags):
                return False
    return True


def _compiles(code: str, flags: int) -> bool:
    """Whether this Python takes the code whole, so that it has no `continue` outside of a loop either."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(code, "<fixed>", "exec", flags=flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _parses(code: str, flags: int) -> bool:
    """Whether its grammar is right: a cell may hold a `return`, or a `__future__` import after others."""
    return _compiles(code, flags | ast.PyCF_ONLY_AST)


def _is_syntax(code: str, flags: int) -> bool:
    """Whether it is Python of some version, if not of the one that runs this."""
    try:
        parse(code)
    except (ParseError, RecursionError):
        return False
    return True
