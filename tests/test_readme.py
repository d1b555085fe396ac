"""The README shows what gradlint really prints; `--update-fixtures` writes it there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from gradlint import cli, docs
from gradlint.packs import load
from tests.conftest import RNN_LOOP, ROOT, Gradlint
from tests.ecosystem import manifest, table

README = ROOT / "README.md"
_RUN = re.compile(r"<!-- run: gradlint (?P<arguments>[^\n]*) -->\n```(?P<kind>\w+)\n(?P<shown>.*?)```\n", re.DOTALL)
_RULES = re.compile(r"<!-- rules -->\n(?P<shown>.*?)<!-- /rules -->\n", re.DOTALL)


def settle(shown: re.Match[str], real: str, request: pytest.FixtureRequest) -> None:
    """Compare what the README shows with what is real, or write it there."""
    if request.config.getoption("--update-fixtures"):
        text = README.read_text(encoding="utf-8")
        start = text.index(shown.group()) + shown.start("shown") - shown.start()
        README.write_text(text[:start] + real + text[start + len(shown["shown"]) :], encoding="utf-8")
    else:
        assert shown["shown"] == real, "pytest --update-fixtures writes it into README.md"


@pytest.mark.parametrize(
    "block", list(_RUN.finditer(README.read_text(encoding="utf-8"))), ids=lambda block: block["arguments"]
)
def test_output(
    block: re.Match[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    status = cli.run(shlex.split(block["arguments"]))
    out, err = capsys.readouterr()
    assert err == ""
    assert status in (0, 1)
    settle(block, out, request)


def test_settings(project: Path, gradlint: Gradlint) -> None:
    """The settings that are shown are settings that there are."""
    shown = re.search(r"```toml\n(\[tool\.gradlint\]\n.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    (project / "lint_rules").mkdir()
    (project / "pyproject.toml").write_text(shown[1])
    (project / "train.py").write_text(RNN_LOOP)
    done = gradlint("--output-format", "concise")
    assert done.err == ""
    assert "GL101" in done.out


def test_rules(request: pytest.FixtureRequest) -> None:
    shown = _RULES.search(README.read_text(encoding="utf-8"))
    assert shown is not None
    settle(shown, "\n".join([*docs.table(load(installed=False)), ""]), request)


def test_ecosystem(request: pytest.FixtureRequest) -> None:
    """What it says of precision is what the verdicts say; `python -m tests.ecosystem --table` writes it too."""
    shown = table.MARKED.search(README.read_text(encoding="utf-8"))
    assert shown is not None
    settle(shown, "\n".join([*table.table(manifest.load()), ""]), request)
