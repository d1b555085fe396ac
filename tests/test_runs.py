"""Proof by training: the scripts in fixtures/runs go wrong as they are written, and do not once they are fixed."""

from __future__ import annotations

import re
import warnings

import pytest

from tests import runs
from tests.benchmarks import effects


@pytest.fixture(scope="module", autouse=True)
def torch_on_one_core() -> None:
    """One thread: the networks are small, and what is measured does not hang on the number of cores."""
    pytest.importorskip("torch", reason="the scripts train: pip install torch").set_num_threads(1)


@pytest.mark.parametrize("script", runs.scripts(), ids=lambda script: script.label)
def test_the_hazard_bites_and_the_fix_cures(script: runs.Script) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = runs.measure(script.path)
        with script.fixed() as fixed:
            after = runs.measure(fixed)
    assert all(condition.holds(measures) for condition in script.before for measures in before), before
    assert all(condition.holds(measures) for condition in script.after for measures in after), after
    # What was wrong is right now: the conditions tell the two apart.
    assert not any(condition.holds(measures) for condition in script.before for measures in after)
    assert not any(condition.holds(measures) for condition in script.after for measures in before)


def test_every_fixable_rule_is_proved() -> None:
    proved = {script.rule for script in runs.scripts()}
    assert proved >= {"GL101", "GL201", "GL301", "GL401", "GL501"}


@pytest.mark.parametrize("script", ["adding_problem.py", "mixed_precision_rnn.py"], ids=["plain", "scaled"])
@pytest.mark.parametrize("style", ["value", "adaptive"])
def test_every_style_of_clip_is_proved(script: str, style: str) -> None:
    settings = [each.settings for each in runs.scripts() if str(each) == script]
    assert "" in settings  # the norm
    assert any(f'style = "{style}"' in line for line in settings)


@pytest.mark.parametrize(
    ("text", "measures", "holds"),
    [
        ("loss < 0.5", {"loss": 0.4}, True),
        ("loss < 0.5", {"loss": 0.5}, False),
        ("loss < 0.5", {"loss": float("nan")}, False),
        ("not loss < 0.5", {"loss": float("nan")}, True),
        ("loss > 1e6", {"loss": 2e6}, True),
        ("error = none", {"error": None}, True),
        ("error = non-finite loss: nan", {"error": "non-finite loss: nan"}, True),
        ("not error = none", {"error": None}, False),
    ],
)
def test_conditions(text: str, measures: runs.Measures, holds: bool) -> None:
    assert runs.Condition.parse(text).holds(measures) is holds


@pytest.mark.parametrize("text", ["loss", "loss <= 1", "loss < ", "0.5"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match="no condition"):
        runs.Condition.parse(text)


def test_the_readme_has_a_row_for_each_script() -> None:
    """The figures differ from machine to machine; what they are figures of does not."""
    rows = effects.shown(effects.README.read_text(encoding="utf-8"))
    scripts = runs.scripts()
    assert [row[:2] for row in rows] == [effects.head(script) for script in scripts], (
        "`python -m tests.benchmarks.effects` writes the table into README.md"
    )
    for row, script in zip(rows, scripts, strict=True):
        for cell in row[2:]:
            values = re.split(r"; ", cell)
            assert [value.split(": ")[0] for value in values] == [name.replace("_", " ") for name in script.measures]
