"""Comments that silence findings: where they are found, what they cover, and which are of no use."""

from __future__ import annotations

import io
import json
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint.finding import Finding, Level
from gradlint.source import Place, Position, Source, from_text
from gradlint.source.suppressions import Suppressions, selects

RULES = {"GL101": "unclipped-recurrent-update", "GL201": "clip-of-scaled-gradients", "GL205": "unscaled-step"}


def at(row: int, code: str = "GL101", last: int | None = None, cell: int | None = None) -> Finding:
    place = Place("x.py", Position(row, 1), Position(last or row, 5), cell)
    return Finding(code, RULES.get(code, "of-a-pack"), Level.WARNING, "message", place)


def kept(text: str, *findings: Finding) -> list[Finding]:
    remaining, silenced = Suppressions.of(from_text(text, "x.py")).split(findings)
    assert sorted([*remaining, *silenced], key=findings.index) == list(findings)
    return remaining


def unused(text: str, *findings: Finding, checked: tuple[str, ...] = tuple(RULES)) -> list[str]:
    source = from_text(text, "x.py")
    suppressions = Suppressions.of(source)
    suppressions.split(findings)
    found = suppressions.unused({code: RULES[code] for code in checked}, RULES)
    return [f"{each.place.start.row}:{each.place.start.column} {each.message}" for each in found]


@pytest.mark.parametrize(
    "comment",
    [
        "# gradlint: ignore",
        "# gradlint: ignore clipped by the caller",
        "# gradlint: ignore[GL101]",
        "# gradlint: ignore[GL101] clipped by the caller",
        "# gradlint:ignore[ GL201 , GL101 ]",
        "#gradlint: ignore [GL101]",
        "# gradlint: ignore[unclipped-recurrent-update]",
        "# gradlint: ignore[GL1]",
        "# gradlint: ignore[GL]",
        "# gradlint: ignore[gl101]",
        "# GRADLINT: Ignore[GL101]",
        "# type: ignore  # gradlint: ignore[GL101]",
        "# noqa",
        "# noqa: GL101",
        "#noqa:GL101",
        "# NOQA : gl101",
        "# noqa: E501, GL101",
        "# noqa: E501 GL101 clipped by the caller",
        "# noqa: GL1",
        "# noqa: clipped by the caller",
        "# mypy: ok # noqa: GL101",
    ],
)
def test_a_comment_silences_its_line_only(comment: str) -> None:
    text = f"a\nb  {comment}\nc\n"
    assert kept(text, at(1), at(2), at(3)) == [at(1), at(3)]


@pytest.mark.parametrize(
    "comment",
    [
        "# gradlint: ignore[GL201]",
        "# gradlint: ignore[GL2]",
        "# gradlint: ignore[GL1012]",
        "# gradlint: ignore[L101]",
        "# gradlint: ignore[101]",
        "# gradlint: ignore[]",
        "# gradlint: ignore[unclipped]",
        "# gradlint: ignored",
        "# gradlint: ignore-fil",
        "# gradlint ignore",
        "# noqa: E501",
        "# noqa: GL201",
        "# noqalify",
        "# nothing: noqa",
        "'# noqa'",
        "'''\n# noqa'''",
        '"# gradlint: ignore"',
        '"\\"# gradlint: ignore"',
        'f"{x} # noqa"',
        'r"\\" # noqa"',
    ],
)
def test_other_comments_and_strings_silence_nothing(comment: str) -> None:
    assert kept(f"a  {comment}\n", at(1)) == [at(1)]


@pytest.mark.parametrize(
    "line",
    [
        "x = '#'  # noqa",
        'x = "\'"  # noqa',
        "x = '\\''  # noqa",
        "x = ''  # noqa",
        'x = """a""" + "b"  # noqa',
        "x = '''\"'''  # noqa",
        "x = '''a\\''' '''  # noqa",
        "x = 'unclosed  # no\ny = 1  # noqa",
        "x = (  # noqa",
    ],
)
def test_comments_after_strings_are_found(line: str) -> None:
    row = line.count("\n") + 1
    assert kept(line, at(row)) == []


def test_a_comment_counts_on_any_line_of_the_finding() -> None:
    text = "a(  # noqa\n  b,\n  c)  # gradlint: ignore[GL201]\n"
    assert kept(text, at(1, last=3)) == []
    assert kept(text, at(2, "GL201", last=3)) == []
    assert kept(text, at(2, "GL101", last=3)) == [at(2, "GL101", last=3)]
    assert kept(text, at(2)) == [at(2)]


@pytest.mark.parametrize("text", ["# gradlint: ignore-file\na\nb", "a\nb\n# gradlint: ignore-file[GL101] generated"])
def test_a_file_is_ignored_from_anywhere_in_it(text: str) -> None:
    assert kept(text, at(1), at(2)) == []


def test_a_file_can_be_ignored_for_some_rules() -> None:
    assert kept("# gradlint: ignore-file[GL1]\na", at(2), at(2, "GL201")) == [at(2, "GL201")]


def test_lines_are_those_of_python() -> None:
    assert kept("a '\u2028\x0c\x85'\r\nb  # noqa\rc\n", at(1), at(2), at(3)) == [at(1), at(3)]


def test_a_file_that_does_not_parse_has_suppressions() -> None:
    assert kept("def f(:\n  x ===  # noqa\n", at(2)) == []


def notebook(*cells: str) -> Source:
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    return from_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "x.ipynb")


def test_in_a_notebook_rows_are_of_a_cell() -> None:
    suppressions = Suppressions.of(notebook("a\n'''open", "!x\nb  # noqa\n", "c\nd\n# gradlint: ignore-file[GL201]"))
    findings = [at(2, cell=0), at(2, cell=1), at(2, cell=2), at(1, "GL201", cell=0)]
    assert suppressions.split(findings)[0] == [at(2, cell=0), at(2, cell=2)]


class TestUnused:
    """Suppressions that silence nothing are reported, if that can be told."""

    def test_used_ones_are_not(self) -> None:
        assert unused("a  # gradlint: ignore[GL101]\nb  # noqa: GL2\n", at(1), at(2, "GL205")) == []

    def test_each_selector_has_its_place(self) -> None:
        assert unused("a  # gradlint: ignore[GL101, GL2,unscaled-step]\n", at(1)) == [
            "1:30 `gradlint: ignore[GL2]` silences nothing",
            "1:34 `gradlint: ignore[unscaled-step]` silences nothing",
        ]

    def test_bare_ones(self) -> None:
        text = "a  # gradlint: ignore\n# gradlint: ignore-file\nb  # noqa\n"
        assert unused(text) == [
            "1:4 `gradlint: ignore` silences nothing",
            "2:1 `gradlint: ignore-file` silences nothing",
        ]
        assert unused("a  # gradlint: ignore\n", at(1)) == []
        assert unused("a  # gradlint: ignore\n", checked=("GL101",)) == []

    def test_of_a_rule_that_did_not_run_nothing_is_said(self) -> None:
        assert unused("a  # gradlint: ignore[GL201]\nb  # noqa: GL201\n", checked=("GL101",)) == []

    def test_what_names_no_rule(self) -> None:
        assert unused("a  # gradlint: ignore[GL999, E501]\n", checked=()) == [
            "1:22 `gradlint: ignore[GL999]` names no rule".replace("22", "23"),
            "1:30 `gradlint: ignore[E501]` names no rule",
        ]

    def test_noqa_of_ours_but_not_of_others(self) -> None:
        assert unused("a  # noqa: E501, GL101, GL999, F401\n") == ["1:18 `GL101` silences nothing"]

    def test_without_more_rules_the_checked_ones_are_all(self) -> None:
        suppressions = Suppressions.of(from_text("a  # gradlint: ignore[GL201]\n", "x.py"))
        assert [each.message for each in suppressions.unused({"GL101": "x"})] == [
            "`gradlint: ignore[GL201]` names no rule"
        ]

    def test_two_that_cover_one_finding_are_both_used(self) -> None:
        assert unused("# gradlint: ignore-file[GL101]\na  # gradlint: ignore\n", at(2)) == []


def test_a_pack_of_another_family_is_selected_alike() -> None:
    assert selects("XY1", "XY101", "mine")
    assert selects("x", "X101", "mine")
    assert not selects("X", "XY101", "mine")
    assert selects("mine", "XY101", "mine")
    assert not selects("GL1", "XY101", "mine")


PIECES = [
    "x = 1",
    "# noqa",
    "x  # noqa",
    "'# noqa'",
    '"# noqa \\" # noqa"',
    "'\\\n# noqa'",
    '"""\n# noqa\n"""',
    "r'''\n# noqa \\''' # noqa\n'''  # noqa",
    "b\"\" '' # noqa",
    '""""# noqa"""',
    "f'{x}# noqa'",
    "(  # noqa\n'# noqa')",
    "x = \\\n  '# noqa'",
    "\t",
    "",
]


@given(st.lists(st.sampled_from(PIECES)), st.sampled_from(["\n", "\r\n"]))
def test_comments_are_where_the_tokenizer_has_them(pieces: list[str], end: str) -> None:
    text = "\n".join(pieces)
    rows = [
        token.start[0]
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and "# noqa" in token.string
    ]
    findings = [at(row) for row in range(1, text.count("\n") + 2)]
    _, silenced = Suppressions.of(from_text(text.replace("\n", end), "x.py")).split(findings)
    assert [finding.place.start.row for finding in silenced] == rows


@given(st.text(st.sampled_from("#'\"\\\n\r noqa:gradlintGL101[]f()"), max_size=60))
def test_any_text_is_taken(text: str) -> None:
    remaining, silenced = Suppressions.of(from_text(text, "x.py")).split([at(row) for row in range(1, 70)])
    assert len(remaining) + len(silenced) == 69
