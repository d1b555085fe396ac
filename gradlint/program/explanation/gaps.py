"""Why nothing is known of an expression: the way down to what the project does not tell."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.explanation.remark import Remark, at, code
from gradlint.program.explanation.words import function, value, values
from gradlint.program.names import Lib
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values import Bound, Cls, Const, Func, Made, Option, Unknown, Value, Values, ValueSet

_DEPTH = 8
_CALLS = 3
_BLIND = (Unknown, Option, Bound)


def is_foreign(symbol: Lib, values: Values) -> bool:
    """Whether nothing is known of the library that a symbol is of; a name bound nowhere counts as such."""
    top, _, rest = symbol.path.partition(".")
    if top == "builtins":
        return not hasattr(builtins, rest)
    return top not in sys.stdlib_module_names and top not in values.vocabulary.libraries


def foreign(held: ValueSet, values: Values) -> str | None:
    """That a value is of a library that nothing is known of, if it is."""
    symbols = {x.of if isinstance(x, Made) else x for x in held}
    unknown = sorted(x.path for x in symbols if isinstance(x, Lib) and is_foreign(x, values))
    if not unknown:
        return None
    top, _, rest = unknown[0].partition(".")
    if top == "builtins":
        return f"`{rest}` is bound nowhere in the project"
    return f"`{unknown[0]}` is of a library that gradlint does not know"


class Gaps:
    """Explains what values do not tell."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def of(self, expr: s.Expr, scope: Scope, what: str = "") -> Remark:
        """Why an expression is not known to be `what`; what it is, where it is known to be something else."""
        held = self._told(self.values.of(expr, scope))
        name = code(scope.module, expr)
        if (said := foreign(held, self.values)) is not None:
            return at(f"{name} is not known: {said}", scope.module, expr, gap=True)
        if held:
            return at(f"{name} is {values(held)}{what and f', not {what}'}", scope.module, expr, gap=True)
        reasons = tuple(self._why(expr, scope, _DEPTH, set()))
        if self.values.was_cut(expr):
            reasons = (*reasons, Remark("the search for it was given up: it leads through too much code"))
        return at(f"{name} is not known", scope.module, expr, *reasons, gap=True)

    def _told(self, held: ValueSet) -> ValueSet:
        return frozenset(v for v in held if not isinstance(v, _BLIND) and v != Const(None))

    def _why(self, expr: s.Expr, scope: Scope, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        if depth == 0 or (scope, expr.id) in seen:
            return
        seen.add((scope, expr.id))
        if isinstance(expr, s.Name):
            yield from self._name(expr, scope, depth, seen)
        elif isinstance(expr, s.Attribute):
            yield from self._attribute(expr, scope, depth, seen)
        elif isinstance(expr, s.Call):
            yield from self._call(expr, scope, depth, seen)
        elif isinstance(expr, s.Subscript):
            held = self._told(self.values.of(expr.value, scope))
            if held:
                yield at(f"{code(scope.module, expr.index)} picks nothing known of {values(held)}", scope.module, expr)
            else:
                yield from self._why(expr.value, scope, depth - 1, seen)
        elif isinstance(expr, (s.Await, s.Starred, s.Walrus)):
            yield from self._why(expr.value, scope, depth, seen)
        elif isinstance(expr, (s.Conditional, s.Boolean)):
            for side in (expr.then, expr.orelse) if isinstance(expr, s.Conditional) else (expr.left, expr.right):
                yield from self._why(side, scope, depth - 1, seen)
        else:
            yield at(f"{code(scope.module, expr)} is computed, which is not followed", scope.module, expr)

    # --- names --------------------------------------------------------------------------------

    def _name(self, expr: s.Name, scope: Scope, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        home = scope.lookup(expr.text)
        if home is None:
            stars = scope.module.scope.star_imports
            if not stars:
                yield at(f"`{expr.text}` is bound nowhere in the file", scope.module, expr)
            for stmt in stars:
                yield at(f"`{expr.text}` may come from `from {_from(stmt)} import *`", scope.module, stmt)
            return
        for binding in home.reaching(expr.text, expr.id if home is scope else None)[:_CALLS]:
            yield from self._binding(binding, home, depth, seen)

    def _binding(self, binding: Binding, home: Scope, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        module, node = home.module, binding.node
        if binding.kind == "param" and isinstance(node, s.Param):
            yield from self._parameter(home, node, depth, seen)
        elif binding.kind == "import":
            held = self.values.binding(binding, home, None)
            yield at(f"`{binding.name}` is imported: {values(held)}", module, node)
        elif binding.value is not None:
            verb = {"element": "goes through", "enter": "is entered from"}.get(binding.kind, "is")
            given = f"part {'.'.join(map(str, binding.path))} of " if binding.path else ""
            yield at(
                f"`{binding.name}` {verb} {given}{code(module, binding.value)}",
                module,
                node,
                *self._why(binding.value, home, depth - 1, seen),
            )
        else:
            yield at(f"`{binding.name}` is bound by a statement that gives no value", module, node)

    def _parameter(self, home: Scope, param: s.Param, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        calls = self.values.callers(home)
        what = f"`{param.name}` is a parameter of {function(home)}"
        if not calls:
            why = "which nothing in the project calls by a name that can be followed"
            yield at(f"{what}, {why}", home.module, home.node)
            return
        below: list[Remark] = []
        for call, where in calls[:_CALLS]:
            given = self._given(call, home, param)
            if given is None:
                below.append(at(f"this call does not give `{param.name}`", where.module, call))
            else:
                below.append(
                    at(
                        f"called with {code(where.module, given)}",
                        where.module,
                        call,
                        *self._why(given, where, depth - 1, seen),
                    )
                )
        yield at(what, home.module, home.node, *below)

    def _given(self, call: s.Call, home: Scope, param: s.Param) -> s.Expr | None:
        index = next((i for i, p in enumerate(home.params) if p is param), 0)
        if home.owner is not None and not home.static:
            index -= 1
        return call.arg(None if param.keyword_only else index, param.name)

    # --- attributes ---------------------------------------------------------------------------

    def _attribute(self, expr: s.Attribute, scope: Scope, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        held = self.values.of(expr.value, scope)
        told = self._told(held)
        if not told:
            yield from self._why(expr.value, scope, depth - 1, seen)
            return
        for base in sorted(told, key=value)[:_CALLS]:
            yield from self._missing(base, expr, scope, depth, seen)

    def _missing(
        self, base: Value, expr: s.Attribute, scope: Scope, depth: int, seen: set[tuple[Scope, int]]
    ) -> Iterator[Remark]:
        if isinstance(base, Made) and isinstance(base.of, Cls):
            owner = base.of.scope
            stores = [x for here in self.values.lineage(owner) for x in self.values.self_stores(here, expr.attr)]
            for store in stores[:_CALLS]:
                if store.value is None:
                    continue
                why = self._why(store.value, store.scope, depth - 1, seen)
                yield at(
                    f"`{expr.attr}` is {code(store.scope.module, store.value)}", store.scope.module, store.node, *why
                )
            if not stores:
                yield at(f"no method of `{owner.name}` assigns `{expr.attr}`", owner.module, owner.node)
        else:
            yield at(f"`.{expr.attr}` of {value(base)} is not known", scope.module, expr)

    # --- calls --------------------------------------------------------------------------------

    def _call(self, expr: s.Call, scope: Scope, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        functions = self.values.of(expr.func, scope)
        if isinstance(expr.func, s.Name) and expr.func.text == "getattr":
            name = expr.args[1].value if len(expr.args) > 1 else None
            if name is not None and not any(isinstance(v, Const) for v in self.values.of(name, scope)):
                yield at(f"{code(scope.module, expr)}: the name that it asks for is not known", scope.module, expr)
                yield from self._why(name, scope, depth - 1, seen)
                return
        told = self._told(functions)
        if not told:
            yield from self._why(expr.func, scope, depth - 1, seen)
        for each in sorted(told, key=value)[:_CALLS]:
            if isinstance(each, Func):
                yield from self._returns(each, depth, seen)
            elif isinstance(each, Lib):
                yield at(f"what `{each.path}` gives is not followed", scope.module, expr)
            else:
                yield at(f"what calling {value(each)} gives is not known", scope.module, expr)

    def _returns(self, called: Func, depth: int, seen: set[tuple[Scope, int]]) -> Iterator[Remark]:
        scope = called.scope
        found = [r for r in scope.returns if r.value is not None]
        if not found:
            yield at(f"{function(scope)} returns nothing", scope.module, scope.node)
        for stmt in found[:_CALLS]:
            assert stmt.value is not None
            if not self._told(self.values.of(stmt.value, scope)):
                why = self._why(stmt.value, scope, depth - 1, seen)
                yield at(f"{function(scope)} returns {code(scope.module, stmt.value)}", scope.module, stmt, *why)


def _from(stmt: s.ImportFrom) -> str:
    return "." * stmt.level + (stmt.module or "")
