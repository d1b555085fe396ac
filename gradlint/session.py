"""One command from its arguments to its exit status: settings, the work, the report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gradlint import console, docs
from gradlint.config import Config
from gradlint.finding import Level, Problem
from gradlint.fix.edits import Safety
from gradlint.formats import PageFormat
from gradlint.plan import Planner
from gradlint.report import lines
from gradlint.report.text import Terminal
from gradlint.report.words import problem
from gradlint.rule import Rule
from gradlint.runner import Mode, Summary, run
from gradlint.selection import UnknownRuleError, find_rule

CLEAN: Final = 0
FOUND: Final = 1


@dataclass(frozen=True, slots=True)
class Request:
    """What `gradlint check` is asked to do; `flags` are settings by field name, None where not given."""

    paths: Sequence[Path]
    flags: Mapping[str, object] = field(default_factory=dict)
    config: Path | None = None
    isolated: bool = False
    diff: bool = False
    exit_zero: bool = False
    quiet: bool = False


def check(request: Request) -> int:
    """Lint and report; the status is 0 if all is clean, 1 if hazards were found, 2 if not all could be done."""
    planner = Planner(request.flags, request.config, request.isolated)
    plan = planner.main(request.paths)
    config = plan.config if plan else Config()
    mode = Mode.DIFF if request.diff else Mode.FIX if config.fix else Mode.CHECK
    summary = run(request.paths, planner, mode, Safety.UNSAFE if config.unsafe_fixes else Safety.SAFE)
    console.write(lines(summary, config.output_format, Terminal.of(console.out()), request.quiet))
    _complain(summary.problems)
    if summary.problems:
        return console.FAILED
    return FOUND if _counts(summary) and not request.exit_zero else CLEAN


def show_settings(request: Request) -> int:
    """Print the settings that count for the first path, and where each comes from."""
    planner = Planner(request.flags, request.config, request.isolated)
    plan = planner.main(request.paths)
    if plan is not None:
        console.write([plan.settings.shown(), f"# rules: {', '.join(rule.code for rule in plan.rules) or 'none'}"])
    _complain(planner.problems)
    return console.FAILED if planner.problems else CLEAN


def explain(word: str | None, output_format: PageFormat, config: Path | None, isolated: bool) -> int:
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
