"""Trees as they are parsed: unvalidated, with positions and what tells whether they give back the text."""

from __future__ import annotations

from pathlib import Path

import libcst as cst
import pytest

from gradlint.program.parse import parse
from gradlint.program.positions import Spans
from tests.conftest import RNN_LOOP, Gradlint


@pytest.mark.parametrize(
    "code",
    [
        "",
        "\n",
        "a",
        "# x",
        "a()\rb()\r",
        "a\r\nb\n",
        "if x:\n\ta\n\tb",
        "if x:\n    a\n    # c",
        "a\\\n+b\n",
        "a;b;",
        "\x0ca\n",
        " \n",
        "def f():\n\treturn 1\n\n  # dedent\n",
    ],
)
def test_whether_a_tree_gives_back_its_text(code: str) -> None:
    tree = parse(code)
    for text in (code, code + " ", code + "\n", code[1:]):
        assert Spans(tree, [], text).faithful is (tree.code == text)


def test_nodes_are_validated_again_after_parsing() -> None:
    with pytest.raises(cst.ParserSyntaxError):
        parse("a +\n")
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")


def test_strings_beside_bytes_stop_nothing(project: Path, gradlint: Gradlint) -> None:
    (project / "train.py").write_text(RNN_LOOP + '\nx = "a" b"c"\n')
    assert "GL101" in gradlint("train.py").out
