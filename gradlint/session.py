"""One command from its arguments to its exit status: settings, the work, the report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Final

from gradlint import console, docs, replay, store
from gradlint.cache import ENTRIES, Cache
from gradlint.config import Config
from gradlint.finding import Level, Problem
from gradlint.fix.edits import Safety
from gradlint.formats import AuditFormat, ExplainFormat, PageFormat
from gradlint.interactive import asker
from gradlint.packs import PackError
from gradlint.plan import Planner, absolute
from gradlint.progress import Progress
from gradlint.records import dataclass
from gradlint.report import lines
from gradlint.report.text import Terminal
from gradlint.report.words import problem
from gradlint.rule import Rule
from gradlint.runner import Mode, Summary, run
from gradlint.selection import UnknownRuleError, find_rule
from gradlint.source import SourceError, from_bytes
from gradlint.source.source import display
from gradlint.tree import FILES

CLEAN: Final = 0
FOUND: Final = 1

_STDIN: Final = Path("-")
_UNNAMED: Final = "stdin.py"


@dataclass(frozen=True, slots=True)
class Request:
    """What `gradlint check` is asked to do; `flags` are settings by field name, None where not given.

    Without paths it is about the current folder; with the path `-`, or a name for it, about standard input.
    """

    paths: Sequence[Path] = ()
    flags: Mapping[str, object] = field(default_factory=dict)
    config: Path | None = None
    isolated: bool = False
    diff: bool = False
    interactive: bool = False
    stdin_filename: Path | None = None
    exit_zero: bool = False
    quiet: bool = False
    cache: Path | None = None

    @property
    def reads_stdin(self) -> bool:
        """Whether a person pipes in the source."""
        return _STDIN in self.paths or (self.stdin_filename is not None and not self.paths)

    @property
    def main_paths(self) -> Sequence[Path]:
        """The paths that the settings and the project are looked for at."""
        if self.reads_stdin:
            return [self.stdin_filename or Path()]
        return self.paths or [Path()]

    @property
    def objection(self) -> str | None:
        """Why these wishes do not go together."""
        if self.reads_stdin and len(self.paths) > 1:
            return "standard input is checked alone: give `-` and no other path"
        if self.stdin_filename is not None and not self.reads_stdin:
            return "--stdin-filename names standard input: give it with `-` and no other path"
        if self.interactive and self.reads_stdin:
            return "--interactive reads answers from standard input, which holds the source here"
        if self.interactive and self.diff:
            return "--interactive applies fixes, --diff only shows them: give one of them"
        return None


def check(request: Request) -> int:
    """Lint and report; the status is 0 if all is clean, 1 if hazards were found, 2 if not all could be done."""
    planner = Planner(request.flags, request.config, request.isolated)
    plan = planner.main(request.main_paths)
    config = plan.config if plan else Config()
    accept = asker() if request.interactive else None
    objection = request.objection
    if objection is None and request.interactive and accept is None:
        objection = "--interactive needs a terminal to ask on"
    if objection is not None:
        _complain([Problem(objection)])
        return console.FAILED
    fixes = config.fix or config.fix_only or request.interactive
    mode = Mode.DIFF if request.diff else Mode.FIX if fixes else Mode.CHECK
    wanted = Safety.UNSAFE if config.unsafe_fixes else Safety.SAFE
    repeatable = mode is Mode.CHECK and not request.reads_stdin and request.cache == Path(store.default())
    console.tape = [] if repeatable and replay.asked() else None
    if request.reads_stdin:
        summary = _check_stdin(request.stdin_filename, planner, mode, wanted)
    else:
        progress = Progress()
        try:
            cache = Cache(request.cache)
            summary = run(request.main_paths, planner, mode, wanted, accept, cache=cache, tell=progress)
        finally:
            progress.close()
    if config.fix_only:
        summary = replace(summary, findings=(), unreported=len(summary.findings))
    report = lines(summary, config.output_format, Terminal.of(console.out()), request.quiet, config.show_fixes)
    if request.reads_stdin and mode is Mode.FIX:
        for line in report:
            console.complain(line)
    else:
        console.write(report)
    _complain(summary.problems)
    status = CLEAN
    if summary.problems:
        status = console.FAILED
    elif _counts(summary) and not request.exit_zero:
        status = FOUND
    if console.tape is not None:
        replay.keep(status, console.tape, set(summary.seen))
    return status


def clean(folder: Path) -> int:
    """Remove the cache in a folder."""
    try:
        gone = store.clean(str(folder), (ENTRIES, FILES, replay.RUNS))
    except OSError as error:
        _complain([Problem(f"the cache cannot be removed: {error.strerror}", str(folder))])
        return console.FAILED
    console.write([f"Removed {folder}." if gone else f"There is no cache in {folder}."])
    return CLEAN


def _check_stdin(name: Path | None, planner: Planner, mode: Mode, wanted: Safety) -> Summary:
    """Lint standard input as if it were the file `name`; what is to be fixed goes to standard output, fixed or not."""
    shown = display(name) if name is not None else str(_STDIN)
    data = b""
    try:
        data = console.read_bytes()
        given = from_bytes(data, absolute(name or Path(_UNNAMED)), shown)
        summary = run((), planner, mode, wanted, given=given)
    except SourceError as error:
        summary = Summary(mode, problems=(*planner.problems, error.problem))
    except OSError as error:
        summary = Summary(mode, problems=(Problem(f"standard input cannot be read: {error.strerror}"),))
    if mode is Mode.FIX:
        console.write_bytes(summary.changes[0].after.to_bytes() if summary.changes else data)
    return summary


def show_settings(request: Request) -> int:
    """Print the settings that count for the first path, and where each comes from."""
    planner = Planner(request.flags, request.config, request.isolated)
    plan = planner.main(request.main_paths)
    if plan is not None:
        console.write([plan.settings.shown(), f"# rules: {', '.join(rule.code for rule in plan.rules) or 'none'}"])
    _complain(planner.problems)
    return console.FAILED if planner.problems else CLEAN


def pages(word: str | None, output_format: PageFormat, config: Path | None, isolated: bool) -> int:
    """Print the page of the rule with the code or name `word`, or of every rule."""
    planner = Planner(None, config, isolated)
    plan = planner.main([Path()])
    rules = plan.every if plan else ()
    problems = list(planner.problems)
    try:
        chosen = [find_rule(word, rules)] if word and plan else rules
    except UnknownRuleError as error:
        chosen = []
        problems.append(Problem(str(error)))
    console.write(_pages(chosen, output_format, one=word is not None))
    _complain(problems)
    return console.FAILED if problems else CLEAN


def explain(word: str, output_format: ExplainFormat, config: Path | None, isolated: bool) -> int:
    """Print what the analysis believes of what is at `FILE`, `FILE:LINE` or `FILE.ipynb:CELL:LINE`."""
    from gradlint.explain import Target
    from gradlint.explain import explain as explained
    from gradlint.report.explanation import as_json, outline

    found = explained(Target.of(word), Planner(None, config, isolated))
    if output_format == "json":
        console.write(as_json(found.explanations))
    else:
        console.write(outline(found.explanations, Terminal.of(console.out())))
    _complain(found.problems)
    return console.FAILED if found.problems else CLEAN


def audit(
    paths: Sequence[Path], output_format: AuditFormat, output: Path | None, config: Path | None, isolated: bool
) -> int:
    """Print, or write to a file, which safeguards each update has."""
    from gradlint.audit import audit as audited
    from gradlint.report import audit as report
    from gradlint.report.page import page

    found = audited(paths, Planner(None, config, isolated))
    if output_format == "json":
        lines = report.as_json(found)
    elif output_format == "html":
        lines = page(found)
    else:
        lines = report.table(found, Terminal.of(console.out()) if output is None else Terminal())
    if output is None:
        console.write(lines)
    else:
        console.save(output, lines)
    _complain(found.problems)
    return console.FAILED if found.problems else CLEAN


def new(name: str, family: int, pack: Path, prefix: str | None) -> int:
    """Write a new rule with its fixture, and say where."""
    from gradlint.scaffold import new as scaffolded

    try:
        written = scaffolded(name, family, pack, prefix)
    except PackError as error:
        _complain([error.problem])
        return console.FAILED
    except OSError as error:
        _complain([Problem(f"the rule cannot be written: {error.strerror}", str(error.filename or pack))])
        return console.FAILED
    console.write([*map(str, written), f"Now write the rule, and run: gradlint test {pack}"])
    return CLEAN


def prove(pack: Path, fixtures: Path | None, update: bool) -> int:
    """Prove the rules of a pack; the status is 1 if one fails."""
    from gradlint.scaffold import fixtures_of
    from gradlint.testing import cases

    where = fixtures or fixtures_of(pack)
    try:
        found = cases(pack, where if where.is_dir() else None)
    except PackError as error:
        _complain([error.problem])
        return console.FAILED
    if not found:
        _complain([Problem("there is no rule in the pack", str(pack))])
        return console.FAILED
    failed = 0
    for case in found:
        try:
            case.run(update)
        except AssertionError as error:
            failed += 1
            console.write([f"{case}: {error}"])
    console.write([f"{len(found) - failed} passed, {failed} failed"])
    return FOUND if failed else CLEAN


def _pages(rules: Sequence[type[Rule]], output_format: PageFormat, one: bool) -> Iterator[str]:
    if output_format == "json":
        data = [docs.as_data(rule) for rule in rules]
        yield json.dumps(data[0] if one and data else data, indent=2)
        return
    for index, rule in enumerate(rules):
        page = docs.as_markdown(rule)
        terminal = Terminal.of(console.out())
        if output_format == "text" and terminal.colours:
            page = _rendered(page, terminal)
        yield f"\n{page}" if index else page


def _rendered(markdown: str, terminal: Terminal) -> str:
    """Markdown as a terminal shows it best."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(terminal.width or 100, 100), force_terminal=True)
    with console.capture() as capture:
        console.print(Markdown(markdown))
    return capture.get().rstrip("\n")


def _complain(problems: Sequence[Problem]) -> None:
    for item in problems:
        console.complain(problem(item))


def _counts(summary: Summary) -> bool:
    """Whether something was found that makes the status 1: notes do not."""
    if summary.mode is Mode.DIFF:
        return bool(summary.changes)
    return any(finding.level is not Level.NOTE for finding in summary.findings)
