"""Notebooks: their code cells, and edits that leave every other byte of the JSON alone."""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence

from gradlint.fix.edits import Edit
from gradlint.records import dataclass

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
# One character of a string as it is written, and all ways to write a line end.
_UNIT = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|[^\\]", re.DOTALL)
_NEWLINES = frozenset({r"\n", r"\u000a", r"\u000A"})
# Not a control character, which must be escaped, nor half of a pair, which may be a lone one.
_ESCAPED_CHARACTER = re.compile(r"\\u(?!00[01]|d[89a-f])[0-9a-f]{4}", re.IGNORECASE)


class NotebookError(Exception):
    """A file that is not a notebook gradlint can read."""

    def __init__(self, message: str, row: int | None = None, cell: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.row = row
        self.cell = cell


@dataclass(frozen=True, slots=True)
class CodeCell:
    """The source of a code cell, and its index among all cells."""

    index: int
    text: str
    is_python: bool


def code_cells(raw: str) -> list[CodeCell]:
    """The code cells of a notebook; none if its kernel runs another language.

    Raises NotebookError if this is not a notebook of format 4.
    """
    if not raw.strip():
        raise NotebookError("is empty, so it is not a notebook")
    try:
        document: object = json.loads(raw)
    except json.JSONDecodeError as error:
        raise NotebookError(f"is not a notebook: its JSON is broken ({error.msg})", error.lineno) from None
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"is not a notebook: its JSON cannot be read ({error})") from None
    if not isinstance(document, dict):
        raise NotebookError("is not a notebook: its JSON is not an object")
    version = document.get("nbformat", 4)
    if version != 4:
        hint = "; `jupyter nbconvert --to notebook --inplace` brings it to format 4" if version in (1, 2, 3) else ""
        raise NotebookError(f"is a notebook of format {version!r}, and gradlint reads format 4{hint}")
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise NotebookError("is not a notebook: it has no list of cells")
    if not _runs_python(document.get("metadata")):
        return []
    found: list[CodeCell] = []
    for index, cell in enumerate(cells):
        if not isinstance(cell, dict):
            raise NotebookError("is not a notebook: a cell is not an object", cell=index)
        if cell.get("cell_type") == "code":
            found.append(CodeCell(index, _text(cell.get("source"), index), _is_python(cell.get("metadata"))))
    return found


def edit(raw: str, changes: Mapping[int, Sequence[Edit]]) -> str:
    """The notebook with the sources of some cells edited; `changes` maps a cell's index to edits of its text.

    The edits of a cell are in order and apart. All outside the strings that they touch stays as it is written.
    """
    parts: list[str] = []
    at = 0
    escapes = _Escapes(raw)
    for index, start in enumerate(_items(raw, _member(raw, _skip(raw, 0), "cells"))):
        if index in changes:
            source = _member(raw, start, "source")
            _, end = _DECODER.raw_decode(raw, source)
            parts += raw[at:source], _edited_source(raw, source, end, changes[index], escapes)
            at = end
    return "".join(parts) + raw[at:]


def _runs_python(metadata: object) -> bool:
    """Whether the kernel is a Python one, which it is taken to be unless it says otherwise."""
    for section, key in (("language_info", "name"), ("kernelspec", "language")):
        language = _lookup(metadata, section, key)
        if isinstance(language, str) and language:
            return language.lower().startswith(("python", "ipython"))
    return True


def _is_python(metadata: object) -> bool:
    """Whether a cell is in the kernel's language; VS Code lets cells differ."""
    language = _lookup(metadata, "vscode", "languageId")
    return not isinstance(language, str) or language.lower() == "python"


def _lookup(metadata: object, section: str, key: str) -> object:
    inner = metadata.get(section) if isinstance(metadata, dict) else None
    return inner.get(key) if isinstance(inner, dict) else None


def _text(source: object, index: int) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    raise NotebookError("is not a notebook: a cell's source is neither a string nor a list of them", cell=index)


class _Escapes:
    """Writes text into JSON strings in the way that the notebook does."""

    def __init__(self, raw: str) -> None:
        # A writer that escapes leaves no other trace than escapes where there could be characters.
        self._to_ascii = raw.isascii() and _ESCAPED_CHARACTER.search(raw) is not None
        self.is_compact = re.search(r'"cells"[ \t\n\r]*:\S', raw) is not None

    def write(self, text: str) -> str:
        written = json.dumps(text, ensure_ascii=self._to_ascii)[1:-1]
        # A lone surrogate has no bytes, so it can only be an escape.
        return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", written)


def _edited_source(raw: str, start: int, end: int, edits: Sequence[Edit], escapes: _Escapes) -> str:
    """The source at `raw[start:end]`, a string or a list of them, with the edits made."""
    if raw[start] == '"':
        units = _UNIT.findall(raw, start + 1, end - 1)
        return '"' + "".join(_spliced(units, (), edits, 0, escapes)) + '"'
    # The units of each string of the list, where it starts in the text, and what stands before it in the JSON.
    lines: list[list[str]] = []
    starts: list[int] = []
    gaps: list[str] = []
    length = 0
    at = start + 1
    for item in _items(raw, start):
        _, after = _DECODER.raw_decode(raw, item)
        lines.append(_UNIT.findall(raw, item + 1, after - 1))
        starts.append(length)
        gaps.append(raw[at:item])
        length += len(lines[-1])
        at = after
    if not lines:
        lines, starts, gaps = [[]], [0], [""]
    # What to write, each string with the gap before it where that is known.
    out: list[tuple[str | None, str]] = []
    done = 0
    for first, stop, touching in _groups(starts, [unit for line in lines for unit in line], edits):
        out += zip(gaps[done:first], map("".join, lines[done:first]), strict=True)
        units = [unit for line in lines[first:stop] for unit in line]
        written = _spliced(units, starts[first + 1 : stop], touching, starts[first], escapes)
        out += zip([gaps[first], *[None] * len(written)], written, strict=False)
        done = stop
    out += zip(gaps[done:], map("".join, lines[done:]), strict=True)
    between = gaps[1] if len(gaps) > 1 else "," + (gaps[0] or ("" if escapes.is_compact else " "))
    parts = ["["]
    for index, (gap, line) in enumerate(out):
        if index == 0:
            gap = gaps[0]
        elif gap is None:
            gap = between
        parts += gap, '"', line, '"'
    return "".join(parts) + raw[at:end]


def _spliced(
    units: Sequence[str], borders: Collection[int], edits: Sequence[Edit], offset: int, escapes: _Escapes
) -> list[str]:
    """The strings that some characters, as they are written, make up with the edits made.

    The characters start at an offset in the text; at the borders one string ended and another began, and still does
    unless an edit joins two lines. What is inserted is a string for each line.
    """
    strings: list[str] = []
    line: list[str] = []

    def close() -> None:
        if line:
            strings.append("".join(line))
            line.clear()

    at = offset
    end = offset + len(units)
    for each in (*edits, Edit(end, end, "")):
        for position in range(at, each.start):
            if position in borders and position > at:
                close()
            line.append(units[position - offset])
        if each.start > at and line[-1] in _NEWLINES:
            close()
        for inserted in _split(each.text):
            line.append(escapes.write(inserted))
            if inserted.endswith("\n"):
                close()
        at = each.end
    close()
    return strings


def _groups(starts: Sequence[int], units: Sequence[str], edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """Which lines, `first` up to `stop`, change together; an insertion between two lines belongs to the later one."""
    groups: list[tuple[int, int, list[Edit]]] = []
    for each in edits:
        first = bisect_right(starts, each.start) - 1
        stop = max(bisect_left(starts, each.end), first + 1)
        is_line_end_lost = each.start < each.end and units[each.end - 1] in _NEWLINES and not each.text.endswith("\n")
        if is_line_end_lost and (each.text or each.start != starts[first]):
            stop = bisect_right(starts, each.end)
        if groups and first < groups[-1][1]:
            before, _, together = groups[-1]
            groups[-1] = (before, stop, [*together, each])
        else:
            groups.append((first, stop, [each]))
    return groups


def _split(text: str) -> list[str]:
    """The text in lines, as notebooks are written; a lone \\r ends none of them."""
    return [line + "\n" for line in text.split("\n")[:-1]] + [line for line in text.split("\n")[-1:] if line]


def _skip(raw: str, at: int) -> int:
    space = _SPACE.match(raw, at)
    assert space is not None
    return space.end()


def _items(raw: str, at: int) -> Iterator[int]:
    """Where the values of the array at an offset start; the JSON is known to be valid."""
    at = _skip(raw, at + 1)
    while raw[at] != "]":
        yield at
        _, at = _DECODER.raw_decode(raw, at)
        at = _skip(raw, at)
        if raw[at] == ",":
            at = _skip(raw, at + 1)


def _member(raw: str, at: int, name: str) -> int:
    """Where the value of a key of the object at an offset starts; of a key that is there twice, the last counts."""
    found = -1
    at = _skip(raw, at + 1)
    while raw[at] != "}":
        key, at = _DECODER.raw_decode(raw, at)
        at = _skip(raw, _skip(raw, at) + 1)
        if key == name:
            found = at
        _, at = _DECODER.raw_decode(raw, at)
        at = _skip(raw, at)
        if raw[at] == ",":
            at = _skip(raw, at + 1)
    return found
