"""`gradlint new` writes a rule that `gradlint test` passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Gradlint


def test_new_rule_passes(project: Path, gradlint: Gradlint) -> None:
    done = gradlint("new", "some-hazard", "--family", "1")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[:2] == ["lint_rules/some_hazard.py", "lint_rules/fixtures/XY101.py"]
    assert gradlint("new", "other-hazard", "--family", "1").out.splitlines()[1] == "lint_rules/fixtures/XY102.py"
    proved = gradlint("test")
    assert (proved.status, proved.out) == (0, "6 passed, 0 failed\n")


def test_a_rule_that_fails(project: Path, gradlint: Gradlint) -> None:
    gradlint("new", "some-hazard", "--family", "3", "--prefix", "AB", "--pack", "pack")
    fixture = project / "pack" / "fixtures" / "AB301.py"
    fixture.write_text(fixture.read_text().replace("  # AB301", ""))
    failed = gradlint("test", "pack")
    assert failed.status == 1
    assert "AB301.py:9: AB301 is flagged, unmarked" in failed.out
    assert failed.out.endswith("2 passed, 1 failed\n")
    assert gradlint("test", "pack", "--update").status == 0
    assert fixture.read_text().count("  # AB301") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("new", "Some_Hazard", "--family", "1"), "error: `Some_Hazard` is no name of a rule"),
        (("new", "clip-outside-update", "--family", "1"), "error: a rule is called `clip-outside-update` already"),
        (("test", "nowhere"), "nowhere: the rule pack is not a folder"),
    ],
)
def test_what_cannot_be_done(project: Path, gradlint: Gradlint, arguments: tuple[str, ...], said: str) -> None:
    done = gradlint(*arguments)
    assert done.status == 2
    assert said in done.err


def test_nothing_is_overwritten(project: Path, gradlint: Gradlint) -> None:
    gradlint("new", "some-hazard", "--family", "1")
    (project / "lint_rules" / "other_hazard.py").write_text("kept")
    done = gradlint("new", "other-hazard", "--family", "1")
    assert done.status == 2
    assert (project / "lint_rules" / "other_hazard.py").read_text() == "kept"
