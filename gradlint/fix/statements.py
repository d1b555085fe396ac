"""Statements put before or after others, taken out and moved, as text edits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from gradlint.fix import layout
from gradlint.fix.edits import Edit
from gradlint.fix.layout import Spot
from gradlint.program import syntax as s
from gradlint.program.parse import ParseError, parse
from gradlint.program.project import Module

Edits = tuple[Edit, ...] | None

# The end of a string of several lines, or a cell's marker.
_NO_COMMENT = re.compile(r"\"\"\"|'''|# ?%%|# ?<codecell>|# ?In\[")
_COMMENT_LINE = re.compile(r"([ \t\f]*)#[^\r\n]*(\r\n|\r|\n|\Z)")


def insert_before(module: Module, stmt: s.Stmt, lines: Sequence[str]) -> Edits:
    """Statements put directly before another, in its block, and before the comment that stands right above it."""
    found = _editable(module, stmt)
    if found is None or found.docstring or found.masked or _is_future(stmt):
        return None
    if found.first_on_line:
        start = _above_comment(found)
        return (Edit(start, start, _written(found, lines, found.start)),)
    if _inline(lines):
        return (Edit(found.start, found.start, "".join(f"{line}; " for line in lines)),)
    return _split(found, lines, before=True)


def _above_comment(found: Spot) -> int:
    """Where the lines of a statement start, with the comment that belongs to it.

    A comment at the top of a file or cell is about the whole; so are those by which editors part a file into cells.
    """
    start = at = layout.line_start(found.module, found.start)
    cell = found.module.source.cell_at(found.start)
    top = cell.start if cell is not None else 0
    lead = found.code[start : found.start]
    while at > top:
        above = layout.line_start(found.module, at - 1 - found.code.startswith("\r\n", at - 2))
        line = found.code[above:at]
        if not line.startswith(f"{lead}#") or _NO_COMMENT.search(line):
            return at
        at = above
    return start


def insert_after(module: Module, stmt: s.Stmt, lines: Sequence[str]) -> Edits:
    """Statements put directly after another, in its block; a comment behind it stays with it."""
    found = _editable(module, stmt)
    if found is None:
        return None
    if not found.compound and (found.suite or not found.last_on_line):
        if _inline(lines):
            return (Edit(found.end, found.end, "".join(f"; {line}" for line in lines)),)
        return _split(found, lines, before=False)
    if found.tail is None:
        return None
    return _behind(found, found.tail, lines)


def append_to_block(module: Module, block: s.Block, lines: Sequence[str]) -> Edits:
    """Statements put at the end of a block, behind the comments that close it and before a bare `return`."""
    spots = layout.block_spots(module, block)
    if not spots or not module.faithful:
        return None
    last = spots[-1]
    if isinstance(last.stmt, (s.Return, s.Raise)) or (isinstance(last.stmt, s.Jump) and last.stmt.kind != "pass"):
        bare = isinstance(last.stmt, (s.Return, s.Jump)) and getattr(last.stmt, "value", None) is None
        return insert_before(module, last.stmt, lines) if bare else None
    if last.suite or last.chained or last.tail is None:
        return insert_after(module, last.stmt, lines)
    end = last.tail
    while (at := layout.next_line(module, end)) is not None:
        comment = _COMMENT_LINE.match(last.code, at)
        cell = module.source.cell_at(end)
        if comment is None or len(comment.group(1)) < len(last.indent) or (cell is not None and at > cell.end):
            break
        if last.owner is None:
            break
        end = comment.start(2)
    return _behind(last, end, lines)


def delete_statement(module: Module, stmt: s.Stmt) -> Edits:
    """A statement taken out, with the comment behind it; `pass` stays where the block would be empty."""
    found = _editable(module, stmt)
    if found is None or found.masked:
        return None
    if len(found.block.body) == 1 and found.owner is not None:
        return (Edit(found.start, found.end, "pass"),)
    if found.first_on_line and found.last_on_line:
        if found.tail is None:
            return None
        return (_whole_lines(found, found.tail),)
    if found.last_on_line:
        return (Edit(found.sibling(found.index - 1).end, found.end, ""),)
    return (Edit(found.start, found.sibling(found.index + 1).start, ""),)


def move_statement_before(
    module: Module, stmt: s.Stmt, target: s.Stmt, lines: Sequence[str] = (), within: Sequence[Edit] = ()
) -> Edits:
    """A statement taken from where it is and put directly before another, after new `lines`.

    Within its block it takes its comments along, and one of several lines can be moved there only; `within` are edits
    of it.
    """
    moved = _editable(module, stmt)
    if moved is None or stmt is target or any(n is target for n in s.walk(stmt)):
        return None
    whole = _move_lines(moved, target, lines, within)
    text = module.source.text[moved.start : moved.end]
    if whole or moved.compound or within or "\n" in text or "\r" in text:
        return whole
    out, put = delete_statement(module, stmt), insert_before(module, target, [*lines, text])
    if out is None or put is None:
        return None
    edits = sorted({*out, *put})
    apart = all(a.end <= b.start for a, b in pairwise(edits))
    return tuple(edits) if apart else None


def _move_lines(moved: Spot, target: s.Stmt, lines: Sequence[str], within: Sequence[Edit]) -> Edits:
    """Whole lines moved to before a statement that comes before them in their block."""
    there = _editable(moved.module, target)
    if there is None or there.block is not moved.block or there.masked or moved.masked or there.docstring:
        return None
    if not (there.first_on_line and moved.first_on_line and moved.last_on_line) or moved.tail is None:
        return None
    source = moved.module.source
    if there.index > moved.index or source.cell_at(there.start) != source.cell_at(moved.start):
        return None
    start, out = _above_comment(moved), _whole_lines(moved, moved.tail)
    text, end = source.text[start : max(out.end, moved.tail)], layout.newline(moved.module, there.start)
    for edit in sorted(within, reverse=True):
        text = text[: edit.start - start] + edit.text + text[edit.end - start :]
    if not text.endswith(("\n", "\r")):
        text += end
    at = _above_comment(there)
    put = Edit(at, at, _written(there, lines, there.start) + text)
    return put, Edit(min(start, out.start), out.end, "")


def _whole_lines(found: Spot, tail: int) -> Edit:
    """The statement's lines taken out; at the end of a notebook cell, with the line end before them."""
    start = layout.line_start(found.module, found.start)
    after = layout.next_line(found.module, tail)
    cell = found.module.source.cell_at(found.start)
    if cell is None or after is None or after <= cell.end:
        return Edit(start, tail if after is None else after, "")
    if start > cell.start:
        start -= 2 if found.code[start - 2 : start] == "\r\n" else 1
    return Edit(start, tail, "")


def _editable(module: Module, stmt: s.Stmt) -> Spot | None:
    if not module.faithful:
        return None
    found = layout.spot(module, stmt)
    return None if found is None or found.chained else found


def _is_future(stmt: s.Stmt) -> bool:
    return isinstance(stmt, s.ImportFrom) and stmt.level == 0 and stmt.module == "__future__"


def _inline(lines: Sequence[str]) -> bool:
    """Whether each line is one simple statement, which may stand behind a `;`."""
    for line in lines:
        try:
            tree = parse(line)
        except ParseError:
            return False
        body = tree.block.body
        if len(body) != 1 or any(isinstance(part, s.Block) for part in s.children(body[0])):
            return False
        if line[tree.span(body[0].id)[1] :].strip():  # a comment
            return False
    return True


def _indented(found: Spot, lines: Iterable[str]) -> list[str]:
    step = layout.unit(found.module)
    out = []
    for line in lines:
        depth, bare = 0, line
        while bare.startswith("    "):
            depth, bare = depth + 1, bare[4:]
        out.append(found.indent + step * depth + bare if bare else "")
    return out


def _written(found: Spot, lines: Iterable[str], at: int) -> str:
    end = layout.newline(found.module, at)
    return "".join(line + end for line in _indented(found, lines))


def _behind(found: Spot, end: int, lines: Sequence[str]) -> Edits:
    """Lines put behind the line that ends at an offset."""
    at = layout.next_line(found.module, end)
    if at is None:
        return (Edit(end, end, layout.newline(found.module, end) + _written(found, lines, end).rstrip("\r\n")),)
    cell = found.module.source.cell_at(end)
    if cell is not None and at > cell.end:  # the line end is the notebook's, not the cell's
        return (Edit(end, end, layout.newline(found.module, end) + _written(found, lines, end).rstrip("\r\n")),)
    return (Edit(at, at, _written(found, lines, end)),)


def _split(found: Spot, lines: Sequence[str], *, before: bool) -> Edits:
    """Lines put between statements that share a line, each of which gets its own."""
    module, end = found.module, layout.newline(found.module, found.start)
    first = found.index
    while first and not found.sibling(first).first_on_line:
        first -= 1
    start = 0 if found.suite else first
    edits: list[Edit] = []
    at = start
    while at < len(found.block.body) and (at == start or not found.sibling(at).first_on_line):
        here = found.sibling(at)
        new = ""
        if (at == found.index and before) or (at == found.index + 1 and not before):
            new = _written(found, lines, found.start)
        if at > start:
            edits.append(Edit(found.sibling(at - 1).end, here.start, end + new + found.indent))
        elif found.suite:
            gap = layout.gap_before(module, here.start)
            if found.code[gap - 1] != ":":
                return None
            edits.append(Edit(gap, here.start, end + new + found.indent))
        at += 1
    last = found.sibling(at - 1)
    if last.tail is None:
        return None
    if found.index == at - 1 and not before:
        behind = _behind(found, last.tail, lines)
        if behind is None:
            return None
        edits.extend(behind)
    return tuple(edits)
