"""What IPython adds to Python, masked so that the rest of a cell can be parsed."""

from __future__ import annotations

import re

# Cell magics whose body is Python that runs in the notebook; the body of any other is hidden.
PYTHON_BODIES = frozenset({"capture", "debug", "heat", "ipytest", "memit", "prun", "time", "timeit", "wandb"})

_SUSPECT = re.compile(r"[%!?]|^[ \t]*(?:[,;/]|(?:pip|conda|mamba|uv|cd)[ \t])", re.MULTILINE)
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
# No Python statement starts like this: escapes of IPython, and the magics that people write without the `%`.
_LINE_MAGIC = re.compile(
    r"""
      [%!?,;/]
    | (?:pip|conda|mamba|uv)[ \t]+(?:install|uninstall|list|show|add|sync|pip)\b
    | cd[ \t]+(?:['"~]|[.][.]|(?!(?:and|for|if|in|is|not|or)\b)\w)
    """,
    re.VERBOSE,
)
_INDENT = re.compile(r"[ \t\f]*")
_REST = re.compile(r"[^\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")
_TOKEN = re.compile(
    r"""
      (?P<comment> \#[^\r\n]* )
    | (?P<triple> \"{3} | '{3} )
    | (?P<string> "(?:[^"\\\r\n]|\\(?:\r\n|.))*"? | '(?:[^'\\\r\n]|\\(?:\r\n|.))*'? )
    | (?P<join> \\(?:\r\n|\r|\n) )
    | (?P<newline> \r\n|\r|\n )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<assign> =[ \t]*(?=[!%]) )
    | (?P<query> \?[ \t\f]*(?=[\r\n]|\Z) )
    | (?P<other> [\w \t\f]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_TRIPLE_END = {quotes: re.compile(rf"(?:[^\\]|\\.)*?(?:{quotes}|\Z)", re.DOTALL) for quotes in ('"""', "'''")}


def mask(cell: str) -> str:
    """A cell with the first two characters of every magic replaced by `0#`, and all else where it was.

    A cell whose magic takes a body in another language is all comments.
    """
    if not _SUSPECT.search(cell):
        return cell
    at = 0
    chars = list(cell)
    if magic := _CELL_MAGIC.match(cell):
        first = _REST.match(cell, magic.start(1))
        assert first is not None
        if magic.group(1) not in PYTHON_BODIES and not first.group().rstrip().endswith("?"):
            return blank(cell)
        at = first.end()
        _hide(chars, cell, magic.start(1) - 2, at)
        if end := _LINE_END.match(cell, at):
            at = end.end()
    while at < len(cell):
        at = _mask_statement(chars, cell, at)
    return "".join(chars)


def blank(cell: str) -> str:
    """A cell with every character but its line ends replaced by `#`."""
    return re.sub(r"[^\r\n]", "#", cell)


def _mask_statement(chars: list[str], cell: str, line: int) -> int:
    """Mask the logical line that starts at an offset, and return where the next one starts."""
    indent = _INDENT.match(cell, line)
    assert indent is not None
    start = at = indent.end()
    if _LINE_MAGIC.match(cell, start):
        return _mask_magic(chars, cell, start)
    depth = 0
    while at < len(cell):
        token = _TOKEN.match(cell, at)
        assert token is not None
        at = token.end()
        kind = token.lastgroup
        if kind == "triple":
            closing = _TRIPLE_END[token.group()].match(cell, at)
            assert closing is not None
            at = closing.end()
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "assign":
            return _mask_magic(chars, cell, at)
        elif kind == "query":
            _hide(chars, cell, start, at)
        elif kind == "newline" and depth <= 0:
            break
    return at


def _mask_magic(chars: list[str], cell: str, start: int) -> int:
    """Mask a magic with the lines that a backslash joins to it, and return where the next line starts."""
    at = start
    while True:
        rest = _REST.match(cell, at)
        assert rest is not None
        at = rest.end()
        end = _LINE_END.match(cell, at)
        if end is None or not rest.group().endswith("\\"):
            break
        at = end.end()
    _hide(chars, cell, start, at)
    return at if end is None else end.end()


def _hide(chars: list[str], cell: str, start: int, end: int) -> None:
    """Make `cell[start:end]` the expression `0` and comments."""
    for at, char in zip(range(start, end), "0#", strict=False):
        if cell[at] in "\r\n":
            break
        chars[at] = char
    for line_end in _LINE_END.finditer(cell, start, end):
        if line_end.end() < end and cell[line_end.end()] not in "\r\n":
            chars[line_end.end()] = "#"
