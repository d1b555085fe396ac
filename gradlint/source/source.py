"""One file as text: decoded once, addressed in characters, written back byte for byte."""

from __future__ import annotations

import os
import re
import stat
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from gradlint import finding  # the module, not its names: it imports this package for `Place`
from gradlint.fix.edits import Edit
from gradlint.source import magics, notebook
from gradlint.source.place import Place, Position
from gradlint.source.splice import spliced

_BOM = b"\xef\xbb\xbf"
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SURROGATE = re.compile("[\ud800-\udfff]")


class SourceError(Exception):
    """A file that cannot be read as Python, or an edit that a file cannot take; `problem` says why."""

    def __init__(self, problem: finding.Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem.message


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell of a notebook: `text[start:end]`, and its index among all cells from 0.

    The cell is closed by a line end at `end` that the notebook itself does not hold;
    the next cell starts at `end + 1`.
    """

    index: int
    start: int
    end: int


@dataclass(frozen=True)
class Source:
    """A file's characters, with line ends as they are, and what of them is to be parsed.

    `name` is the path as a person would write it. `code` is as long as `text`, so an offset means the same
    in both; in a notebook it has the lines that are not Python masked.
    """

    path: Path
    name: str
    text: str = field(repr=False)
    code: str = field(repr=False)
    encoding: str
    bom: bool
    data: bytes = field(repr=False)
    cells: tuple[Cell, ...] = ()
    is_notebook: bool = False
    masked: frozenset[int] = frozenset()

    @cached_property
    def _rows(self) -> list[int]:
        """The offset at which each row starts; Python ends a row at \\n, \\r\\n and \\r alone."""
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    @cached_property
    def _cell_starts(self) -> list[int]:
        return [cell.start for cell in self.cells]

    def cell_at(self, offset: int) -> Cell | None:
        """The cell that holds an offset: None in a plain file or a notebook without code."""
        if not self.cells:
            return None
        return self.cells[max(bisect_right(self._cell_starts, offset) - 1, 0)]

    def position(self, offset: int) -> tuple[Position, int | None]:
        """The position of an offset, and the index of its cell.

        Raises ValueError if the offset is not within the text.
        """
        if not 0 <= offset <= len(self.text):
            raise ValueError(f"offset {offset} is outside the {len(self.text)} characters of {self.name}")
        row = bisect_right(self._rows, offset) - 1
        column = offset - self._rows[row] + 1
        cell = self.cell_at(offset)
        if cell is None:
            return Position(row + 1, column), None
        first = bisect_right(self._rows, cell.start) - 1
        return Position(row - first + 1, column), cell.index

    def place(self, start: int, end: int) -> Place:
        """The place of `text[start:end]`; in a notebook it ends at the latest where its first cell does.

        Raises ValueError if an offset is not within the text.
        """
        first, index = self.position(start)
        cell = self.cell_at(start)
        last, _ = self.position(end if cell is None else max(start, min(end, cell.end)))
        return Place(self.name, first, last, index)

    def offset(self, row: int, column: int, cell: int | None = None) -> int:
        """The offset of a position, the inverse of `position`.

        Raises ValueError if there is no such row, column or cell.
        """
        low, high, base = 0, len(self.text), 0
        if cell is not None or self.cells:
            found = next((each for each in self.cells if each.index == cell), None)
            if found is None:
                raise ValueError(f"{self.name} has no code cell {cell}")
            low, high = found.start, found.end
            base = bisect_right(self._rows, low) - 1
        line = base + row - 1
        if row < 1 or line >= len(self._rows) or self._rows[line] > high:
            raise ValueError(f"{self.name} has no row {row}")
        start = self._rows[line]
        end = self._rows[line + 1] if line + 1 < len(self._rows) else len(self.text)
        offset = start + column - 1
        if column < 1 or offset > end:
            raise ValueError(f"{self.name} has no column {column} in row {row}")
        return max(low, min(offset, high))

    def objection(self, edits: Iterable[Edit]) -> str | None:
        """Why this source cannot take these edits, or None if it can."""
        try:
            self.edited(edits)
        except SourceError as error:
            return str(error)
        return None

    def edited(self, edits: Iterable[Edit]) -> Source:
        """This source with the edits made; every byte outside them stays as it is.

        Raises SourceError if an edit lies outside the text, overlaps another or inserts where another does, crosses
        from one cell to the next, or writes what the file's encoding cannot hold.
        """
        ordered = sorted(set(edits))
        if not ordered:
            return self
        self._require_apart(ordered)
        if self.is_notebook:
            data = self._edited_notebook(ordered)
            text = None
        else:
            text = spliced(self.text, ordered)
            try:
                data = self._encoded(text)
            except UnicodeError as error:
                raise self._refusal(f"{self.encoding} cannot hold the fix: {error}") from None
        made = from_bytes(data, self.path, self.name)
        if text is not None and (made.text != text or made.encoding != self.encoding):
            raise self._refusal("the fix would change how the file is decoded")
        for index in sorted(self.masked):
            made = made.without_cell(index)
        return made

    def without_cell(self, index: int) -> Source:
        """This notebook with one cell hidden from the parser: what `code` has there is comments.

        Raises ValueError if there is no such code cell.
        """
        for cell in self.cells:
            if cell.index == index:
                hidden = magics.blank(self.code[cell.start : cell.end])
                code = self.code[: cell.start] + hidden + self.code[cell.end :]
                return replace(self, code=code, masked=self.masked | {index})
        raise ValueError(f"{self.name} has no code cell {index}")

    def to_bytes(self) -> bytes:
        """What the file holds: after `read`, exactly the bytes that were read."""
        return self.data

    def _encoded(self, text: str) -> bytes:
        data = text.encode(self.encoding)
        return _BOM + data if self.bom else data

    def _refusal(self, message: str) -> SourceError:
        return SourceError(finding.Problem(message, self.name))

    def _require_apart(self, ordered: list[Edit]) -> None:
        reached = inserted = -1
        for edit in ordered:
            if not max(reached, 0) <= edit.start <= edit.end <= len(self.text):
                raise self._refusal(f"the edit of characters {edit.start} to {edit.end} overlaps another or the end")
            if edit.start == edit.end == inserted:
                raise self._refusal(f"two texts are inserted at character {inserted}, and either could come first")
            reached = edit.end
            inserted = edit.end if edit.start == edit.end else -1
        if not self.is_notebook and self._encoded(self.text) != self.data:
            raise self._refusal(f"a file in {self.encoding} cannot be edited: it would not be encoded as it was")

    def _edited_notebook(self, ordered: list[Edit]) -> bytes:
        changes: dict[int, list[Edit]] = {}
        for edit in ordered:
            cell = self.cell_at(edit.start)
            if cell is None or edit.end > cell.end:
                # The line end that closes the last cell is not the notebook's: what follows it follows the cell.
                if cell is None or cell is not self.cells[-1] or edit.start <= cell.end:
                    raise self._refusal("the fix crosses from one notebook cell to the next")
                edit = Edit(cell.end, cell.end, "\n" + edit.text.removesuffix("\n"))
            moved = Edit(edit.start - cell.start, edit.end - cell.start, edit.text)
            changes.setdefault(cell.index, []).append(moved)
        raw = self.data.decode(self.encoding).removeprefix("\ufeff")
        return self._encoded(notebook.edit(raw, changes))


def read(path: Path, name: str | None = None) -> Source:
    """The source in a file; `name` is how to call it, by default its path from the current directory.

    Raises SourceError if the file cannot be read, decoded or, for a notebook, understood.
    """
    name = display(path) if name is None else name
    try:
        # A named pipe would block for ever.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise SourceError(finding.Problem("is a directory", name))
        if not stat.S_ISREG(mode):
            raise SourceError(finding.Problem("is not a regular file", name))
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(finding.Problem(f"cannot be read: {error.strerror or error}", name)) from None
    return from_bytes(data, path, name)


def from_text(text: str, name: str) -> Source:
    """The source in a string, as if it were the file `name`.

    Raises SourceError if the text could not be such a file.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        row = text.count("\n", 0, error.start) + 1
        raise SourceError(finding.Problem("holds a lone surrogate, which no file can", name, row)) from None
    return from_bytes(data, Path(name), name)


def from_bytes(data: bytes, path: Path, name: str) -> Source:
    """The source in a file's bytes.

    Raises SourceError if they cannot be decoded or, for a notebook, understood.
    """
    if path.suffix.lower() == ".ipynb":
        return _notebook(data, path, name)
    bom = data.startswith(_BOM)
    encoding = _encoding(data, name)
    text = _decoded(data, encoding, name)
    return Source(path, name, text, _parseable(text), encoding, bom, data)


def display(path: Path) -> str:
    """A path as a person would write it from the current directory, in characters that can be printed."""
    name = str(path)
    with suppress(ValueError, OSError):
        full, here = os.path.abspath(path), os.getcwd()
        if full == here:
            name = "."
        elif full.startswith(os.path.join(here, "")):
            name = full[len(os.path.join(here, "")) :]
    return os.fsencode(name.replace(os.sep, "/")).decode(errors="replace")


def _notebook(data: bytes, path: Path, name: str) -> Source:
    bom = data.startswith(_BOM)
    raw = _decoded(data, "utf-8", name)
    try:
        code_cells = notebook.code_cells(raw)
    except notebook.NotebookError as error:
        raise SourceError(finding.Problem(error.message, name, error.row, cell=error.cell)) from None
    cells: list[Cell] = []
    texts: list[str] = []
    codes: list[str] = []
    at = 0
    for each in code_cells:
        if "\0" in each.text:
            row = _row(each.text, each.text.index("\0"))
            raise SourceError(finding.Problem("holds a null byte, so it is not Python", name, row, cell=each.index))
        cells.append(Cell(each.index, at, at + len(each.text)))
        texts.append(each.text)
        codes.append(magics.mask(each.text) if each.is_python else magics.blank(each.text))
        at += len(each.text) + 1
    text = "".join(part + "\n" for part in texts)
    code = _parseable("".join(part + "\n" for part in codes))
    return Source(path, name, text, code, "utf-8", bom, data, tuple(cells), is_notebook=True)


def _encoding(data: bytes, name: str) -> str:
    """The encoding that a BOM or a PEP 263 comment names; rows end at \\r too."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(finding.Problem("is encoded in UTF-16, which Python does not read", name, 1))
    lines: Iterator[bytes] = (match.group() for match in _LINE.finditer(data))
    try:
        encoding, _ = tokenize.detect_encoding(lambda: next(lines))
    except SyntaxError as error:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as cause:
            raise _undecodable(data, cause, name) from None
        known = data.startswith(_BOM)  # then the encodings are at odds, which `tokenize` says in riddles
        message = "starts with a UTF-8 byte order mark, but names another encoding" if known else error.msg
        raise SourceError(finding.Problem(message, name, 1)) from None
    return "utf-8" if encoding == "utf-8-sig" else encoding


def _decoded(data: bytes, encoding: str, name: str) -> str:
    if b"\0" in data:
        row = len(data[: data.index(b"\0")].splitlines()) or 1
        raise SourceError(finding.Problem("holds a null byte, so it is not Python", name, row))
    body = data[len(_BOM) :] if data.startswith(_BOM) else data
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise _undecodable(body, error, name) from None
    except (LookupError, UnicodeError, ValueError) as error:
        raise SourceError(finding.Problem(f"cannot be decoded as {encoding}: {error}", name)) from None
    if "\0" in text:
        raise SourceError(finding.Problem("holds a null byte, so it is not Python", name, _row(text, text.index("\0"))))
    return text


def _undecodable(data: bytes, error: UnicodeDecodeError, name: str) -> SourceError:
    row = _row(data[: error.start].decode("latin-1"), error.start)
    column = error.start - max(data.rfind(b"\n", 0, error.start), data.rfind(b"\r", 0, error.start))
    byte = data[error.start]
    message = f"cannot be decoded as {error.encoding}: byte 0x{byte:02x} at byte {column} of the row ({error.reason})"
    return SourceError(finding.Problem(message, name, row))


def _row(text: str, offset: int) -> int:
    return sum(1 for _ in _LINE_END.finditer(text, 0, offset)) + 1


def _parseable(text: str) -> str:
    """The text with lone surrogates, which no parser takes, replaced one for one."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
