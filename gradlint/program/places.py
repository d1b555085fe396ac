"""Where a node stands in a function: in which statements, and in which loops."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.scopes import Scope


def holds(outer: s.Node, node: s.Node) -> bool:
    """Whether a node is another or stands in it, in the same function."""
    return s.holds(outer, node, into=False)


def around(scope: Scope, node: s.Node) -> tuple[s.Stmt, ...]:
    """The statements of a function that a node stands in, outermost first; the last is the node's own."""
    body = scope.body
    return tuple(_around(body, node)) if isinstance(body, s.Block) else ()


def _around(block: s.Block, node: s.Node) -> Iterator[s.Stmt]:
    for stmt, after in zip(block.body, (*block.body[1:], None), strict=True):
        if after is not None and after.id <= node.id:
            continue
        if holds(stmt, node):
            yield stmt
            for part in s.children(stmt):
                inner = part.body if isinstance(part, (s.Handler, s.Case)) else part
                if isinstance(inner, s.Block):
                    yield from _around(inner, node)
            return


def loops_around(scope: Scope, node: s.Node) -> tuple[s.For | s.While, ...]:
    """The loops of a function that a node stands in, outermost first."""
    return tuple(x for x in around(scope, node) if isinstance(x, (s.For, s.While)))


def span(node: s.Node) -> tuple[int, int]:
    """The ids between which a node and all that stands in it lie."""
    return node.id, max(n.id for n in s.walk(node))
