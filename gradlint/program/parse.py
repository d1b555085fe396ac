"""Text as a syntax tree of libcst."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import libcst as cst

# Brackets opened so often and not closed: libcst's parser, which recurses in native code, would take the process down.
_DEEP = re.compile(r"(?:[(\[{][^()\[\]{}]*){1000}")


def parse(code: str) -> cst.Module:
    """The tree of some code. Raises libcst's ParserSyntaxError, and RecursionError where it is nested too deeply."""
    if _DEEP.search(code):
        raise RecursionError
    with _unvalidated():
        return cst.parse_module(code)


@contextmanager
def _unvalidated() -> Iterator[None]:
    """Nodes are made without a look at what they are made of: it comes from the parser, and takes a quarter of it."""
    validated = cst.CSTNode.__post_init__
    cst.CSTNode.__post_init__ = _nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        cst.CSTNode.__post_init__ = validated  # type: ignore[method-assign]


def _nothing(self: cst.CSTNode) -> None:
    """In the place of libcst's validation."""
