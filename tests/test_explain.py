"""`gradlint explain` says what lies beside its fixtures; `--update-fixtures` writes it there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from gradlint.explain import Target
from tests.conftest import RNN_LOOP, ROOT, Gradlint

FIXTURES = ROOT / "fixtures" / "explain"
_COMMAND = re.compile(r"^\$ gradlint (.*)$", re.MULTILINE)


@pytest.mark.parametrize("file", sorted(FIXTURES.glob("*.txt")), ids=lambda file: file.stem)
def test_explain(file: Path, project: Path, gradlint: Gradlint, request: pytest.FixtureRequest) -> None:
    shutil.copytree(FIXTURES / file.stem, project, dirs_exist_ok=True)
    expected = file.read_text(encoding="utf-8")
    real = []
    for command in _COMMAND.findall(expected):
        done = gradlint(*shlex.split(command))
        status = f"exit status {done.status}\n" if done.status else ""
        real.append(f"$ gradlint {command}\n{done.out}{done.err}{status}")
    if request.config.getoption("--update-fixtures"):
        file.write_text("\n".join(real), encoding="utf-8")
    else:
        assert "\n".join(real) == expected, "pytest --update-fixtures writes it there"


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("train.py", Target(Path("train.py"))),
        ("train.py:4", Target(Path("train.py"), 4)),
        ("train.py:4:9", Target(Path("train.py"), 4)),
        ("a/b.ipynb:3", Target(Path("a/b.ipynb"), None, 2)),
        ("a/b.ipynb:3:12", Target(Path("a/b.ipynb"), 12, 2)),
        ("a/b.ipynb:cell 3:12:1", Target(Path("a/b.ipynb"), 12, 2)),
        ("C:\\work\\train.py:4", Target(Path("C:\\work\\train.py"), 4)),
    ],
)
def test_targets(word: str, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Target.of(word) == target


def test_a_file_whose_name_looks_like_a_place(project: Path) -> None:
    (project / "train.py:4").touch()
    assert Target.of("train.py:4") == Target(Path("train.py:4"))


@pytest.mark.parametrize(
    ("text", "target", "said"),
    [
        (None, "train.py:3", "error: train.py: cannot be read: No such file"),
        ("", "train.py:3", "error: train.py: nothing to explain: the file holds neither a training step"),
        ("def f(:\n", "train.py:1", "error: train.py:1:"),
        ("import torch\n\n\ndef f(x):\n    x.backward()\n", "train.py:5", "error: train.py: nothing to explain: "),
    ],
    ids=["no file", "empty", "broken", "no update"],
)
def test_nothing_to_explain(text: str | None, target: str, said: str, project: Path, gradlint: Gradlint) -> None:
    if text is not None:
        (project / "train.py").write_text(text)
    done = gradlint("explain", target)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith(said)
    assert done.err.count("\n") == 1


def test_silenced_findings_say_so(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(
        RNN_LOOP.replace("optimizer.step()", "optimizer.step()  # gradlint: ignore[GL101]")
    )
    assert "warning, silenced by a comment: the gradients of `nn.LSTM`" in gradlint("explain", "train.py:25").out


def test_json_is_the_outline_in_data(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (found,) = json.loads(gradlint("explain", "train.py:25", "--output-format", "json").out)
    assert (found["subject"], found["filename"], found["row"], found["cell"]) == ("update", "train.py", 25, None)
    titles = [section["title"] for section in found["sections"]]
    assert titles == ["network", "optimizer", "called from", "events", "schedule", "guard", "rules"]
    outline = gradlint("explain", "train.py:25").out
    waiting = [remark for section in found["sections"] for remark in section["remarks"]]
    assert waiting
    while waiting:
        remark = waiting.pop()
        assert remark["text"] in outline
        waiting += remark["below"]


def test_a_narrow_terminal_folds_lines(project: Path, gradlint: Gradlint, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    monkeypatch.setenv("COLUMNS", "50")
    lines = gradlint("explain", "train.py:25").out.splitlines()
    texts = [line for line in lines[1:] if "train.py:" not in line]
    assert texts
    assert max(map(len, texts)) <= 50
