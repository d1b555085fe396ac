"""Every rule proves itself on at least six cases that it flags and six that it does not, counted in its own fixtures.

A case is a function that trains (of a rule that asks about updates), a network, or a function (of a rule that asks
about files), in a fixture that is named for the rule. It is flagged where the rule finds something about it, wherever
the finding stands: a training loop whose helper is flagged is no clean case. It is clean where the rule finds nothing,
no line of it is marked `TODO`, and it has what the rule asks about: `ASKS`. Cases that differ in names and literals
alone are one case. A rule that asks at two levels needs the cases at both.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Final

import pytest

from gradlint import File, Network, Rule, Update, packs
from gradlint.config import Config
from gradlint.engine import Project
from gradlint.program import syntax as s
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.source import read

FIXTURES: Final = Path(__file__).parent.parent / "fixtures" / "rules"
LEAST: Final = 6
LEVELS: Final = ("check_update", "check_network", "check_file")
NOT_ABOUT_CODE: Final = {"GL001"}  # of suppressions

# What a rule asks about, as the text of a clean case has it: a clip, a scaler, a warmup. A new rule gets a row.
ASKS: Final = {
    "GL101": r"step",
    "GL102": r"clip|clamp",
    "GL103": r"clip|clamp",
    "GL104": r"clip|clamp",
    "GL105": r"clip|clamp",
    "GL106": r"clip|unscale_",
    "GL107": r"clip",
    "GL201": r"[Ss]caler",
    "GL202": r"autocast|amp",
    "GL203": r"unscale_",
    "GL204": r"[Ss]caler",
    "GL205": r"[Ss]caler",
    "GL206": r"[Ss]caler|half|16",
    "GL207": r"GradScaler|autocast",
    "GL301": r"Linear|Conv",
    "GL302": r"normal|randn",
    "GL303": r"init|normal_|uniform_",
    "GL304": r"LSTM|GRU|RNN|Cell",
    "GL305": r"kaiming|xavier|init",
    "GL401": r"step",
    "GL402": r"sched|\blr",
    "GL403": r"sched|warmup|LR\(",
    "GL404": r"lr|optim",
    "GL501": r"backward",
    "GL502": r"nan|[!=]=",
    "GL503": r"nan|isfinite",
    "GL504": r"nan|isfinite",
    "GL505": r"\.log\(|sqrt|/|\*\*|pow|acos|asin|norm|std",
    "GL506": r"nan|isfinite",
    "GL601": r"step",
    "GL602": r"Linear|Conv",
    "GL603": r"step",
    "GL604": r"LSTM|GRU|RNN|rnn",
    "GL701": r"backward",
    "GL702": r"hidden|state|memory|\bh\b",
    "GL703": r"loss",
    "GL704": r"backward",
    "GL801": r"backward",
}


@dataclass(frozen=True)
class Case:
    """One case of a rule: the level at which the rule asks about it, and its syntax without names and literals."""

    rule: str
    level: str
    name: str
    shape: str
    is_flagged: bool


@pytest.mark.parametrize("rule", [r for r in packs.load([packs.builtin()]) if r.code in ASKS], ids=lambda r: r.code)
def test_cases(rule: type[Rule], tmp_path: Path) -> None:
    cases = list(judged(rule, tmp_path))
    for level in [level for level in LEVELS if overrides(rule, level)]:
        for is_flagged in (True, False):
            found = [case for case in cases if case.level == level and case.is_flagged == is_flagged]
            shapes = {case.shape for case in found}
            kind = "flagged" if is_flagged else "clean"
            names = "\n".join(case.name for case in found)
            assert len(shapes) >= LEAST, f"{rule.code} has {len(shapes)} {kind} cases at `{level}`:\n{names}"


def test_every_rule_says_what_it_asks_about() -> None:
    assert set(ASKS) == {rule.code for rule in packs.load([packs.builtin()])} - NOT_ABOUT_CODE


def judged(rule: type[Rule], folder: Path) -> Iterator[Case]:
    """The cases in the fixtures of a rule; what is flagged on the way of one subject is no clean case of another."""
    for path in sorted(FIXTURES.iterdir()):
        if re.fullmatch(rf"{rule.code}[^.]*(?:\.py|\.ipynb|)", path.name):
            found = list(of_fixture(rule, path, folder / path.stem))
            flagged = {(case.level, case.name) for case in found if case.is_flagged}
            yield from (case for case in found if case.is_flagged or (case.level, case.name) not in flagged)


def of_fixture(rule: type[Rule], path: Path, folder: Path) -> Iterator[Case]:
    if path.is_dir():
        shutil.copytree(path, folder)
    else:
        folder.mkdir()
        shutil.copyfile(path, folder / path.name)
    project = Project(folder, Config(), [rule()], {})
    for file in sorted(f for f in folder.rglob("*") if f.suffix in (".py", ".ipynb")):
        module = project.module(read(file, file.relative_to(folder).as_posix()))
        assert module is not None
        for level, scope, is_flagged in asked(rule(), project, module):
            own, whole = text(scope), text(outermost(scope))
            about = own if level == "check_file" else whole
            if is_flagged or (re.search(ASKS[rule.code], about) and f"TODO {rule.code}" not in own):
                name = f"{path.name}/{module.source.name}:{scope.node.id}:{scope.name}"
                yield Case(rule.code, level, name, shape(whole), is_flagged)


def asked(rule: Rule, project: Project, module: Module) -> Iterator[tuple[str, Scope, bool]]:
    subjects: list[tuple[str, Scope, Update | Network]] = []
    subjects += [("check_update", update.scope, update) for update in project.updates(module)]
    subjects += [("check_network", network.scope, network) for network in project.networks(module)]
    for level, scope, subject in subjects:
        for answer in project.answers(subject, module) if overrides(type(rule), level) else ():
            yield level, scope, bool(answer.findings)
    if overrides(type(rule), "check_file"):
        rows = [finding.place.start.row for finding in rule.check_file(File(project.program, module))]
        homes = ("module",) if overrides(type(rule), "check_network") else ("module", "class")  # methods are networks'
        for scope in module.scopes:
            if isinstance(scope.node, s.Function) and scope.parent is not None and scope.parent.kind in homes:
                first, last = (module.source.position(at)[0].row for at in module.span(scope.node))
                yield "check_file", scope, any(first <= row <= last for row in rows)


def overrides(rule: type[Rule], level: str) -> bool:
    return getattr(rule, level) is not getattr(Rule, level)


def outermost(scope: Scope) -> Scope:
    """The function or class of the file that a scope stands in; the file's own scope where there is none."""
    while scope.parent is not None and scope.parent.parent is not None:
        scope = scope.parent
    return scope


def text(scope: Scope) -> str:
    return scope.module.source.text if scope.parent is None else scope.module.text(scope.node)


def shape(code: str) -> str:
    try:
        tree = ast.parse(dedent(code))
    except SyntaxError:  # a notebook
        return code
    return " ".join(type(node).__name__ for node in ast.walk(tree))
