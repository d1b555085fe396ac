"""Fixes are made whole and apart, and stay only where they do what they promise."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradlint.finding import Finding, Level, Problem
from gradlint.fix.apply import apply
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.fix.settle import PASSES, Accept, Settled, mapped, settle
from gradlint.source import Source, from_bytes, from_text

A, B = Path("a.py"), Path("b.py")


def fix(*edits: tuple[int, int, str], title: str = "Fix it", safety: Safety = Safety.SAFE) -> Fix:
    return Fix(title, safety, tuple(Edit(*edit) for edit in edits))


class TestApply:
    """Which of several fixes are made."""

    @pytest.mark.parametrize(
        ("fixes", "text", "deferred"),
        [
            ([], "abcdef", []),
            ([fix((0, 1, "X"))], "Xbcdef", []),
            ([fix((4, 5, "Y")), fix((0, 1, "X"))], "XbcdYf", []),
            ([fix((0, 2, "X")), fix((1, 3, "Y"))], "Xcdef", [1]),
            ([fix((0, 2, "X")), fix((2, 4, "Y"))], "XYef", []),
            ([fix((1, 1, "X")), fix((1, 3, "Y"))], "aXYdef", []),
            ([fix((1, 3, "Y")), fix((3, 3, "X"))], "aYXdef", []),
            ([fix((1, 3, "Y")), fix((2, 2, "X"))], "aYdef", [1]),
            ([fix((1, 1, "X")), fix((1, 1, "Y"))], "aXbcdef", [1]),
            ([fix((1, 1, "X")), fix((1, 1, "X"))], "aXbcdef", []),
            ([fix((0, 0, "import"), (2, 3, "X")), fix((0, 0, "import"), (4, 5, "Y"))], "importabXdYf", []),
            ([fix((0, 1, "X"), (4, 5, "Y")), fix((2, 3, "Z"), (4, 4, "!"))], "XbZd!Yf", []),
            ([fix((0, 1, "X"), (3, 6, "Y")), fix((2, 3, "Z"), (4, 5, "!"))], "XbcY", [1]),
            ([fix((2, 3, "Z"), (4, 5, "!")), fix((3, 4, "Y"))], "abZd!f".replace("d", "Y"), []),
            ([fix((0, 3, "X"), (1, 2, "Y"))], "abcdef", [0]),
            ([fix((1, 1, "X"), (1, 1, "Y"))], "abcdef", [0]),
            ([fix((5, 9, "X")), fix((0, 1, "Y"))], "Ybcdef", [0]),
        ],
    )
    def test_the_first_in_the_file_goes_first(self, fixes: list[Fix], text: str, deferred: list[int]) -> None:
        edited, made, others = apply(from_text("abcdef", "x.py"), fixes)
        assert edited.text == text
        assert Counter(made) == Counter(each for index, each in enumerate(fixes) if index not in deferred)
        assert Counter(others) == Counter(each for index, each in enumerate(fixes) if index in deferred)

    def test_a_fix_that_the_encoding_cannot_hold_does_not_stop_the_rest(self) -> None:
        source = from_bytes(b"# coding: latin-1\nabc", A, "a.py")
        good, bad, late = fix((18, 19, "X")), fix((19, 20, "→")), fix((20, 21, "ü"))
        edited, made, others = apply(source, [late, bad, good])
        assert edited.to_bytes() == b"# coding: latin-1\nXb\xfc"
        assert (made, others) == ((good, late), (bad,))

    def test_in_a_notebook_a_fix_stays_in_its_cell(self) -> None:
        source = notebook("a = 1", "b = 2")
        within, across = fix((0, 1, "x"), (6, 7, "y")), fix((4, 7, "z"))
        edited, made, others = apply(source, [across, within])
        assert edited.text == "x = 1\ny = 2\n"
        assert (made, others) == ((within,), (across,))

    @settings(max_examples=500)
    @given(st.data())
    def test_never_an_overlap_and_never_half_a_fix(self, data: st.DataObject) -> None:
        text = data.draw(st.text(st.sampled_from("abc\n"), max_size=12))
        source = from_text(text, "x.py")
        edit = st.builds(
            lambda start, length, new: Edit(start, min(start + length, len(text)), new),
            st.integers(0, len(text)),
            st.integers(0, 4),
            st.sampled_from(["", "X", "Y\n"]),
        )
        fixes = data.draw(
            st.lists(
                st.builds(lambda edits: Fix("t", Safety.SAFE, tuple(edits)), st.lists(edit, min_size=1, max_size=3))
            )
        )
        edited, made, others = apply(source, fixes)
        assert Counter(made) + Counter(others) == Counter(fixes)
        edits = sorted({edit for each in made for edit in each.edits})
        for one, other in combinations(edits, 2):
            assert one.end <= other.start
            assert (one.start, one.end) != (other.start, other.end)
        # What the text should be, built the slow way: from the back, an edit at a time.
        expected = text
        for made_edit in reversed(edits):
            expected = expected[: made_edit.start] + made_edit.text + expected[made_edit.end :]
        assert edited.text == expected
        for each in others:
            assert source.objection({*edits, *each.edits}) is not None
        shuffled = data.draw(st.permutations(fixes))
        assert apply(source, shuffled)[0].text == expected

    @given(st.data())
    def test_an_offset_outside_the_edits_moves_with_its_character(self, data: st.DataObject) -> None:
        text = "0123456789"
        cuts = sorted(data.draw(st.lists(st.integers(0, 10), min_size=2, max_size=6, unique=True)))
        edits = [
            Edit(start, end, data.draw(st.sampled_from(["", "x", "xyz"])))
            for start, end in zip(cuts[::2], cuts[1::2], strict=False)
        ]
        edited = from_text(text, "x.py").edited(edits).text
        for offset, character in enumerate(text):
            if not any(edit.start <= offset < edit.end for edit in edits):
                assert edited[mapped(offset, edits)] == character

    def test_what_is_inserted_comes_before_the_offset(self) -> None:
        assert mapped(3, [Edit(3, 3, "ab")]) == 5
        assert mapped(3, [Edit(3, 5, "ab")]) == 3
        assert mapped(4, [Edit(0, 0, "x"), Edit(3, 5, "ab")]) == 4


def notebook(*cells: str) -> Source:
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
    return from_text(json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "x.ipynb")


# A rule for these tests: what it finds, and the edits that fix it, given the match and the text.
Edits = Callable[[re.Match[str], str], Sequence[Edit]]
Toy = tuple[str, str, Edits]


def becomes(new: str) -> Edits:
    return lambda match, text: [Edit(*match.span(), new)]


class Linter:
    """Finds what toy rules look for, and counts how often it was asked to."""

    def __init__(self, *rules: Toy, safety: Safety = Safety.SAFE, unsafe: str = "") -> None:
        self.rules = rules
        self.safety = safety
        self.unsafe = unsafe
        self.calls = 0

    def __call__(self, sources: Mapping[Path, Source]) -> Mapping[Path, Sequence[Finding]]:
        self.calls += 1
        return {path: self.found(source) for path, source in sources.items()}

    def found(self, source: Source) -> list[Finding]:
        findings = []
        for code, pattern, edits in self.rules:
            for match in re.finditer(pattern, source.text):
                safety = Safety.UNSAFE if code == self.unsafe else self.safety
                made = Fix(f"Fix {code}", safety, tuple(edits(match, source.text)))
                place = source.place(*match.span())
                findings.append(Finding(code, code.lower(), Level.WARNING, "found", place, fix=made))
        return findings


def settled(
    texts: Mapping[Path, str | Source], linter: Linter, wanted: Safety = Safety.SAFE, accept: Accept | None = None
) -> Settled:
    sources = {path: text if isinstance(text, Source) else from_text(text, path.name) for path, text in texts.items()}
    result = settle(sources, linter, wanted, accept or (lambda source, finding: True))
    assert result.findings == linter(result.sources)
    return result


def reasons(result: Settled, path: Path = A) -> list[tuple[str, str]]:
    return [(each.finding.code, each.reason) for each in result.rolled_back.get(path, ())]


def without_call(match: re.Match[str], text: str) -> list[Edit]:
    """Replace all of a call by its argument, so that the fixes of nested ones overlap."""
    depth = 0
    for at in range(match.end() - 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return [Edit(match.start(), at + 1, text[match.end() : at])]
    raise AssertionError(text)


GOOD: Toy = ("T1", "bad", becomes("good"))
UNWRAP: Toy = ("T7", r"wrap\(", without_call)


class TestSettle:
    """Fixes are made until none is left, and taken back where they fail."""

    def test_all_is_fixed(self) -> None:
        linter = Linter(GOOD)
        result = settled({A: "bad = bad\n", B: "x = bad\n"}, linter)
        assert [source.text for source in result.sources.values()] == ["good = good\n", "x = good\n"]
        assert {path: len(made) for path, made in result.applied.items()} == {A: 2, B: 1}
        assert result.findings == {A: [], B: []}
        assert (result.rolled_back, result.problems) == ({}, ())
        assert linter.calls == 3  # before, after the only pass, and this test's own

    def test_nothing_to_fix_is_found_once(self) -> None:
        linter = Linter(GOOD)
        sources = {A: from_text("x = 1\n", "a.py")}
        assert settle(sources, linter, Safety.SAFE).sources == sources
        assert linter.calls == 1

    def test_what_overlaps_waits_for_the_next_pass(self) -> None:
        result = settled({A: "x = wrap(wrap(wrap(1)))\n"}, Linter(UNWRAP))
        assert result.sources[A].text == "x = 1\n"
        assert len(result.applied[A]) == 3

    def test_only_fixes_as_safe_as_wanted(self) -> None:
        for safety, wanted, text in [
            (Safety.UNSAFE, Safety.SAFE, "bad\n"),
            (Safety.UNSAFE, Safety.UNSAFE, "good\n"),
            (Safety.SAFE, Safety.UNSAFE, "good\n"),
            (Safety.SUGGESTION, Safety.UNSAFE, "bad\n"),
        ]:
            result = settled({A: "bad\n"}, Linter(GOOD, safety=safety), wanted)
            assert result.sources[A].text == text
            assert len(result.findings[A]) == (text == "bad\n")

    def test_a_safe_fix_goes_before_an_unsafe_one_that_it_makes_needless(self) -> None:
        unsafe: Toy = ("T2", "x(?= = bad)", becomes("y"))
        result = settled({A: "x = bad\n"}, Linter(unsafe, GOOD, unsafe="T2"), Safety.UNSAFE)
        assert result.sources[A].text == "x = good\n"
        assert [finding.code for finding, _ in result.applied[A]] == ["T1"]
        assert (result.rolled_back, result.findings) == ({}, {A: []})

    def test_a_fix_without_edits_is_none(self) -> None:
        result = settled({A: "bad\n"}, Linter(("T1", "bad", lambda match, text: [])))
        assert (result.applied, result.rolled_back, len(result.findings[A])) == ({}, {}, 1)

    def test_a_fix_that_leaves_its_finding_is_rolled_back(self) -> None:
        result = settled({A: "worse = bad\n"}, Linter(GOOD, ("T2", "worse", becomes("worse_"))))
        assert result.sources[A].text == "worse = good\n"
        assert reasons(result) == [("T2", "what it fixes was still found")]
        assert [finding.code for finding in result.findings[A]] == ["T2"]
        assert [finding.code for finding, _ in result.applied[A]] == ["T1"]

    def test_the_finding_is_looked_for_where_it_moved(self) -> None:
        keeps: Toy = ("T2", "worse", lambda match, text: [Edit(0, 0, "import x\n")])
        result = settled({A: "worse = 1\n"}, Linter(keeps))
        assert reasons(result) == [("T2", "what it fixes was still found")]
        assert result.sources[A].text == "worse = 1\n"

    def test_a_finding_that_was_there_next_to_it_is_not_taken_for_it(self) -> None:
        delete: Toy = ("T1", r"bad\n", becomes(""))
        result = settled({A: "bad\nbad\nbad\n"}, Linter(delete), accept=lambda _, finding: finding.place.start.row < 3)
        assert result.sources[A].text == "bad\n"
        assert reasons(result) == []

    def test_a_finding_that_the_fix_moves_is_not_gone(self) -> None:
        move: Toy = (
            "T1",
            r"bad\n(?=x)",
            lambda match, text: [Edit(*match.span(), ""), Edit(len(text), len(text), "bad\nx")],
        )
        result = settled({A: "bad\nx\n"}, Linter(move))
        assert reasons(result) == [("T1", "what it fixes was still found")]
        assert result.sources[A].text == "bad\nx\n"

    @pytest.mark.parametrize(("text", "new"), [("bad\n", "good("), ("bad\n", "continue"), ("if x: bad\n", "else: y")])
    def test_a_fix_that_breaks_the_file_is_rolled_back(self, text: str, new: str) -> None:
        result = settled(
            {A: text + "x = bad2\n"}, Linter(("T1", r"bad\n", becomes(new + "\n")), ("T2", "bad2", becomes("2")))
        )
        assert reasons(result) == [("T1", "the file would no longer compile")]
        assert result.sources[A].text == text + "x = 2\n"

    def test_a_fix_that_brings_on_another_finding_is_rolled_back(self) -> None:
        linter = Linter(
            ("T1", "bad", becomes("worse")), ("T2", "worse", becomes("worse")), ("T3", "ugly", becomes("nice"))
        )
        result = settled({A: "bad + ugly\n"}, linter)
        assert result.sources[A].text == "bad + nice\n"
        assert reasons(result) == [("T1", "it brought on T2")]

    def test_a_fix_that_brings_on_a_finding_in_another_file_is_rolled_back(self) -> None:
        class Linked(Linter):
            def __call__(self, sources: Mapping[Path, Source]) -> Mapping[Path, Sequence[Finding]]:
                found = dict(super().__call__(sources))
                if "good" in sources[A].text:
                    place = sources[B].place(0, 1)
                    found[B] = [*found[B], Finding("T2", "t2", Level.ERROR, "x", place)]
                return found

        result = settled({A: "bad\nugly\n", B: "ugly\n"}, Linked(GOOD, ("T3", "ugly", becomes("nice"))))
        assert [source.text for source in result.sources.values()] == ["bad\nnice\n", "nice\n"]
        assert reasons(result) == [("T1", "it brought on T2")]

    def test_fixes_that_spoil_each_other_are_made_one_by_one(self) -> None:
        class Together(Linter):
            def found(self, source: Source) -> list[Finding]:
                found = super().found(source)
                if source.text.count("good") == 2:
                    found.append(Finding("T2", "t2", Level.ERROR, "two are too many", source.place(0, 1)))
                return found

        result = settled({A: "bad\nx\nbad\n"}, Together(GOOD))
        assert result.sources[A].text == "good\nx\nbad\n"
        assert reasons(result) == [("T1", "it brought on T2")]

    def test_a_fix_that_only_another_spoils_is_made_after_it(self) -> None:
        def importing(at: int) -> Edits:
            return lambda match, text: [
                Edit(*match.span(), "x.y"),
                *([] if "import x" in text else [Edit(at, at, "import x\n")]),
            ]

        linter = Linter(("T1", "bad", importing(0)), ("T2", "worse", importing(9)))
        twice: Toy = ("T3", r"(?s)import x.*import x", lambda match, text: [])
        linter.rules += (twice,)
        result = settled({A: "# spaces\nbad\nworse\n"}, linter)
        assert result.sources[A].text == "import x\n# spaces\nx.y\nx.y\n"
        assert reasons(result) == []

    def test_a_fix_that_fails_among_others_is_not_tried_for_ever(self) -> None:
        linter = Linter(UNWRAP, ("T2", "worse", becomes("worse_")))
        result = settled({A: "x = " + "wrap(" * PASSES + "1" + ")" * PASSES + "\nworse\n"}, linter)
        assert result.sources[A].text == "x = 1\nworse\n"
        assert result.problems == ()
        assert len(reasons(result)) == 1

    def test_a_fix_that_removes_another_finding_instead_is_rolled_back(self) -> None:
        other: Toy = ("T1", "bad", lambda match, text: [Edit(text.rindex("bad"), len(text) - 1, "good")])
        result = settled({A: "bad\nx = bad\n"}, Linter(other), accept=lambda _, finding: finding.place.start.row == 1)
        assert reasons(result) == [("T1", "what it fixes was still found")]
        assert result.sources[A].text == "bad\nx = bad\n"

    def test_an_edit_that_two_fixes_share_stays_for_the_good_one(self) -> None:
        def with_import(new: str) -> Edits:
            return lambda match, text: [
                *([] if "import" in text else [Edit(0, 0, "import clip\n")]),
                Edit(*match.span(), new),
            ]

        linter = Linter(("T1", "bad", with_import("clip.good")), ("T2", "worse", with_import("clip.worse")))
        result = settled({A: "bad\nworse\n"}, linter)
        assert result.sources[A].text == "import clip\nclip.good\nworse\n"
        assert reasons(result) == [("T2", "what it fixes was still found")]
        alone = settled({A: "worse\n"}, linter)
        assert alone.sources[A].text == "worse\n"

    def test_one_culprit_among_many_is_found_quickly(self) -> None:
        linter = Linter(GOOD, ("T2", "worse", becomes("worse_")))
        lines = ["bad"] * 64
        lines[37] = "worse"
        result = settled({A: "\n".join(lines)}, linter)
        assert result.sources[A].text.count("good") == 63
        assert len(reasons(result)) == 1
        assert linter.calls < 20

    def test_ten_passes_are_made_and_no_more(self) -> None:
        linter = Linter(UNWRAP, GOOD)
        result = settled({A: "x = " + "wrap(" * PASSES + "1" + ")" * PASSES + "\n"}, linter)
        assert result.sources[A].text == "x = 1\n"
        assert result.problems == ()

    def test_what_does_not_settle_is_left_as_it_was(self) -> None:
        nested = "bad = " + "wrap(" * (PASSES + 1) + "1" + ")" * (PASSES + 1) + "\n"
        result = settled({A: nested, B: "bad\n"}, Linter(GOOD, UNWRAP))
        assert [source.text for source in result.sources.values()] == [nested, "good\n"]
        message = f"internal error: fixes of T1 do not settle in {PASSES} passes; the file is left as it was"
        assert result.problems == (Problem(message.replace("T1", "T7"), "a.py"),)
        assert list(result.applied) == [B]
        assert len(result.findings[A]) == PASSES + 2

    def test_undoing_one_file_undoes_those_that_only_it_kept_clean(self) -> None:
        class Linked(Linter):
            def __call__(self, sources: Mapping[Path, Source]) -> Mapping[Path, Sequence[Finding]]:
                found = dict(super().__call__(sources))
                if "good" in sources[B].text and sources[A].text.count("wrap") > PASSES:
                    found[B] = [*found[B], Finding("T2", "t2", Level.ERROR, "x", sources[B].place(0, 1))]
                return found

        nested = "x = " + "wrap(" * (PASSES + 1) + "1" + ")" * (PASSES + 1) + "\n"
        result = settled({A: nested, B: "bad\n"}, Linked(GOOD, UNWRAP))
        assert [source.text for source in result.sources.values()] == [nested, "bad\n"]
        assert [problem.path for problem in result.problems] == ["a.py", "b.py"]
        assert result.applied == {}

    def test_each_finding_is_asked_about_once(self) -> None:
        asked: list[str] = []

        def accept(source: Source, finding: Finding) -> bool:
            asked.append(source.text.splitlines()[finding.place.start.row - 1])
            return "no" not in asked[-1]

        insert: Toy = (
            "T1",
            r"bad\d(?= = )",
            lambda match, text: [Edit(0, 0, "# fixed\n"), Edit(*match.span(), f"x{match.group()}_")],
        )
        distinct: Toy = (
            "T2",
            "ugly",
            lambda match, text: [Edit(0, 0, f"# {match.start()}\n"), Edit(*match.span(), "nice")],
        )
        result = settled({A: "bad1 = 1\nbad2 = no\nugly\nugly; no\nugly;\n"}, Linter(insert, distinct), accept=accept)
        assert sorted(asked) == ["bad1 = 1", "bad2 = no", "ugly", "ugly;", "ugly; no"]
        assert result.sources[A].text.count("nice") == 2
        assert "bad2 = no\n" in result.sources[A].text
        assert "ugly; no" in result.sources[A].text
        assert (result.rolled_back, result.problems) == ({}, ())

    def test_of_nested_findings_each_has_its_own_answer(self) -> None:
        class Inside(Linter):
            def found(self, source: Source) -> list[Finding]:
                return super().found(source)[::-1]

        for linter in (Linter(UNWRAP), Inside(UNWRAP)):
            asked: list[int] = []

            def accept(source: Source, finding: Finding, asked: list[int] = asked) -> bool:
                asked.append(finding.place.start.column)
                return finding.place.start.column == 1

            result = settled({A: "wrap(wrap(1))\n"}, linter, accept=accept)
            assert result.sources[A].text == "wrap(1)\n"
            assert sorted(asked) == [1, 6]

    def test_a_fix_that_cannot_be_encoded_is_rolled_back(self) -> None:
        source = from_bytes(b"# coding: latin-1\nbad\nugly\n", A, "a.py")
        result = settled({A: source}, Linter(("T1", "bad", becomes("'→'")), ("T2", "ugly", becomes("'ü'"))))
        assert result.sources[A].to_bytes() == b"# coding: latin-1\nbad\n'\xfc'\n"
        assert reasons(result)[0][1].startswith("iso-8859-1 cannot hold the fix: ")

    def test_a_file_of_another_python_is_fixed_if_it_parses(self) -> None:
        newer = "type Pair[T] = tuple[T, T]\ndef f[T](x: T = bad) -> T: ...\n"
        assert settled({A: newer}, Linter(GOOD)).sources[A].text == newer.replace("bad", "good")
        broken = settled({A: newer}, Linter(("T1", "bad", becomes("("))))
        assert reasons(broken) == [("T1", "the file would no longer compile")]

    def test_a_file_that_never_parsed_is_left_alone(self) -> None:
        result = settled({A: "print bad\n"}, Linter(GOOD))
        assert result.sources[A].text == "print bad\n"
        assert reasons(result) == [("T1", "the file would no longer compile")]

    def test_a_notebook_is_fixed_cell_by_cell(self) -> None:
        source = notebook(
            "from __future__ import annotations\nx = await bad()",
            "def broken(:",
            "from __future__ import division\nx = bad\nreturn x",
            "%%time\nfrom __future__ import division\nfor i in x:\n    bad",
        )
        result = settled({A: source}, Linter(GOOD))
        assert result.sources[A].text == source.text.replace("bad", "good")
        broken = settled({A: source}, Linter(("T1", "bad", becomes(")"))))
        assert reasons(broken) == [("T1", "the file would no longer compile")] * 3

    @pytest.mark.parametrize(
        ("cell", "new"),
        [
            ("await x\nbad", "continue"),
            ("return x\nf(bad)", "k=1, 2"),
            ("return x\nbad", "'\\N{no such}'"),
            ("bad", "return"),
        ],
    )
    def test_in_a_notebook_a_cell_compiles_as_far_as_it_did(self, cell: str, new: str) -> None:
        result = settled({A: notebook(cell)}, Linter(("T1", "bad", becomes(new))))
        assert reasons(result) == [("T1", "the file would no longer compile")]

    def test_in_a_notebook_a_fix_across_cells_is_rolled_back(self) -> None:
        result = settled({A: notebook("bad", "x = 1")}, Linter(("T1", r"bad\nx", becomes("x"))))
        assert reasons(result) == [("T1", "the fix crosses from one notebook cell to the next")]

    @settings(max_examples=150, deadline=None)
    @given(st.integers(0, 2**32))
    def test_whatever_the_fixes_do_the_result_is_no_worse(self, seed: int) -> None:
        draw = random.Random(seed)
        words = ["w0", "w1", "w2", "w3", "ok"]
        outcomes = [*words, "(", "ok; ok", "continue", "", "w0 + w0"]
        choice = {word: draw.choice(outcomes) for word in words}

        def edits(word: str) -> Edits:
            def make(match: re.Match[str], text: str) -> list[Edit]:
                made = [Edit(*match.span(), choice[word])]
                if draw.random() < 0.3:
                    at = draw.randrange(len(text) + 1)
                    made.append(Edit(at, at, draw.choice(["\n", "ok\n", "w1\n", ")"])))
                return made

            return make

        linter = Linter(*((f"T{word[1]}", rf"\b{word}\b", edits(word)) for word in words[:4]))
        texts = {path: "\n".join(draw.choices(words, k=draw.randrange(6))) for path in (A, B)}
        before = {path: linter.found(from_text(text, path.name)) for path, text in texts.items()}
        result = settled_loosely(texts, linter)
        for path, source in result.sources.items():
            compile(source.text, path.name, "exec")
            counts = Counter(finding.code for finding in result.findings[path])
            assert counts <= Counter(finding.code for finding in before[path])
            assert bool(result.applied.get(path)) or source.text == texts[path]


def settled_loosely(texts: Mapping[Path, str], linter: Linter) -> Settled:
    """Settled, where what the rules propose differs from one time to the next."""
    return settle({path: from_text(text, path.name) for path, text in texts.items()}, linter, Safety.SAFE)
