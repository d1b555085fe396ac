"""Expressions: what each kind of them may hold."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.scopes import Scope
from gradlint.program.spelling import is_module
from gradlint.program.values.calls import Calls
from gradlint.program.values.objects import (
    NONE,
    Asked,
    Bound,
    Cls,
    Const,
    Context,
    Func,
    Items,
    Made,
    Many,
    Option,
    Spelled,
    Table,
    Value,
    ValueSet,
)

_LOADED: ValueSet = frozenset([Lib("sys.modules")])


class Values(Calls):
    """The evaluator of one project."""

    def _of(self, expr: s.Expr, scope: Scope, context: Context | None) -> ValueSet:
        kind = _KINDS.get(expr.__class__)
        held = kind(self, expr, scope, context) if kind is not None else NONE
        return _as_told(expr, scope, context, held) if context is not None and context.told else held

    def _name(self, expr: s.Name, scope: Scope, context: Context | None) -> ValueSet:
        return self.name(expr.text, scope, context, expr.id)

    def _attribute(self, expr: s.Attribute, scope: Scope, context: Context | None) -> ValueSet:
        return self._attributes(self.of(expr.value, scope, context), expr.attr)

    def _subscript(self, expr: s.Subscript, scope: Scope, context: Context | None) -> ValueSet:
        held, index = self.of(expr.value, scope, context), self.of(expr.index, scope, context)
        if held == _LOADED:
            return self._loaded_module(expr.index, index, scope)
        found = self._union(self._item(v, index) for v in held)
        packages = [v for v in held if isinstance(v, Package)]
        if packages and not self._named(expr.index, scope, context):  # `models.__dict__[args.arch]`
            found |= self._union(self._anything_in(v) for v in packages)
        return found

    def _conditional(self, expr: s.Conditional, scope: Scope, context: Context | None) -> ValueSet:
        return self.of(expr.then, scope, context) | self.of(expr.orelse, scope, context)

    def _same(self, expr: s.Await | s.Starred | s.Walrus, scope: Scope, context: Context | None) -> ValueSet:
        return self.of(expr.value, scope, context)

    def _lambda(self, expr: s.Lambda, scope: Scope, context: Context | None) -> ValueSet:
        inner = scope.inner.get(expr.id) or next(
            (x.inner[expr.id] for x in scope.module.scopes if expr.id in x.inner), None
        )
        return frozenset([Func(inner, None, context)]) if inner is not None else NONE

    def _attributes(self, holders: ValueSet, name: str) -> ValueSet:
        """An attribute of what may be several things: of those alone that are seen to have it, if any is."""
        if len(holders) == 1:
            (only,) = holders
            return self.attribute(only, name)
        found = [(holder, self.attribute(holder, name)) for holder in holders]
        if any(not isinstance(v, Bound) for _, held in found for v in held):
            found = [
                (h, held)
                for h, held in found
                if not (isinstance(h, Made) and isinstance(h.of, Cls) and held == {Bound(h, name)})
            ]
        return self._union([held for _, held in found])

    def _boolean(self, expr: s.Boolean, scope: Scope, context: Context | None) -> ValueSet:
        left = self.of(expr.left, scope, context)
        if expr.op == "or":
            if left and all(isinstance(v, Const) and v.value for v in left):
                return left
            left = frozenset(v for v in left if not (isinstance(v, Const) and not v.value))
        return left | self.of(expr.right, scope, context)

    def _sequence(self, expr: s.Sequence, scope: Scope, context: Context | None) -> ValueSet:
        parts: list[ValueSet] = []
        counted = True
        for item in expr.items:
            if isinstance(item, s.Starred):
                inner = self.of(item.value, scope, context)
                if len(inner) == 1 and isinstance(only := next(iter(inner)), Items):
                    parts.extend(only.parts)
                else:
                    parts.append(self.elements(inner))
                    counted = False
            else:
                parts.append(self.of(item, scope, context))
        if len(parts) > 64 or not counted:
            return frozenset([Many(self._union(parts))])
        return frozenset([Items(tuple(parts))])

    def _mapping(self, expr: s.Mapping, scope: Scope, context: Context | None) -> ValueSet:
        items: list[tuple[s.Literal, ValueSet]] = []
        for key, value in expr.items:
            if key is None:
                for inner in self.of(value, scope, context):
                    if isinstance(inner, Table):
                        items.extend(inner.items)
                continue
            names = [v.value for v in self.of(key, scope, context) if isinstance(v, Const)] or [None]
            items.extend((name, self.of(value, scope, context)) for name in names)
        return frozenset([Table(tuple(items))])

    def _binary(self, expr: s.Binary, scope: Scope, context: Context | None) -> ValueSet:
        left, right = self.of(expr.left, scope, context), self.of(expr.right, scope, context)
        out: set[Value] = set()
        for a in left:
            for b in right:
                if isinstance(a, Const) and isinstance(b, Const):
                    out |= {Const(v) for v in _fold(expr.op, a.value, b.value)}
                elif expr.op == "+" and isinstance(a, Items) and isinstance(b, Items):
                    out.add(Items(a.parts + b.parts))
                elif expr.op == "+" and isinstance(a, (Items, Many)) and isinstance(b, (Items, Many)):
                    out.add(Many(self.elements(frozenset([a])) | self.elements(frozenset([b]))))
        if not out and expr.op == "+":
            out = {v for v in left | right if isinstance(v, (Items, Many))}
        if not out and expr.op == "+":
            out = {Spelled(text) for text in self.spelled(expr, scope, context) if is_module(text)}
        if not out and expr.op == "*":
            out = {Many(self.elements(frozenset([v]))) for v in left | right if isinstance(v, (Items, Many))}
        return frozenset(out)

    def _comprehension(self, expr: s.Comprehension, scope: Scope, context: Context | None) -> ValueSet:
        if expr.kind == "dict" and isinstance(expr.element, s.Sequence):
            return frozenset([Table(((None, self.of(expr.element.items[1], scope, context)),))])
        return frozenset([Many(self.of(expr.element, scope, context))])

    def _format(self, expr: s.Format, scope: Scope, context: Context | None) -> ValueSet:
        texts = self.spelled(expr, scope, context)
        return frozenset(Const(t) if "*" not in t else Spelled(t) for t in texts if "*" not in t or is_module(t))


_KINDS: dict[type[s.Node], Callable[..., ValueSet]] = {
    s.Name: Values._name,
    s.Attribute: Values._attribute,
    s.Call: Values._call,
    s.Sequence: Values._sequence,
    s.Mapping: Values._mapping,
    s.Subscript: Values._subscript,
    s.Conditional: Values._conditional,
    s.Boolean: Values._boolean,
    s.Binary: Values._binary,
    s.Comprehension: Values._comprehension,
    s.Await: Values._same,
    s.Starred: Values._same,
    s.Walrus: Values._same,
    s.Lambda: Values._lambda,
    s.Format: Values._format,
}


def _as_told(expr: s.Expr, scope: Scope, context: Context, held: ValueSet) -> ValueSet:
    """What a setting holds where conditions say something of it; any other expression, what it holds."""
    if not isinstance(expr, (s.Name, s.Attribute, s.Subscript)):
        return held
    text = s.text(expr)
    for told in context.told:
        if told.text == text and (told.home is None or told.home is scope.lookup(s.root_name(expr) or "")):
            held = _narrowed(held, told.asked)
    return held


def _narrowed(held: ValueSet, asked: Asked) -> ValueSet:
    kept: set[Value] = set()
    for value in held:
        if isinstance(value, Option):
            kept.add(Option(value.name, value.listed, (*value.asked, asked)))
        elif not isinstance(value, Const) or asked.allows(value.value):
            kept.add(value)
    if all(isinstance(v, Const) for v in held) and kept:
        return frozenset(kept)
    if asked.answer and not asked.part:
        return frozenset(Const(name) for name in asked.names)
    return (
        frozenset(kept) if any(isinstance(v, Option) for v in kept) else frozenset([*kept, Option("", False, (asked,))])
    )


def _fold(op: str, a: s.Literal, b: s.Literal) -> list[s.Literal]:
    """Arithmetic on two constants, kept small."""
    if isinstance(a, str) and isinstance(b, str) and op == "+":
        return [a + b] if len(a) + len(b) < 1000 else []
    if isinstance(a, str) and op == "%" and a.count("%") == 1:
        return [a.replace("%s", str(b)).replace("%d", str(b))] if len(a) < 1000 else []
    if not (isinstance(a, (int, float)) and isinstance(b, (int, float))):
        return []
    try:
        if op == "+":
            return [a + b]
        if op == "-":
            return [a - b]
        if op == "*":
            return [a * b]
        if op == "/":
            return [a / b]
        if op == "//":
            return [a // b]
        if op == "%":
            return [a % b]
        if op == "**" and abs(a) < 1e6 and abs(b) < 64:
            power = a**b
            return [power] if isinstance(power, (int, float)) else []
    except (ArithmeticError, ValueError):
        return []
    return []
