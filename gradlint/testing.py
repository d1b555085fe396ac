"""Prove a pack of rules: every page's example, every fixture, every fix. Built-in rules and yours pass the same.

In a test of your own:

    from gradlint.testing import Case, cases

    @pytest.mark.parametrize("case", cases(Path("lint_rules"), Path("fixtures")), ids=str)
    def test_rules(case: Case, request: pytest.FixtureRequest) -> None:
        case.run(update=request.config.getoption("--update-fixtures"))

With `-p gradlint.testing`, pytest takes `--update-fixtures`, which writes what the rules find and fix into the
fixtures; look at the difference before you commit it.

A fixture is named for its rule: `GL101.py`, `GL101-notebook.ipynb`, or a folder `GL101-two-files/` that is a project.
A line that is flagged ends in `# GL101` (several: `# GL101, GL501`), and one that should be and is not in
`# TODO GL101`. The first line may be `# config: rules.unclipped-recurrent-update.max-norm = 0.25`. What `--fix` makes
of it lies beside it: `GL101.fixed.py`.
"""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from gradlint import docs, packs
from gradlint.config import kebab, toml_document
from gradlint.finding import Finding
from gradlint.fix.edits import Edit, Safety
from gradlint.plan import Planner
from gradlint.records import dataclass
from gradlint.report.words import problem, where
from gradlint.rule import Rule
from gradlint.runner import Mode, Summary, run
from gradlint.selection import options_of
from gradlint.source import Source, read

if TYPE_CHECKING:
    import pytest

_CODES: Final = r"[A-Z]{2,}\d{3}"
_MARKER: Final = re.compile(
    rf"(?:(?<=\S)[ \t]+)?#[ \t]*(?P<todo>TODO[ \t]+)?(?P<codes>{_CODES}(?:,[ \t]*{_CODES})*)[ \t]*(?=[\r\n]|\Z)"
)
_LINE: Final = re.compile(r"[^\r\n]*(?=[\r\n]|\Z)")
_CONFIG: Final = re.compile(r"# config:(.*)")
_FIXTURE: Final = re.compile(rf"(?P<code>{_CODES})[^.]*(?:\.py|\.ipynb|)")
_LINK: Final = re.compile(r"\]\(([^)]*)\)")
_OPTION: Final = re.compile(r"^- `([^`]+)`", re.MULTILINE)
_SUFFIXES: Final = (".py", ".ipynb")

# Where a code is flagged: file within the fixture, cell, row.
Line: TypeAlias = tuple[str, int | None, int]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let pytest take `--update-fixtures`."""
    group = parser.getgroup("gradlint")
    group.addoption("--update-fixtures", action="store_true", help="Write what the rules find and fix into fixtures.")


@dataclass(frozen=True)
class Case:
    """One thing to prove about one rule; its string names the test."""

    rule: type[Rule]
    pack: Path

    def run(self, update: bool = False) -> None:
        """Raise AssertionError with what is wrong, if anything is; `update` rewrites expectations instead."""
        raise NotImplementedError


def cases(pack: Path | None = None, fixtures: Path | None = None) -> list[Case]:
    """All that there is to prove about the rules in the folder `pack`, by default the built-in ones.

    Raises PackError if the pack does not load.
    """
    folder = (pack or packs.builtin()).resolve()
    rules = {rule.code: rule for rule in packs.load([folder]) if Path(packs.file_of(rule)).resolve().parent == folder}
    found: list[Case] = []
    for rule in rules.values():
        found += [_Page(rule, folder), _Example(rule, folder)]
    for path in sorted(fixtures.iterdir()) if fixtures is not None else ():
        match = _FIXTURE.fullmatch(path.name)
        if match and match["code"] in rules:
            found.append(_Fixture(rules[match["code"]], folder, path))
    return found


@dataclass(frozen=True)
class _Page(Case):
    """The docstring says what it must, under the headings that readers know."""

    def __str__(self) -> str:
        return f"{self.rule.code} page"

    def run(self, update: bool = False) -> None:
        rule, page = self.rule, docs.page(self.rule)
        assert rule.__doc__, f"{rule.__name__} has no docstring"
        missing = [heading for heading in docs.REQUIRED if not page.sections.get(heading)]
        assert not missing, f"{rule.code} does not say: {', '.join(missing)}"
        order = [heading for heading in docs.HEADINGS if heading in page.sections]
        assert list(page.sections) == order, f"{rule.code} has the headings {list(page.sections)}, not {order}"
        assert page.example is not None, f"{rule.code} has no ```python block under `Example`"
        for code in (page.example, page.instead):
            if code is not None:
                compile(code, f"<{rule.code}>", "exec")
        stem = rule.name.replace("-", "_")
        assert Path(packs.file_of(rule)).stem == stem, f"{rule.code} is named {rule.name}: its file is {stem}.py"
        camel = "".join(part.capitalize() for part in rule.name.split("-"))
        assert rule.__name__ == camel, f"{rule.code} is named {rule.name}: its class is {camel}"
        told = set(_OPTION.findall(page.sections.get(docs.OPTIONS, "")))
        real = set(map(kebab, options_of(rule)))
        assert told == real, f"{rule.code} has the options {sorted(real)}, and its page tells of {sorted(told)}"
        untyped = [kebab(name) for name in options_of(rule) if not hasattr(rule, name)]
        assert not untyped, f"{rule.code}: the options {untyped} have no default"
        broken = [link for link in _LINK.findall(page.markdown) if not re.fullmatch(r"https?://\S+", link)]
        assert not broken, f"{rule.code} has links that lead nowhere: {broken}"


@dataclass(frozen=True)
class _Example(Case):
    """The example is flagged, what to use instead is not, and the fix makes one into the other."""

    def __str__(self) -> str:
        return f"{self.rule.code} example"

    def run(self, update: bool = False) -> None:
        code, page = self.rule.code, docs.page(self.rule)
        assert page.example is not None
        before = self._findings(page.example)
        own = [finding for finding in before if finding.code == code]
        assert own, f"the example of {code} is not flagged"
        fixes = [finding.fix for finding in own if finding.fix and finding.fix.safety > Safety.SUGGESTION]
        if any(fix.safety < Safety.SAFE for fix in fixes):
            assert docs.FIX_SAFETY in docs.page(self.rule).sections, f"{code} has an unsafe fix and no `Fix safety`"
        if page.instead is None:
            assert not fixes, f"{code} has a fix, and no `{docs.USE_INSTEAD}` that shows it"
            return
        after = self._findings(page.instead)
        new = Counter(finding.code for finding in after) - Counter(finding.code for finding in before)
        left = [_told(finding) for finding in after if finding.code == code or finding.code in new]
        assert not left, f"what to use instead of the example of {code} is flagged: {left}"
        if fixes:
            fixed = self._fixed(page.example)
            assert fixed == page.instead, f"the fix of {code} makes of its example:\n{fixed}"

    def _findings(self, code: str) -> tuple[Finding, ...]:
        with _bench() as folder:
            (folder / "example.py").write_text(code, encoding="utf-8")
            return _clean(_run(folder, self.pack, {"select": ["DEFAULT", self.rule.code]})).findings

    def _fixed(self, code: str) -> str:
        with _bench() as folder:
            file = folder / "example.py"
            file.write_text(code, encoding="utf-8")
            _clean(_run(folder, self.pack, {"select": [self.rule.code]}, Mode.FIX, Safety.UNSAFE))
            return file.read_bytes().decode("utf-8")


@dataclass(frozen=True)
class _Fixture(Case):
    """The marked lines of a fixture are flagged and no others, and `--fix` makes of it what lies beside it."""

    path: Path

    def __str__(self) -> str:
        return self.path.name

    def run(self, update: bool = False) -> None:
        with _bench() as folder:
            files = self._copy_to(folder)
            sources = {name: read(folder / name, name) for name in files}
            config = _config(sources.values())
            marks = {line: mark for name, source in sources.items() for line, mark in _marks(name, source)}
            codes = {self.rule.code, *(code for mark in marks.values() for code in mark.codes)}
            flags = {"select": sorted(codes), **config}
            wanted = Safety.UNSAFE if config.get("unsafe_fixes") else Safety.SAFE
            found = _by_line(_clean(_run(folder, self.pack, flags)).findings, folder)
            if update:
                for name, source in sources.items():
                    marked = _marked(name, source, found)
                    self._original(name).write_bytes(marked.to_bytes())
                    (folder / name).write_bytes(marked.to_bytes())
            else:
                self._compare(marks, found)
            self._prove_fix(folder, files, flags, wanted, update)

    def _compare(self, marks: Mapping[Line, _Mark], found: Mapping[Line, frozenset[str]]) -> None:
        wrong = []
        for line in sorted({*marks, *found}, key=str):
            mark = marks.get(line, _Mark(frozenset(), todo=False))
            is_found = found.get(line, frozenset())
            wanted = frozenset() if mark.todo else mark.codes
            name = f"{line[0]}:{'' if line[1] is None else f'cell {line[1] + 1}:'}{line[2]}"
            if is_found - wanted:
                why = "is found now: remove `TODO`" if mark.todo and is_found & mark.codes else "is flagged, unmarked"
                wrong.append(f"{name}: {', '.join(sorted(is_found - wanted))} {why}")
            if wanted - is_found:
                wrong.append(f"{name}: {', '.join(sorted(wanted - is_found))} is marked, not flagged")
        assert not wrong, "\n".join([f"{self.path.name} (--update-fixtures rewrites it):", *wrong])

    def _prove_fix(
        self, folder: Path, files: list[str], flags: Mapping[str, object], wanted: Safety, update: bool
    ) -> None:
        sources = {name: read(folder / name, name) for name in files}
        before = {name: source.to_bytes() for name, source in sources.items()}
        every = {**flags, "select": ["DEFAULT", *_listed(flags["select"])]}
        had = Counter(finding.code for finding in _clean(_run(folder, self.pack, every)).findings)
        summary = _clean(_run(folder, self.pack, flags, Mode.FIX, wanted))
        after = {name: (folder / name).read_bytes() for name in files}
        for name in files:
            _compiles(folder / name, sources[name])
        left = [finding for finding in summary.findings if finding.fix and finding.fix.safety >= wanted]
        assert not left, f"{self.path.name}: not all is fixed: {[_told(finding) for finding in left]}"
        has = Counter(finding.code for finding in _clean(_run(folder, self.pack, every)).findings)
        assert not has - had, f"{self.path.name}: the fix makes new findings: {dict(has - had)}"
        _clean(_run(folder, self.pack, flags, Mode.FIX, wanted))
        again = {name: (folder / name).read_bytes() for name in files}
        assert again == after, f"{self.path.name}: fixing twice is not fixing once"
        for name in files:
            beside = self._fixed(name)
            if update and after[name] != before[name]:
                beside.parent.mkdir(exist_ok=True)
                beside.write_bytes(after[name])
            elif update:
                beside.unlink(missing_ok=True)
            expected = beside.read_bytes() if beside.exists() else before[name]
            message = f"--fix makes of {name} what is not in {beside.name} (--update-fixtures writes it):"
            assert after[name] == expected, f"{message}\n{after[name].decode(errors='replace')}"

    def _copy_to(self, folder: Path) -> list[str]:
        """Copy the fixture, and return the names of its files there."""
        if self.path.is_file():
            shutil.copyfile(self.path, folder / self.path.name)
            return [self.path.name]
        shutil.copytree(self.path, folder, dirs_exist_ok=True)
        files = [path for path in self.path.rglob("*") if path.suffix in _SUFFIXES]
        return sorted(path.relative_to(self.path).as_posix() for path in files)

    def _original(self, name: str) -> Path:
        return self.path if self.path.is_file() else self.path / name

    def _fixed(self, name: str) -> Path:
        if self.path.is_file():
            return self.path.with_name(f"{self.path.stem}.fixed{self.path.suffix}")
        return self.path.with_name(f"{self.path.name}.fixed") / name


@dataclass(frozen=True)
class _Mark:
    codes: frozenset[str]
    todo: bool


@contextmanager
def _bench() -> Iterator[Path]:
    """An empty project, so that nothing around a fixture is taken for a part of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "pyproject.toml").touch()
        yield folder


def _run(
    folder: Path, pack: Path, flags: Mapping[str, object], mode: Mode = Mode.CHECK, wanted: Safety = Safety.SAFE
) -> Summary:
    extra = () if pack == packs.builtin().resolve() else (str(pack),)
    return run([folder], Planner({"packs": extra, **flags}, isolated=True), mode, wanted)


def _clean(summary: Summary) -> Summary:
    assert not summary.problems, "\n".join(map(problem, summary.problems))
    return summary


def _config(sources: Iterable[Source]) -> dict[str, object]:
    """The settings in the first lines of a fixture, by field name."""
    found = (_CONFIG.match(source.text) for source in sources)
    document = toml_document("\n".join(match[1] for match in found if match))
    return {key.replace("-", "_"): value for key, value in document.items()}


def _marks(name: str, source: Source) -> Iterator[tuple[Line, _Mark]]:
    for match in _MARKER.finditer(source.text):
        position, cell = source.position(match.start())
        codes = frozenset(code.strip() for code in match["codes"].split(","))
        yield (name, cell, position.row), _Mark(codes, todo=match["todo"] is not None)


def _by_line(findings: Iterable[Finding], folder: Path) -> dict[Line, frozenset[str]]:
    found: dict[Line, frozenset[str]] = {}
    for finding in findings:
        name = Path(finding.place.path).resolve().relative_to(folder).as_posix()
        line = (name, finding.place.cell, finding.place.start.row)
        found[line] = found.get(line, frozenset()) | {finding.code}
    return found


def _marked(name: str, source: Source, found: Mapping[Line, frozenset[str]]) -> Source:
    """The source with its marks as the findings are; what was to do and is not found stays so."""
    edits = []
    for match in _MARKER.finditer(source.text):
        position, cell = source.position(match.start())
        if not match["todo"] or (name, cell, position.row) in found:
            edits.append(Edit(match.start(), match.end(), ""))
    for (file, cell, row), codes in found.items():
        if file == name:
            line = _LINE.match(source.text, source.offset(row, 1, cell))
            assert line is not None
            marker = _MARKER.search(line.group())
            end = line.start() + marker.start() if marker else line.end()
            edits.append(Edit(end, end, f"  # {', '.join(sorted(codes))}"))
    merged: dict[int, Edit] = {}
    for edit in sorted(edits):
        other = merged.get(edit.start)
        merged[edit.start] = Edit(edit.start, max(edit.end, other.end), other.text + edit.text) if other else edit
    return source.edited(merged.values())


def _compiles(path: Path, before: Source) -> None:
    """What is written must compile, where what was read did."""
    after = read(path, path.name)
    broken = _syntax_error(after)
    assert broken is None or _syntax_error(before), f"{path.name} does not compile after the fix: {broken}"


def _syntax_error(source: Source) -> SyntaxError | None:
    try:
        compile(source.code, source.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error
    return None


def _told(finding: Finding) -> str:
    return f"{where(finding.place)}: {finding.code} {finding.message}"


def _listed(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []
