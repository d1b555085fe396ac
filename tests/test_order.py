"""Proves that each run says the same: whatever Python hashes strings by, and wherever it puts objects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gradlint.program.project import Files
from gradlint.program.syntax import Attribute
from gradlint.program.values import Values
from gradlint.program.values.objects import Cls, Made
from gradlint.vocabulary import load
from tests.conftest import ROOT

PROJECT = ROOT / "fixtures" / "order"
# Objects that are hashed by where they are lie elsewhere after this: some space taken, and some given back in between.
SHIFTED = """
import runpy, sys
kept = [[object() for _ in range({0})], [(number,) * (number % 7) for number in range(3 * {0})]]
del kept[1][::2]
sys.argv[0] = "gradlint"
runpy.run_module("gradlint", run_name="__main__")
"""


def said(shift: int, *arguments: str) -> str:
    """What gradlint says in a process of its own, with a hash seed and a layout of memory of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SHIFTED.format(shift), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PYTHONHASHSEED": str(shift)},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--no-cache", "--isolated", "--preview", "--select", "ALL", "--output-format", "json"), "the network holds"),
        (("--no-cache", "--isolated", "--select", "ALL", "--diff"), "+++"),
    ],
    ids=["findings", "fixes"],
)
def test_every_run_says_the_same(arguments: tuple[str, ...], shown: str, project: Path) -> None:
    shutil.copytree(PROJECT, project, dirs_exist_ok=True)
    runs = {said(101 * number, *arguments) for number in range(4)}
    assert len(runs) == 1
    assert shown in runs.pop()


ASKED_WITHIN = """
class Held:
    def __init__(self):
        self.kept = None

    def keep(self, what):
        self.kept = what
        return self


class First(Held):
    pass


class Second(Held):
    pass


held = Held().keep(First())
held.kept.keep(Second())
"""


def test_what_is_asked_within_a_search_is_not_remembered_by_half(tmp_path: Path) -> None:
    """Whether the last line calls `keep` hangs on what `keep` was given, by the calls found so far."""
    (tmp_path / "held.py").write_text(ASKED_WITHIN)
    files = Files(tmp_path)
    module = files.load(tmp_path / "held.py")
    assert module is not None
    values = Values(files, load())
    assert len(values.callers(next(scope for scope in module.scopes if scope.name == "keep"))) == 2
    _, (last, where) = module.calls["keep"]
    assert isinstance(last.func, Attribute)
    given = values.of(last.func.value, where)
    assert {v.of.scope.name for v in given if isinstance(v, Made) and isinstance(v.of, Cls)} == {"First", "Second"}
