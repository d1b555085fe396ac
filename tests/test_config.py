"""Settings: where they are found, how they are typed, how they are wrong."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Literal, Optional

import pytest

from gradlint.config import Config, Settings, SettingsError, in_folder, load
from gradlint.finding import Level
from gradlint.plan import Planner
from gradlint.rule import Rule
from gradlint.schema import WrongTypeError, convert, nearest, toml, words
from gradlint.selection import checked, options_of, selected


class First(Rule):
    code = "GL101"
    name = "first-rule"
    max_norm: float = 1.0
    depth: int = 4
    on_nonfinite: Literal["raise", "skip"] = "raise"
    names: tuple[str, ...] = ()
    limit: Optional[float] = None  # noqa: UP045  # as a pack for an old Python may write it
    other: float | None = None


class Second(Rule):
    code = "GL102"
    name = "second-rule"
    level = Level.NOTE
    default = False


class Third(Rule):
    code = "GL201"
    name = "third-rule"
    preview = True


RULES = (First, Second, Third)


def settings(project: Path, text: str, **flags: object) -> Settings:
    file = project / "gradlint.toml"
    file.write_text(text)
    return load(file, flags, project)


def codes(made: Settings) -> list[str]:
    return [rule.code for rule in selected(checked(made, RULES), RULES)]


def test_defaults_hold_without_a_file(project: Path) -> None:
    made = load(None, {"select": None}, project)
    assert made.config == Config()
    assert made.origins == {}


def test_both_files_are_read(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.gradlint]\nselect = ["GL1"]\n')
    assert in_folder(project) == project / "pyproject.toml"
    assert load(in_folder(project), {}, project).config.select == ("GL1",)
    (project / "gradlint.toml").write_text('select = ["GL2"]\n')
    assert in_folder(project) == project / "gradlint.toml"
    assert load(in_folder(project), {}, project).config.select == ("GL2",)


@pytest.mark.parametrize("text", ["", "[tool.other]\n", "gradlint = 1\n", "not toml at all ["])
def test_a_pyproject_without_the_table_is_skipped(project: Path, text: str) -> None:
    (project / "gradlint.toml").write_text("fix = true\n")
    inner = project / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text(text)
    plan = Planner().plan(inner)
    assert plan is not None
    assert plan.settings.file == project / "gradlint.toml"


def test_a_broken_pyproject_that_is_ours_is_an_error(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.gradlint]\nselect = ]\n")
    planner = Planner()
    assert planner.plan(project) is None
    assert planner.plan(project / "deeper") is None
    (found,) = planner.problems
    assert (found.path, found.row) == ("pyproject.toml", 2)


def test_flags_are_the_last_layer(project: Path) -> None:
    made = settings(project, 'select = ["GL1"]\nfix = true\n', select=["GL2"], unsafe_fixes=None)
    assert (made.config.select, made.config.fix) == (("GL2",), True)
    assert made.origins == {"select": "the command line", "fix": "gradlint.toml"}
    assert 'select = ["GL2"]  # the command line' in made.shown()


def test_a_byte_order_mark_is_no_matter(project: Path) -> None:
    file = project / "gradlint.toml"
    file.write_bytes(b"\xef\xbb\xbffix = true\n")
    assert load(file, {}, project).config.fix


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extend-selekt = []", "unknown setting `extend-selekt`; did you mean `extend-select`?"),
        ("qqq = 1", "unknown setting `qqq`"),
        ('select = "GL101"', '`select` must be a list of strings, not "GL101"'),
        ("select = [1]", "`select` must be a list of strings, not [1]"),
        ("fix = 1", "`fix` must be true or false, not 1"),
        ('output-format = "xml"', '`output-format` must be "full" or "concise" or "json" or "github", not "xml"'),
        ("vocabulary = { a = 1 }", "`vocabulary.a` must be a string, not 1"),
        ("vocabulary = 1", "`vocabulary` must be a table in which each value is a string, not 1"),
        ("rules = 3", "`rules` must be a table in which each value is a table, not 3"),
    ],
)
def test_wrong_settings_are_named(project: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(project, f"{text}\n")
    assert str(caught.value) == message
    assert caught.value.problem.path == "gradlint.toml"


def test_settings_that_are_not_utf_8(project: Path) -> None:
    file = project / "gradlint.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not valid UTF-8"):
        load(file, {}, project)


def test_options_are_typed_by_the_rule(project: Path) -> None:
    assert set(options_of(First)) == {"max_norm", "depth", "on_nonfinite", "names", "limit", "other"}
    assert options_of(Second) == {}
    text = """
    [rules.first-rule]
    max-norm = 2
    depth = 6
    on-nonfinite = "skip"
    names = ["a"]
    limit = 1
    other = 2.5
    [rules.GL102]
    """
    made = checked(settings(project, text), RULES)
    given = {"max_norm": 2.0, "depth": 6, "on_nonfinite": "skip", "names": ("a",), "limit": 1.0, "other": 2.5}
    assert made.config.rules == {"first-rule": given, "second-rule": {}}
    assert isinstance(made.config.rules["first-rule"]["max_norm"], float)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules.frist-rule.depth = 1", "unknown rule `frist-rule`; did you mean `first-rule`? (in `rules`)"),
        ("rules.first-rule.deph = 1", "unknown option `deph` of the rule `first-rule`; did you mean `depth`?"),
        (
            "rules.first-rule.max_norm = 1",
            "unknown option `max_norm` of the rule `first-rule`; did you mean `max-norm`?",
        ),
        ("rules.first-rule.depth = 1.5", "`rules.first-rule.depth` must be a whole number, not 1.5"),
        ("rules.first-rule.depth = true", "`rules.first-rule.depth` must be a whole number, not true"),
        ("rules.first-rule.max-norm = true", "`rules.first-rule.max-norm` must be a number, not true"),
        ('rules.GL101.on-nonfinite = "no"', '`rules.GL101.on-nonfinite` must be "raise" or "skip", not "no"'),
        ('rules.GL101.other = ""', '`rules.GL101.other` must be a number, not ""'),
        ('ignore = ["GL9"]', "unknown rule `GL9`"),
        ('extend-select = ["frst-rule"]', "unknown rule `frst-rule`; did you mean `first-rule`?"),
        ('select = [""]', "unknown rule ``"),
        ('per-file-ignores = { "*" = ["GL102", "nope"] }', "unknown rule `nope`"),
    ],
)
def test_wrong_rules_and_options_are_named(project: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        checked(settings(project, f"{text}\n"), RULES)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", ["GL101"]),
        ('select = ["ALL"]', ["GL101", "GL102"]),
        ('select = ["ALL"]\npreview = true', ["GL101", "GL102", "GL201"]),
        ("preview = true", ["GL101", "GL201"]),
        ('select = ["GL2"]', []),
        ('select = ["GL201"]', ["GL201"]),
        ('extend-select = ["third-rule"]', ["GL101", "GL201"]),
        ("select = []", []),
        ('select = ["GL1"]', ["GL101", "GL102"]),
        ('select = ["second-rule"]', ["GL102"]),
        ('extend-select = ["GL102"]', ["GL101", "GL102"]),
        ('select = ["GL1"]\nignore = ["GL102"]', ["GL101"]),
        ('select = ["GL102"]\nignore = ["GL1"]', ["GL102"]),
        ('select = ["GL102"]\nignore = ["GL102"]', []),
        ('ignore = ["ALL"]', []),
        ('ignore = ["ALL"]\nextend-select = ["GL10"]', ["GL101", "GL102"]),
    ],
)
def test_the_more_specific_selector_wins(project: Path, text: str, chosen: list[str]) -> None:
    assert codes(settings(project, f"{text}\n")) == chosen


def test_rules_are_made_with_their_options(project: Path) -> None:
    (project / "gradlint.toml").write_text("rules.GL101.max-norm = 0.25\n")
    plan = Planner().plan(project)
    assert plan is not None
    assert [rule.max_norm for rule in plan.instances() if rule.code == "GL101"] == [0.25]  # type: ignore[attr-defined]


def test_the_nearest_project_root(project: Path, tmp_path: Path) -> None:
    planner = Planner()
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    assert planner.root(inner) == project
    (project / "a" / "setup.cfg").touch()
    assert Planner().root(inner) == project / "a"
    (project / "a" / "setup.cfg").unlink()
    (project / ".git").rmdir()
    assert Planner().root(inner) == project
    assert Planner().root(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("value", "wanted", "made"),
    [
        ([1], object, [1]),
        ([], tuple[str, ...], ()),
        (3, float, 3.0),
        (3, int, 3),
        ("a", Literal["a", 1], "a"),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
    ],
)
def test_values_are_converted(value: object, wanted: object, made: object) -> None:
    assert convert(value, wanted) == made


@pytest.mark.parametrize(
    ("value", "wanted"), [(True, int), (True, float), (True, Literal[1]), (1.0, int), ("a", tuple[str, ...]), (1, str)]
)
def test_wrong_values_are_not(value: object, wanted: object) -> None:
    with pytest.raises(WrongTypeError, match=r"must be .+, not "):
        convert(value, wanted)


def test_values_are_shown_as_toml() -> None:
    assert toml({"a": ("x", 'y"'), "b c": {}, "d": True}) == '{ a = ["x", "y\\""], "b c" = {}, d = true }'


def test_types_are_shown_in_words() -> None:
    assert words(int | None) == "a whole number"
    assert words(SimpleNamespace) == "a SimpleNamespace"


def test_the_nearest_spelling() -> None:
    assert nearest("GL1O1", ["GL101", "GL901"]) == "; did you mean `GL101`?"
    assert nearest("zzz", ["GL101"]) == ""
