"""Whether a test can come out only one way, as far as the project's code decides it."""

from __future__ import annotations

from itertools import product

from gradlint.program import syntax as s
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Const, Context, Func, Items, Made, Option, Unknown, Value, Values, ValueSet

_MAX_PAIRS = 64


def truth(values: Values, test: s.Expr, scope: Scope, context: Context | None) -> bool | None:
    """True or False if the test always comes out so; None if it depends on what the code does not fix."""
    if isinstance(test, s.Unary) and test.op == "not":
        inner = truth(values, test.value, scope, context)
        return None if inner is None else not inner
    if isinstance(test, s.Boolean):
        sides = [truth(values, part, scope, context) for part in (test.left, test.right)]
        ends = test.op == "or"
        if ends in sides:
            return ends
        return None if None in sides else not ends
    if isinstance(test, s.Compare) and len(test.ops) == 1:
        if not (_fixed(values, test.left, scope, context) and _fixed(values, test.rights[0], scope, context)):
            return None
        left, right = values.of(test.left, scope, context), values.of(test.rights[0], scope, context)
        return _compared(test.ops[0], left, right)
    if isinstance(test, (s.Name, s.Attribute, s.Constant, s.Subscript)):
        if not _fixed(values, test, scope, context):
            return None
        return _unanimous([_truthy(v) for v in values.of(test, scope, context)])
    return None


def _fixed(values: Values, expr: s.Expr, scope: Scope, context: Context | None) -> bool:
    """Whether everything that the expression reads is known."""
    for node in s.walk(expr, into=False):
        if isinstance(node, (s.Name, s.Attribute, s.Subscript, s.Call)):
            found = values.of(node, scope, context)
            if not found or any(isinstance(v, (Option, Unknown)) for v in found):
                return False
    return True


def _truthy(value: Value) -> bool | None:
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, (Cls, Func)):
        return True
    if isinstance(value, Made):
        return True if isinstance(value.of, Cls) else None
    return bool(value.parts) if isinstance(value, Items) else None


def _unanimous(answers: list[bool | None]) -> bool | None:
    first = answers[0] if answers else None
    return first if all(a is first for a in answers) else None


def _compared(op: str, left: ValueSet, right: ValueSet) -> bool | None:
    if len(left) * len(right) > _MAX_PAIRS:
        return None
    return _unanimous([_pair(op, a, b) for a, b in product(left, right)])


def _pair(op: str, a: Value, b: Value) -> bool | None:
    if op in ("in", "not in") and isinstance(a, Const) and isinstance(b, Items):
        parts = [p for part in b.parts for p in part]
        if not all(isinstance(p, Const) for p in parts):
            return None
        return (a in parts) is (op == "in")
    if op in ("is", "is not", "==", "!=") and Const(None) in (a, b):
        other = b if a == Const(None) else a
        if isinstance(other, (Const, Cls, Func, Made, Items)):
            return (other == Const(None)) is (op in ("is", "=="))
        return None
    if not (isinstance(a, Const) and isinstance(b, Const)):
        return None
    return _constants(op, a.value, b.value)


def _constants(op: str, a: s.Literal, b: s.Literal) -> bool | None:
    if op in ("==", "is"):
        return a == b
    if op in ("!=", "is not"):
        return a != b
    if op in ("in", "not in") and isinstance(a, str) and isinstance(b, str):
        return (a in b) is (op == "in")
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}.get(op)
    return None
