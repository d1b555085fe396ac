"""The command line: what it takes, what it says, and the status that it ends with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gradlint import __version__
from tests.conftest import RNN_LOOP, Gradlint, process

CLEAN = "import torch\n\nprint(torch.__version__)\n"


@pytest.fixture
def train(project: Path) -> Path:
    file = project / "train.py"
    file.write_text(RNN_LOOP)
    return file


@pytest.mark.parametrize("arguments", [["check", "train.py"], ["train.py"], ["check"], [], ["."], ["./train.py"]])
def test_check_is_what_is_done_unless_said_otherwise(gradlint: Gradlint, train: Path, arguments: list[str]) -> None:
    done = gradlint(*arguments)
    assert (done.status, done.err) == (1, "")
    assert done.out.startswith("train.py:25:9\n")
    assert "warning GL101 unclipped-recurrent-update: " in done.out
    assert done.out.endswith("Found 1 warning in 1 file; 1 fixable with --fix.\n")


def test_options_may_come_first(gradlint: Gradlint, train: Path) -> None:
    assert gradlint("--quiet", "--select", "GL201,GL301", "--select", "GL501", "train.py") == (0, "", "")


def test_paths_that_are_called_like_commands(gradlint: Gradlint, project: Path) -> None:
    for name in ("check", "rule"):
        (project / name).mkdir()
        (project / name / "train.py").write_text(RNN_LOOP)
    assert gradlint("./check", "-q", "--output-format", "concise").out.startswith(
        "check/train.py:25:9: warning: GL101 "
    )
    assert gradlint("check", "rule", "-q", "--output-format", "concise").out.startswith("rule/train.py:25:9: ")


def test_nothing_found_is_status_0(gradlint: Gradlint, project: Path) -> None:
    (project / "clean.py").write_text(CLEAN)
    assert gradlint() == (0, "All clear: 1 file checked, none with training code.\n", "")
    assert gradlint("--quiet") == (0, "", "")


def test_exit_zero(gradlint: Gradlint, train: Path) -> None:
    assert gradlint("--exit-zero").status == 0
    assert gradlint("--exit-zero", "gone.py").status == 2


def test_notes_are_no_failure(gradlint: Gradlint, project: Path) -> None:
    pack(project, "GL999", "a-note", "level = Level.NOTE")
    (project / "train.py").write_text(RNN_LOOP)
    done = gradlint("--select", "GL999", "--output-format", "concise")
    assert done == (0, "train.py:25:9: note: GL999 so\nFound 1 note in 1 file.\n", "")


def test_json_is_alone_on_standard_output(gradlint: Gradlint, train: Path) -> None:
    done = gradlint("--output-format", "json", "train.py", "gone.py")
    assert [(item["code"], item["location"]["row"]) for item in json.loads(done.out)] == [("GL101", 25)]
    assert done.err == "error: gone.py: no such file or directory\n"
    assert done.status == 2


@pytest.mark.parametrize("name", ["GL101", "GL1", "unclipped-recurrent-update", "ALL", "DEFAULT"])
def test_rules_are_selected_by_code_prefix_and_name(gradlint: Gradlint, train: Path, name: str) -> None:
    assert gradlint("--select", name).status == 1
    assert gradlint("--select", name, "--ignore", "GL101").status == 0


def test_extend_select_adds(gradlint: Gradlint, train: Path) -> None:
    assert gradlint("--select", "GL201", "--extend-select", "GL101").status == 1
    assert gradlint("--ignore", "GL1", "--extend-select", "GL101").status == 1


def test_fix(gradlint: Gradlint, train: Path) -> None:
    train.write_bytes(RNN_LOOP.replace("\n", "\r\n").encode())
    done = gradlint("--fix")
    assert done == (0, "Fixed 1 hazard in 1 file.\n", "")
    fixed = train.read_bytes()
    assert fixed.count(b"\r\n") == fixed.count(b"\n") == RNN_LOOP.count("\n") + 1
    assert gradlint("--fix") == (0, "All clear: 1 file checked, 1 with training code.\n", "")
    assert train.read_bytes() == fixed


def test_diff_changes_nothing(gradlint: Gradlint, train: Path) -> None:
    done = gradlint("--diff")
    assert done.status == 1
    assert done.out.startswith("--- train.py\n+++ train.py\n@@ ")
    assert done.out.endswith("Would fix 1 hazard in 1 file.\n")
    assert train.read_text() == RNN_LOOP
    patched = subprocess.run(["git", "apply", "-p0", "-"], input=done.out.encode(), check=False)
    assert patched.returncode == 0
    assert gradlint("--diff") == (0, "All clear: 1 file checked, 1 with training code.\n", "")
    assert gradlint().status == 0


def test_what_is_silenced_is_not_fixed(gradlint: Gradlint, train: Path) -> None:
    silenced = RNN_LOOP.replace("optimizer.step()", "optimizer.step()  # gradlint: ignore[GL101] short sequences")
    train.write_text(silenced)
    assert gradlint("--fix").status == 0
    assert train.read_text() == silenced


def test_suppressions_that_silence_nothing_are_found(gradlint: Gradlint, train: Path) -> None:
    train.write_text(RNN_LOOP.replace("loss.backward()", "loss.backward()  # gradlint: ignore[GL501]"))
    done = gradlint("--output-format", "concise", "--ignore", "GL101")
    assert "train.py:24:45: warning: GL001 `gradlint: ignore[GL501]` silences nothing" in done.out
    assert done.status == 1
    assert gradlint("--select", "GL001,GL101", "--ignore", "GL101").status == 0


def test_what_is_fixed_may_leave_a_silent_comment(gradlint: Gradlint, train: Path) -> None:
    train.write_text(RNN_LOOP.replace("loss.backward()", "loss.backward()  # noqa: GL501"))
    assert "Fixed 1 hazard in 1 file. 1 warning left in 1 file" in gradlint("--fix").out


def test_per_file_ignores(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / "gradlint.toml").write_text('per-file-ignores = { "tra*.py" = ["GL1"] }\n')
    assert gradlint().status == 0


def test_excluded_files(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / "gradlint.toml").write_text('exclude = ["/train.py"]\n')
    assert gradlint().status == 0
    assert gradlint("train.py").status == 1
    assert gradlint("train.py", "--force-exclude").status == 0
    assert gradlint("--exclude", "nothing").status == 1


def test_excludes_of_the_command_line_start_from_here(
    gradlint: Gradlint, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "gradlint.toml").write_text("")
    for name in ("a", "b"):
        (project / name / "lib").mkdir(parents=True)
        (project / name / "lib" / "train.py").write_text(RNN_LOOP)
    monkeypatch.chdir(project / "a")
    for pattern in ("lib/train.py", "/lib", "lib/", f"{project}/a/lib", "lib/*.py"):
        assert gradlint("--exclude", pattern).status == 0
    assert gradlint("--exclude", "lib/train.py", "../b").status == 1


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_each_file_is_reported_once(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / "link").symlink_to(project)
    done = gradlint(".", "train.py", "link", "-q", "--output-format", "concise")
    assert done.out.count("\n") == 1


def test_a_work_tree_whose_git_folder_is_elsewhere(train: Path, project: Path) -> None:
    (project / ".git").rmdir()
    (project / ".git").write_text("gitdir: ../main/.git/worktrees/project\n")
    for _ in range(2):  # the second time by what the first has kept
        with process("--output-format", "concise") as run:
            out, err = run.communicate()
        assert (run.returncode, err) == (1, "")
        assert "GL101" in out


def test_ignored_files(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / ".gitignore").write_text("train.py\n")
    assert gradlint().status == 0
    assert gradlint("--no-respect-gitignore").status == 1


def test_each_file_has_the_settings_nearest_to_it(gradlint: Gradlint, train: Path, project: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    (inner / "train.py").write_text(RNN_LOOP)
    (inner / "pyproject.toml").write_text('[tool.gradlint]\nignore = ["GL101"]\n')
    assert gradlint("inner").status == 0
    done = gradlint("--output-format", "concise", "-q")
    assert done.out.count("\n") == 1
    assert done.out.startswith("train.py:")


def test_isolated_and_config(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / "gradlint.toml").write_text('select = ["GL201"]\n')
    (project / "other.toml").write_text('select = ["GL101"]\n')
    assert gradlint().status == 0
    assert gradlint("--isolated").status == 1
    assert gradlint("--config", "other.toml").status == 1
    done = gradlint("--config", "gone.toml")
    assert done == (2, "", "error: gone.toml: the settings cannot be read: No such file or directory\n")


def test_show_settings(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / "gradlint.toml").write_text('ignore = ["GL3"]\n')
    done = gradlint("--show-settings", "--select", "GL301,GL101")
    assert done.status == 0
    assert '\nselect = ["GL301", "GL101"]  # the command line\n' in done.out
    assert '\nignore = ["GL3"]  # gradlint.toml\n' in done.out
    assert "\nfix = false  # default\n" in done.out
    assert done.out.endswith("\n# rules: GL301, GL101\n") or done.out.endswith("\n# rules: GL101, GL301\n")


BAD_SETTINGS = [
    ("selekt = []", "error: gradlint.toml: unknown setting `selekt`; did you mean `select`?"),
    ('select = ["GL1O1"]', "error: gradlint.toml: unknown rule `GL1O1`; did you mean `GL101`?"),
    ('fix = "yes"', 'error: gradlint.toml: `fix` must be true or false, not "yes"'),
    (
        "[rules.unclipped-recurent-update]",
        "unknown rule `unclipped-recurent-update`; did you mean `unclipped-recurrent-",
    ),
    ("rules.GL101.max-nrom = 1", "unknown option `max-nrom` of the rule `GL101`; did you mean `max-norm`?"),
    ('rules.GL101.max-norm = "1"', 'error: gradlint.toml: `rules.GL101.max-norm` must be a number, not "1"'),
    ("rules.GL101.max-norm = -1", "`rules.GL101.max-norm` must be a number above 0, not -1"),
    ("rules.GL101.clip-value = nan", "`rules.GL101.clip-value` must be a number above 0, not nan"),
    ("rules.GL101.percentile = 150", "`rules.GL101.percentile` must be a number above 0 and at most 100, not 150"),
    ("fix =", "error: gradlint.toml:1: the settings are not valid TOML"),
    ('packs = ["gone"]', "gone: the rule pack is not a folder"),
]


@pytest.mark.parametrize(("settings", "message"), BAD_SETTINGS)
def test_bad_settings_are_one_line(gradlint: Gradlint, train: Path, project: Path, settings: str, message: str) -> None:
    (project / "gradlint.toml").write_text(f"{settings}\n")
    done = gradlint("--fix")
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert train.read_text() == RNN_LOOP


def test_an_unknown_rule_on_the_command_line(gradlint: Gradlint, train: Path) -> None:
    done = gradlint("--select", "unclipped-recurent-update")
    wanted = "unknown rule `unclipped-recurent-update`; did you mean `unclipped-recurrent-update`?"
    assert done == (2, "", f"error: the command line: {wanted}\n")


BAD_FILES = [
    (b"import torch\nloss.backward(\noptimizer.step()\n", "bad.py:"),
    (b"import torch\nloss.backward()\n\xff\n", "bad.py:3: cannot be decoded as utf-8"),
    (b"# coding: nonsense\nimport torch\nloss.backward()\n", "bad.py:1: unknown encoding: nonsense"),
    (b"import torch\nloss.backward()\0\n", "bad.py:2: holds a null byte"),
    (b"\xff\xfei\0m\0p\0o\0r\0t\0 torch loss.backward()", "bad.py:1: is encoded in UTF-16"),
]


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_bad_files_are_one_line_and_the_rest_is_linted(
    gradlint: Gradlint, train: Path, project: Path, content: bytes, message: str
) -> None:
    (project / "bad.py").write_bytes(content)
    done = gradlint("--output-format", "concise", "--fix")
    assert done.status == 2
    assert done.err.startswith("error: bad.py:")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert done.out.startswith("Fixed 1 hazard in 1 file.")
    assert (project / "bad.py").read_bytes() == content


def test_a_broken_notebook(gradlint: Gradlint, project: Path) -> None:
    (project / "bad.ipynb").write_text('{"cells": [ import torch, loss.backward() ')
    done = gradlint()
    assert done.status == 2
    assert done.err.startswith("error: bad.ipynb:1: is not a notebook")


def test_a_missing_path(gradlint: Gradlint, train: Path) -> None:
    done = gradlint("gone", "train.py", "--output-format", "concise")
    assert done.status == 2
    assert done.err == "error: gone: no such file or directory\n"
    assert done.out.startswith("train.py:25:9: ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(gradlint: Gradlint, train: Path) -> None:
    train.chmod(0)
    assert gradlint() == (2, "", "error: train.py: cannot be read: Permission denied\n")


@pytest.mark.parametrize("command", ["check", "audit"])
def test_it_is_not_asked_beforehand_what_can_be_read(
    command: str, gradlint: Gradlint, train: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file that cannot be read is a line, and the others are looked at: no refusal of the whole command."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    done = gradlint(command, "train.py")
    assert done.err == ""
    assert "train.py:25:9" in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_directory_loops_end(gradlint: Gradlint, train: Path, project: Path) -> None:
    (project / "loop").symlink_to(project)
    assert gradlint("-q", "--output-format", "concise").out.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_named_pipe_does_not_block(gradlint: Gradlint, project: Path) -> None:
    os.mkfifo(project / "pipe.py")
    assert gradlint("pipe.py").err == "error: pipe.py: is not a regular file\n"


def test_read_only_files_are_not_fixed(gradlint: Gradlint, train: Path) -> None:
    train.chmod(0o444)
    done = gradlint("--fix", "--output-format", "concise")
    assert done.status == 2
    assert done.err == "error: train.py: is read-only, so it is not fixed\n"
    assert done.out.startswith("train.py:25:9: warning: GL101 ")
    assert train.read_text() == RNN_LOOP


def test_a_rule_that_crashes_is_named_and_the_rest_goes_on(gradlint: Gradlint, train: Path, project: Path) -> None:
    pack(project, "GL998", "crashing", body="raise ValueError('no such luck')")
    done = gradlint("--output-format", "concise")
    assert done.status == 2
    assert done.out.startswith("train.py:25:9: warning: GL101 ")
    assert "error: train.py: " in done.err
    assert "GL998" in done.err
    assert "no such luck" in done.err
    assert "Traceback" not in done.err


def test_a_pack_that_does_not_load(gradlint: Gradlint, train: Path, project: Path) -> None:
    pack(project, "GL998", "broken")
    file = project / "lint_rules" / "broken.py"
    file.write_text(file.read_text() + "\n1 / 0\n")
    row = file.read_text().count("\n")
    done = gradlint()
    assert (done.status, done.out) == (2, "")
    assert done.err == f"error: {file}:{row}: the rule does not load: ZeroDivisionError: division by zero\n"


def test_version(gradlint: Gradlint) -> None:
    assert gradlint("--version") == (0, f"gradlint {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["check", "--help"], ["--fix", "--help"], ["rule", "-h"]])
def test_help(gradlint: Gradlint, arguments: list[str]) -> None:
    done = gradlint(*arguments)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("Usage: gradlint ")


@pytest.mark.parametrize("arguments", [["--fixx"], ["--output-format", "xml"], ["rule"], ["rule", "GL101", "--all"]])
def test_wrong_usage_is_status_2(gradlint: Gradlint, arguments: list[str]) -> None:
    done = gradlint(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "Error: " in done.err


def test_rule_prints_a_page(gradlint: Gradlint) -> None:
    for name in ("GL101", "gl101", "unclipped-recurrent-update"):
        done = gradlint("rule", name)
        assert done.status == 0
        head, _, page = done.out.partition("## What it does")
        assert head.startswith("# GL101 unclipped-recurrent-update\n\nWarning, on by default.\n\nMeasured: ")
        assert page
        assert "- `max-norm`: a number above 0; 1.0 by default." in done.out
    said = "error: unknown rule `unclipped-recurent-update`; did you mean `unclipped-recurrent-update`?\n"
    assert gradlint("rule", "unclipped-recurent-update").err == said


def test_rule_prints_all_pages(gradlint: Gradlint) -> None:
    pages = json.loads(gradlint("rule", "--all", "--output-format", "json").out)
    assert [page["code"] for page in pages] == sorted(page["code"] for page in pages)
    assert {"GL001", "GL101"} <= {page["code"] for page in pages}
    one = json.loads(gradlint("rule", "GL101", "--output-format", "json").out)
    assert one in pages
    assert one["options"]["max-norm"] == {"type": "a number above 0", "default": 1.0}
    text = gradlint("rule", "--all", "--output-format", "markdown").out
    assert all(f"# {page['code']} {page['name']}\n" in text for page in pages)


def test_rule_prints_pages_for_terminals(gradlint: Gradlint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    done = gradlint("rule", "GL101")
    assert "\x1b[" in done.out
    assert "## What it does" not in done.out


def test_an_internal_error_is_one_line(gradlint: Gradlint, train: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("lost\nthe thread")

    monkeypatch.setattr("gradlint.session.run", fail)
    done = gradlint()
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: internal error at session.py:")
    assert "RuntimeError: lost the thread; this is a bug in gradlint" in done.err
    assert done.err.count("\n") == 1
    monkeypatch.setenv("GRADLINT_TRACEBACK", "1")
    assert "Traceback" in gradlint().err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals differ there")
class TestProcess:
    def test_a_closed_pipe_is_quiet(self, train: Path) -> None:
        running = process()
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(30) == 141

    def test_an_interrupt_is_quiet(self, train: Path, project: Path) -> None:
        pack(project, "GL998", "slow")
        file = project / "lint_rules" / "slow.py"
        file.write_text("print('here', flush=True)\nimport time\ntime.sleep(60)\n" + file.read_text())
        running = process()
        assert running.stdout is not None
        assert running.stdout.readline() == "here\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
        assert (running.returncode, out, err) == (130, "", "")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
    def test_a_full_disk_is_said(self, train: Path) -> None:
        command = f"{sys.executable} -m gradlint > /dev/full"
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        done = subprocess.run(command, shell=True, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr == "error: cannot write to standard output: No space left on device\n"

    def test_closed_streams(self, train: Path) -> None:
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        command = f"{sys.executable} -m gradlint train.py gone.py >&- 2>&-"
        assert subprocess.run(command, shell=True, env=environ, check=False).returncode == 2

    def test_characters_that_the_terminal_lacks(self, train: Path) -> None:
        train.write_text(RNN_LOOP.replace("optimizer.step()", 'optimizer.step()  # "損失"'), encoding="utf-8")
        out, err = process(PYTHONIOENCODING="ascii").communicate(timeout=60)
        assert err == ""
        assert "\\u640d\\u5931" in out


def pack(project: Path, code: str, name: str, extra: str = "", body: str = "yield self.note(update)") -> None:
    """Give the project a pack of one rule that speaks of every update."""
    folder = project / "lint_rules"
    folder.mkdir()
    (project / "gradlint.toml").write_text('packs = ["lint_rules"]\n')
    (folder / f"{name.replace('-', '_')}.py").write_text(
        f'''
from collections.abc import Iterator

from gradlint import Finding, Level, Rule, Update


class {"".join(part.capitalize() for part in name.split("-"))}(Rule):
    """A rule of the project's own."""

    code = "{code}"
    name = "{name}"
    {extra}

    def check_update(self, update: Update) -> Iterator[Finding]:
        {body}

    def note(self, update: Update) -> Finding:
        return Finding(self.code, self.name, self.level, "so", update.place)
'''
    )
