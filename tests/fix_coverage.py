"""Measure what `--fix` does to real repositories, and hold it to what fixes promise.

    python -m tests.fix_coverage CLONES... [--repo NAME] [--rows FILE] [--diffs FOLDER]

CLONES are repositories, or folders of them. Each is copied to a temporary folder, checked, fixed and fixed once more.
A row of the table is a rule: its findings; how many of them have a safe fix, an unsafe one or none, each before
anything is fixed; how many `--fix` removed. Then what broke a promise, and why findings have no fix.

Promises: what compiled compiles still, the second `--fix` changes nothing, what is fixed is found no more, no file has
more findings of any rule than before, no line without an edit differs, and nothing crashes. Exit 1 if one is broken.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradlint.finding import Finding
from gradlint.fix.edits import Edit, Safety
from gradlint.fix.settle import still_compiles
from gradlint.plan import Planner
from gradlint.report.diff import render
from gradlint.report.text import Terminal
from gradlint.report.words import problem
from gradlint.runner import Change, Mode, Summary, run
from gradlint.source import Source, read

WANTED = 0.85  # of the findings, over many repositories: what the project promises
_PARTS = (".py", ".ipynb", ".toml", ".cfg", ".gitignore")


@dataclass(slots=True)
class Tally:
    """What became of the findings of one rule."""

    found: int = 0
    safe: int = 0
    unsafe: int = 0
    fixed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        self.found += other.found
        self.safe += other.safe
        self.unsafe += other.unsafe
        self.fixed += other.fixed
        self.reasons += other.reasons


@dataclass(slots=True)
class Outcome:
    """What became of one repository, or of all."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    diff: list[str] = field(default_factory=list)

    def tally(self, code: str) -> Tally:
        return self.tallies.setdefault(code, Tally())

    def add(self, other: Outcome) -> None:
        for code, tally in other.tallies.items():
            self.tally(code).add(tally)
        self.broken += other.broken
        self.rows += other.rows


def measure(repository: Path) -> Outcome:
    """Fix a copy of a repository, and tell what became of its findings."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve() / "project"
        shutil.copytree(repository, folder, symlinks=True, ignore=_others)
        (folder / "pyproject.toml").touch()
        here = Path.cwd()
        os.chdir(folder)
        try:
            return _measured(repository.name)
        finally:
            os.chdir(here)


def _others(folder: str, names: Sequence[str]) -> set[str]:
    """What a linter does not read; a repository keeps none of its own settings of gradlint."""
    return {
        name
        for name in names
        if name in (".git", "gradlint.toml")
        or (not name.endswith(_PARTS) and not os.path.isdir(os.path.join(folder, name)))
    }


def _measured(name: str) -> Outcome:
    outcome = Outcome()
    before = _run(Mode.CHECK)
    findings = before.findings
    for finding in findings:
        tally = outcome.tally(finding.code)
        tally.found += 1
        if finding.fix is not None and finding.fix.safety is Safety.SAFE:
            tally.safe += 1
        elif finding.fix is not None and finding.fix.safety is Safety.UNSAFE:
            tally.unsafe += 1
    once = _run(Mode.FIX) if any(finding.fix for finding in findings) else before
    again = _run(Mode.FIX) if once.changes else once
    for code, tally in outcome.tallies.items():
        left = [finding for finding in again.findings if finding.code == code]
        tally.fixed = tally.found - len(left)
        tally.reasons.update(_reason(finding) for finding in left)
    outcome.broken = [f"{name}: {line}" for line in _broken(before, once, again)]
    outcome.rows = [_row(name, finding) for finding in again.findings]
    outcome.diff = list(render(once, Terminal()))
    return outcome


def _run(mode: Mode) -> Summary:
    return run([Path()], Planner({}, isolated=True), mode)


def _reason(finding: Finding) -> str:
    if finding.fix is not None:
        return f"[{finding.fix.safety.name.lower()}] {finding.fix.title}"
    return finding.unfixed or "NO REASON"


def _row(name: str, finding: Finding) -> dict[str, object]:
    place = finding.place
    return {
        "repo": name,
        "code": finding.code,
        "file": place.path,
        "cell": place.cell,
        "row": place.start.row,
        "why": _reason(finding),
    }


# --- the promises ---------------------------------------------------------------------------------


def _broken(before: Summary, once: Summary, again: Summary) -> Iterator[str]:
    for item in {*once.problems, *again.problems}.difference(before.problems):
        yield problem(item)
    for finding in again.findings:
        if finding.fix is None and finding.unfixed is None:
            yield f"{finding.place.path}:{finding.place.start.row}: {finding.code} has neither fix nor reason"
    for change in again.changes:
        yield f"{change.before.name}: fixed twice is not fixed once"
    for (path, code), count in (_counted(again.findings) - _counted(before.findings)).items():
        yield f"{path}: {count} new {code}"
    gone = _counted(before.findings) - _counted(again.findings)
    for change in once.changes:
        name = change.before.name
        if not still_compiles(change.before, change.after):
            yield f"{name}: compiles no more"
        if read(Path(name), name).to_bytes() != change.after.to_bytes():
            yield f"{name}: holds something else than was reported"
        removed = sum(count for (path, _), count in gone.items() if path == name)
        if removed < len(change.fixed):
            yield f"{name}: {len(change.fixed)} fixes, but {removed} findings are gone"
        edits = [edit for each in before.findings if each.place.path == name and each.fix for edit in each.fix.edits]
        yield from (f"{name}: {line}" for line in torn(change, edits))


def _counted(findings: Iterable[Finding]) -> Counter[tuple[str, str]]:
    return Counter((finding.place.path, finding.code) for finding in findings)


def torn(change: Change, edits: Sequence[Edit]) -> Iterator[str]:
    """The lines that no edit touches and that are not there, byte for byte, after the fix."""
    touched = set(_touched(change.before, edits))
    before, after = (each.to_bytes().splitlines(keepends=True) for each in (change.before, change.after))
    lost = Counter(_without(before, after))
    allowed = Counter(_raw_lines(change.before, touched))
    for line, count in (lost - allowed).items():
        yield f"a line that no edit touches is changed {count} times: {line!r}"


def _without(before: Sequence[bytes], after: Sequence[bytes]) -> Iterator[bytes]:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, _, _ in matcher.get_opcodes():
        if tag in ("delete", "replace"):
            yield from before[start:end]


def _touched(source: Source, edits: Iterable[Edit]) -> Iterator[int]:
    """The numbers of the lines of the text that edits replace something of, or put something in the middle of."""
    for edit in edits:
        first = source.text.count("\n", 0, edit.start)
        starts_line = edit.start == 0 or source.text[edit.start - 1] in "\r\n"
        if edit.start < edit.end or not starts_line:
            yield from range(first, source.text.count("\n", 0, edit.end) + 1)


def _raw_lines(source: Source, numbers: Iterable[int]) -> Iterator[bytes]:
    """Lines of the text as the file has them; the line before may get a comma in a notebook."""
    lines = source.text.split("\n")
    if not source.is_notebook:
        raw = source.to_bytes().splitlines(keepends=True)
        if len(raw) in (len(lines), len(lines) - 1):
            yield from (raw[number] for number in numbers if number < len(raw))
            return
    wanted = {
        json.dumps(lines[number] + end, ensure_ascii=ascii).encode()
        for number in numbers
        for end in ("", "\n")
        for ascii in (True, False)
    }
    for line in source.to_bytes().splitlines(keepends=True):
        if line.strip().rstrip(b",") in wanted:
            yield line


# --- the report -----------------------------------------------------------------------------------


def report(total: Outcome) -> Iterator[str]:
    """The table, the broken promises and the reasons, as lines."""
    yield f"{'rule':7}{'findings':>9}{'safe':>7}{'unsafe':>8}{'none':>6}{'fixed':>7}{'share':>8}"
    whole = Tally()
    for code, tally in sorted(total.tallies.items()):
        whole.add(tally)
        yield _line(code, tally)
    yield _line("all", whole)
    if whole.found:
        yield f"{whole.safe / whole.found:.1%} of the findings have a safe fix; the aim is {WANTED:.0%}"
    for code, tally in sorted(total.tallies.items()):
        for reason, count in tally.reasons.most_common():
            yield f"{code} {count:5} {reason}"
    yield f"{len(total.broken)} broken promises"
    yield from total.broken


def _line(code: str, tally: Tally) -> str:
    none = tally.found - tally.safe - tally.unsafe
    share = f"{tally.fixed / tally.found:8.1%}" if tally.found else ""
    return f"{code:7}{tally.found:9}{tally.safe:7}{tally.unsafe:8}{none:6}{tally.fixed:7}{share}"


def repositories(folders: Iterable[Path]) -> list[Path]:
    """The folders that are repositories, and those in the ones that are not."""
    found: list[Path] = []
    for folder in folders:
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
        is_one = "+" in folder.name or (folder / ".git").exists() or not inner
        found += [folder] if is_one else inner
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fix_coverage", description=__doc__.splitlines()[0])
    parser.add_argument("clones", nargs="+", type=Path, metavar="CLONES", help="repositories, or folders of them")
    parser.add_argument("--repo", action="append", metavar="NAME", help="only repositories whose name holds this")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="not these")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="write what is left and why, one JSON object a line")
    parser.add_argument("--diffs", type=Path, metavar="FOLDER", help="write a diff for each repository")
    given = parser.parse_args(arguments)
    total = Outcome()
    chosen = [
        path.resolve()
        for path in repositories(given.clones)
        if (not given.repo or any(word in path.name for word in given.repo))
        and not any(word in path.name for word in given.skip)
    ]
    for index, path in enumerate(chosen, 1):
        outcome = measure(path)
        total.add(outcome)
        counts = " ".join(f"{code}:{tally.fixed}/{tally.found}" for code, tally in sorted(outcome.tallies.items()))
        print(f"[{index}/{len(chosen)}] {path.name} {counts}", file=sys.stderr, flush=True)
        for line in outcome.broken:
            print(f"    {line}", file=sys.stderr, flush=True)
        if given.diffs is not None and outcome.diff:
            given.diffs.mkdir(parents=True, exist_ok=True)
            text = "\n".join(outcome.diff) + "\n"
            (given.diffs / f"{path.name}.diff").write_text(text, encoding="utf-8", errors="replace")
        if given.rows is not None:
            lines = [json.dumps(row) for row in total.rows]
            given.rows.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print("\n".join(report(total)))
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
