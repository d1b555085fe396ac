"""What people and programs read: frames, lines, JSON, workflow commands, diffs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint.finding import Finding, Level, Problem, Related
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.formats import ReportFormat
from gradlint.report import lines
from gradlint.report.frame import Mark, frame
from gradlint.report.text import Terminal, columns, printable
from gradlint.report.words import problem, where
from gradlint.runner import Change, Mode, Summary
from gradlint.source import Place, Position, Source, from_text

TRAIN = """\
import torch
from torch import nn

rnn = nn.LSTM(8, 8)

for batch in batches:
    optimizer.zero_grad()
    loss = step(rnn, batch)
    loss.backward()

    optimizer.step()
    log(loss)
"""
PLAIN = Terminal()


def place(source: Source, text: str) -> Place:
    start = source.text.index(text)
    return source.place(start, start + len(text))


def unclipped(source: Source) -> Finding:
    step = place(source, "optimizer.step()")
    start = source.text.index("    optimizer.step()")
    return Finding(
        "GL101",
        "unclipped-recurrent-update",
        Level.WARNING,
        "the gradients of an `LSTM` reach this step unclipped",
        step,
        "clip their norm before the step",
        step,
        (Related(place(source, "nn.LSTM(8, 8)"), "the recurrence"),),
        Fix("Clip the gradient norm to 1.0", Safety.SAFE, (Edit(start, start, "    clip()\n"),)),
    )


def unguarded(source: Source) -> Finding:
    return Finding(
        "GL501",
        "unguarded-nonfinite-loss",
        Level.ERROR,
        "a loss that is not finite reaches the weights",
        place(source, "loss.backward()"),
        update=place(source, "optimizer.step()"),
        unfixed="the loop is compiled",
    )


def summary(source: Source, *findings: Finding, **rest: object) -> Summary:
    return Summary(findings=findings, files=3, training=1, sources={source.name: source}, **rest)  # type: ignore[arg-type]


def report(made: Summary, output_format: ReportFormat, terminal: Terminal = PLAIN, *, quiet: bool = False) -> str:
    return "\n".join(lines(made, output_format, terminal, quiet))


def test_a_hazard_reads_as_one_message() -> None:
    source = from_text(TRAIN, "train.py")
    assert (
        report(summary(source, unclipped(source)), "full")
        == """\
train.py:11:5
   |
 4 | rnn = nn.LSTM(8, 8)
   |       ------------- the recurrence
...
 9 |     loss.backward()
10 |
11 |     optimizer.step()
   |     ^^^^^^^^^^^^^^^^ GL101
12 |     log(loss)
   |
  warning GL101 unclipped-recurrent-update: the gradients of an `LSTM` reach this step unclipped
      help: clip their norm before the step
      fix [safe]: Clip the gradient norm to 1.0

Found 1 warning in 1 file; 1 fixable with --fix."""
    )


def test_findings_about_one_update_share_a_frame() -> None:
    source = from_text(TRAIN, "train.py")
    assert (
        report(summary(source, unguarded(source), unclipped(source)), "full", quiet=True)
        == """\
train.py:11:5
   |
 4 | rnn = nn.LSTM(8, 8)
   |       ------------- the recurrence
...
 7 |     optimizer.zero_grad()
 8 |     loss = step(rnn, batch)
 9 |     loss.backward()
   |     ^^^^^^^^^^^^^^^ GL501
10 |
11 |     optimizer.step()
   |     ^^^^^^^^^^^^^^^^ GL101
12 |     log(loss)
   |
  error GL501 unguarded-nonfinite-loss: a loss that is not finite reaches the weights
      no fix: the loop is compiled
  warning GL101 unclipped-recurrent-update: the gradients of an `LSTM` reach this step unclipped
      help: clip their norm before the step
      fix [safe]: Clip the gradient norm to 1.0
"""
    )


def test_findings_at_one_place_share_their_carets() -> None:
    source = from_text("optimizer.step()\n", "train.py")
    step = place(source, "optimizer.step()")
    found = [Finding(code, "some-name", Level.NOTE, "so", step, update=step) for code in ("GL101", "GL401")]
    assert "^^^^^^^^^^^^^^^^ GL101, GL401" in report(summary(source, *found), "full")


def test_a_related_place_in_another_file_has_its_own_frame(project: Path) -> None:
    (project / "model.py").write_text("from torch import nn\n\nnet = nn.GRU(4, 4)\n")
    source = from_text("optimizer.step()\n", "train.py")
    related = Related(Place("model.py", Position(3, 7), Position(3, 19)), "the recurrence")
    finding = Finding("GL101", "some-name", Level.WARNING, "so", place(source, "optimizer.step()"), related=(related,))
    assert (
        report(summary(source, finding), "full", quiet=True)
        == """\
train.py:1:1
  |
1 | optimizer.step()
  | ^^^^^^^^^^^^^^^^ GL101
  |
  ::: model.py:3:7
  |
3 | net = nn.GRU(4, 4)
  |       ------------ the recurrence
  |
  warning GL101 some-name: so
"""
    )


def test_a_related_file_that_is_gone_is_only_named(project: Path) -> None:
    source = from_text("optimizer.step()\n", "train.py")
    related = Related(Place("gone.py", Position(3, 7), Position(3, 19)), "the recurrence")
    finding = Finding("GL101", "some-name", Level.WARNING, "so", place(source, "optimizer.step()"), related=(related,))
    assert "::: gone.py:3:7\n  the recurrence\n" in report(summary(source, finding), "full")


def test_wide_characters_and_tabs_stay_above_their_carets() -> None:
    source = from_text('\tlog("損失", optimizer.step())\n', "train.py")
    finding = Finding("GL101", "some-name", Level.WARNING, "so", place(source, "optimizer.step()"))
    code, carets = report(summary(source, finding), "full").split("\n")[2:4]
    assert columns(code.partition("optimizer")[0]) == carets.index("^")


def test_a_statement_over_rows_is_underlined_whole() -> None:
    source = from_text("x = f(\n    1,\n)\ny = 2\n", "train.py")
    finding = Finding("GL101", "some-name", Level.WARNING, "so", place(source, "f(\n    1,\n)"))
    assert report(summary(source, finding), "full").split("\n")[1:9] == [
        "  |",
        "1 | x = f(",
        "  |     ^^",
        "2 |     1,",
        "  |     ^^",
        "3 | )",
        "  | ^ GL101",
        "4 | y = 2",
    ]


def test_a_tall_statement_shows_its_first_row() -> None:
    text = "x = f(\n" + "    1,\n" * 20 + ")\n"
    source = from_text(text, "train.py")
    finding = Finding("GL101", "some-name", Level.WARNING, "so", source.place(4, len(text) - 1))
    assert report(summary(source, finding), "full").split("\n")[1:5] == [
        "   |",
        " 1 | x = f(",
        "   |     ^^ GL101",
        " 2 |     1,",
    ]


def test_long_lines_are_cut_around_the_place() -> None:
    source = from_text(f"a = [{'1, ' * 200}]; optimizer.step(); b = [{'2, ' * 200}]\n", "train.py")
    finding = Finding("GL101", "some-name", Level.WARNING, "so", place(source, "optimizer.step()"))
    text = report(summary(source, finding), "full", Terminal(width=80), quiet=True)
    assert max(map(columns, text.split("\n"))) <= 80
    code, carets = text.split("\n")[2:4]
    at = carets.index("^")
    assert code[at : at + 16] == "optimizer.step()"


def test_messages_wrap_to_the_terminal() -> None:
    source = from_text(TRAIN, "train.py")
    text = report(summary(source, unclipped(source)), "full", Terminal(width=50), quiet=True)
    assert max(map(columns, text.split("\n"))) <= 50
    assert "    unclipped" in text


def test_nothing_in_the_code_steers_the_terminal() -> None:
    source = from_text('x = "\x1b[2J\u202e"; optimizer.step()\n', "tr\x1b[2Jain.py")
    finding = Finding("GL101", "some-name", Level.WARNING, "\x1b[31m", place(source, "optimizer.step()"))
    made = summary(source, finding, problems=(Problem("\x1b", "a\nb.py"),))
    for output_format in ("full", "concise"):
        text = report(made, output_format)
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\n" not in problem(made.problems[0])


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), st.integers(20, 90), st.data())
def test_frames_fit_whatever_the_code(text: str, width: int, data: st.DataObject) -> None:
    source = from_text(text.replace("\0", ""), "x.py")
    start = data.draw(st.integers(0, len(source.text)))
    end = data.draw(st.integers(start, len(source.text)))
    shown = source.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    mark = Mark(source.place(start, end), "GL101", "error", main=True)
    made = list(frame(shown, [mark], Terminal(width=width), 3))
    assert all(columns(line) <= max(width, 30) for line in made)
    assert any("^" in line for line in made)


def test_cells_of_notebooks_count_from_one() -> None:
    assert where(Place("a.ipynb", Position(26, 9), Position(26, 10), cell=4)) == "a.ipynb:cell 5:26:9"


def test_the_concise_format_has_one_line_a_finding() -> None:
    source = from_text(TRAIN, "train.py")
    assert (
        report(summary(source, unguarded(source), unclipped(source)), "concise")
        == """\
train.py:9:5: error: GL501 a loss that is not finite reaches the weights
train.py:11:5: warning: GL101 the gradients of an `LSTM` reach this step unclipped [fixable]
Found 1 error, 1 warning in 1 file; 1 fixable with --fix."""
    )


def test_json_is_the_contract() -> None:
    source = from_text(TRAIN, "train.py")
    made = summary(source, unclipped(source), urls={"GL101": "https://example.org/GL101"})
    assert json.loads(report(made, "json")) == [
        {
            "code": "GL101",
            "name": "unclipped-recurrent-update",
            "level": "warning",
            "message": "the gradients of an `LSTM` reach this step unclipped",
            "filename": "train.py",
            "location": {"row": 11, "column": 5},
            "end_location": {"row": 11, "column": 21},
            "cell": None,
            "update": {"filename": "train.py", "row": 11, "cell": None},
            "related": [
                {
                    "filename": "train.py",
                    "location": {"row": 4, "column": 7},
                    "end_location": {"row": 4, "column": 20},
                    "cell": None,
                    "row": 4,
                    "message": "the recurrence",
                }
            ],
            "help": "clip their norm before the step",
            "fix": {
                "applicability": "safe",
                "title": "Clip the gradient norm to 1.0",
                "edits": [
                    {
                        "location": {"row": 11, "column": 1},
                        "end_location": {"row": 11, "column": 1},
                        "cell": None,
                        "content": "    clip()\n",
                    }
                ],
            },
            "unfixed": None,
            "url": "https://example.org/GL101",
        }
    ]


def test_json_of_nothing_is_an_empty_list() -> None:
    assert report(Summary(), "json") == "[]"


def test_github_commands_are_escaped() -> None:
    source = from_text("optimizer.step()\n", "a,b:c%.py")
    finding = Finding("GL101", "some-name", Level.NOTE, "100%\nof it", place(source, "optimizer.step()"))
    assert report(summary(source, finding), "github") == (
        "::notice title=GL101 some-name,file=a%2Cb%3Ac%25.py,line=1,endLine=1,col=1,endColumn=17::100%25%0Aof it"
    )


def test_github_commands_name_the_cell() -> None:
    where_it_is = Place("a.ipynb", Position(2, 1), Position(2, 5), cell=3)
    made = Summary(findings=(Finding("GL101", "some-name", Level.ERROR, "so", where_it_is),))
    assert report(made, "github") == "::error title=GL101 some-name,file=a.ipynb::cell 4, row 2: so"


def change(before: str, after: str, name: str = "train.py") -> Change:
    fix = Fix("Clip the gradients", Safety.SAFE, ())
    fixed = Finding("GL101", "some-name", Level.ERROR, "so", Place(name, Position(1, 1), Position(1, 2)), fix=fix)
    return Change(from_text(before, name), from_text(after, name), (fixed,))


def test_what_was_fixed_is_listed_by_file_and_rule() -> None:
    one, other = change("a\n", "b\n"), change("a\n", "b\n", "other.py")
    twice = replace(one, fixed=one.fixed * 2)
    made = Summary(mode=Mode.FIX, changes=(twice, other))
    said = list(lines(made, "concise", Terminal(), show_fixes=True))
    assert said == [
        "train.py",
        "  2 x GL101 some-name: Clip the gradients",
        "other.py",
        "  1 x GL101 some-name: Clip the gradients",
        "Fixed 3 hazards in 2 files.",
    ]
    assert list(lines(made, "json", Terminal(), show_fixes=True)) == ["[]"]


def test_a_diff_is_unified() -> None:
    made = Summary(mode=Mode.DIFF, changes=(change("a\nb\n", "a\nnew\nb\n"),))
    assert (
        report(made, "full")
        == """\
--- train.py
+++ train.py
@@ -1,2 +1,3 @@
 a
+new
 b
Would fix 1 hazard in 1 file."""
    )


def test_a_diff_says_where_no_line_ends() -> None:
    made = Summary(mode=Mode.DIFF, changes=(change("a", "new\na"),))
    assert report(made, "full", quiet=True).split("\n")[3:] == ["+new", " a", "\\ No newline at end of file"]


def test_a_diff_of_a_notebook_is_by_cell() -> None:
    def notebook(*cells: str) -> str:
        made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": cell} for cell in cells]
        return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})

    made = Summary(mode=Mode.DIFF, changes=(change(notebook("x\n", "a\n"), notebook("x\n", "b\n"), "n.ipynb"),))
    assert report(made, "full", quiet=True).split("\n")[:2] == ["--- n.ipynb:cell 2", "+++ n.ipynb:cell 2"]


CONCLUSIONS: Iterable[tuple[Summary, str]] = [
    (Summary(files=4, training=2), "All clear: 4 files checked, 2 with training code."),
    (Summary(files=1), "All clear: 1 file checked, none with training code."),
    (Summary(), "Nothing to check: no Python file or notebook in these paths."),
    (Summary(problems=(Problem("no"),)), ""),
    (Summary(files=2, problems=(Problem("no"),)), "No hazards in what could be checked, but 1 problem."),
    (Summary(files=1, changes=(change("a", "b"),)), "Fixed 1 hazard in 1 file."),
]


@pytest.mark.parametrize(("made", "wanted"), CONCLUSIONS)
def test_the_conclusion_says_how_it_went(made: Summary, wanted: str) -> None:
    assert report(made, "concise") == wanted


def test_the_conclusion_after_fixes_says_what_is_left() -> None:
    source = from_text(TRAIN, "train.py")
    made = summary(source, unguarded(source), mode=Mode.FIX, changes=(change("a", "b"),))
    assert report(made, "full").endswith("\nFixed 1 hazard in 1 file. 1 error left in 1 file.")


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "terminal", "pipe"),
    [
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours_are_for_terminals(environ: dict[str, str], terminal: bool, pipe: bool) -> None:
    assert Terminal.of(Screen(), environ).colours is terminal
    assert Terminal.of(io.StringIO(), environ).colours is pipe


def test_a_pipe_is_as_wide_as_it_gets() -> None:
    assert Terminal.of(io.StringIO(), {}).width is None
    assert Terminal.of(io.StringIO(), {"COLUMNS": "72"}).width == 72


def test_colours_change_nothing_but_colours() -> None:
    source = from_text(TRAIN, "train.py")
    made = summary(source, unguarded(source), unclipped(source))
    for output_format in ("full", "concise"):
        coloured = report(made, output_format, Terminal(colours=True))
        assert "\x1b[" in coloured
        plain = coloured
        for code in ("\x1b[0m", *(f"\x1b[{style}m" for style in ("1", "2", "1;34", "1;31", "1;33", "1;36", "1;32"))):
            plain = plain.replace(code, "")
        assert plain == report(made, output_format)


def test_printable_leaves_plain_text_alone() -> None:
    assert printable("loss = 損失") == "loss = 損失"
