"""Where a fix may stand in a function, and what it may say there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from gradlint.program import syntax as s
from gradlint.program.places import around as around
from gradlint.program.places import holds as holds
from gradlint.program.project import Module
from gradlint.program.scopes import Binding, Scope

_DOT = re.compile(r"(?:\s|\\|#[^\r\n]*)*\.")
_OPEN = re.compile(r"\([\s\\]*\Z")
_CLOSE = re.compile(r"(?:\s|\\|#[^\r\n]*)*\)")
SHARED_LINE = "a line is shared with code that cannot be parted from it"  # why a fix cannot be
_OWN_ROOM = (s.Lambda, s.Comprehension)


def parted(one: tuple[s.Stmt, ...], other: tuple[s.Stmt, ...]) -> int | None:
    """Where two chains of statements part: the place of the first that differs; None if only one of them can run."""
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine is not theirs:
            above = one[index - 1] if index else None
            return index if above is None or _block_of(above, mine) is _block_of(above, theirs) else None
    return min(len(one), len(other))


def _block_of(stmt: s.Stmt, inner: s.Stmt) -> s.Block | None:
    blocks = (part.body if isinstance(part, (s.Handler, s.Case)) else part for part in s.children(stmt))
    return next((b for b in blocks if isinstance(b, s.Block) and any(x is inner for x in b.body)), None)


def block_of(scope: Scope, stmt: s.Stmt) -> s.Block | None:
    """The block of a function that a statement stands in."""
    blocks = (n for n in scope.nodes if isinstance(n, s.Block))
    return next((block for block in blocks if any(x is stmt for x in block.body)), None)


def shares_names(stmt: s.Stmt, node: s.Node) -> bool:
    """Whether the names at a node are those of its statement: it is in no lambda and no comprehension of its own."""
    return not any(isinstance(n, _OWN_ROOM) and holds(n, node) for n in s.walk(stmt, into=False) if n is not stmt)


def is_header(stmt: s.Stmt, node: s.Node) -> bool:
    """Whether a node is run again and again, or in between: in the test of a loop."""
    return isinstance(stmt, s.While) and holds(stmt.test, node)


def plain(expr: s.Node) -> bool:
    """Whether an expression only says something: a name, an attribute or an item, nothing that is called."""
    if isinstance(expr, s.Attribute):
        return plain(expr.value)
    if isinstance(expr, s.Subscript):
        return plain(expr.value) and (isinstance(expr.index, s.Constant) or plain(expr.index))
    return isinstance(expr, s.Name)


def names_in(expr: s.Node) -> frozenset[str]:
    """The names that an expression reads."""
    return frozenset(n.text for n in s.walk(expr) if isinstance(n, s.Name))


def said_at(expr: s.Node, home: Scope, scope: Scope, at: s.Node) -> bool:
    """Whether what an expression of the scope `home` says means the same in `scope` at a node.

    Names must be bound in the same scope, and before; attributes of the instance are the same in another method.
    """
    return all(_same_name(name, home, scope, at) for name in names_in(expr))


def _same_name(name: str, home: Scope, scope: Scope, at: s.Node) -> bool:
    there, here = home.lookup(name), scope.lookup(name)
    if there is None or here is None:
        return there is here
    if there is here:
        return here is not scope or any(b.at < at.id for b in here.bindings[name])
    return name == there.self_name == here.self_name and there.owner is here.owner and there.owner is not None


def loop_of(name: str, scope: Scope, node: s.Node, before: s.Node) -> s.For | None:
    """The loop around a node that binds a name, if it does not hold another node, where the name is not bound so."""
    loops = [x for x in around(scope, node) if isinstance(x, s.For) and name in names_in(x.target)]
    return loops[-1] if loops and not holds(loops[-1], before) else None


def free_name(scope: Scope, wanted: Iterable[str]) -> str | None:
    """The first of some names that nothing in a function binds or reads; in a module, nothing at all."""
    taken = {n.text for n in s.walk(scope.body) if isinstance(n, s.Name)} | set(scope.bindings)
    taken |= {name for inner in scope.walk() for name in (*inner.bindings, *inner.outer_names)}
    if scope.kind == "module":
        taken |= scope.module.words
    return next((name for name in wanted if name not in taken), None)


def in_parentheses(module: Module, expr: s.Expr) -> tuple[int, int]:
    """Where what an attribute is taken of starts and ends, with the parentheses around it."""
    code = module.source.code
    start, end = module.span(expr)
    while not _DOT.match(code, end):
        before, after = _OPEN.search(code[:start]), _CLOSE.match(code, end)
        if before is None or after is None:
            break
        start, end = before.start(), after.end()
    return start, end


def reaching(name: s.Name, scope: Scope) -> list[Binding]:
    """What can have bound a name where it is read."""
    home = scope.lookup(name.text)
    return [] if home is None else home.reaching(name.text, name.id if home is scope else None)
