"""Fixes as a person asks for them: one by one, from standard input, listed, or without a word about the rest."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RNN_LOOP, ROOT, Gradlint

GUARD = """\
        if not torch.isfinite(loss):
            raise FloatingPointError("the loss is not finite")
"""
TWO_HAZARDS = RNN_LOOP.replace(GUARD, "")
CLIP = "nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)"
QUESTION = "Apply this fix? [a]ccept, [s]kip, s[h]ow, [q]uit: "


@pytest.fixture
def train(project: Path) -> Path:
    file = project / "train.py"
    file.write_text(TWO_HAZARDS)
    return file


@pytest.fixture
def piped(gradlint: Gradlint, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    def run(data: str | bytes, *arguments: str) -> tuple[int, str, str]:
        raw = data if isinstance(data, bytes) else data.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return gradlint(*arguments)

    return run


Piped = Callable[..., tuple[int, str, str]]


def test_fix_only_says_nothing_of_what_is_left(gradlint: Gradlint, train: Path) -> None:
    train.write_text(TWO_HAZARDS + "        [loss.backward() for _ in inputs]; [optimizer.step() for _ in inputs]\n")
    assert gradlint("--fix-only", "--ignore", "GL501") == (0, "Fixed 1 hazard in 1 file.\n", "")
    assert train.read_text().count(CLIP) == 1
    assert gradlint("--fix-only", "--ignore", "GL501") == (0, "Nothing to fix.\n", "")
    assert gradlint("--fix", "--ignore", "GL501").status == 1
    assert gradlint("--fix-only", "gone.py").status == 2


def test_fix_only_is_a_setting(gradlint: Gradlint, train: Path) -> None:
    Path("gradlint.toml").write_text("fix-only = true\nshow-fixes = true\n")
    assert gradlint().out.endswith("Fixed 2 hazards in 1 file.\n")
    assert CLIP in train.read_text()


def test_show_fixes(gradlint: Gradlint, train: Path) -> None:
    said = (
        "train.py\n"
        "  1 x GL101 unclipped-recurrent-update: Clip the gradients to a norm of 1.0\n"
        "  1 x GL501 unguarded-nonfinite-loss: Raise on a non-finite loss\n"
    )
    would = gradlint("--diff", "--show-fixes")
    assert would.out.endswith(said + "Would fix 2 hazards in 1 file.\n")
    assert gradlint("--fix", "--show-fixes") == (0, said + "Fixed 2 hazards in 1 file.\n", "")
    assert gradlint("--fix", "--show-fixes", "-q") == (0, "", "")


# --- standard input -------------------------------------------------------------------------------


def test_standard_input_is_checked(piped: Piped, project: Path) -> None:
    status, out, err = piped(TWO_HAZARDS, "-", "--output-format", "concise")
    assert (status, err) == (1, "")
    assert [line.split(" ")[:2] for line in out.splitlines()[:-1]] == [["-:23:9:", "warning:"]] * 2
    assert piped("x = 1\n", "-")[0] == 0
    assert os.listdir(project) == [".git"]


def test_standard_input_has_the_name_that_an_editor_gives(piped: Piped, project: Path) -> None:
    (project / "net.py").write_text(TWO_HAZARDS.partition("def train")[0])
    editor = "import torch\nfrom net import Tagger\n\n\ndef train" + TWO_HAZARDS.partition("def train")[2]
    on_disk = project / "train.py"
    on_disk.write_text("raise SystemExit  # older than what the editor holds\n")
    for arguments in (["-", "--stdin-filename", "train.py"], ["--stdin-filename", "train.py"]):
        status, out, err = piped(editor, *arguments, "--output-format", "json", "--select", "GL101")
        assert (status, err) == (1, "")
        assert [(each["filename"], each["code"]) for each in json.loads(out)] == [("train.py", "GL101")]
    assert "older" in on_disk.read_text()


def test_with_fix_standard_input_comes_out_fixed(piped: Piped, train: Path) -> None:
    before = train.read_bytes()
    status, out, err = piped(TWO_HAZARDS, "--fix", "-", "--stdin-filename", "train.py")
    assert (status, err) == (0, "Fixed 2 hazards in 1 file.\n")
    assert out == TWO_HAZARDS.replace(
        "        loss.backward()\n",
        "        if not torch.isfinite(loss):\n"
        '            raise FloatingPointError(f"non-finite loss: {loss.item()}")\n'
        f"        loss.backward()\n        {CLIP}\n",
    )
    assert train.read_bytes() == before
    assert piped(out, "--fix", "-q", "-") == (0, out, "")


@pytest.mark.parametrize(
    "data", [b"", b"x = 1", b"def broken(:\n", b"import torch\ndef broken(:\n  optimizer.step()\n  loss.backward()\n"]
)
def test_what_has_no_fix_comes_out_as_it_was(piped: Piped, data: bytes) -> None:
    assert piped(data, "--fix", "-q", "-")[1].encode() == data


def test_bytes_that_are_no_python_come_out_as_they_were(project: Path) -> None:
    data = b"\xff\xfe\x00torch\r\n"
    done = subprocess.run(
        [sys.executable, "-m", "gradlint", "--fix", "-"],
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout) == (2, data)
    assert done.stderr.startswith(b"error: -:1: is encoded in UTF-16")


def test_line_ends_and_encoding_of_standard_input_stay(project: Path) -> None:
    text = "# coding: latin-1\n# é\n" + TWO_HAZARDS
    data = text.replace("\n", "\r\n").encode("latin-1")
    done = subprocess.run(
        [sys.executable, "-m", "gradlint", "--fix", "-", "--ignore", "GL501"],
        input=data,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    clip = f"        {CLIP}\r\n".encode()
    assert done.stdout.replace(clip, b"") == data
    assert clip in done.stdout


def test_an_excluded_name_is_passed_over_if_that_is_forced(piped: Piped, project: Path) -> None:
    (project / "gradlint.toml").write_text('exclude = ["third_party/"]\n')
    arguments = ["--fix", "-q", "-", "--stdin-filename", "third_party/train.py"]
    assert CLIP in piped(TWO_HAZARDS, *arguments)[1]
    assert piped(TWO_HAZARDS, *arguments, "--force-exclude") == (0, TWO_HAZARDS, "")


def test_the_diff_of_standard_input(piped: Piped, project: Path) -> None:
    status, out, _ = piped(TWO_HAZARDS, "--diff", "-")
    assert status == 1
    assert out.startswith("--- -\n+++ -\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "train.py"], "standard input is checked alone: give `-` and no other path"),
        (
            ["train.py", "--stdin-filename", "x.py"],
            "--stdin-filename names standard input: give it with `-` and no other path",
        ),
        (["-", "-i"], "--interactive reads answers from standard input, which holds the source here"),
        (["train.py", "-i"], "--interactive needs a terminal to ask on"),
        (["-i", "--diff"], "--interactive applies fixes, --diff only shows them: give one of them"),
    ],
)
def test_wishes_that_do_not_go_together(piped: Piped, train: Path, arguments: list[str], message: str) -> None:
    assert piped(TWO_HAZARDS, *arguments) == (2, "", f"error: {message}\n")
    assert train.read_text() == TWO_HAZARDS


# --- one by one -----------------------------------------------------------------------------------


def asked(answers: str, *arguments: str) -> tuple[int, str]:
    """Run `gradlint -i` on a terminal where somebody types these answers; its status and what it shows."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(PYTHONPATH=str(ROOT), TERM="dumb", COLUMNS="120")
        os.execv(sys.executable, [sys.executable, "-m", "gradlint", "-i", *arguments])
    shown = b""
    left = list(answers)
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:  # Linux's way to say that the other end is closed
            break
        if not read:
            break
        shown += read
        if shown.endswith(b": ") and shown.rstrip().endswith(QUESTION.strip().encode()) and left:
            answer = left.pop(0)
            os.write(terminal, answer.encode() if answer in "\x03\x04" else f"{answer}\n".encode())
    os.close(terminal)
    status = os.waitpid(pid, 0)[1]
    return os.waitstatus_to_exitcode(status), shown.decode().replace("\r\n", "\n")


def test_each_fix_is_taken_or_left(train: Path) -> None:
    status, shown = asked("as", "train.py")
    assert shown.count(QUESTION) == 2
    assert (
        shown.index("warning GL101") < shown.index("+        nn.utils.clip_grad_norm_") < shown.index("warning GL501")
    )
    assert status == 1
    assert "Fixed 1 hazard in 1 file. 1 warning left in 1 file" in shown
    assert train.read_text() == TWO_HAZARDS.replace("        optimizer.step", f"        {CLIP}\n        optimizer.step")


def test_all_taken_is_status_0(train: Path) -> None:
    status, shown = asked("yy")
    assert (status, shown.count(QUESTION)) == (0, 2)
    assert "raise FloatingPointError" in train.read_text()
    assert CLIP in train.read_text()


def test_more_is_shown_of_a_fix_and_the_question_asked_again(train: Path) -> None:
    status, shown = asked("h?sq", "train.py")
    assert (status, shown.count(QUESTION)) == (1, 4)
    assert "the optimizer is built here" in shown
    assert "Type a to apply it" in shown
    assert train.read_text() == TWO_HAZARDS


@pytest.mark.parametrize("end", ["q", "\x04"])
def test_quitting_applies_what_was_taken(train: Path, end: str) -> None:
    other = train.with_name("zz.py")
    other.write_text(TWO_HAZARDS)
    status, shown = asked("a" + end)
    assert (status, shown.count(QUESTION)) == (1, 2)
    assert CLIP in train.read_text()
    assert "raise FloatingPointError" not in train.read_text()
    assert other.read_text() == TWO_HAZARDS


def test_an_interrupt_changes_nothing(train: Path) -> None:
    status, _ = asked("a\x03")
    assert status in (130, -signal.SIGINT)
    assert train.read_text() == TWO_HAZARDS
