"""What code gives, as it is written: calls for a parameter, assignments for a name, `append` for a container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.flow import arguments
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Func, Made, Value, Values

Given = tuple[s.Expr | None, Scope]  # an expression and where it stands; None for what is not known


_DEPTH = 4


def held(name: s.Name, scope: Scope, values: Values, depth: int = _DEPTH) -> Iterator[Given]:
    """What a name may hold."""
    home = scope.lookup(name.text)
    for binding in home.reaching(name.text, name.id if home is scope else None) if home is not None else ():
        assert home is not None
        if binding.kind == "param" and binding.value is None:
            yield from _passed(name.text, home, values)
        elif binding.kind == "value" and binding.value is not None:
            yield from taken(binding.value, binding.path, home, values, depth)
        elif binding.kind == "element" and binding.value is not None:
            for value, where in _put_into(binding.value, home, values):
                yield from taken(value, binding.path, where, values, depth)
        else:
            yield None, home


def taken(
    value: s.Expr | None, path: tuple[int, ...], scope: Scope, values: Values, depth: int = _DEPTH
) -> Iterator[Given]:
    """What is taken out of a value along a path: `b` in `a, b = f()` is the second that `f` gives."""
    if not path or value is None:
        yield value, scope
    elif depth <= 0:
        yield None, scope
    elif isinstance(value, s.Name):
        for inner, where in held(value, scope, values, depth - 1):
            yield from taken(inner, path, where, values, depth - 1)
    elif isinstance(value, s.Sequence):
        known = -len(value.items) <= path[0] < len(value.items) and not any(
            isinstance(item, s.Starred) for item in value.items
        )
        yield from taken(value.items[path[0]] if known else None, path[1:], scope, values, depth - 1)
    elif isinstance(value, s.Call):
        functions = [function_of(v, values) for v in values.of(value.func, scope)]
        for function in functions or [None]:
            if function is None or not function.returns or function.yields:
                yield None, scope
            else:
                for stmt in function.returns:
                    yield from taken(stmt.value, path, function, values, depth - 1)
    else:
        yield None, scope


def parts(expr: s.Expr | None, scope: Scope, values: Values) -> Iterator[tuple[s.Expr, Scope]]:
    """A value and what it is as it stands, or by sums, under names, out of containers and out of functions.

    What is nearest comes first, so that each part is met once: with as many names still to look behind as there can be.
    """
    near: list[Given] = [(expr, scope)]
    met: set[Given] = set()
    for left in reversed(range(_DEPTH + 1)):
        far: list[Given] = []
        while near:
            here, where = near.pop()
            if here is None or (here, where) in met:
                continue
            met.add((here, where))
            yield here, where
            inside, behind = _below(here, where, values)
            near += inside
            far += behind if left else ()
        near = far


def _below(expr: s.Expr, scope: Scope, values: Values) -> tuple[list[Given], Iterable[Given]]:
    """What a value is made of where it stands, and what it is under a name or out of a function."""
    if isinstance(expr, s.Name):
        return [], held(expr, scope, values)
    if isinstance(expr, s.Binary):
        return [(expr.left, scope), (expr.right, scope)], ()
    if isinstance(expr, s.Comprehension):
        return [(expr.element, scope)], ()
    if isinstance(expr, s.Sequence):
        return [(item, scope) for item in expr.items], ()
    if isinstance(expr, (s.Attribute, s.Subscript)):
        return [(expr.value, scope)], ()
    if isinstance(expr, s.Call):
        functions = [f for v in values.of(expr.func, scope) if (f := function_of(v, values)) is not None]
        if functions:
            return [], [(stmt.value, function) for function in functions for stmt in function.returns]
        if len(expr.args) == 1:
            return [(expr.args[0].value, scope)], ()
        if not expr.args and isinstance(expr.func, s.Attribute):
            return [(expr.func.value, scope)], ()
    return [], ()


def _passed(param: str, function: Scope, values: Values) -> Iterator[Given]:
    """What the calls of a function in the project give for a parameter."""
    for call, where in values.callers(function):
        yield next((value for name, value in arguments(call, function) if name == param), None), where


def _put_into(expr: s.Expr, scope: Scope, values: Values) -> Iterator[Given]:
    """What is put into a list that starts empty: `for x in reversed(self.items)`."""
    while isinstance(expr, s.Subscript) and isinstance(expr.index, s.Slice):
        expr = expr.value
    if isinstance(expr, s.Name):
        home = scope.lookup(expr.text)
        scopes = [home] if home is not None else []
        starts = [b.value if b.kind == "value" and not b.path else None for x in scopes for b in x.bindings[expr.text]]
    elif isinstance(expr, s.Attribute) and (owner := _owner(expr, scope)) is not None:
        lineage = values.lineage(owner)
        scopes = [inner for cls in lineage for inner in cls.walk()]
        starts = [store.value for cls in lineage for store in values.self_stores(cls, expr.attr)]
    else:
        scopes, starts = [], []
    if not starts or not all(isinstance(start, s.Sequence) and not start.items for start in starts):
        yield None, scope
        return
    for call, where in (c for x in dict.fromkeys(x.module for x in scopes) for c in x.calls.get("append", ())):
        if where in scopes and isinstance(call.func, s.Attribute) and s.text(call.func.value) == s.text(expr):
            yield call.args[0].value if call.args else None, where


def _owner(expr: s.Attribute, scope: Scope) -> Scope | None:
    """The class whose instance an attribute is of, in one of its methods."""
    function = scope.function
    return function.owner if function is not None and s.dotted(expr.value) == function.self_name else None


def function_of(value: Value, values: Values) -> Scope | None:
    """The function of the project that runs when a value is called."""
    if isinstance(value, Func):
        return value.scope
    if isinstance(value, Made) and isinstance(value.of, Cls):
        return values.find_method(value.of.scope, "forward") or values.find_method(value.of.scope, "__call__")
    return None
