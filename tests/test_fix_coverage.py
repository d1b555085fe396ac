"""The measure of fixes counts what it is to count, and sees each promise that is broken."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gradlint.fix.edits import Edit
from gradlint.plan import Planner
from gradlint.runner import Change, Mode, Summary, run
from gradlint.source import from_text
from tests import fix_coverage
from tests.conftest import RNN_LOOP

UNFIXABLE = RNN_LOOP.replace("        optimizer.step()", "        [each.step() for each in [optimizer]]")


@pytest.fixture
def clones(tmp_path: Path) -> Path:
    for name, text in (("a+b", RNN_LOOP), ("c+d", UNFIXABLE), ("e+f", "x = 1\n")):
        folder = tmp_path / "clones" / name
        folder.mkdir(parents=True)
        (folder / "train.py").write_bytes(text.replace("\n", "\r\n").encode())
        (folder / "gradlint.toml").write_text('ignore = ["GL101"]\n')
    return tmp_path / "clones"


def test_the_table_and_the_reasons(clones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, diffs = tmp_path / "rows.jsonl", tmp_path / "diffs"
    assert fix_coverage.main([str(clones), "--rows", str(rows), "--diffs", str(diffs)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        "rule    findings   safe  unsafe  none  fixed   share",
        "GL101          2      1       0     1      1   50.0%",
        "all            2      1       0     1      1   50.0%",
        "50.0% of the findings have a safe fix; the aim is 85%",
        "GL101     1 the step is part of an expression",
        "0 broken promises",
    ]
    (row,) = map(json.loads, rows.read_text().splitlines())
    assert (row["repo"], row["code"], row["file"], row["row"]) == ("c+d", "GL101", "train.py", 25)
    assert [path.name for path in diffs.iterdir()] == ["a+b.diff"]
    assert (clones / "a+b" / "train.py").read_bytes() == RNN_LOOP.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("a\nnew\nb\nc\n", []),
        ("a\nnew\nb\n", ["b'c\\n'"]),
        ("a\nnew\nB\nc\n", ["b'b\\n'"]),
        ("a\nnew\r\nb\nc\n", []),
        ("new\na\nb\nc\r\n", ["b'c\\n'"]),
    ],
)
def test_a_line_that_no_edit_touches_is_seen_to_change(after: str, said: list[str]) -> None:
    before = from_text("a\nb\nc\n", "x.py")
    change = Change(before, from_text(after, "x.py"), ())
    found = list(fix_coverage.torn(change, [Edit(2, 2, "new\n")]))
    assert [line.rpartition(": ")[2] for line in found] == said


def test_lines_of_notebooks_may_get_a_comma() -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["a = 1\n", "b = 2"]}
    text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    before = from_text(text, "x.ipynb")
    edit = Edit(len("a = 1\nb = 2"), len("a = 1\nb = 2"), "\nc = 3")
    change = Change(before, before.edited([edit]), ())
    assert list(fix_coverage.torn(change, [edit])) == []
    assert len(list(fix_coverage.torn(change, []))) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda text: text.replace("clip", "(clip"), "train.py: compiles no more"),
        (
            lambda text: text.replace("        nn.utils", "        optimizer.step()\n        nn.utils"),
            "train.py: fixed twice is not fixed once",
        ),
        (lambda text: text.replace("optimizer.zero_grad()", "optimizer.zero_grad( )"), "no edit touches"),
    ],
)
def test_a_broken_promise_is_told_and_is_status_1(
    clones: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Callable[[str], str],
    said: str,
) -> None:
    def faulty(paths: list[Path], planner: Planner, mode: Mode) -> Summary:
        done = run(paths, planner, mode)
        changes = []
        for change in done.changes:
            after = from_text(fault(change.after.text), change.after.name)
            Path(after.name).write_bytes(after.to_bytes())
            changes.append(Change(change.before, after, change.fixed))
        return Summary(mode, done.findings, changes=tuple(changes), sources=done.sources)

    monkeypatch.setattr("tests.fix_coverage.run", faulty)
    assert fix_coverage.main([str(clones), "--repo", "a+b"]) == 1
    assert said in capsys.readouterr().out
