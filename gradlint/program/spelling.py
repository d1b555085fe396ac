"""Names that the code puts together as it runs: `getattr(self, f"scaler{index}")`, `"clip_grad_" + kind`."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import product

from gradlint.program import syntax as s

_MOST = 16
_ANY = "*"
_MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+)*\.\w*\*\w*")

Literals = Callable[[s.Expr], list[s.Literal]]


def spellings(expr: s.Expr, literals: Literals) -> frozenset[str]:
    """The texts that an expression may give, `*` for a part that is not known.

    Args:
        literals: the constants that an expression may be; none if they are not known.
    """
    if isinstance(expr, s.Format):
        return _joined([spellings(part, literals) for part in expr.parts])
    if isinstance(expr, s.Binary) and expr.op == "+":
        return _joined([spellings(part, literals) for part in (expr.left, expr.right)])
    if isinstance(expr, s.Binary) and expr.op == "%" and isinstance(expr.left, s.Constant):
        return frozenset([_filled(str(expr.left.value), "%")])
    if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and expr.func.attr == "format":
        if isinstance(expr.func.value, s.Constant):
            return frozenset([_filled(str(expr.func.value.value), "{")])
    known = [str(value) for value in literals(expr)]
    return frozenset(known[:_MOST]) or frozenset([_ANY])


def _joined(parts: list[frozenset[str]]) -> frozenset[str]:
    ways = 1
    for part in parts:
        ways *= len(part)
    if ways > _MOST:
        parts = [part if len(part) == 1 else frozenset([_ANY]) for part in parts]
    return frozenset("".join(texts) for texts in product(*parts))


def _filled(text: str, mark: str) -> str:
    """A template with `*` at its places."""
    out, rest = "", text
    while mark in rest:
        before, _, rest = rest.partition(mark)
        out += before + _ANY
        rest = rest.partition("}")[2] if mark == "{" else rest[1:]
    return out + rest


def told(text: str) -> bool:
    """Whether enough of a text is known to look for what it names."""
    return len(text.replace(_ANY, "")) >= 3


def is_module(text: str) -> bool:
    """Whether a text with unknown parts is the dotted name of a module in a package that is known."""
    return _MODULE.fullmatch(text) is not None


def agree(one: str, other: str) -> bool:
    """Whether two texts, each with unknown parts, may be the same."""
    return fnmatchcase(one, other) or fnmatchcase(other, one)
