"""Notebooks: what of them is Python, and edits that change nothing else."""

from __future__ import annotations

import ast
import json
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint.fix.edits import Edit
from gradlint.source import Cell, Place, Position, Source, SourceError, from_bytes, from_text, read
from gradlint.source.magics import mask

FIXTURES = Path(__file__).parent.parent / "fixtures" / "source"


def notebook(*cells: object, **metadata: object) -> str:
    """A notebook; a string or a list is the source of a code cell."""
    made = [
        cell if isinstance(cell, dict) else {"cell_type": "code", "metadata": {}, "outputs": [], "source": cell}
        for cell in cells
    ]
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def source_of(*cells: object, **metadata: object) -> Source:
    return from_text(notebook(*cells, **metadata), "x.ipynb")


def code_of(source: Source) -> list[str]:
    return [source.code[cell.start : cell.end] for cell in source.cells]


def sources_in(source: Source) -> list[object]:
    return [cell["source"] for cell in json.loads(source.to_bytes())["cells"]]


# Ways to write a notebook: those of Jupyter, of `jq`, and of what other programs make of it.
STYLES = [
    json.JSONEncoder(indent=1, ensure_ascii=False),
    json.JSONEncoder(indent=4),
    json.JSONEncoder(indent="\t", ensure_ascii=False),
    json.JSONEncoder(separators=(",", ":"), ensure_ascii=False),
    json.JSONEncoder(ensure_ascii=False),
]
MARKDOWN = {"cell_type": "markdown", "metadata": {}, "source": ["# Not code"]}


class TestMagics:
    """What is masked, and what only looks as if it should be."""

    @pytest.mark.parametrize(
        ("cell", "masked"),
        [
            ("%matplotlib inline", "0#atplotlib inline"),
            ("!pip install torch", "0#ip install torch"),
            ("  !ls\n", "  0#s\n"),
            ("!", "0"),
            ("!!ls", "0#ls"),
            ("?torch.nn", "0#orch.nn"),
            ("??torch", "0#torch"),
            ("torch.nn?", "0#rch.nn?"),
            ("torch.nn??  \nx = 1", "0#rch.nn??  \nx = 1"),
            ("*int*?", "0#nt*?"),
            ("f(a,\n  b)?", "0#a,\n# b)?"),
            ("(\na)?", "0\n#)?"),
            (",f a b", "0# a b"),
            (";f a b", "0# a b"),
            ("/f a b", "0# a b"),
            ("x = !ls", "x = 0#s"),
            ("x=!ls", "x=0#s"),
            ("a, b['k'] = %time f()", "a, b['k'] = 0#ime f()"),
            ("if a:\n    !pip install b\n    c = 1", "if a:\n    0#ip install b\n    c = 1"),
            ("!pip \\\n  install \\\n\n x\ny = 1", "0#ip \\\n# install \\\n\n x\ny = 1"),
            ("!a \\\n\tb\nc = 1", "0# \\\n#b\nc = 1"),
            ("x = !a \\\r\n b\r\ny = 1", "x = 0# \\\r\n#b\r\ny = 1"),
            ("!echo 'it\nx = '%s' % 1", "0#cho 'it\nx = '%s' % 1"),
            ('%env A="""\nx = 1', '0#nv A="""\nx = 1'),
            ("pip install torch", "0#p install torch"),
            ("conda  install torch", "0#nda  install torch"),
            ("cd drive/My\\ Drive", "0# drive/My\\ Drive"),
            ("cd '..'", "0# '..'"),
            ("cd ..", "0# .."),
            ("%%time\nx = 1", "0#time\nx = 1"),
            ("\n\n%%timeit -n 3 setup()\nx = 1\n!ls", "\n\n0#timeit -n 3 setup()\nx = 1\n0#s"),
            ("%%capture out\r\nx = 1", "0#capture out\r\nx = 1"),
            ("%%bash\nls -l\n\necho 'x", "######\n#####\n\n#######"),
            ("%%writefile train.py\nx = 1\n", "####################\n#####\n"),
            ("%%time?\nx = 1", "0#time?\nx = 1"),
            ("%%bash?\nx = 1", "0#bash?\nx = 1"),
            ("!a \\\n", "0# \\\n"),
            ("(\n\na)?", "0\n\n#)?"),
            ("%%time", "0#time"),
            ("%%", "##"),
            ("a = 1\n%%time\nb = 2", "a = 1\n0#time\nb = 2"),
        ],
    )
    def test_masked(self, cell: str, masked: str) -> None:
        assert mask(cell) == masked
        assert len(mask(cell)) == len(cell)
        assert code_of(source_of(cell)) == [masked]

    @pytest.mark.parametrize(
        "cell",
        [
            "",
            "x = 1",
            "x = (7\n     % 4)",
            "x = [\n  a\n  % b,\n  !c]",
            "x = a \\\n  % b",
            'text = """\n%magic\n!ls\nhelp?\n"""\ny = 1',
            "text = r'''\n%magic \\'''\n!ls\n'''",
            "text = '''\\\n!ls'''",
            'f"""{x}\n%magic"""',
            "text = 'a\\\n%b'",
            "text = 'a\\\r\n%b'",
            "x = 1  # what?",
            "# why?\n# !ls\n# %time",
            "x = 'what?'",
            'x = "what\'s this?"',
            "x %= 3\nx != 3\nf(a!=b)",
            "f(x=\n  -1)",
            "print('%d' % x)",
            "a['%s' % b] = '%s'",
            "cd = 3\ncd in x\ncd or y\ncd\npip\npip = 1",
            "pip.main()\nconda[0]\nuv * 3",
            "@decorator\ndef f(): ...",
            "lambda x=5: x",
        ],
    )
    def test_not_masked(self, cell: str) -> None:
        assert mask(cell) == cell

    @pytest.mark.parametrize("name", ["argparse", "typing", "decimal", "ast", "smtplib", "textwrap", "_pydecimal"])
    def test_no_python_is_taken_for_a_magic(self, name: str) -> None:
        path = Path(sysconfig.get_paths()["stdlib"], f"{name}.py")
        text = read(path).text
        assert mask(text) == text

    @given(st.text(st.sampled_from("%!?,;/ax= \t\r\n\\\"'#()[]"), max_size=40))
    def test_masking_keeps_length_and_rows(self, cell: str) -> None:
        masked = mask(cell)
        assert len(masked) == len(cell)
        for before, after in zip(cell, masked, strict=True):
            assert before == after or (before not in "\r\n" and after in "0#")

    def test_the_fixture_is_python_once_masked(self) -> None:
        source = read(FIXTURES / "magics.ipynb")
        tree = ast.parse(source.code)
        assert [ast.unparse(node) for node in tree.body if isinstance(node, ast.Assign)] == [
            "files = 0",
            "log = '\\n%not a magic\\n!nor this\\n'",
            "rest = 7 % 4",
            "model = torch.nn.LSTM(4, 4)",
            "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)",
            "result = 0",
        ]


class TestCells:
    """Which text a notebook has, and where it is."""

    def test_code_cells_are_joined_and_keep_their_index(self) -> None:
        source = source_of(MARKDOWN, ["a = 1\n", "b = 2"], MARKDOWN, "c = 3\n", "")
        assert source.text == "a = 1\nb = 2\nc = 3\n\n\n"
        assert source.cells == (Cell(1, 0, 11), Cell(3, 12, 18), Cell(4, 19, 19))
        assert source.is_notebook

    def test_rows_count_from_the_start_of_the_cell(self) -> None:
        source = source_of(MARKDOWN, "a = 1\nb = 2", MARKDOWN, "\nc = 3")
        at = source.text.index("c")
        assert source.position(at) == (Position(2, 1), 3)
        assert source.place(at, at + 5) == Place("x.ipynb", Position(2, 1), Position(2, 6), 3)
        assert source.offset(2, 1, 3) == at
        assert source.place(6, 14) == Place("x.ipynb", Position(2, 1), Position(2, 6), 1)
        assert source.place(6, 12) == Place("x.ipynb", Position(2, 1), Position(2, 6), 1)

    def test_what_is_not_there_is_refused(self) -> None:
        source = source_of("a = 1\nb", MARKDOWN, "c = 3")
        for row, column, cell in ((1, 1, 1), (1, 1, None), (3, 1, 0), (0, 1, 0), (2, 9, 0), (2, 1, 2)):
            with pytest.raises(ValueError, match="has no"):
                source.offset(row, column, cell)

    @given(st.lists(st.text(st.sampled_from("a\r\n\u2028"), max_size=6), min_size=1, max_size=4))
    def test_offset_reverses_position(self, cells: list[str]) -> None:
        source = source_of(*cells)
        for cell in source.cells:
            for offset in range(cell.start, cell.end + 1):
                position, index = source.position(offset)
                if source.text[offset - 1 : offset + 1] != "\r\n" or offset == cell.start:
                    assert source.offset(position.row, position.column, index) == offset
                assert index == cell.index
                assert source.cell_at(offset) == cell

    def test_a_kernel_of_another_language_gives_no_text(self) -> None:
        for metadata in (
            {"language_info": {"name": "R"}},
            {"kernelspec": {"language": "julia"}},
            {"kernelspec": {"language": "python"}, "language_info": {"name": "R"}},
        ):
            source = source_of("x = 1", **metadata)
            assert (source.text, source.cells) == ("", ())
            assert source.to_bytes() == notebook("x = 1", **metadata).encode()
            assert source.position(0) == (Position(1, 1), None)

    def test_a_python_kernel_is_known_by_any_of_its_names(self) -> None:
        pythons: list[dict[str, object]] = [
            {},
            {"kernelspec": {"name": "my-env", "display_name": "My env"}},
            {"kernelspec": {"language": "python"}},
            {"language_info": {"name": "ipython"}},
            {"kernelspec": None, "language_info": []},
        ]
        for metadata in pythons:
            assert source_of("x = 1", **metadata).text == "x = 1\n"

    def test_a_cell_of_another_language_is_masked(self) -> None:
        source = read(FIXTURES / "other_language_cell.ipynb")
        assert code_of(source)[0] == "#" * len("SELECT * FROM runs")
        ast.parse(source.code)

    def test_a_lone_surrogate_is_replaced_in_what_is_parsed(self) -> None:
        source = source_of("x = '\ud83e'")
        assert source.text == "x = '\ud83e'\n"
        assert source.code == "x = '\ufffd'\n"
        edited = source.edited([Edit(0, 1, "y")])
        assert edited.text == "y = '\ud83e'\n"

    def test_a_cell_can_be_hidden_so_that_the_others_are_linted(self) -> None:
        source = read(FIXTURES / "broken_cell.ipynb")
        broken = []
        for cell in source.cells:
            try:
                ast.parse(source.code[cell.start : cell.end])
            except SyntaxError:
                broken.append(cell.index)
        assert broken == [1, 2, 4]
        for index in broken:
            source = source.without_cell(index)
        tree = ast.parse(source.code)
        assert [type(node).__name__ for node in tree.body] == ["Import", "Assign", "Assign", "For"]
        assert len(source.code) == len(source.text)
        assert source.to_bytes() == (FIXTURES / "broken_cell.ipynb").read_bytes()
        at = source.text.index("optimizer.step")
        edited = source.edited([Edit(at, at, "pass; ")])
        assert len(ast.parse(edited.code).body) == 4
        with pytest.raises(ValueError, match="has no code cell 9"):
            source.without_cell(9)


class TestEdits:
    """Edits reach the JSON, and nothing else in it changes."""

    @pytest.mark.parametrize(
        ("cell", "edit", "edited"),
        [
            ("a = 1\nb = 2", (0, 1, "c"), "c = 1\nb = 2"),
            (["a = 1\n", "b = 2"], (0, 1, "c"), ["c = 1\n", "b = 2"]),
            (["a = 1\n", "b = 2"], (6, 6, "new\n"), ["a = 1\n", "new\n", "b = 2"]),
            (["a = 1\n", "b = 2"], (0, 0, "new\n"), ["new\n", "a = 1\n", "b = 2"]),
            (["a = 1\n", "b = 2"], (11, 11, "\nnew"), ["a = 1\n", "b = 2\n", "new"]),
            (["a = 1\n", "b = 2\n"], (12, 12, "new\n"), ["a = 1\n", "b = 2\n", "new\n"]),
            (["a = 1\n", "b = 2\n"], (12, 12, "new"), ["a = 1\n", "b = 2\n", "new"]),
            (["a = 1\n", "b = 2"], (0, 6, ""), ["b = 2"]),
            (["a = 1\n", "b = 2"], (5, 6, ""), ["a = 1b = 2"]),
            (["a = 1\n", "b = 2"], (4, 10, "x\ny\n"), ["a = x\n", "y\n", "2"]),
            (["a = 1\n", "b = 2"], (0, 11, ""), []),
            (["a = 1"], (5, 5, "\nb\nc"), ["a = 1\n", "b\n", "c"]),
            ([], (0, 0, "a\nb"), ["a\n", "b"]),
            ("", (0, 0, "a\nb"), "a\nb"),
            (["a\nb\n", "c"], (4, 4, "new\n"), ["a\nb\n", "new\n", "c"]),
            (["a\nb\n", "c"], (0, 1, "x"), ["x\nb\n", "c"]),
            (["a", "b\n", "", "c"], (0, 1, "x"), ["x", "b\n", "", "c"]),
            (["a", "b\n", "", "c"], (3, 3, "x"), ["a", "b\n", "", "xc"]),
            (["a\r\n", "b"], (3, 3, "x\r\n"), ["a\r\n", "x\r\n", "b"]),
        ],
    )
    def test_lists_stay_lists_of_lines(self, cell: object, edit: tuple[int, int, str], edited: object) -> None:
        assert sources_in(source_of(cell).edited([Edit(*edit)])) == [edited]

    def test_several_edits_in_several_cells(self) -> None:
        source = source_of(["a\n", "b\n", "c"], MARKDOWN, "d\ne", ["f"])
        edits = [Edit(source.text.index(letter), source.text.index(letter), f"before_{letter}\n") for letter in "acef"]
        assert sources_in(source.edited(edits)) == [
            ["before_a\n", "a\n", "b\n", "before_c\n", "c"],
            ["# Not code"],
            "d\nbefore_e\ne",
            ["before_f\n", "f"],
        ]

    def test_several_edits_in_one_line_and_across_lines(self) -> None:
        source = source_of(["ab\n", "cd\n", "ef\n", "gh"])
        edits = [Edit(0, 1, "x"), Edit(1, 1, "y"), Edit(2, 3, ""), Edit(4, 4, "\n"), Edit(5, 7, "z"), Edit(9, 9, "\n")]
        assert sources_in(source.edited(edits)) == [["xybc\n", "dzf\n", "\n", "gh"]]

    def test_an_edit_stays_in_its_cell(self) -> None:
        source = source_of("a = 1", "b = 2")
        assert sources_in(source.edited([Edit(5, 5, "\nx = 3")])) == ["a = 1\nx = 3", "b = 2"]
        assert sources_in(source.edited([Edit(6, 6, "x = 3\n")])) == ["a = 1", "x = 3\nb = 2"]
        for start, end in ((5, 6), (0, 7), (4, 12)):
            assert source.objection([Edit(start, end, "")]) == "the fix crosses from one notebook cell to the next"

    def test_what_follows_the_text_follows_the_last_cell(self) -> None:
        source = source_of("a = 1", ["b = 2"])
        edited = source.edited([Edit(len(source.text), len(source.text), "c = 3\n")])
        assert sources_in(edited) == ["a = 1", ["b = 2\n", "c = 3"]]
        assert edited.text == source.text + "c = 3\n"

    def test_a_notebook_without_code_takes_no_edits(self) -> None:
        assert source_of(MARKDOWN).objection([Edit(0, 0, "x")]) is not None

    def test_unusual_json_keeps_its_ways(self) -> None:
        source = read(FIXTURES / "odd_json.ipynb")
        raw = source.to_bytes().decode()
        at = source.text.index("for batch")
        assert source.edited([Edit(at, at, "é\n")]).to_bytes().decode() == raw.replace(
            '"for batch', '"\\u00e9\\n","for batch'
        )
        at = source.text.index("backward")
        assert source.edited([Edit(at, at + 4, "for")]).to_bytes().decode() == raw.replace("\\u0062ack", "for")
        at = source.text.index("🦊")
        assert source.edited([Edit(at, at + 1, "x")]).to_bytes().decode() == raw.replace("\\ud83e\\udd8a", "x")

    def test_lines_that_are_not_edited_stay_where_they_stand(self) -> None:
        source = read(FIXTURES / "odd_json.ipynb")
        raw = source.to_bytes().decode()
        line = "    optimizer.zero_grad()\n"
        at = source.text.index(line)
        written = '"    optimizer.zero_grad()\\n"'
        deleted = source.edited([Edit(at, at + len(line), "")]).to_bytes().decode()
        assert deleted == raw.replace("\n  ," + written, "")
        replaced = source.edited([Edit(at, at + len(line), "x\n")]).to_bytes().decode()
        assert replaced == raw.replace(written, '"x\\n"')

    def test_an_ascii_notebook_without_escapes_holds_characters(self) -> None:
        raw = notebook(["x\n", "y = '\x1b \ud83e'"])  # what JSON can only hold escaped says nothing
        edited = from_text(raw, "x.ipynb").edited([Edit(0, 0, "ü")])
        assert edited.to_bytes() == raw.replace('"x', '"üx').encode()

    def test_characters_are_escaped_as_the_notebook_does(self) -> None:
        for name, written in (("escaped.ipynb", "\\u00fc\\ud83e\\udd8a"), ("plain.ipynb", "ü🦊")):
            source = read(FIXTURES / name)
            edited = source.edited([Edit(0, 0, "ü🦊")]).to_bytes().decode()
            assert f'"{written}' in edited
            assert edited.replace(f'"{written}', '"', 1) == source.to_bytes().decode()

    def test_a_null_cannot_be_inserted(self) -> None:
        with pytest.raises(SourceError, match="null byte"):
            source_of("x").edited([Edit(0, 0, "\0")])

    @given(st.data())
    def test_the_file_is_what_jupyter_would_write(self, data: st.DataObject) -> None:
        """Edit a notebook as `nbformat` writes it: the result is what it would write of the edited notebook."""
        line = st.text(st.sampled_from('a"\\/é🦊 \t\r'), max_size=4)
        texts = data.draw(st.lists(st.lists(line, max_size=4).map("\n".join), min_size=1, max_size=3))
        style = data.draw(st.sampled_from(STYLES))
        as_lists = data.draw(st.booleans())

        def written(texts: list[str]) -> bytes:
            made = [split(text) if as_lists else text for text in texts]
            cells: list[object] = [{"cell_type": "markdown", "metadata": {}, "source": ["é 🦊"]}]
            cells += [
                {"cell_type": "code", "metadata": {"source": [1]}, "outputs": [], "source": each} for each in made
            ]
            document = {"cells": cells, "metadata": {"cells": []}, "nbformat": 4, "nbformat_minor": 5}
            return (style.encode(document) + "\n").encode()

        source = from_bytes(written(texts), Path("x.ipynb"), "x.ipynb")
        assert source.to_bytes() == written(texts)
        index = data.draw(st.integers(0, len(texts) - 1))
        text = texts[index]
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, len(text)))
        new = data.draw(st.lists(line, max_size=3).map("\n".join))
        cell = source.cells[index]
        edited = source.edited([Edit(cell.start + start, cell.start + end, new)])
        texts[index] = text[:start] + new + text[end:]
        assert edited.text == "".join(each + "\n" for each in texts)
        if not as_lists or style.indent is None or (text and texts[index]):
            assert edited.to_bytes() == written(texts)  # else a list that was or becomes empty has no lines of its own


def split(text: str) -> list[str]:
    """The lines of a text, as they are listed in a notebook."""
    return [line for line in text.replace("\n", "\n\0").split("\0") if line]
