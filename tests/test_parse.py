"""What is read of a text: the same from Python's own parser as from libcst, with the same places."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from gradlint.program import syntax as s
from gradlint.program.parse import ParseError, Tree, parse
from gradlint.program.parse.abstract import AbstractTree
from gradlint.program.parse.concrete import ConcreteTree
from tests.conftest import RNN_LOOP, Gradlint

ROOT = Path(__file__).parents[1]
PARSED = sorted(
    path for folder in ("gradlint", "fixtures/source", "fixtures/examples") for path in (ROOT / folder).rglob("*.py")
)
NEWER = "type Pair = tuple[int, int]\n" if sys.version_info < (3, 12) else "x = t'{a}'\n"


class Differ:
    """Compares what two trees tell of one text."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.trees: tuple[Tree, Tree] = (AbstractTree(code), ConcreteTree(code))

    def found(self) -> list[str]:
        return self._of(self.trees[0].block, self.trees[1].block)

    def _of(self, ours: object, theirs: object) -> list[str]:
        if type(ours) is not type(theirs):
            return [f"{ours} for {theirs}"]
        if isinstance(ours, s.Node) and isinstance(theirs, s.Node):
            return self._nodes(ours, theirs)
        if isinstance(ours, tuple) and isinstance(theirs, tuple):
            if len(ours) != len(theirs):
                return [f"{ours} for {theirs}"]
            return [each for pair in zip(ours, theirs, strict=True) for each in self._of(*pair)]
        if isinstance(ours, str) and isinstance(theirs, str):  # a name means what its normal form means
            ours, theirs = unicodedata.normalize("NFKC", ours), unicodedata.normalize("NFKC", theirs)
        return [] if ours == theirs or ours != ours else [f"{ours!r} for {theirs!r}"]

    def _nodes(self, ours: s.Node, theirs: s.Node) -> list[str]:
        out = []
        first, second = self._text(0, ours), self._text(1, theirs)
        # libcst's `for` of a comprehension holds the next one and its parameter no default; an index of several parts
        # is at the first of them.
        loose = isinstance(ours, (s.Clause, s.Param)) or (isinstance(ours, s.Sequence) and ours.kind == "tuple")
        if first != second and not loose:
            out.append(f"{type(ours).__name__}: {first!r} for {second!r}")
        if isinstance(ours, s.Format):  # the pieces of a string are parted otherwise
            return out
        for field in dataclasses.fields(ours):
            if field.name != "id":
                out.extend(self._of(getattr(ours, field.name), getattr(theirs, field.name)))
        return out

    def _text(self, index: int, node: s.Node) -> str:
        start, end = self.trees[index].span(node.id)
        return f"{start}: {self.code[start:end].rstrip(' ;')}"


@pytest.mark.parametrize("path", PARSED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_and_libcst_read_the_same(path: Path) -> None:
    try:
        code = path.read_bytes().decode("utf-8-sig")
        differ = Differ(code)
    except (UnicodeDecodeError, SyntaxError):
        pytest.skip("not Python, or of another encoding")
    if differ.trees[1].faithful:
        assert differ.found() == []


@pytest.mark.parametrize(
    "code",
    [
        "f((a), (b), *(c), k=(d), **(e))\n",
        "f(  # (a comment)\n    (a),  # of (one), or\n    ((b)),\n)\n",
        "f(x=1, *a, **b)\n",
        "f(x for x in y)\nf((x for x in y))\nf(((x) for x in y), 1)\n",
        "x = (a), b\nx = (a, b)\nx = ((a), (b))\nx = ()\nx = ( )\nx = (  # (a), (b)\n    a,\n)\n",
        "x = a and b and c or d\nx = (a and b) and (c) and (d) or e\nx = (a) or (  # or\n    b) or c\n",
        "def f(a, b: int = (1), *c, d=((2)), **e): pass\nx = lambda a, *b, c=(1): a\n",
        "if a:\n    b\nelif c:\n    d\nelse:\n    if e:\n        f\n",
        "x = -1\nx = - 1.5\nx = -a\nx = not (a)\nx = a < (b) <= c\n",
        "x[1:2, ::3]\nx[a, (b)]\nx[(a, b)]\nx[:]\n",
        "async def f():\n    async with a as b, c: await (d)\n    async for x in y: yield x\n    yield from z\n",
        "match (a, b):\n    case [1, c] if c: d\n    case 2: e\n    case _: f\n",
        "try: a\nexcept (b, c) as d: e\nexcept: f\nelse: g\nfinally: h\n",
        "x = 'é' + f(ü, 'ß', ö)\nx = '日本'; y = g(x)\n",
        "from ..a import (b as c, d)\nfrom . import *\nimport a.b as c, d\n",
        "@a\n@b(c)\nclass D(E, metaclass=F):\n    '''doc'''\n    x: int\n    y: int = (3)\n",
        "a; b; c\nif x: d; e\ndel a, b\ndel (a, b)\nx = y = z\nx += 1\nglobal g\n",
        "x = {**a, 'b': c}\nx = {a, *b}\nx = {k: v for k, v in y if k if v}\nx = [*(a), b]\n",
        "x = 'a' 'b'\nx = f'{a}' 'b'\nx = ...\nx = 1j\nx = (y := 2)\n",
        "a = b if c else (d)\r\nif a:\r\n\tb\r\n\tc\r\n",
    ],
)
def test_every_form_lies_where_libcst_says(code: str) -> None:
    differ = Differ(code)
    assert differ.found() == []


def test_lines_end_where_python_ends_them() -> None:
    code = "a = 1\rb = '\x0c\u2028'\r\nc = f(é)\n"
    tree = parse(code)
    texts = [code[slice(*tree.span(stmt.id))] for stmt in tree.block.body]
    assert texts == ["a = 1", "b = '\x0c\u2028'", "c = f(é)"]


def test_libcst_reads_what_is_newer_than_the_python_that_runs() -> None:
    code = f"a = 1\n{NEWER}b = f(2)\n"
    tree = parse(code)
    assert isinstance(tree, ConcreteTree)
    assert [code[slice(*tree.span(stmt.id))] for stmt in tree.block.body] == [*code.splitlines()]


def test_what_is_not_python_is_told_with_its_place() -> None:
    with pytest.raises(ParseError) as raised:
        parse("a = 1\nb = (2 +\n")
    assert raised.value.row == 2
    with pytest.raises(ParseError) as raised:
        parse("a = 1\nb = 'c' b'd'\n")
    assert raised.value.row == 2
    with pytest.raises(RecursionError):
        parse("(" * 5000 + ")" * 5000)


def test_a_lint_of_sound_files_needs_no_libcst(project: Path) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    code = (
        "import sys; from gradlint.cli import run; run(sys.argv[1:]); print('libcst' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "train.py"], cwd=project, capture_output=True, text=True
    )
    assert "GL101" in done.stdout
    assert done.stderr.endswith("False\n")


def test_a_file_that_is_not_python_stops_no_other(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    (project / "mixed.py").write_text(RNN_LOOP + '\nx = "a" b"c"\n')
    done = gradlint("train.py", "mixed.py")
    assert "GL101" in done.out
    assert done.status == 2
    assert "mixed.py:" in done.err
