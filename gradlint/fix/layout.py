"""Where statements lie in the text: their lines, their indentation, their block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from gradlint.program import syntax as s
from gradlint.program.project import Module
from gradlint.records import dataclass

Owner = s.Stmt | s.Handler | s.Case | None

_LINE_END = re.compile(r"\r\n|\r|\n")
_TAIL = re.compile(r"[ \t\f]*;?[ \t\f]*(?:#[^\r\n]*)?(?=\r|\n|\Z)")
_BLANK = " \t\f"


@dataclass(frozen=True)
class Spot:
    """A statement with the block that it stands in and the statement that the block belongs to."""

    module: Module
    stmt: s.Stmt
    block: s.Block
    owner: Owner

    @cached_property
    def code(self) -> str:
        return self.module.source.code

    @cached_property
    def index(self) -> int:
        return self.block.body.index(self.stmt)

    @cached_property
    def start(self) -> int:
        """Where the statement starts, its decorators included."""
        if isinstance(self.stmt, (s.Function, s.Class)) and self.stmt.decorators:
            first = self.module.span(self.stmt.decorators[0])[0]
            return self.code.rindex("@", 0, first)
        return self.module.span(self.stmt)[0]

    @cached_property
    def end(self) -> int:
        return self.module.span(self.stmt)[1]

    @property
    def chained(self) -> bool:
        """Whether this is the `elif` of another `if`: nothing can stand before or after it."""
        return self.code.startswith("elif", self.start) and isinstance(self.stmt, s.If)

    @property
    def compound(self) -> bool:
        return any(isinstance(c, (s.Block, s.Case)) for c in s.children(self.stmt))

    @property
    def masked(self) -> bool:
        """Whether what stands here is no Python (a magic of a notebook)."""
        source = self.module.source
        return source.text[self.start : self.end] != source.code[self.start : self.end]

    @property
    def docstring(self) -> bool:
        """Whether the statement's meaning rests on being the first of its block."""
        return (
            self.index == 0
            and isinstance(self.owner, (s.Function, s.Class, type(None)))
            and isinstance(self.stmt, s.Evaluate)
            and isinstance(self.stmt.value, s.Constant)
            and isinstance(self.stmt.value.value, str)
        )

    @cached_property
    def first_on_line(self) -> bool:
        """Whether the statement starts its logical line."""
        return starts_line(self.module, self.start)

    @cached_property
    def suite(self) -> bool:
        """Whether the block is a one-line suite: `if x: step()`."""
        return self.owner is not None and not starts_line(self.module, self.sibling(0).start)

    def sibling(self, index: int) -> Spot:
        return Spot(self.module, self.block.body[index], self.block, self.owner)

    @cached_property
    def last_on_line(self) -> bool:
        """Whether no other statement follows on the logical line."""
        return self.index + 1 == len(self.block.body) or self.sibling(self.index + 1).first_on_line

    @cached_property
    def tail(self) -> int | None:
        """Where the line of the statement's last part ends, behind `;` and comment; None if it cannot be told."""
        match = _TAIL.match(self.code, self.end)
        return match.end() if match else None

    @cached_property
    def indent(self) -> str:
        """The indentation of the block, or what it would be if the one-line suite were a block."""
        if self.suite:
            assert self.owner is not None
            return line_lead(self.module, self.module.span(self.owner)[0]) + unit(self.module)
        at = self.index
        while at and not self.sibling(at).first_on_line:
            at -= 1
        return line_lead(self.module, self.sibling(at).start)


def spot(module: Module, stmt: s.Stmt) -> Spot | None:
    """The statement's place among the module's blocks; None if it is not one of the module's."""
    return next((found for found in _spots(module, module.block, None) if found.stmt is stmt), None)


def _spots(module: Module, block: s.Block, owner: Owner) -> Iterator[Spot]:
    for stmt in block.body:
        yield Spot(module, stmt, block, owner)
        for part in s.children(stmt):
            if isinstance(part, s.Block):
                yield from _spots(module, part, stmt)
            elif isinstance(part, (s.Handler, s.Case)):
                yield from _spots(module, part.body, part)


def block_spots(module: Module, block: s.Block) -> list[Spot]:
    """The statements of one block of the module."""
    if block is module.block:
        return [Spot(module, stmt, block, None) for stmt in block.body]
    return [found for found in _spots(module, module.block, None) if found.block is block]


def line_start(module: Module, offset: int) -> int:
    """Where the physical line of an offset starts, at the earliest where its cell does."""
    code = module.source.code
    start = max(code.rfind("\n", 0, offset), code.rfind("\r", 0, offset)) + 1
    cell = module.source.cell_at(offset)
    return max(start, cell.start) if cell is not None else start


def line_lead(module: Module, offset: int) -> str:
    """The blanks with which the line of an offset starts."""
    code = module.source.code
    start = line_start(module, offset)
    end = start
    while end < len(code) and code[end] in _BLANK:
        end += 1
    return code[start:end].replace("\f", "")


def starts_line(module: Module, offset: int) -> bool:
    """Whether a logical line starts at an offset."""
    code = module.source.code
    start = line_start(module, offset)
    if code[start:offset].strip(_BLANK):
        return False
    cell = module.source.cell_at(offset)
    if start == (cell.start if cell is not None else 0):
        return True
    ended = start - 2 if code[start - 2 : start] == "\r\n" else start - 1
    before = code[line_start(module, ended) : ended]
    return not before.endswith("\\") or before.lstrip(_BLANK).startswith("#")


def next_line(module: Module, offset: int) -> int | None:
    """Where the line after a line's end starts; None if the line end is missing (the end of the file)."""
    match = _LINE_END.match(module.source.code, offset)
    return match.end() if match else None


def newline(module: Module, offset: int) -> str:
    """The line end that is used around an offset."""
    code = module.source.code
    after = _LINE_END.search(code, offset)
    if after is not None and not (module.source.is_notebook and after.end() == len(code)):
        return after.group()
    before = code.rfind("\n", 0, offset)
    return "\r\n" if before > 0 and code[before - 1] == "\r" else "\n"


def unit(module: Module) -> str:
    """One step of the file's indentation."""
    for found in _spots(module, module.block, None):
        if found.owner is not None and not found.suite and found.index == 0 and found.first_on_line:
            outer = line_lead(module, module.span(found.owner)[0])
            inner = line_lead(module, found.start)
            if inner.startswith(outer) and len(inner) > len(outer):
                return inner[len(outer) :]
    return "    "


def gap_before(module: Module, offset: int) -> int:
    """Where the blanks (and joined lines) before an offset start."""
    code = module.source.code
    at = offset
    while at:
        if code[at - 1] in _BLANK:
            at -= 1
        elif code[at - 1] in "\r\n" and (joined := re.search(r"\\(?:\r\n|\r|\n)\Z", code[max(at - 3, 0) : at])):
            at -= len(joined.group())
        else:
            break
    return at
