"""Text on a terminal: how wide it is, how wide characters are, and colours where they are wanted."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from typing import Final, TextIO

from gradlint.finding import Level
from gradlint.records import dataclass

TAB: Final = 4
ELLIPSIS: Final = "..."

_CODES: Final = {
    "bold": "1",
    "dim": "2",
    "gutter": "1;34",
    Level.ERROR.value: "1;31",
    Level.WARNING.value: "1;33",
    Level.NOTE.value: "1;36",
    "good": "1;32",
}


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where text goes: its width in columns (None: as wide as it gets) and whether it shows colours."""

    width: int | None = None
    colours: bool = False

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str] = os.environ) -> Terminal:
        """What a stream is, and what the user wants of it: NO_COLOR, FORCE_COLOR, TERM and COLUMNS count."""
        is_terminal = stream.isatty()
        columns = environ.get("COLUMNS", "")
        if columns.isdecimal() and int(columns) > 0:
            width: int | None = int(columns)
        else:
            width = shutil.get_terminal_size((100, 24)).columns if is_terminal else None
        return cls(width, _wants_colours(is_terminal, environ))

    def paint(self, text: str, style: str) -> str:
        """`text` in the colour of a style or level, or as it is."""
        return f"\033[{_CODES[style]}m{text}\033[0m" if self.colours and text else text


def _wants_colours(is_terminal: bool, environ: Mapping[str, str]) -> bool:
    # NO_COLOR (https://no-color.org) and FORCE_COLOR count when they are not empty.
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    if not is_terminal or environ.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or any(name in environ for name in ("WT_SESSION", "TERM", "ANSICON"))


def printable(text: str) -> str:
    """`text` with every tab expanded and every control character, which could steer the terminal, made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def columns(text: str) -> int:
    """How many terminal columns printable text takes."""
    return len(text) if text.isascii() else sum(map(_width, text))


def _visible(char: str) -> str:
    if char == "\t":
        return " " * TAB
    # Cc are the controls; bidirectional ones (Cf, "\u202a" and on) would show code in another order than it runs.
    if unicodedata.category(char) in ("Cc", "Cs") or char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        return "?"
    return char


def _width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
