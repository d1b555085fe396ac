"""Rule packs: folders that load wherever they lie, and say where they do not."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradlint import packs
from gradlint.finding import Problem
from gradlint.packs import PackError, builtin, file_of, load

RULE = '''
from gradlint import Rule


class {camel}(Rule):
    """A rule."""

    code = "{code}"
    name = "{name}"
'''


@pytest.fixture(autouse=True)
def _forget_packs() -> Iterator[None]:
    """Let each test mount its own."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("gradlint_packs_"):
            del sys.modules[name]


def write(folder: Path, code: str, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    camel = "".join(part.capitalize() for part in name.split("-"))
    file = folder / f"{name.replace('-', '_')}.py"
    file.write_text(RULE.format(camel=camel, code=code, name=name))
    return file


def test_the_built_in_pack_is_sorted_and_complete() -> None:
    rules = load(installed=False)
    assert [rule.code for rule in rules] == sorted(rule.code for rule in rules)
    assert {Path(file_of(rule)).name for rule in rules} == {file.name for file in builtin().glob("*.py")}
    assert all(rule.__module__.startswith("gradlint.rules.") for rule in rules)
    assert all(rule.code.startswith("GL") for rule in rules)


def test_loading_twice_gives_the_same_classes(tmp_path: Path) -> None:
    write(tmp_path / "pack", "XY101", "one-rule")
    assert load([tmp_path / "pack"]) == load([tmp_path / "pack"])
    assert load([builtin()]) == load()


def test_a_folder_is_a_package(tmp_path: Path) -> None:
    folder = tmp_path / "lint rules"
    file = write(folder, "XY101", "one-rule")
    (folder / "_shared.py").write_text("LEVEL = 'note'\n")
    file.write_text("from ._shared import LEVEL\n" + file.read_text() + "    word = LEVEL\n")
    (rule,) = (rule for rule in load([folder]) if rule.code == "XY101")
    assert rule.__module__.startswith("gradlint_packs_lint_rules")
    assert rule.word == "note"  # type: ignore[attr-defined]
    assert inspect.getsource(rule).startswith("class OneRule(Rule):")
    assert not any(str(folder) in place for place in sys.path)


def test_folders_of_the_same_name_do_not_mix(tmp_path: Path) -> None:
    write(tmp_path / "a" / "pack", "XY101", "one-rule")
    write(tmp_path / "b" / "pack", "XY102", "one-more")
    assert {"XY101", "XY102"} <= {rule.code for rule in load([tmp_path / "a" / "pack", tmp_path / "b" / "pack"])}


def problem_of(folder: Path) -> Problem:
    with pytest.raises(PackError) as caught:
        load([folder])
    return caught.value.problem


def test_a_file_that_fails_is_named_with_its_row(tmp_path: Path) -> None:
    file = write(tmp_path / "pack", "XY101", "one-rule")
    file.write_text("import gradlint\n\n\ndef f():\n    return missing\n\n\nf()\n")
    found = problem_of(tmp_path / "pack")
    assert (found.path, found.row) == (str(file), 5)
    assert found.message == "the rule does not load: NameError: name 'missing' is not defined"


def test_a_file_that_does_not_parse_is_named_with_its_row(tmp_path: Path) -> None:
    file = write(tmp_path / "pack", "XY101", "one-rule")
    file.write_text("import gradlint\nx = (\n")
    found = problem_of(tmp_path / "pack")
    assert (found.path, found.row) == (str(file), 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a rule file defines exactly one rule, this one: none"),
        (RULE.format(camel="A", code="XY101", name="a") + RULE.format(camel="B", code="XY102", name="b"), "A, B"),
        (RULE.format(camel="A", code="101", name="a"), "the rule `A` needs a `code` like `GL101`, not '101'"),
        (RULE.format(camel="A", code="XY101", name="A_b"), "the rule `A` needs a `name` like"),
    ],
)
def test_a_file_that_is_no_rule(tmp_path: Path, text: str, message: str) -> None:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "file.py").write_text(text)
    found = problem_of(folder)
    assert message in found.message
    assert found.path == str(folder / "file.py")


def test_a_code_or_name_is_taken_once(tmp_path: Path) -> None:
    file = write(tmp_path / "pack", "GL101", "one-rule")
    found = problem_of(tmp_path / "pack")
    assert found.message.startswith("`GL101` is taken by another rule (")
    file.unlink()
    write(tmp_path / "pack", "XY101", "unclipped-recurrent-update")
    assert problem_of(tmp_path / "pack").message.startswith("`unclipped-recurrent-update` is taken")


def test_a_missing_folder(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "gone").message == "the rule pack is not a folder"


def test_installed_packs_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "their_rules"
    write(folder, "XY101", "one-rule")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    about = tmp_path / "theirs-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    points = about / "entry_points.txt"
    points.write_text("[console_scripts]\ntheirs = theirs:main\n")
    assert "XY101" not in {rule.code for rule in load()}
    points.write_text(f"[{packs.GROUP}]\ntheirs = their_rules\n")
    assert "XY101" in {rule.code for rule in load()}
    assert "XY101" not in {rule.code for rule in load(installed=False)}
    points.write_text(f"[{packs.GROUP}]\ntheirs = gone_rules\n")
    with pytest.raises(PackError, match="the installed rule pack `theirs` does not load: ModuleNotFoundError"):
        load()


def test_packs_load_in_a_worker(tmp_path: Path) -> None:
    """A process that starts afresh mounts the same pack by itself."""
    write(tmp_path / "pack", "XY101", "one-rule")
    code = (
        "import multiprocessing, pathlib, sys\n"
        "from gradlint.packs import load\n"
        "def codes(folder): return [rule.code for rule in load([pathlib.Path(folder)])]\n"
        "if __name__ == '__main__':\n"
        "    load([pathlib.Path(sys.argv[1])])\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        assert 'XY101' in pool.apply(codes, (sys.argv[1],))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    environ = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    subprocess.run([sys.executable, script, tmp_path / "pack"], env=environ, check=True, timeout=60)
