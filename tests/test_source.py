"""Files are read as Python reads them, and come back byte for byte."""

from __future__ import annotations

import ast
import codecs
import io
import os
import pickle
import subprocess
import sys
import warnings
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint.finding import Problem
from gradlint.fix.edits import Edit
from gradlint.source import Place, Position, Source, SourceError, from_bytes, from_text, read
from gradlint.source.discover import discover
from gradlint.source.source import display

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures" / "source"
READABLE = sorted(path for path in FIXTURES.iterdir() if path.suffix in (".py", ".ipynb"))
PYTHON_3 = [path for path in READABLE if path.suffix == ".py" and path.stem not in ("syntax_error", "python_2")]
EDITABLE = [path for path in READABLE if path.name not in ("utf_7.py", "no_cells.ipynb", "other_kernel.ipynb")]
UNREADABLE = sorted((FIXTURES / "unreadable").iterdir())

# Text with all that moves rows and columns: line ends, what only looks like them, wide and combining characters.
TEXT = st.text(st.sampled_from("ab \t\n\r\f\v\x1c\x85\u2028\u2029é🦊\u0301#'\"\\"), max_size=40)


def name_of(path: Path) -> str:
    return path.name


def problem_of(path: Path) -> Problem:
    with pytest.raises(SourceError) as caught:
        read(path)
    return caught.value.problem


@pytest.mark.parametrize("path", READABLE, ids=name_of)
def test_a_file_comes_back_byte_for_byte(path: Path) -> None:
    assert read(path).to_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", EDITABLE, ids=name_of)
def test_an_edit_and_its_reverse_give_the_file_back(path: Path) -> None:
    source = read(path)
    at = source.text.find("optimizer.step")
    at = max(at, 0)
    edited = source.edited([Edit(at, at, "inserted; ")])
    assert edited.text == source.text[:at] + "inserted; " + source.text[at:]
    assert edited.encoding == source.encoding
    assert edited.edited([Edit(at, at + len("inserted; "), "")]).to_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", READABLE, ids=name_of)
def test_code_is_as_long_as_text(path: Path) -> None:
    source = read(path)
    assert len(source.code) == len(source.text)
    assert source.is_notebook or source.code == source.text


@pytest.mark.parametrize("path", PYTHON_3, ids=name_of)
def test_text_is_what_python_reads(path: Path) -> None:
    assert ast.dump(ast.parse(read(path).text)) == ast.dump(ast.parse(path.read_bytes()))


@pytest.mark.parametrize("path", PYTHON_3, ids=name_of)
def test_rows_and_columns_are_pythons(path: Path) -> None:
    source = read(path)
    names = [node for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.Name) and node.id == "optimizer"]
    for node in names:
        start = source.offset(node.lineno, 1)
        column = len(source.text[start:].encode()[: node.col_offset].decode()) + 1
        offset = source.offset(node.lineno, column)
        assert source.text[offset : offset + len("optimizer")] == "optimizer"
        assert source.position(offset) == (Position(node.lineno, column), None)


@pytest.mark.parametrize(
    ("name", "message", "row", "cell"),
    [
        ("a_list.ipynb", "is not a notebook: its JSON is not an object", None, None),
        ("broken_json.ipynb", "is not a notebook: its JSON is broken (Expecting ',' delimiter)", 63, None),
        ("bytes_codec.py", "cannot be decoded as hex: 'hex' is not a text encoding", None, None),
        ("cell_is_no_object.ipynb", "is not a notebook: a cell is not an object", None, 1),
        ("cookie_against_bom.py", "starts with a UTF-8 byte order mark, but names another encoding", 1, None),
        ("cookie_that_lies.py", "cannot be decoded as ascii: byte 0xc3 at byte 3 of the row", 2, None),
        ("empty.ipynb", "is empty, so it is not a notebook", None, None),
        ("format_3.ipynb", "is a notebook of format 3, and gradlint reads format 4; `jupyter nbconvert ", None, None),
        ("format_9.ipynb", "is a notebook of format 9, and gradlint reads format 4", None, None),
        ("no_cells.ipynb", "is not a notebook: it has no list of cells", None, None),
        ("not_json.ipynb", "is not a notebook: its JSON is broken (Expecting value)", 1, None),
        ("null_byte.py", "holds a null byte, so it is not Python", 3, None),
        ("null_in_cell.ipynb", "holds a null byte, so it is not Python", 2, 0),
        ("source_is_number.ipynb", "is not a notebook: a cell's source is neither a string nor a list", None, 0),
        ("undecodable.ipynb", "cannot be decoded as utf-8: byte 0xe9 at byte 13 of the row (", 2, None),
        ("undecodable.py", "cannot be decoded as utf-8: byte 0xff at byte 9 of the row (invalid start byte)", 2, None),
        ("undecodable_after_bom.py", "cannot be decoded as utf-8: byte 0xe9 at byte 9 of the row (", 2, None),
        ("undecodable_first_row.py", "cannot be decoded as utf-8: byte 0xe9 at byte 9 of the row (", 1, None),
        ("unknown_encoding.py", "unknown encoding: utf-ate", 1, None),
        ("utf_16.py", "is encoded in UTF-16, which Python does not read", 1, None),
    ],
)
def test_an_unreadable_file_says_why(name: str, message: str, row: int | None, cell: int | None) -> None:
    problem = problem_of(FIXTURES / "unreadable" / name)
    assert problem.message.startswith(message)
    assert "\n" not in problem.message
    assert (problem.row, problem.cell) == (row, cell)
    assert problem.path is not None
    assert problem.path.endswith(f"unreadable/{name}")


def test_every_unreadable_fixture_is_tested() -> None:
    for path in UNREADABLE:
        assert problem_of(path).path == display(path)
    assert len(UNREADABLE) == 20


def test_a_notebook_nested_too_deep_says_so() -> None:
    data = b'{"nbformat": 4, "cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    with pytest.raises(SourceError, match=r"is not a notebook: its JSON cannot be read \("):
        from_bytes(data, Path("x.ipynb"), "x.ipynb")


def test_what_is_no_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    assert problem_of(Path("missing.py")) == Problem("cannot be read: No such file or directory", "missing.py")
    assert problem_of(Path("folder.py")) == Problem("is a directory", "folder.py")
    assert problem_of(Path("pipe.py")) == Problem("is not a regular file", "pipe.py")
    assert problem_of(Path("loop.py")).message == "cannot be read: Too many levels of symbolic links"
    assert str(SourceError(Problem("why", "x.py"))) == "why"


def test_a_file_without_permission_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.py"
    path.write_text("x = 1\n")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # to root, no file is unreadable
    assert problem_of(path).message == "cannot be read: Permission denied"


def test_a_name_is_what_a_person_would_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    assert display(Path("src/../train.py")) == "train.py"
    assert display(tmp_path / "src" / "train.py") == "src/train.py"
    assert display(Path("/elsewhere/train.py")) == "/elsewhere/train.py"
    monkeypatch.chdir(tmp_path / "src")
    assert display(Path("../train.py")) == "../train.py"
    broken = Path(os.fsdecode(b"caf\xe9.py"))
    assert display(broken).encode() == "caf\ufffd.py".encode()


def test_a_path_below_the_current_directory_is_shown_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("x = 1\n")
    assert read(tmp_path / "train.py").name == "train.py"
    assert read(tmp_path / "train.py", "given").name == "given"


def rows_of(text: str) -> list[str]:
    """The rows as the universal newlines of Python have them."""
    return io.StringIO(text, newline="").readlines()


@given(TEXT)
def test_rows_end_where_python_ends_them(text: str) -> None:
    source = from_text(text, "x.py")
    offset = 0
    for row, line in enumerate(rows_of(text), start=1):
        for column in range(1, len(line) + 1):
            assert source.position(offset) == (Position(row, column), None)
            offset += 1


@given(TEXT)
def test_offset_reverses_position(text: str) -> None:
    source = from_text(text, "x.py")
    for offset in range(len(text) + 1):
        position, cell = source.position(offset)
        assert source.offset(position.row, position.column, cell) == offset


def test_a_place_outside_the_text_is_refused() -> None:
    source = from_text("ab\ncd", "x.py")
    assert source.place(1, 4) == Place("x.py", Position(1, 2), Position(2, 2))
    for offset in (-1, 6):
        with pytest.raises(ValueError, match="outside"):
            source.position(offset)
    for row, column in ((0, 1), (3, 1), (1, 0), (2, 4), (1, 5)):
        with pytest.raises(ValueError, match="has no"):
            source.offset(row, column)
    with pytest.raises(ValueError, match="has no code cell 0"):
        source.offset(1, 1, 0)


@given(
    TEXT,
    st.sampled_from(["utf-8", "latin-1", "iso-8859-15", "cp1252", "ascii", "koi8-r", "gbk", "shift_jis"]),
    st.booleans(),
)
def test_any_text_in_any_encoding_comes_back(text: str, encoding: str, bom: bool) -> None:
    body = f"# coding: {encoding}\n{text}".encode(encoding, "replace")
    data = (codecs.BOM_UTF8 if bom and encoding == "utf-8" else b"") + body
    source = from_bytes(data, Path("x.py"), "x.py")
    assert source.to_bytes() == data
    assert source.text == body.decode(encoding)
    assert source.bom == (bom and encoding == "utf-8")


@given(st.binary(max_size=60))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        source = from_bytes(data, Path("x.py"), "x.py")
    except SourceError as error:
        assert "\n" not in error.problem.message  # noqa: PT017
    else:
        assert source.to_bytes() == data


@given(st.data())
def test_bytes_outside_the_edits_survive(data: st.DataObject) -> None:
    text = "# coding: latin-1\r\n" + data.draw(st.text(st.sampled_from("aé \r\n\f"), max_size=30))
    source = from_bytes(text.encode("latin-1"), Path("x.py"), "x.py")
    start = data.draw(st.integers(len("# coding: latin-1\r\n"), len(text)))
    end = data.draw(st.integers(start, len(text)))
    edited = source.edited([Edit(start, end, "ü")])
    assert edited.to_bytes() == text[:start].encode("latin-1") + b"\xfc" + text[end:].encode("latin-1")
    assert edited.text == text[:start] + "ü" + text[end:]
    assert source.text == text


def test_identical_edits_count_once_and_none_give_the_same_source() -> None:
    source = from_text("a = b\n", "x.py")
    assert source.edited([]) is source
    assert source.edited([Edit(0, 1, "c"), Edit(0, 1, "c")]).text == "c = b\n"


@pytest.mark.parametrize(
    ("data", "edits", "message"),
    [
        (b"abc", [Edit(0, 2, "x"), Edit(1, 3, "y")], "overlaps another"),
        (b"abc", [Edit(2, 4, "x")], "overlaps another or the end"),
        (b"abc", [Edit(-1, 0, "x")], "overlaps another or the end"),
        (b"abc", [Edit(1, 1, "x"), Edit(1, 1, "y")], "either could come first"),
        ("# coding: latin-1\nx = 'é'".encode("latin-1"), [Edit(18, 18, "→")], "latin-1 cannot hold|iso-8859-1 cannot"),
        (b"# coding: latin-1\nx = '\xe9'", [Edit(0, 0, "import a\nimport b\n")], "cannot be decoded|how the file"),
        (b"# coding: latin-1\nx = '\xe9'", [Edit(10, 17, "koi8-r")], "how the file is decoded"),
        (b"# coding: utf-7\nx = '+AGE-'", [Edit(16, 17, "y")], "would not be encoded as it was"),
        (b"x = 1", [Edit(0, 1, "\0")], "null byte"),
        (b"x = 1", [Edit(0, 0, "\ufeff")], "how the file is decoded"),
        (b"x = 1", [Edit(0, 1, "\ud800")], "utf-8 cannot hold"),
    ],
)
def test_an_edit_that_cannot_be_made_is_refused(data: bytes, edits: list[Edit], message: str) -> None:
    source = from_bytes(data, Path("x.py"), "x.py")
    with pytest.raises(SourceError, match=message) as caught:
        source.edited(edits)
    assert source.objection(edits) == str(caught.value)
    assert source.to_bytes() == data


def test_an_edit_that_can_be_made_meets_no_objection() -> None:
    assert from_text("x = 1\n", "x.py").objection([Edit(0, 1, "y")]) is None


def test_insertions_at_the_ends_of_a_replacement_are_apart_from_it() -> None:
    edits = [Edit(1, 3, "B"), Edit(1, 1, "<"), Edit(3, 3, ">")]
    assert from_text("abcd", "x.py").edited(edits).text == "a<B>d"


def test_a_source_is_frozen_and_travels_to_other_processes() -> None:
    source = from_text("x = 1\ny = 2\n", "x.py")
    source.position(7)
    assert pickle.loads(pickle.dumps(source)) == source
    with pytest.raises(FrozenInstanceError):
        source.text = ""  # type: ignore[misc]


def test_a_string_that_no_file_can_hold_is_refused() -> None:
    with pytest.raises(SourceError, match="lone surrogate") as caught:
        from_text("x = 1\ny = '\ud800'\n", "x.py")
    assert caught.value.problem.row == 2


def test_a_codec_that_yields_surrogates_is_still_parseable() -> None:
    source = from_bytes(b"# coding: unicode_escape\nx = '\\ud800'", Path("x.py"), "x.py")
    assert "\ud800" in source.text
    assert "\ud800" not in source.code
    source.code.encode()


def test_ten_thousand_rows_are_quick_to_address() -> None:
    source = from_text("x = 1\r\n" * 10_000, "x.py")
    assert source.position(7 * 9_999) == (Position(10_000, 1), None)
    assert source.offset(10_000, 5) == 7 * 9_999 + 4
    assert source.edited([Edit(0, 1, "y")]).position(7 * 9_999)[0].row == 10_000


def test_a_source_is_read_without_libcst_typer_or_torch() -> None:
    code = "import sys, gradlint.source, gradlint.source.gate, gradlint.source.suppressions, gradlint.fix.write;"
    code += "print({'libcst', 'typer', 'torch', 'pathspec'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert output.stdout.strip() == "set()", output.stderr


class TestDiscover:
    """Which files are linted."""

    @pytest.fixture(autouse=True)
    def root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        self.tmp_path = tmp_path
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def make(self, *names: str) -> None:
        for name in names:
            path = self.tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def found(self, *paths: str, exclude: tuple[str, ...] = (), respect_gitignore: bool = True) -> list[str]:
        files, problems = discover(
            [Path(path) for path in paths or (".",)], exclude=exclude, respect_gitignore=respect_gitignore
        )
        assert problems == []
        return [Path(path).as_posix() for path in files]

    def test_python_and_notebooks_by_name(self) -> None:
        self.make("b.py", "a.ipynb", "c/d.py", "B.PY", "c.txt", "c.pyi", "no_suffix", "b/x.py")
        assert self.found() == ["B.PY", "a.ipynb", "b/x.py", "b.py", "c/d.py"]

    def test_named_files_come_in_order_and_once(self) -> None:
        self.make("a.py", "b/c.py", "script")
        assert self.found("b/c.py", "script", ".", "./a.py", "b") == ["b/c.py", "script", "a.py"]

    def test_what_tools_and_others_wrote_is_passed_over(self) -> None:
        excluded = [".git", ".venv", "venv", "node_modules", "__pycache__", "build", "dist", ".ipynb_checkpoints"]
        self.make("a.py", *(f"{name}/x.py" for name in excluded), "lib/site-packages/x.py", "my_env/pyvenv.cfg")
        self.make("my_env/x.py", "conda/conda-meta/history", "conda/x.py", "env/x.py", "building/x.py")
        assert self.found() == ["a.py", "building/x.py", "env/x.py"]

    def test_what_is_named_is_linted_all_the_same(self) -> None:
        self.make("build/lib/x.py", "my_env/pyvenv.cfg", "my_env/x.py", "skip/x.py", "skip/deep/y.py")
        self.make(".git/HEAD", "ignored/x.py", "ignored/deep/y.py", "ignored/deep/.gitignore", "ignored/deep/no.py")
        (self.tmp_path / ".gitignore").write_text("ignored/\nbuild\n")
        (self.tmp_path / "ignored/deep/.gitignore").write_text("no.py\n")
        assert self.found("build", "my_env") == ["build/lib/x.py", "my_env/x.py"]
        assert self.found("ignored") == ["ignored/deep/y.py", "ignored/x.py"]
        assert self.found("ignored/deep") == ["ignored/deep/y.py"]
        assert self.found("ignored/deep/no.py") == ["ignored/deep/no.py"]
        assert self.found("skip", exclude=("skip/",)) == ["skip/deep/y.py", "skip/x.py"]
        assert self.found("skip/deep", exclude=("skip/",)) == ["skip/deep/y.py"]

    def test_gitignore_is_read_as_git_reads_it(self) -> None:
        names = ["a.py", "gen_a.py", "gen_keep.py", "out/x.py", "out/keep.py", "data/x.py", "data/keep/y.py"]
        names += [
            "pkg/gen_b.py",
            "pkg/local.py",
            "pkg/sub/local.py",
            "pkg/sub/gen_c.py",
            "anchored.py",
            "pkg/sub/deep/local.py",
        ]
        names += ["pkg/anchored.py", "all/x.py", "all/keep.py", "café.py", "trailing .py"]
        self.make(*names)
        (self.tmp_path / ".gitignore").write_text(
            "gen_*.py\n!gen_keep.py\nout/\n!out/keep.py\ndata/**/y.py\n/anchored.py\n"
            "all/*\n!all/keep.py\n# a.py\n\ncaf*.py\n"
        )
        (self.tmp_path / "pkg/.gitignore").write_text("local.py\n!gen_b.py\n!\n\\\n")
        (self.tmp_path / "pkg/sub/.gitignore").write_bytes(b"!local.py\r\n# caf\xe9\n")
        subprocess.run(["git", "init", "-q"], check=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--others", "--exclude-standard", "*.py"], capture_output=True, check=True
        )
        wanted = sorted(listed.stdout.decode().rstrip("\0").split("\0"))
        assert sorted(self.found()) == wanted
        assert sorted(self.found("pkg")) == [name for name in wanted if name.startswith("pkg/")]
        assert sorted(self.found("pkg/sub/deep")) == [name for name in wanted if name.startswith("pkg/sub/deep/")]
        assert sorted(self.found(respect_gitignore=False)) == sorted(names)

    def test_gitignore_counts_in_a_work_tree_only(self) -> None:
        self.make("a.py", "sub/b.py")
        (self.tmp_path / ".gitignore").write_text("*.py\n")
        if any((parent / ".git").exists() for parent in self.tmp_path.parents):
            pytest.skip("the temporary directory is in a work tree")
        assert self.found() == ["a.py", "sub/b.py"]
        self.make("sub/.git")  # of a submodule, this is a file
        (self.tmp_path / "sub/.gitignore").write_text("c.py\n")
        self.make("sub/c.py")
        assert self.found() == ["a.py", "sub/b.py"]
        (self.tmp_path / ".git/info").mkdir(parents=True)
        assert self.found() == ["sub/b.py"]
        (self.tmp_path / ".git/info/exclude").write_text("sub/\n")
        assert self.found() == []

    def test_tests_are_left_out_and_scripts_called_like_them_are_not(self) -> None:
        self.make("test_a.py", "b_test.py", "mnist_test.py", "test_c.py", "tests/test_d.py")
        (self.tmp_path / "test_a.py").write_text("def test_a(): ...\n")
        (self.tmp_path / "b_test.py").write_text("import unittest\n")
        (self.tmp_path / "mnist_test.py").write_text("def test(loader): ...\n")
        (self.tmp_path / "test_c.py").write_text("import pytest\n")
        assert self.found() == ["mnist_test.py"]
        assert self.found(exclude=("!test_a.py",)) == ["mnist_test.py", "test_a.py"]
        assert self.found(exclude=("mnist_*",)) == []
        assert self.found("b_test.py") == ["b_test.py"]

    def test_excludes_are_relative_to_the_root(self) -> None:
        self.make("legacy/a.py", "src/legacy/b.py", "src/c.py", "src/d_test.py", "src/gen/e.py")
        assert self.found(exclude=("/legacy", "*_test.py", "src/gen/")) == ["src/c.py", "src/legacy/b.py"]
        files = list(map(Path, discover([Path(".")], exclude=["/legacy"], root=self.tmp_path / "src")[0]))
        assert Path("legacy/a.py") not in files  # outside of the root, patterns are relative to what is named
        assert Path("src/legacy/b.py") in files

    def test_links_are_followed_to_files_and_loops_end(self) -> None:
        self.make("real/x.py", "other/y.py")
        (self.tmp_path / "real/loop").symlink_to("..")
        (self.tmp_path / "real/self").symlink_to("self")
        (self.tmp_path / "real/gone.py").symlink_to("nowhere.py")
        (self.tmp_path / "a_link.py").symlink_to("real/x.py")
        (self.tmp_path / "link").symlink_to("other")
        os.mkfifo(self.tmp_path / "pipe.py")
        assert self.found() == ["real/x.py", "other/y.py"]
        assert self.found("link") == ["link/y.py"]
        assert self.found("real/loop/real") == ["real/loop/real/x.py"]
        assert self.found("a_link.py") == ["a_link.py"]
        assert sorted(self.found("link", ".")) == ["link/y.py", "real/x.py"]

    def test_problems_do_not_stop_the_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.make("a.py", "closed/b.py", "open/c.py")
        scandir = os.scandir

        def refuse(path: str) -> object:
            if str(path).endswith("closed"):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)  # to root, no directory is closed
        files, problems = discover([Path("missing.py"), Path("."), Path("gone/"), Path("closed")])
        assert list(map(Path, files)) == [Path("a.py"), Path("open/c.py")]
        assert problems == [
            Problem("no such file or directory", "missing.py"),
            Problem("cannot be read: Permission denied", "closed"),
            Problem("no such file or directory", "gone"),
        ]

    def test_a_very_deep_tree_is_walked(self) -> None:
        folder = "/".join("d" * 400)
        os.makedirs(folder)
        Path(folder, "x.py").touch()
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(350)
        try:
            found = self.found()
        finally:
            sys.setrecursionlimit(limit)
        assert found == [f"{folder}/x.py"]


def test_warnings_of_the_compiler_are_not_shown(recwarn: pytest.WarningsRecorder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(from_text("x = '\\d'\n", "x.py"), Source)
