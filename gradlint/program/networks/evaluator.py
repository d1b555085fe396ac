"""Expressions: what each gives, on plain values and on those that are not known."""

from __future__ import annotations

import operator
from collections.abc import Callable

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Member, Package, starred
from gradlint.program.networks.classes import Classes
from gradlint.program.networks.core import NATIVE, Cut, Pkg, Raised
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.objects import (
    ClassRef,
    Container,
    Fn,
    LibRef,
    Obj,
    Param,
    Partial,
    Tensor,
    Unknown,
    Value,
    hashable,
)
from gradlint.program.scopes import Binding, Scope

_LARGEST = 4096
_ABSENT = object()
_LOADED = LibRef("sys.modules")
_ROWS = 32  # how many numbers of a comprehension are computed: tables of sines have millions
_ASIDE = 12_000  # steps for one value of code that is not run as a whole
_OPERATORS: dict[str, Callable[..., object]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
_ORDERS: dict[str, Callable[..., object]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Evaluator(Classes):
    """Evaluates expressions, and names by their bindings."""

    def evaluate(self, expr: s.Expr, frame: Frame) -> Value:
        self.budget -= 1  # what `step` does, without the call: this runs a million times
        if self.budget < 0:
            raise Cut
        kind = expr.__class__
        evaluated = _KINDS.get(kind, Evaluator._unread)
        if not frame.lazy or kind not in _HELD:
            return evaluated(self, expr, frame)
        if self.subjects:
            subject = self.subject(expr, frame)
            if subject is not None:
                return subject
        found = evaluated(self, expr, frame)
        return self.settle(expr, frame, found) if isinstance(found, Unknown) else found

    def _unread(self, expr: s.Expr, frame: Frame) -> Value:
        return self.unknown("unread", str(frame.module.path), expr.id)

    def _named(self, expr: s.Name, frame: Frame) -> Value:
        known = frame.vars.get(expr.text, _ABSENT)
        return self.lookup(expr.text, frame, expr.id) if known is _ABSENT else known

    def _attribute_of(self, expr: s.Attribute, frame: Frame) -> Value:
        return self.attribute(self.evaluate(expr.value, frame), expr.attr)

    def _constant(self, expr: s.Constant, frame: Frame) -> Value:
        return expr.value

    def _sequence(self, expr: s.Sequence, frame: Frame) -> Value:
        items = self._spread(expr.items, frame)
        if expr.kind == "set":
            return {i for i in items if hashable(i)}
        return tuple(items) if expr.kind == "tuple" else items

    def _binary(self, expr: s.Binary, frame: Frame) -> Value:
        return self.arithmetic(expr.op, self.evaluate(expr.left, frame), self.evaluate(expr.right, frame))

    def _boolean(self, expr: s.Boolean, frame: Frame) -> Value:
        left = self.evaluate(expr.left, frame)
        return left if self.truth(left) == (expr.op == "or") else self.evaluate(expr.right, frame)

    def _conditional(self, expr: s.Conditional, frame: Frame) -> Value:
        return self.evaluate(expr.then if self.truth(self.evaluate(expr.test, frame)) else expr.orelse, frame)

    def _subscript(self, expr: s.Subscript, frame: Frame) -> Value:
        held = self.evaluate(expr.value, frame)
        if held == _LOADED and isinstance(expr.index, s.Name) and expr.index.text == "__name__":
            return Pkg(frame.module.path)
        return self.item(held, self.evaluate(expr.index, frame))

    def _slice(self, expr: s.Slice, frame: Frame) -> Value:
        parts = [self.evaluate(p, frame) if p is not None else None for p in (expr.lower, expr.upper, expr.step)]
        return slice(*parts)

    def _lambda(self, expr: s.Lambda, frame: Frame) -> Value:
        inner = frame.scope.inner.get(expr.id)
        return Fn(inner, frame) if inner is not None else self.unknown("lambda", expr.id)

    def _format(self, expr: s.Format, frame: Frame) -> Value:
        parts = [self.evaluate(p, frame) for p in expr.parts]
        if all(isinstance(p, (str, int, float)) for p in parts):
            return "".join(str(p) for p in parts)
        return self.unknown("text", *parts)

    def _walrus(self, expr: s.Walrus, frame: Frame) -> Value:
        value = self.evaluate(expr.value, frame)
        if isinstance(expr.target, s.Name):
            frame.vars[expr.target.text] = value
        return value

    def _inner(self, expr: s.Await | s.Starred, frame: Frame) -> Value:
        return self.evaluate(expr.value, frame)

    def _yield(self, expr: s.Yield, frame: Frame) -> Value:
        frame.yields.append(self.evaluate(expr.value, frame) if expr.value is not None else None)
        return self.unknown("sent", expr.id)

    # --- calls ----------------------------------------------------------------------------------

    def _call(self, expr: s.Call, frame: Frame) -> Value:
        function = self.evaluate(expr.func, frame)
        args, kwargs = self.arguments(expr, frame)
        if not isinstance(function, (Fn, ClassRef)):
            kwargs.pop("**", None)
        return self.call(function, args, kwargs, expr, frame)

    def arguments(self, expr: s.Call, frame: Frame) -> tuple[list[Value], dict[str, Value]]:
        """The arguments of a call; what an unknown `**` part gives stands under "**"."""
        args: list[Value] = []
        kwargs: dict[str, Value] = {}
        for arg in expr.args:
            value = self.evaluate(arg.value, frame)
            if arg.star == "*":
                args.extend(self.iterate(value))
            elif arg.star == "**":
                if isinstance(value, dict):
                    kwargs.update({str(k): v for k, v in value.items() if isinstance(k, str)})
                elif isinstance(value, Unknown):
                    kwargs["**"] = value
            elif arg.keyword is not None:
                kwargs[arg.keyword] = value
            else:
                args.append(value)
        return args, kwargs

    def _spread(self, items: tuple[s.Expr, ...], frame: Frame) -> list[Value]:
        out: list[Value] = []
        for item in items:
            if isinstance(item, s.Starred):
                out.extend(self.iterate(self.evaluate(item.value, frame)))
            else:
                out.append(self.evaluate(item, frame))
        return out

    def _mapping(self, expr: s.Mapping, frame: Frame) -> Value:
        out: dict[Value, Value] = {}
        for key, value in expr.items:
            held = self.evaluate(value, frame)
            if key is None:
                if isinstance(held, dict):
                    out.update(held)
                continue
            name = self.evaluate(key, frame)
            if hashable(name):
                out[name] = held
        return out

    def _comprehension(self, expr: s.Comprehension, frame: Frame) -> Value:
        rows: list[Value] = []
        partial = False

        def run(index: int) -> None:
            nonlocal partial
            if index == len(expr.clauses):
                plain = len(rows) >= _ROWS and _plain(rows[-1]) and _plain(rows[0])
                rows.append(self.unknown("row", expr.id) if plain else self.evaluate(expr.element, frame))
                return
            clause = expr.clauses[index]
            held = self.evaluate(clause.iter, frame)
            partial = partial or isinstance(held, (Unknown, Partial))
            for item in self.iterate(held):
                self.step()
                self.assign(clause.target, item, frame)
                if all(self.truth(self.evaluate(t, frame)) for t in clause.tests):
                    run(index + 1)

        run(0)
        if expr.kind == "dict":
            return {p[0]: p[1] for p in rows if isinstance(p, tuple) and not isinstance(p[0], (list, dict))}
        return Partial(rows) if partial else rows

    # --- operators ------------------------------------------------------------------------------

    def arithmetic(self, op: str, left: Value, right: Value) -> Value:
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            return self.sum(op, left, right)
        if isinstance(left, Container) and isinstance(right, Container) and op == "+":
            both = [*left.items.values(), *right.items.values()]
            return Container(left.kind, left.path, {str(i): v for i, v in enumerate(both)}, left.site, left.makers)
        if isinstance(left, (Unknown, Obj, LibRef, Param)) or isinstance(right, (Unknown, Obj, LibRef, Param)):
            return self.unknown("binary", op, left, right)
        if isinstance(left, (list, tuple, str)) and isinstance(right, int) and op == "*" and right > _LARGEST:
            return self.unknown("binary", op, left, right)
        if op == "**" and not (isinstance(right, (int, float)) and abs(right) < 64):
            return self.unknown("binary", op, left, right)
        if op == "<<" and not (isinstance(right, int) and right < 64):
            return self.unknown("binary", op, left, right)
        try:
            return _OPERATORS[op](left, right)
        except (TypeError, ValueError, ArithmeticError, KeyError):
            return self.unknown("binary", op, left, right)

    def _unary(self, expr: s.Unary, frame: Frame) -> Value:
        value = self.evaluate(expr.value, frame)
        if expr.op == "not":
            return Unknown(value.key, not value.negated) if isinstance(value, Unknown) else not self.truth(value)
        if isinstance(value, (int, float)):
            return -value if expr.op == "-" else value
        if isinstance(value, Tensor):
            return self.passed(value)
        return self.unknown("unary", expr.op, value)

    def _compare(self, expr: s.Compare, frame: Frame) -> Value:
        left = self.evaluate(expr.left, frame)
        if len(expr.ops) == 1:
            return self.compared(expr.ops[0], left, self.evaluate(expr.rights[0], frame))
        for op, right in zip(expr.ops, expr.rights, strict=True):
            value = self.evaluate(right, frame)
            if not self.truth(self.compared(op, left, value)):
                return False
            left = value
        return True

    def compared(self, op: str, left: Value, right: Value) -> Value:
        if op in ("is", "is not", "==", "!="):
            same = self._same(left, right, op in ("is", "is not"))
            negated = op in ("is not", "!=")
            if isinstance(same, Unknown):
                return Unknown(same.key, same.negated != negated)
            return same != negated
        if op in ("in", "not in"):
            found = self._within(left, right)
            if isinstance(found, Unknown):
                return Unknown(found.key, found.negated != (op == "not in"))
            return found != (op == "not in")
        if isinstance(left, NATIVE) and isinstance(right, NATIVE):
            try:
                return _ORDERS[op](left, right)
            except (TypeError, KeyError):
                pass
        return self.unknown("compare", op, left, right)

    def _same(self, left: Value, right: Value, identity: bool) -> bool | Unknown:
        if isinstance(left, ClassRef) and isinstance(right, ClassRef):
            return left.scope is right.scope
        if isinstance(left, LibRef) and isinstance(right, LibRef):
            return left.path == right.path
        unknown = [v for v in (left, right) if isinstance(v, (Unknown, Param, Tensor))]
        if unknown:
            if left is None or right is None:
                if not isinstance(unknown[0], Unknown):
                    return False
            elif left == right and isinstance(left, Unknown):
                return True
            return self.unknown("same", *sorted((left, right), key=self.key))
        if isinstance(left, NATIVE) and isinstance(right, NATIVE):
            if identity and not isinstance(left, (bool, type(None))) and not isinstance(right, (bool, type(None))):
                return left is right or left == right
            if _holds_unknown(left) or _holds_unknown(right):
                return self.unknown("same", *sorted((left, right), key=self.key))
            return left == right
        return left is right

    def _within(self, item: Value, held: Value) -> bool | Unknown:
        if isinstance(held, Container):
            return str(item) in held.items if isinstance(item, str) else False
        if isinstance(held, Obj) and held.container is not None:
            return str(item) in held.container.items
        if not isinstance(held, (list, tuple, set, dict, str, range)):
            return self.unknown("within", item, held)
        if isinstance(held, str):
            return item in held if isinstance(item, str) else self.unknown("within", item, held)
        verdicts = [self._same(item, other, False) for other in self.iterate(held)]
        if any(v is True for v in verdicts):
            return True
        if any(isinstance(v, Unknown) for v in verdicts):
            return self.unknown("within", item, list(self.iterate(held)))
        return False

    # --- names ----------------------------------------------------------------------------------

    def lazy_frame(self, scope: Scope) -> Frame:
        """A frame for code that is not run, within the frames around it."""
        if scope.kind == "module" or scope.parent is None:
            return self.module_frame(scope)
        around = scope.parent
        while around.kind == "class" and around.parent is not None:
            around = around.parent
        return Frame(scope, self.lazy_frame(around), lazy=True)

    def lookup(self, name: str, frame: Frame, at: int | None) -> Value:
        here: Frame | None = frame
        while here is not None:
            scope = here.scope
            if scope.kind != "class" or here is frame:
                if name in here.vars:
                    return here.vars[name]
                if name in scope.bindings and name not in scope.outer_names:
                    if here.lazy:
                        inside = here is frame and scope.kind != "class"
                        return self.lazy(name, here, at if inside else None)
                    if scope.kind != "class":
                        return self.unknown("unbound", str(scope.module.path), scope.node.id, name)
            here = here.parent if here.parent is not None or scope.kind == "module" else self.module_frame(scope)
        found = starred(self.world.files, frame.module.scope, name)
        if isinstance(found, Member):
            return self.global_value(found.name, found.module.scope)
        if found is not None:
            return self.meaning(found)
        return LibRef(f"builtins.{name}") if not name.startswith("__") else self.unknown("name", name)

    def global_value(self, name: str, scope: Scope) -> Value:
        return self.lazy(name, self.module_frame(scope), None)

    def lazy(self, name: str, frame: Frame, at: int | None) -> Value:
        """A name of code that is not run, by the bindings that can reach a place in it."""
        if at is not None:
            return self._reaching(name, frame, at)
        if name not in frame.known:
            frame.known[name] = self._reaching(name, frame, None)
        return frame.known[name]

    def _reaching(self, name: str, frame: Frame, at: int | None) -> Value:
        scope = frame.scope
        bindings = [b for b in scope.reaching(name, at) if b.kind != "update"]
        if len(bindings) == 1:
            return self._binding(bindings[0], frame, at)
        values = [self._binding(b, frame, at) for b in bindings[:6]]
        known = [v for v in values if not isinstance(v, Unknown)]
        firm = [v for v in known if isinstance(v, (ClassRef, Fn, LibRef, Pkg))]
        if firm and not [v for v in known if v not in firm and v is not None]:
            return firm[0]
        if known and len(known) == len(values) and all(self._same(v, known[0], False) is True for v in known):
            return known[0]
        return self.unknown("name", str(scope.module.path), scope.node.id, name)

    def _binding(self, binding: Binding, frame: Frame, at: int | None) -> Value:
        if binding in frame.found:
            return frame.found[binding]
        frame.found[binding] = self.unknown("recursive", str(frame.module.path), binding.node.id)
        left = self.budget
        self.budget = min(left, _ASIDE)
        try:
            value = self._bound_value(binding, frame)
        except (Raised, Cut):
            value = frame.found[binding]
        finally:
            self.budget += left - min(left, _ASIDE)
        frame.found[binding] = value
        if isinstance(value, (list, dict, Container, Obj)) and not binding.path:
            self.grow(binding, frame, at)
        return value

    def _bound_value(self, binding: Binding, frame: Frame) -> Value:
        node, scope = binding.node, frame.scope
        if binding.kind == "function":
            inner = scope.inner[node.id]
            return Fn(inner, frame) if scope.kind != "class" else Fn(inner, frame.parent)
        if binding.kind == "class":
            return ClassRef(scope.inner[node.id], frame)
        if binding.kind == "import" and isinstance(node, (s.Import, s.ImportFrom)):
            found = self.world.values.imported(node, binding.name, scope.module)
            if isinstance(found, Member):
                return self.global_value(found.name, found.module.scope)
            assert isinstance(found, (Lib, Package))
            return self.meaning(found)
        if binding.kind == "param" and isinstance(node, s.Param) and node.default is not None and scope.parent:
            return self.evaluate(node.default, frame.parent or self.module_frame(scope))
        if binding.value is None or binding.kind in ("other", "param"):
            return self.unknown("binding", str(scope.module.path), node.id)
        value = self.evaluate(binding.value, frame)
        if binding.kind == "element":
            held = self.iterate(value)
            value = held[0] if len(held) == 1 else self.unknown("element", str(scope.module.path), node.id)
        for index in binding.path:
            value = self.item(value, index)
        return value

    # --- what the statements add ----------------------------------------------------------------

    def assign(self, target: s.Expr, value: Value, frame: Frame) -> None:
        raise NotImplementedError

    def grow(self, binding: Binding, frame: Frame, at: int | None) -> None:
        raise NotImplementedError

    def subject(self, expr: s.Expr, frame: Frame) -> Value | None:
        raise NotImplementedError

    def settle(self, expr: s.Expr, frame: Frame, found: Unknown) -> Value:
        raise NotImplementedError


def _holds_unknown(value: Value) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(v, Unknown) or _holds_unknown(v) for v in value[:32])


_HELD = frozenset([s.Name, s.Attribute, s.Subscript])
_KINDS: dict[type[s.Node], Callable[..., Value]] = {
    s.Name: Evaluator._named,
    s.Attribute: Evaluator._attribute_of,
    s.Constant: Evaluator._constant,
    s.Call: Evaluator._call,
    s.Sequence: Evaluator._sequence,
    s.Binary: Evaluator._binary,
    s.Compare: Evaluator._compare,
    s.Boolean: Evaluator._boolean,
    s.Conditional: Evaluator._conditional,
    s.Subscript: Evaluator._subscript,
    s.Unary: Evaluator._unary,
    s.Slice: Evaluator._slice,
    s.Mapping: Evaluator._mapping,
    s.Comprehension: Evaluator._comprehension,
    s.Lambda: Evaluator._lambda,
    s.Format: Evaluator._format,
    s.Walrus: Evaluator._walrus,
    s.Await: Evaluator._inner,
    s.Starred: Evaluator._inner,
    s.Yield: Evaluator._yield,
}


def _plain(value: Value) -> bool:
    """Whether a value has to do with numbers alone: no module, and none inside."""
    if isinstance(value, (list, tuple)):
        return all(_plain(v) for v in value[:_ROWS])
    return isinstance(value, (int, float, Unknown))
