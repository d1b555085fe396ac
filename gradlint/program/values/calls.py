"""Calls: what functions, classes and libraries give back."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.scopes import Scope
from gradlint.program.values.chosen import Chosen
from gradlint.program.values.objects import (
    NONE,
    Bound,
    Cls,
    Const,
    Context,
    Func,
    Items,
    Made,
    Many,
    Partial,
    Table,
    Value,
    ValueSet,
)

_OPTIMIZER: ValueSet = frozenset([Const("optimizer")])


class Calls(Chosen):
    """Finds what a call may give."""

    def _call(self, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        functions = self.of(call.func, scope, context)
        if len(functions) == 1:
            (only,) = functions
            return self.ranked(self.result(only, call, scope, context))
        return self._union([self.result(f, call, scope, context) for f in functions])

    def result(self, function: Value, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        """What calling `function` at `call` gives."""
        if isinstance(function, Cls):
            if self._enumerates(function.scope):
                return self._item(function, NONE)
            return frozenset([Made(function, call, scope, context)])
        if isinstance(function, Func):
            return self.returned(function, self.enter(function, call, scope, context))
        if isinstance(function, Partial):
            return self.result(function.function, function.site, function.scope, function.context)
        if isinstance(function, Made) and isinstance(function.of, Cls):
            method = self.method(function, "__call__")
            if method is not None:
                return self.returned(method, self.enter(method, call, scope, context))
            return NONE
        if isinstance(function, Bound):
            return self._method_result(function, call, scope, context)
        if isinstance(function, Lib):
            builtin = self._builtin(function.path, call, scope, context)
            if builtin is not None:
                return builtin
            given = self.vocabulary.gives(function.path)
            if given is not None:
                return self._given(given, call, scope, context, Made(function, call, scope, context))
            return frozenset([Made(function, call, scope, context)])
        return NONE

    def _given(
        self, given: tuple[int | str, ...] | int, call: s.Call, scope: Scope, context: Context | None, made: Made
    ) -> ValueSet:
        """What a library call gives back of its arguments: one of them, or a tuple of them."""
        if isinstance(given, int):
            expr = call.arg(given)
            return self.of(expr, scope, context) if expr is not None else frozenset([made])
        if given == ("*",):
            parts = tuple(self.of(a.value, scope, context) for a in call.args if not a.keyword)
            if any(a.star for a in call.args):
                return frozenset([Many(self._union(self.elements(p) | p for p in parts))])
            return parts[0] if len(parts) == 1 else frozenset([Items(parts)])
        slots: list[ValueSet] = []
        for slot in given:
            expr = call.arg(slot, None) if isinstance(slot, int) else call.arg(None, slot)
            slots.append(self.of(expr, scope, context) if expr is not None else frozenset([made]))
        return frozenset([Items(tuple(slots))])

    def _method_result(self, bound: Bound, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        receiver, name = bound.receiver, bound.name
        if isinstance(receiver, Table):
            if name in ("get", "pop", "setdefault") and call.args:
                hit = self._item(receiver, self.of(call.args[0].value, scope, context))
                return hit | (self.of(call.args[1].value, scope, context) if len(call.args) > 1 else NONE)
            if name == "values":
                return frozenset([Many(self.elements(frozenset([receiver])))])
            if name == "items":
                every = self.elements(frozenset([receiver]))
                return frozenset([Many(frozenset([Items((NONE, every))]))])
            if name == "copy":
                return frozenset([receiver])
        if isinstance(receiver, (Items, Many)):
            if name in ("pop", "__getitem__"):
                return self.elements(frozenset([receiver]))
            return NONE
        kind = self.library(receiver)
        if kind is not None:
            given = self.vocabulary.method_gives(self.bases_of(receiver), name)
            if given == "self":
                return frozenset([receiver])
            if isinstance(given, str) and isinstance(receiver, Made):
                own = self.method(receiver, given)
                return self._configured(own, receiver) if own is not None else NONE
            made = Made(Lib(f"{kind}.{name}"), call, scope, context, receiver)
            if isinstance(given, tuple):
                return self._given(given, call, scope, context, made)
            return frozenset([made])
        if isinstance(receiver, Const) and isinstance(receiver.value, str):
            return _string_method(receiver.value, name)
        return NONE

    def _configured(self, method: Func, receiver: Made) -> ValueSet:
        """The optimizers that a method of a module gives back to the framework, as the framework hands them out."""
        out: set[Value] = set()
        for value in self.returned(method, self.context(method.scope, (), receiver, 1)):
            if isinstance(value, Items) and value.parts and any(isinstance(v, (Items, Many)) for v in value.parts[0]):
                value = next(v for v in value.parts[0] if isinstance(v, (Items, Many)))  # with their schedulers after
            parts = value.parts if isinstance(value, Items) else (frozenset([value]),)
            found = [
                self._union(self._item(v, _OPTIMIZER) if isinstance(v, Table) else frozenset([v]) for v in part)
                for part in parts
            ]
            if len(found) == 1:
                out |= found[0]
            else:
                out.add(Items(tuple(found)))
        return frozenset(out)

    def _builtin(self, path: str, call: s.Call, scope: Scope, context: Context | None) -> ValueSet | None:
        if path == "builtins.getattr" and len(call.args) >= 2:
            return self._getattr(call, scope, context)
        if (
            path
            in (
                "builtins.list",
                "builtins.tuple",
                "builtins.iter",
                "builtins.reversed",
                "builtins.sorted",
                "builtins.set",
            )
            and call.args
        ):
            return frozenset(
                v if isinstance(v, (Items, Many)) else Many(self.elements(frozenset([v])))
                for v in self.of(call.args[0].value, scope, context)
                if isinstance(v, (Items, Many, Table)) or self.elements(frozenset([v]))
            )
        if path in ("builtins.next", "builtins.min", "builtins.max") and call.args:
            return self.elements(self.of(call.args[0].value, scope, context))
        if path == "builtins.enumerate" and call.args:
            inner = self.elements(self.of(call.args[0].value, scope, context))
            return frozenset([Many(frozenset([Items((NONE, inner))]))])
        if path == "builtins.zip":
            parts = tuple(self.elements(self.of(a.value, scope, context)) for a in call.args if not a.keyword)
            return frozenset([Many(frozenset([Items(parts)]))])
        if path == "builtins.dict":
            items = tuple((a.keyword, self.of(a.value, scope, context)) for a in call.args if a.keyword)
            merged = [v for a in call.args if not a.keyword for v in self.of(a.value, scope, context)]
            extra = tuple(i for v in merged if isinstance(v, Table) for i in v.items)
            return frozenset([Table(items + extra)])
        if path == "functools.partial" and call.args:
            rest = s.Call(call.id, call.args[0].value, call.args[1:])
            return frozenset(Partial(f, rest, scope, context) for f in self.of(call.args[0].value, scope, context))
        if path == "builtins.super":
            return self._super(scope, context)
        if path in ("copy.deepcopy", "copy.copy") and call.args:
            return self.of(call.args[0].value, scope, context)
        if path == "builtins.vars" and call.args:
            return self.of(call.args[0].value, scope, context)
        if path in ("builtins.globals", "builtins.locals", "builtins.vars"):
            return frozenset([Package(scope.module.path)])
        if path == "builtins.eval" and call.args:
            return self._evaluated(self.of(call.args[0].value, scope, context), scope, context)
        if path in ("importlib.import_module", "builtins.__import__") and call.args:
            return self._import_module(call, scope, context)
        return None

    def _super(self, scope: Scope, context: Context | None) -> ValueSet:
        function = scope.function
        while function is not None and function.owner is None:
            function = function.parent.function if function.parent else None
        if function is None or function.owner is None:
            return NONE
        receiver = context.receiver if context is not None and context.scope is function else None
        out: set[Value] = set()
        for base in self.bases(function.owner):
            if isinstance(receiver, Made):
                out.add(Made(base, receiver.site, receiver.scope, receiver.context, receiver))
            else:
                out.add(Made(base))
        return frozenset(out)


def _string_method(text: str, name: str) -> ValueSet:
    if name in ("lower", "upper", "strip", "title", "capitalize"):
        return frozenset([Const(getattr(text, name)())])
    return NONE
