"""The proof of rules proves something: each way in which a rule or fixture can be wrong is noticed."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from gradlint.packs import PackError
from gradlint.testing import Case, cases
from tests.conftest import ROOT, Gradlint

COUNT = itertools.count()

RULE = '''
"""XY101: a step without a word before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Edit, Finding, Fix, Level, Rule, Safety, Update


class SilentStep(Rule):
    """
    ## What it does
    Checks for steps that say nothing.

    ## Why is this bad?
    See [why](https://example.org).

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch in batches:
            model(batch).backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for batch in batches:
            model(batch).backward()
            print("step")
            optimizer.step()
    ```

    ## Options
    - `word`: what to say.
    """

    code: ClassVar[str] = "XY101"
    name: ClassVar[str] = "silent-step"
    level: ClassVar[Level] = Level.WARNING
    word: str = "step"

    def check_update(self, update: Update) -> Iterator[Finding]:
        source = update.module.source
        place = update.place
        line = source.offset(place.start.row, 1, place.cell)
        at = source.offset(place.start.row, place.start.column, place.cell)
        said = f'print("{self.word}")\\n'
        if not source.text[:line].endswith(said):
            edit = Edit(line, line, source.text[line:at] + said)
            yield Finding(
                self.code, self.name, self.level, "no word", place, fix=Fix("Say it", Safety.SAFE, (edit,))
            )
'''
LOOP = """\
import torch


def train(model, batches):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in batches:
        model(batch).backward()
        optimizer.step()
"""
MARKED = LOOP.replace("optimizer.step()", "optimizer.step()  # XY101")
FIXED = MARKED.replace("        optimizer.step()", '        print("step")\n        optimizer.step()')


class Bench:
    """A pack of one rule, with its fixtures."""

    def __init__(self, folder: Path) -> None:
        # The name differs from test to test: a mounted pack stays mounted.
        self.pack = folder / f"pack{next(COUNT)}"
        self.pack.mkdir()
        self.fixtures = folder / "fixtures"
        self.fixtures.mkdir()
        self.rule()

    def rule(self, *replacements: tuple[str, str]) -> None:
        text = RULE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (self.pack / "silent_step.py").write_text(text)

    def fixture(self, name: str, text: str) -> Path:
        file = self.fixtures / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def cases(self) -> list[Case]:
        return cases(self.pack, self.fixtures)

    def run(self, update: bool = False) -> None:
        for case in self.cases():
            case.run(update)

    def fails(self, *words: str) -> None:
        with pytest.raises(AssertionError) as caught:
            self.run()
        for word in words:
            assert word in str(caught.value)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_all_that_is_to_prove_is_named(bench: Bench) -> None:
    bench.fixture("XY101.py", MARKED)
    bench.fixture("XY101.fixed.py", FIXED)
    bench.fixture("XY101-notes.txt", "")
    bench.fixture("XY999.py", "")
    bench.fixture("XY101-project/train.py", MARKED)
    assert [str(case) for case in bench.cases()] == ["XY101 page", "XY101 example", "XY101-project", "XY101.py"]


def test_a_good_rule_passes(bench: Bench) -> None:
    bench.fixture("XY101.py", MARKED)
    bench.fixture("XY101.fixed.py", FIXED)
    bench.run()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("## Why is this bad?", "## Why?", "XY101 does not say: Why is this bad?"),
        ("## What it does", "## Options\n    x\n\n    ## What it does", "has the headings"),
        ("## Options", "## Settings", "has the headings"),
        ("- `word`", "- `words`", "has the options ['word'], and its page tells of ['words']"),
        ('    word: str = "step"', '    word: str = "step"\n    more: int = 1', "has the options ['more', 'word']"),
        ("(https://example.org)", "(there)", "has links that lead nowhere: ['there']"),
        ("class SilentStep", "class Silent", "its class is SilentStep"),
        ('"silent-step"', '"loud-step"', "its file is loud_step.py"),
        ("optimizer.step()\n    ```\n\n    Use", "pass\n    ```\n\n    Use", "the example of XY101 is not flagged"),
        ('print("step")\n            opt', 'print("stop")\n            opt', "of XY101 is flagged"),
        ("    Use instead:", "    Instead:", "has a fix, and no `Use instead:`"),
        ("Safety.SAFE", "Safety.UNSAFE", "has an unsafe fix and no `Fix safety`"),
        ('            print("step")\n', '            pass\n            print("step")\n', "the fix of XY101 makes of"),
        ("```python", "```py", "has no ```python block under `Example`"),
    ],
)
def test_a_bad_page_is_noticed(bench: Bench, old: str, new: str, message: str) -> None:
    bench.rule((old, new))
    bench.fails(message)


def test_an_option_needs_a_default(bench: Bench) -> None:
    bench.rule(('word: str = "step"', "word: str"), ("{self.word}", "step"))
    bench.fails("the options ['word'] have no default")


def test_an_example_that_does_not_compile(bench: Bench) -> None:
    bench.rule(("model(batch).backward()", "model(batch.backward()"))
    with pytest.raises(SyntaxError):
        bench.run()


def test_a_missing_and_a_needless_mark_are_noticed(bench: Bench) -> None:
    bench.fixture("XY101.py", LOOP.replace(".backward()", ".backward()  # XY101"))
    bench.fails("XY101.py:7: XY101 is marked, not flagged", "XY101.py:8: XY101 is flagged, unmarked")


def test_a_known_miss_is_passed_over_until_it_is_found(bench: Bench) -> None:
    bench.fixture("XY101.py", MARKED.replace(".backward()", ".backward()  # TODO XY101"))
    bench.fixture("XY101.fixed.py", FIXED.replace(".backward()", ".backward()  # TODO XY101"))
    bench.run()
    bench.fixture("XY101.py", MARKED.replace("# XY101", "# TODO XY101"))
    bench.fails("XY101.py:8: XY101 is found now: remove `TODO`")


def test_a_missing_and_a_wrong_fix_are_noticed(bench: Bench) -> None:
    bench.fixture("XY101.py", MARKED)
    bench.fails("--fix makes of XY101.py what is not in XY101.fixed.py", 'print("step")')
    bench.fixture("XY101.fixed.py", MARKED)
    bench.fails("--fix makes of XY101.py what is not in XY101.fixed.py")


def test_a_fixture_has_settings(bench: Bench) -> None:
    bench.fixture("XY101.py", f'# config: rules.silent-step.word = "go"\n{MARKED}')
    bench.fixture("XY101.fixed.py", f'# config: rules.silent-step.word = "go"\n{FIXED}'.replace('"step"', '"go"'))
    bench.run()


def test_a_fix_that_brings_on_something_new_is_noticed(bench: Bench) -> None:
    bench.rule(("if not source.text[:line].endswith(said):", "if said not in source.text[:line] or True:"))
    bench.fixture("XY101.py", MARKED)
    with pytest.raises(AssertionError):
        bench.run()


def test_notebooks_and_projects_are_fixtures(bench: Bench) -> None:
    def notebook(*sources: str) -> str:
        made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in sources]
        return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)

    head, _, tail = LOOP.partition("def train")
    book = bench.fixture("XY101-notebook.ipynb", notebook(head, f"def train{tail}"))
    train = bench.fixture("XY101-project/train.py", LOOP)
    other = bench.fixture("XY101-project/other.py", "import train\n")
    bench.fails("XY101 is flagged, unmarked")
    bench.run(update=True)
    bench.run()
    assert "optimizer.step()  # XY101" in json.loads(book.read_text())["cells"][1]["source"]
    assert 'print(\\"step\\")' in (bench.fixtures / "XY101-notebook.fixed.ipynb").read_text()
    assert train.read_text() == MARKED
    assert other.read_text() == "import train\n"
    assert [path.name for path in (bench.fixtures / "XY101-project.fixed").iterdir()] == ["train.py"]
    assert (bench.fixtures / "XY101-project.fixed" / "train.py").read_text() == FIXED


def test_updating_takes_back_what_no_longer_holds(bench: Bench) -> None:
    bench.rule(("if not source.text[:line].endswith(said):", "if False:"))
    file = bench.fixture("XY101.py", MARKED + "x = 1  # TODO XY101\n")
    fixed = bench.fixture("XY101.fixed.py", FIXED)
    bench.cases()[-1].run(update=True)
    assert file.read_text() == LOOP + "x = 1  # TODO XY101\n"
    assert not fixed.exists()


def test_a_pack_that_does_not_load_is_said_at_once(bench: Bench) -> None:
    (bench.pack / "silent_step.py").write_text("1 / 0\n")
    with pytest.raises(PackError, match="ZeroDivisionError"):
        bench.cases()


def test_the_rule_in_the_guide_passes(tmp_path: Path) -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- rule: (\w+\.py) -->\n````python\n(.*?)````", guide, re.DOTALL)
    assert shown is not None
    pack = tmp_path / "guide"
    pack.mkdir()
    (pack / shown[1]).write_text(shown[2])
    page, example = cases(pack)
    page.run()
    example.run()


def test_a_pack_without_rules_is_no_success(gradlint: Gradlint, project: Path) -> None:
    (project / "empty").mkdir()
    assert gradlint("test", "empty") == (2, "", "error: empty: there is no rule in the pack\n")
