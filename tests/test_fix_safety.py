"""Whatever becomes of a run that fixes a tree, each file is as it was or fixed whole, and nothing else is there."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import gradlint.fix.write
from gradlint import cli
from gradlint.fix.write import write
from tests.conftest import RNN_LOOP, Gradlint, process

NAMES = ("a.py", "b.py", "sub/c.py")
FIXED = RNN_LOOP.replace(
    "        optimizer.step()",
    "        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n        optimizer.step()",
)


@pytest.fixture
def tree(project: Path) -> Path:
    (project / "sub").mkdir()
    for name in NAMES:
        (project / name).write_text(RNN_LOOP)
    return project


def texts(tree: Path) -> list[str]:
    return [(tree / name).read_text() for name in NAMES]


def listing(tree: Path) -> list[str]:
    return sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file())


def killed_at(line: int) -> int:
    """Run `gradlint --fix` in a process that is killed at a line of the code that writes; its wait status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    left = line

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename != gradlint.fix.write.__file__:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 1)
    sys.settrace(trace)
    os._exit(cli.run(["--fix", "-q"]))


def test_killed_at_any_moment_each_file_is_the_old_or_the_new(gradlint: Gradlint, tree: Path) -> None:
    seen = set()
    for line in range(2, 400, 13):
        status = killed_at(line)
        now = texts(tree)
        assert all(text in (RNN_LOOP, FIXED) for text in now)
        assert {Path(name).name for name in listing(tree)} <= {"a.py", "b.py", "c.py", ".gradlint.tmp"}
        seen.add(tuple(text == FIXED for text in now))
        # The next run goes on from there, and leaves nothing behind.
        assert gradlint("--fix", "-q") == (0, "", "")
        assert texts(tree) == [FIXED] * 3
        for name in NAMES:
            (tree / name).write_text(RNN_LOOP)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
    assert {(False, False, False), (True, True, True)} < seen
    assert listing(tree) == sorted(NAMES)


def test_runs_that_fix_one_tree_at_once_lose_nothing(gradlint: Gradlint, tree: Path) -> None:
    runs = [process("--fix", "-q", "--output-format", "concise") for _ in range(3)]
    ends = [(run.wait(), *run.communicate()) for run in runs]
    assert texts(tree) == [FIXED] * 3, ends
    assert [status for status, _, _ in ends] == [0, 0, 0], ends
    assert listing(tree) == sorted(NAMES)
    assert gradlint("--fix") == (0, "All clear: 3 files checked, 3 with training code.\n", "")


def test_what_someone_else_saves_meanwhile_is_kept(
    gradlint: Gradlint, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = RNN_LOOP + "\n# saved by an editor\n"

    def late(path: Path, before: bytes, after: bytes) -> None:
        if path.name == "b.py":
            path.write_text(saved)
        write(path, before, after)

    monkeypatch.setattr("gradlint.runner.write", late)
    done = gradlint("--fix", "--output-format", "concise")
    assert done.status == 2
    assert done.err == "error: b.py: was changed by another program in the meantime, so it is not fixed\n"
    assert done.out.startswith("b.py:25:9: warning: GL101 ")
    assert texts(tree) == [FIXED, saved, FIXED]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_no_more_is_one_line_and_the_rest_is_fixed(
    gradlint: Gradlint, tree: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.open

    def full(path: Any, flags: int, *mode: int) -> int:
        if str(path).endswith(".gradlint.tmp") and "sub" in str(path):
            raise OSError(code, os.strerror(code))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", full)
    done = gradlint("--fix", "--output-format", "concise")
    assert done.status == 2
    assert done.err == f"error: sub/c.py: cannot be written: {os.strerror(code)}\n"
    assert "Fixed 2 hazards in 2 files. 1 warning left in 1 file; 1 fixable with --fix." in done.out
    assert texts(tree) == [FIXED, FIXED, RNN_LOOP]
    assert listing(tree) == sorted(NAMES)
