"""Contexts: what one call gives for the parameters of a function, and what it gets back."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.scopes import Scope
from gradlint.program.values.callers import Callers
from gradlint.program.values.core import WIDTH
from gradlint.program.values.objects import NONE, Cls, Context, Func, Items, Made, Many, Table, Told, Value, ValueSet


class Contexts(Callers):
    """Enters functions with the arguments of a call."""

    def enter(self, function: Func, call: s.Call, scope: Scope, context: Context | None) -> Context | None:
        """The context of one call of a project function; None when calls are nested too deeply to tell apart."""
        depth = context.depth + 1 if context is not None else 1
        if depth > 4:
            return None
        args: list[tuple[str, ValueSet]] = []
        for param in function.scope.params:
            if function.scope.self_name == param.name and function.receiver is not None:
                continue
            expr_values = self._argument(
                call, scope, context, function.scope, param, bound=function.receiver is not None
            )
            if expr_values:
                args.append((param.name, expr_values))
            elif param.default is not None and function.scope.parent is not None:
                args.append((param.name, self.of(param.default, function.scope.parent, None)))
        told = context.passed_on if context is not None else ()
        return self.context(function.scope, tuple(args), function.receiver, depth, function.context, told=told)

    def told(self, scope: Scope, context: Context | None, told: tuple[Told, ...]) -> Context:
        """The context of a function's code where conditions say something of its settings."""
        if context is None or context.scope is not scope:
            return self.context(scope, partial=True, told=told)
        return self.context(
            scope, context.args, context.receiver, context.depth, context.parent, partial=context.partial, told=told
        )

    def _argument(
        self,
        call: s.Call,
        scope: Scope,
        context: Context | None,
        function: Scope,
        param: s.Param,
        bound: bool | None = None,
    ) -> ValueSet:
        """The values that a call gives for a parameter."""
        position = argument_position(function, param, bound=_is_method_call(function) if bound is None else bound)
        if param.star == "**":
            items = tuple((a.keyword, self.of(a.value, scope, context)) for a in call.args if a.keyword)
            return frozenset([Table(items)])
        for arg in call.args:
            if arg.keyword == param.name:
                return self.of(arg.value, scope, context)
        if position is not None:
            expr = call.arg(position)
            if param.star == "*":
                rest = [a for a in call.args if not a.keyword and a.star != "**"][position:]
                parts = tuple(self.of(a.value, scope, context) for a in rest)
                if any(a.star for a in rest) or len(parts) > WIDTH:
                    inside = (self.elements(p) if a.star else p for a, p in zip(rest, parts, strict=True))
                    return frozenset([Many(self._union(inside))])
                return frozenset([Items(parts)])
            if expr is not None:
                return self.of(expr, scope, context)
            for arg in call.args:
                if arg.star == "*":
                    before = sum(1 for a in call.args[: call.args.index(arg)] if not a.keyword)
                    inner = self.of(arg.value, scope, context)
                    held = self._items(inner, position - before)
                    if held:
                        return held
        for arg in call.args:
            if arg.star == "**":
                for value in self.of(arg.value, scope, context):
                    if isinstance(value, Table):
                        hit = [v for k, v in value.items if k == param.name]
                        if hit:
                            return self._union(hit)
        return NONE

    def returned(self, function: Func, context: Context | None) -> ValueSet:
        """What a project function gives back."""
        scope = function.scope
        if isinstance(scope.node, s.Lambda):
            return self.of(scope.node.body, scope, context)

        return self._guarded(("r", scope, context), self._given_back, scope, context)

    def _given_back(self, scope: Scope, context: Context | None) -> ValueSet:
        out: set[Value] = set()
        for stmt in scope.returns:
            if stmt.value is not None:
                out |= self.of(stmt.value, scope, context)
        if scope.yields:
            for node in scope.nodes:
                if isinstance(node, s.Yield) and node.value is not None:
                    out.add(Many(self.of(node.value, scope, context)))
        return frozenset(out)

    def _constructed(self, value: Made, scope: Scope) -> Context | None:
        """The call of `__init__` that made an instance, for an assignment that stands in it."""
        if scope.kind != "function":
            return None
        some = self.context(scope, (), value, 1, partial=bool(scope.params[1:]))
        if value.site is None or scope.name != "__init__":
            return some
        assert isinstance(value.of, Cls)
        found = self.find_method(value.of.scope, "__init__")
        if found is None or value.scope is None:
            return None
        first = self.enter(Func(found, value), value.site, value.scope, value.context)
        if found is scope:
            return first or some
        # A base class's __init__: follow the super().__init__(…) call.
        for call, where in found.module.calls.get("__init__", ()):
            if where is found and self._may_call(call, where, scope.owner or scope, scope):
                return self.enter(Func(scope, value), call, where, first) or some
        return some

    def _entered_by_decoration(self, function: Scope) -> Iterator[Context]:
        """The contexts in which what a function decorates is given to it."""
        for call, where in self.callers(function):
            if any(call is decoration for decoration, _ in where.module.decorations):
                for value in self.of(call.func, where):
                    if isinstance(value, Func) and value.scope is function:
                        entered = self.enter(value, call, where, None)
                        if entered is not None:
                            yield entered

    def _entered_from_decoration(self, function: Scope) -> Iterator[Context]:
        """The contexts in which a function is called by one that what it decorates is given to."""
        for call, where in self.callers(function):
            for outer in self._entered_by_decoration(where) if where.kind == "function" else ():
                for value in self.of(call.func, where, outer):
                    if isinstance(value, Func) and value.scope is function:
                        entered = self.enter(value, call, where, outer)
                        if entered is not None:
                            yield entered


def _is_method_call(function: Scope) -> bool:
    return function.owner is not None and not function.static


def argument_position(function: Scope, param: s.Param, *, bound: bool) -> int | None:
    """The place of a parameter among a call's positional arguments; None if it takes a keyword only."""
    if param.keyword_only or param.star == "**":
        return None
    index = function.places.get(param)
    if index is None:
        return None
    return index - 1 if bound and index > 0 else index
