"""What an expression may hold: a light abstract interpretation, asked for when needed.

A value is found by following assignments, attributes, arguments at call sites, returns and containers
across the project's files. A set of values is what the expression *may* be; an empty set means that
nothing is known.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Meaning, Package, imported, member, starred, starred_modules
from gradlint.program.project import Files
from gradlint.program.scopes import Binding, Scope, Store
from gradlint.program.spelling import agree, spellings, told
from gradlint.vocabulary import Vocabulary

_DEPTH = 48
_WIDTH = 24
_UNCUT = 1 << 30
_CALLERS = 24
_HEIRS = 24
_FUEL = 4000  # how many steps one question may take


@dataclass(frozen=True, slots=True)
class Const:
    value: s.Literal


@dataclass(frozen=True, slots=True)
class Cls:
    """A class of the project."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Func:
    """A function or lambda of the project, with the instance that it is bound to."""

    scope: Scope
    receiver: Value | None = None
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What calling a class or a library function gives; `site` is None for "some instance"."""

    of: Cls | Lib
    site: s.Call | None = None
    scope: Scope | None = None
    context: Context | None = None
    receiver: Value | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """An attribute of something that the project did not define."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True)
class Partial:
    """`functools.partial(function, …)`."""

    function: Value
    site: s.Call
    scope: Scope
    context: Context | None


@dataclass(frozen=True, slots=True)
class Items:
    """A tuple or list whose parts are known one by one."""

    parts: tuple[frozenset[Value], ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A container of any number of such values."""

    element: frozenset[Value]


@dataclass(frozen=True, slots=True)
class Table:
    """A dict; a key that is no constant is None."""

    items: tuple[tuple[s.Literal, frozenset[Value]], ...]


@dataclass(frozen=True, slots=True)
class Option:
    """A command line option or another setting that the user chooses; `listed` if the code lists the choices."""

    name: str
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """A parameter that no caller in the project gives."""

    scope: Scope
    name: str


Value = Const | Cls | Func | Made | Bound | Partial | Items | Many | Table | Option | Unknown | Lib | Package
ValueSet = frozenset[Value]
NONE: ValueSet = frozenset()
_OPTIMIZER: ValueSet = frozenset([Const("optimizer")])
_LOADED: ValueSet = frozenset([Lib("sys.modules")])


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One call of a function: the values of its parameters. Equal ones are one object (`Values.context`).

    A `partial` one knows the receiver only: parameters are what all calls give.
    """

    scope: Scope
    args: tuple[tuple[str, ValueSet], ...]
    receiver: Value | None = None
    depth: int = 0
    parent: Context | None = None
    partial: bool = False

    def get(self, name: str) -> ValueSet | None:
        return next((v for k, v in self.args if k == name), None)


@dataclass(slots=True)
class _Stack:
    keys: dict[object, int] = field(default_factory=dict)
    cut: int = _UNCUT


class Values:
    """The evaluator of one project."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        self.files = files
        self.vocabulary = vocabulary
        self._memo: dict[object, ValueSet] = {}
        self._callers: dict[Scope, list[tuple[s.Call, Scope]]] = {}
        self._bases: dict[Scope, tuple[Cls | Lib, ...]] = {}
        self._lineages: dict[Scope, tuple[Scope, ...]] = {}
        self._open = 0  # how many classes' bases are being looked for
        self._stack = _Stack()
        self._provisional: dict[object, ValueSet] = {}
        self._fuel = _FUEL
        self._given_up: set[object] = set()
        self._contexts: dict[object, Context] = {}
        self._stores: dict[Scope, dict[str, list[Store]]] = {}
        self._descendants: dict[Scope, tuple[Scope, ...]] = {}
        self._exposes: dict[Scope, bool] = {}

    # --- entry points -------------------------------------------------------------------------

    def of(self, expr: s.Expr, scope: Scope, context: Context | None = None) -> ValueSet:
        """What the expression, standing in `scope`, may hold."""
        key = (scope.module, expr.id, context)
        known = self._memo.get(key)
        return known if known is not None else self._guarded(key, lambda: self._of(expr, scope, context))

    def was_cut(self, expr: s.Expr, scope: Scope) -> bool:
        """Whether the search for what an expression holds was given up at a bound."""
        return ("e", scope.module.path, expr.id, None) in self._given_up

    def _guarded(self, key: object, compute: Callable[[], ValueSet]) -> ValueSet:
        """Compute once. What was cut off at something still being computed holds for the current question only."""
        known = self._memo.get(key)
        if known is None:
            known = self._provisional.get(key)
        if known is not None:
            return known
        stack = self._stack
        if key in stack.keys:
            stack.cut = min(stack.cut, stack.keys[key])
            return NONE
        depth = len(stack.keys)
        if depth == 0:
            self._fuel = _FUEL
        self._fuel -= 1
        if depth > _DEPTH or self._fuel < 0:
            self._given_up.add(next(iter(stack.keys), key))
            stack.cut = -1
            return NONE
        outer, stack.cut = stack.cut, _UNCUT
        stack.keys[key] = depth
        try:
            result = compute()
        finally:
            del stack.keys[key]
        if len(result) > _WIDTH:
            result = frozenset(sorted(result, key=_rank)[:_WIDTH])
        if stack.cut >= depth or depth == 0:
            self._memo[key] = result
            stack.cut = outer
        else:
            self._provisional[key] = result
            stack.cut = min(stack.cut, outer)
        if depth == 0:
            self._provisional.clear()
            stack.cut = _UNCUT
        return result

    def context(
        self,
        scope: Scope,
        args: tuple[tuple[str, ValueSet], ...] = (),
        receiver: Value | None = None,
        depth: int = 1,
        parent: Context | None = None,
        *,
        partial: bool = False,
    ) -> Context:
        """The context of a call; the same for the same values."""
        key = (scope, args, receiver, parent, partial)
        known = self._contexts.get(key)
        if known is None:
            known = self._contexts[key] = Context(scope, args, receiver, depth, parent, partial)
        return known

    # --- expressions --------------------------------------------------------------------------

    def _of(self, expr: s.Expr, scope: Scope, context: Context | None) -> ValueSet:
        if isinstance(expr, s.Name):
            return self.name(expr.text, scope, context, expr.id)
        if isinstance(expr, s.Attribute):
            return self._union(self.attribute(v, expr.attr) for v in self.of(expr.value, scope, context))
        if isinstance(expr, s.Call):
            return self._call(expr, scope, context)
        if isinstance(expr, s.Constant):
            return frozenset([Const(expr.value)])
        if isinstance(expr, s.Sequence):
            return self._sequence(expr, scope, context)
        if isinstance(expr, s.Mapping):
            return self._mapping(expr, scope, context)
        if isinstance(expr, s.Subscript):
            held, index = self.of(expr.value, scope, context), self.of(expr.index, scope, context)
            if held == _LOADED:
                return self._loaded_module(expr.index, index, scope)
            found = self._union(self._item(v, index) for v in held)
            packages = [v for v in held if isinstance(v, Package)]
            if packages and not self._named(expr.index, scope, context):  # `models.__dict__[args.arch]`
                found |= self._union(self._anything_in(v) for v in packages)
            return found
        if isinstance(expr, s.Conditional):
            return self.of(expr.then, scope, context) | self.of(expr.orelse, scope, context)
        if isinstance(expr, s.Boolean):
            return self._boolean(expr, scope, context)
        if isinstance(expr, s.Binary):
            return self._binary(expr, scope, context)
        if isinstance(expr, s.Comprehension):
            return self._comprehension(expr, scope, context)
        if isinstance(expr, (s.Await, s.Starred)):
            return self.of(expr.value, scope, context)
        if isinstance(expr, s.Walrus):
            return self.of(expr.value, scope, context)
        if isinstance(expr, s.Lambda):
            inner = scope.inner.get(expr.id) or next(
                (x.inner[expr.id] for x in scope.module.scopes if expr.id in x.inner), None
            )
            return frozenset([Func(inner, None, context)]) if inner is not None else NONE
        if isinstance(expr, s.Format):
            return self._format(expr, scope, context)
        return NONE

    def _boolean(self, expr: s.Boolean, scope: Scope, context: Context | None) -> ValueSet:
        left = self.of(expr.left, scope, context)
        if expr.op == "or":
            if left and all(isinstance(v, Const) and v.value for v in left):
                return left
            left = frozenset(v for v in left if not (isinstance(v, Const) and not v.value))
        return left | self.of(expr.right, scope, context)

    def _union(self, sets: Iterable[ValueSet]) -> ValueSet:
        out: set[Value] = set()
        for values in sets:
            out |= values
            if len(out) > 2 * _WIDTH:
                break
        return frozenset(out)

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
        if not out and expr.op == "*":
            out = {Many(self.elements(frozenset([v]))) for v in left | right if isinstance(v, (Items, Many))}
        return frozenset(out)

    def _comprehension(self, expr: s.Comprehension, scope: Scope, context: Context | None) -> ValueSet:
        if expr.kind == "dict" and isinstance(expr.element, s.Sequence):
            return frozenset([Table(((None, self.of(expr.element.items[1], scope, context)),))])
        return frozenset([Many(self.of(expr.element, scope, context))])

    def _format(self, expr: s.Format, scope: Scope, context: Context | None) -> ValueSet:
        return frozenset(Const(text) for text in self.spelled(expr, scope, context) if "*" not in text)

    def spelled(self, expr: s.Expr, scope: Scope, context: Context | None = None) -> frozenset[str]:
        """The texts that an expression may give, `*` for what is not known of them."""
        return spellings(expr, lambda part: [v.value for v in self.of(part, scope, context) if isinstance(v, Const)])

    # --- names --------------------------------------------------------------------------------

    def name(self, name: str, scope: Scope, context: Context | None, at: int | None) -> ValueSet:
        home = scope.lookup(name)
        if home is None:
            found = starred(self.files, scope.module.scope, name)
            if found is not None:
                stray = isinstance(found, Lib) and self.vocabulary.is_library(name)
                return self.meaning(Lib(name) if stray else found)
            return frozenset([Lib(f"builtins.{name}")]) if hasattr(builtins, name) else NONE
        use = at if home is scope or home.function is scope.function else None
        while context is not None and context.scope is not home:
            context = context.parent
        return self._union(self.binding(b, home, context) for b in home.reaching(name, use))

    def binding(self, binding: Binding, scope: Scope, context: Context | None) -> ValueSet:
        """What one binding gives its name."""
        node = binding.node
        if binding.kind == "function" or binding.kind == "class":
            inner = scope.inner[node.id]
            if binding.kind == "class":
                return frozenset([Cls(inner)])
            return frozenset([Func(inner, None, context)])
        if binding.kind == "import" and isinstance(node, s.Import | s.ImportFrom):
            known = self._known_symbol(node, binding.name)
            if known is not None:
                return frozenset([known])
            return self.meaning(imported(self.files, scope.module, node, binding.name))
        if binding.kind == "param" and isinstance(node, s.Param):
            return self.parameter(scope, node, context)
        if binding.value is None:
            return NONE
        if binding.kind == "update":
            values = self.of(binding.value, scope, context)
            grown = frozenset(Many(self.elements(frozenset([v]))) for v in values if isinstance(v, (Items, Many)))
            return grown
        values = self.of(binding.value, scope, context)
        if binding.kind == "element":
            values = self.elements(values)
        elif binding.kind == "enter":
            values = self._entered(values)
        for index in binding.path:
            values = self._union(self._item(v, frozenset([Const(index)])) for v in values)
        return values | self._grown(binding, scope, context)

    def _grown(self, binding: Binding, scope: Scope, context: Context | None) -> ValueSet:
        """What is appended to a list, or put into a dict, after its binding."""
        if not isinstance(binding.value, (s.Sequence, s.Mapping, s.Call, s.Comprehension)) or binding.path:
            return NONE
        if isinstance(binding.value, s.Call) and binding.value.args and not isinstance(binding.value.func, s.Name):
            return NONE
        out: set[Value] = set()
        for method in ("append", "extend", "insert", "add"):
            for call, where in scope.module.calls.get(method, ()):
                func = call.func
                if not (isinstance(func, s.Attribute) and isinstance(func.value, s.Name) and call.args):
                    continue
                if func.value.text == binding.name and where.lookup(binding.name) is scope:
                    added = self.of(call.args[-1].value, where, context if where is scope else None)
                    out |= {Many(self.elements(added) if method == "extend" else added)}
        for store in scope.module.item_stores.get(binding.name, ()):
            if store.scope.lookup(binding.name) is scope:
                for keys, held in self._entries(store, context, scope):
                    out |= _put(keys, held)
        return frozenset(out)

    def _known_symbol(self, node: s.Import | s.ImportFrom, name: str) -> Lib | None:
        """A symbol that the vocabulary knows keeps its meaning in the library's own repository too."""
        if isinstance(node, s.Import) or node.level:
            return None
        original = next((n for n, alias in node.names or () if (alias or n) == name), name)
        path = self.vocabulary.canonical(f"{node.module}.{original}")
        return Lib(path) if self.vocabulary.knows(path) else None

    def _of_namesake(self, package: Package, name: str) -> ValueSet:
        """What a file named for a library does not have is the library's."""
        top = package.path.parent.name if package.path.stem == "__init__" else package.path.stem
        if not self.vocabulary.is_library(top):
            return NONE
        return frozenset([Lib(self.vocabulary.canonical(f"{top}.{name}"))])

    def meaning(self, found: Meaning) -> ValueSet:
        if isinstance(found, Lib):
            return frozenset([Lib(self.vocabulary.canonical(found.path))])
        if isinstance(found, Package):
            return frozenset([found])
        return self._guarded(
            ("m", found.module.path, found.name), lambda: self.name(found.name, found.module.scope, None, None)
        )

    def parameter(self, scope: Scope, param: s.Param, context: Context | None) -> ValueSet:
        """A parameter's values: of this call if there is one, else of all calls in the project and its default."""
        if context is not None and context.scope is scope:
            given = context.get(param.name)
            if given is not None:
                return given
        if scope.self_name == param.name and scope.owner is not None:
            if context is not None and context.scope is scope and context.receiver is not None:
                return frozenset([context.receiver])
            if "classmethod" in scope.decorators or scope.name == "__new__":
                return frozenset([Cls(scope.owner)])
            return frozenset([Made(Cls(scope.owner))])
        out: set[Value] = set()
        if param.default is not None and scope.parent is not None:
            out |= self.of(param.default, scope.parent, None)
            if self._exposed(scope):
                out.add(Option(param.name))
        if context is None or context.scope is not scope or context.partial:
            for call, where in self.callers(scope):
                out |= self._argument(call, where, None, scope, param)
        if not [v for v in out if v != Const(None)]:
            if param.annotation is not None:
                out |= self._annotated(param.annotation, scope)
            out.add(Unknown(scope, param.name))
        return frozenset(out)

    def _exposed(self, scope: Scope) -> bool:
        """Whether a function's parameters are options of a command line: it is handed to a library that makes one."""
        known = self._exposes.get(scope)
        if known is None:
            known = self._exposes[scope] = any(
                isinstance(f, Lib) and f.path == name
                for name, _ in self.vocabulary.entries("exposes")
                for call, where in scope.module.calls.get(name.rpartition(".")[2], ())
                if call.args
                and any(isinstance(v, Func) and v.scope is scope for v in self.of(call.args[0].value, where))
                for f in self.of(call.func, where)
            )
        return known

    def _annotated(self, annotation: s.Expr, scope: Scope) -> ValueSet:
        if isinstance(annotation, s.Constant) and isinstance(annotation.value, str):
            parts = annotation.value.split(".")
            if not all(p.isidentifier() for p in parts):
                return NONE
            node: s.Expr = s.Name(0, parts[0])
            for part in parts[1:]:
                node = s.Attribute(0, node, part)
            values = self.name(parts[0], scope.module.scope, None, None)
            for part in parts[1:]:
                values = self._union(self.attribute(v, part) for v in values)
        elif isinstance(annotation, s.Subscript):  # Optional[X], list[X]
            inner = annotation.index
            parts_of = inner.items if isinstance(inner, s.Sequence) else (inner,)
            return self._union(self._annotated(p, scope) for p in parts_of)
        elif isinstance(annotation, s.Binary) and annotation.op == "|":
            return self._annotated(annotation.left, scope) | self._annotated(annotation.right, scope)
        else:
            values = self.of(annotation, scope.parent or scope, None)
        out: set[Value] = set()
        for value in values:
            if isinstance(value, Cls) or (
                isinstance(value, Lib) and not value.path.startswith(("builtins.", "typing."))
            ):
                out.add(Made(value))
        return frozenset(out)

    # --- calls --------------------------------------------------------------------------------

    def _call(self, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        return self._union(self.result(f, call, scope, context) for f in self.of(call.func, scope, context))

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

    def _getattr(self, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        names = [v.value for v in self.of(call.args[1].value, scope, context) if isinstance(v, Const)]
        out: set[Value] = set()
        for base in self.of(call.args[0].value, scope, context):
            if isinstance(base, Lib):
                out |= self._picked(base, names)
            for name in names:
                if isinstance(name, str):
                    out |= self.attribute(base, name)
            if isinstance(base, Package) and not self._named(call.args[1].value, scope, context):
                out |= self._anything_in(base)
            if isinstance(base, Lib) and not names:
                start, end = self._known_ends(call.args[1].value, scope, context)
                out |= {Lib(path) for path in self.vocabulary.spelled(f"{base.path}.{start}", end) if start or end}
            elif not names:
                for text in self.spelled(call.args[1].value, scope, context):
                    out |= self._spelled_attribute(base, text)
        if len(call.args) > 2:
            out |= self.of(call.args[2].value, scope, context)
        return frozenset(out)

    def _evaluated(self, texts: ValueSet, scope: Scope, context: Context | None) -> ValueSet:
        """What `eval` makes of names, and of calls of classes by name: `eval(args.model)`, `eval("nets.Small()")`."""
        out: set[Value] = set()
        for text in texts:
            if not (isinstance(text, Const) and isinstance(text.value, str)):
                continue
            dotted, called, _ = text.value.strip().partition("(")
            parts = dotted.split(".")
            if not all(part.isidentifier() for part in parts):
                continue
            values = self.name(parts[0], scope, context, None)
            for part in parts[1:]:
                values = self._union(self.attribute(v, part) for v in values)
            out |= {Made(v) for v in values if isinstance(v, Cls)} if called else values
        return frozenset(out)

    def _named(self, expr: s.Expr, scope: Scope, context: Context | None) -> bool:
        """Whether all that a name can be is known; what the user chooses is, where the code lists the choices."""
        values = self.of(expr, scope, context)
        return any(isinstance(v, Const) for v in values) and not self._chosen(expr, scope, context)

    def _chosen(self, expr: s.Expr, scope: Scope, context: Context | None) -> bool:
        return any(
            isinstance(v, Option) and not v.listed
            for part in s.walk(expr)
            if isinstance(part, (s.Name, s.Attribute, s.Subscript))
            for v in self.of(part, scope, context)
        )

    def _anything_in(self, package: Package) -> ValueSet:
        """The classes and functions that a module offers, those that it imports from the project too."""
        path = package.path / "__init__.py" if package.path.is_dir() else package.path
        module = self.files.load(path) if path.is_file() else None
        if module is None:
            return NONE
        scope = module.scope
        out = {Cls(x) if x.kind == "class" else Func(x) for x in scope.inner.values() if x.kind != "lambda"}
        offered = [name for name, found in scope.bindings.items() if any(b.kind == "import" for b in found)]
        offered += [name for home in starred_modules(self.files, scope) for name in home.scope.bindings]
        for name in offered:
            out |= {v for v in self.name(name, scope, None, None) if isinstance(v, (Cls, Func))}
        return frozenset(out)

    def _spelled_attribute(self, base: Value, text: str) -> ValueSet:
        """What an object may hold under a name of which a part is not known."""
        if not told(text):
            return NONE
        if isinstance(base, Lib):
            below = f"{base.path}."
            paths = (path for path, _ in self.vocabulary.entries("events") if path.startswith(below))
            return frozenset(Lib(path) for path in paths if agree(path[len(below) :], text))
        if isinstance(base, Made) and isinstance(base.of, Cls):
            names = {
                name
                for here in self.lineage(base.of.scope)
                for name in (*here.bindings, *self._stored_names(here))
                if agree(name, text)
            }
            held = self._union([*(self.attribute(base, name) for name in sorted(names)), self._set_by_name(base, text)])
            # Numbered layers are one after the other, not one layer that is run again.
            return frozenset(v for v in held if not any(self.vocabulary.role(b) == "module" for b in self.bases_of(v)))
        return NONE

    def _set_by_name(self, instance: Made, text: str) -> ValueSet:
        """What `setattr(self, …, value)` in an instance's class puts under a name."""
        assert isinstance(instance.of, Cls)
        out: set[Value] = set()
        for here in self.lineage(instance.of.scope):
            for call, where in here.module.calls.get("setattr", ()):
                method = where.function
                if len(call.args) != 3 or method is None or method.owner is not here:
                    continue
                target = call.args[0].value
                if isinstance(target, s.Name) and target.text == method.self_name:
                    context = self._constructed(instance, where)
                    names = self.spelled(call.args[1].value, where, context)
                    if any(agree(name, text) and told(name) for name in names):
                        out |= self.of(call.args[2].value, where, context)
        return frozenset(out)

    def _picked(self, module: Lib, names: list[s.Literal]) -> ValueSet:
        """What `getattr(module, name)` picks from a library's module: of one that holds one kind, anything."""
        known = frozenset(v for name in names if isinstance(name, str) for v in self.attribute(module, name))
        kind = self.vocabulary.entry("kinds", module.path)
        return known or (frozenset([Lib(kind)]) if isinstance(kind, str) else NONE)

    def _import_module(self, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        expr = call.args[0].value
        found = self._modules_called(self.of(expr, scope, context), scope)
        return found if self._named(expr, scope, context) else found | self._modules_like(expr, scope, context)

    def _modules_like(self, expr: s.Expr, scope: Scope, context: Context | None) -> ValueSet:
        """The modules that a name may mean of which only the start or the end is known: `"models." + args.model`."""
        start, end = self._known_ends(expr, scope, context)
        if not start.strip(".") and not end:
            return NONE
        folder, _, stem = start.lstrip(".").rpartition(".")
        pattern = re.compile(
            rf"(?:^|\.){re.escape(folder + '.' if folder else '')}{re.escape(stem)}[^.]+{re.escape(end)}$"
        )
        paths = [p for p in self.files.paths if p.suffix == ".py" and pattern.search(self.files.name_of(p))]
        return frozenset(Package(p) for p in paths[:_WIDTH])

    def _known_ends(self, expr: s.Expr, scope: Scope, context: Context | None) -> tuple[str, str]:
        """How a text starts and ends of which a part is not known."""
        if isinstance(expr, s.Name):
            home = scope.lookup(expr.text)
            bound = home.reaching(expr.text, expr.id if home is scope else None) if home is not None else []
            if len(bound) == 1 and bound[0].kind == "value" and bound[0].value is not None and home is not None:
                return self._known_ends(bound[0].value, home, context)
            return "", ""
        if isinstance(expr, s.Binary) and expr.op == "+":
            first, last = (self._text(side, scope, context) for side in (expr.left, expr.right))
            start = first if first is not None else self._known_ends(expr.left, scope, context)[0]
            return start, last if last is not None else self._known_ends(expr.right, scope, context)[1]
        if isinstance(expr, s.Format) and expr.parts:
            first, last = (self._text(part, scope, context) for part in (expr.parts[0], expr.parts[-1]))
            return first or "", last or ""
        template = ""
        if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and expr.func.attr == "format":
            template = re.sub(r"\{[^}]*\}", "\0", self._text(expr.func.value, scope, context) or "")
        elif isinstance(expr, s.Binary) and expr.op == "%":
            template = (self._text(expr.left, scope, context) or "").replace("%s", "\0")
        return template.partition("\0")[0], template.rpartition("\0")[2]

    def _text(self, expr: s.Expr, scope: Scope, context: Context | None) -> str | None:
        texts = [v.value for v in self.of(expr, scope, context) if isinstance(v, Const) and isinstance(v.value, str)]
        return texts[0] if len(texts) == 1 and not self._chosen(expr, scope, context) else None

    def _modules_called(self, names: ValueSet, scope: Scope) -> ValueSet:
        out: set[Value] = set()
        for value in names:
            if isinstance(value, Const) and isinstance(value.value, str):
                dotted = value.value.lstrip(".")
                found = self.files.find(dotted, scope.module.path)
                out.add(Package(found) if found is not None else Lib(dotted))
        return frozenset(out)

    def _loaded_module(self, key: s.Expr, names: ValueSet, scope: Scope) -> ValueSet:
        """`sys.modules[…]`: the module itself by `__name__`, another by what it is called."""
        if isinstance(key, s.Name) and key.text == "__name__":
            return frozenset([Package(scope.module.path)])
        return self._modules_called(names, scope)

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
        return self.context(function.scope, tuple(args), function.receiver, depth, function.context)

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
                if any(a.star for a in rest) or len(parts) > _WIDTH:
                    inside = (self.elements(p) if a.star else p for a, p in zip(rest, parts, strict=True))
                    return frozenset([Many(self._union(inside))])
                return frozenset([Items(parts)])
            if expr is not None:
                return self.of(expr, scope, context)
            for arg in call.args:
                if arg.star == "*":
                    before = sum(1 for a in call.args[: call.args.index(arg)] if not a.keyword)
                    inner = self.of(arg.value, scope, context)
                    held = self._union(self._item(v, frozenset([Const(position - before)])) for v in inner)
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

        def compute() -> ValueSet:
            out: set[Value] = set()
            for stmt in scope.returns:
                if stmt.value is not None:
                    out |= self.of(stmt.value, scope, context)
            if scope.yields:
                for node in s.walk(scope.body, into=False):
                    if isinstance(node, s.Yield) and node.value is not None:
                        out.add(Many(self.of(node.value, scope, context)))
            return frozenset(out)

        return self._guarded(("r", scope, context), compute)

    def callers(self, scope: Scope) -> list[tuple[s.Call, Scope]]:
        """The calls in the project that may call a function, with the scopes that they stand in."""
        known = self._callers.get(scope)
        if known is not None:
            return known
        out: list[tuple[s.Call, Scope]] = []
        self._callers[scope] = out
        if scope.kind == "lambda":
            return out
        owner = scope.owner
        if owner is not None and scope.name in ("__init__", "__new__"):
            wanted: Scope = owner
            names = [owner.name, "__init__", *(x.name for x in self._heirs(owner))]
        elif owner is not None and scope.name == "__call__":
            out.extend(self._instance_calls(scope, owner))
            return out
        elif owner is not None and scope.name == "forward":
            return out
        else:
            wanted, names = scope, [scope.name]
        path = scope.module.path
        hints: tuple[str, ...] = (path.stem if path.stem != "__init__" else path.parent.name,)
        if owner is not None:
            above = (here.name for here in self.lineage(owner) if here is not owner and scope.name in here.bindings)
            hints = (owner.name, *above, *hints)
        for name in dict.fromkeys(names):
            for module in self.files.naming(f"{name}(", near=scope.module, hints=hints):
                for call, where in module.calls.get(name, ()):
                    if self._may_call(call, where, wanted, scope):
                        out.append((call, where))
                if len(out) >= _CALLERS:
                    break
        out.extend(self._indirect(scope))
        out.extend(self._decorations(scope))
        return out

    def _decorations(self, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """What a function decorates, as calls: `@register("name")` over a class calls what `register` gives."""
        maker = scope.parent.function if scope.parent is not None else None
        named = maker or scope
        if not any(isinstance(stmt.value, s.Name) for stmt in scope.returns):
            return  # it does not give back what it decorates
        for module in self.files.decorating(named.name):
            for call, where in module.decorations:
                func = call.func.func if isinstance(call.func, s.Call) else call.func
                name = func.attr if isinstance(func, s.Attribute) else func.text if isinstance(func, s.Name) else ""
                if name == named.name and isinstance(call.func, s.Call) is (maker is not None):
                    if any(isinstance(v, Func) and v.scope is scope for v in self.of(call.func, where)):
                        yield call, where

    def _entries(
        self, store: Store, context: Context | None, home: Scope | None
    ) -> Iterator[tuple[ValueSet, ValueSet]]:
        """The keys and values that an assignment to an item puts in place, of each call that leads to it."""
        ways: list[Context | None] = [context if store.scope is home else None]
        function = store.scope.function
        if store.value is not None and function is not None and function is not home and function.params:
            ways = [*self._entered_by_decoration(function)] or [*self._entered_from_decoration(function)] or ways
        instance = _receiver(context)
        for way in ways:
            other = _receiver(way)
            if instance is not None and other is not None and instance.site is not other.site:
                continue  # what was put into another instance of the class
            if store.value is not None:
                key = self.of(store.key, store.scope, way) if store.key is not None else NONE
                yield key, self.stored(store, way)

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

    def _instance_calls(self, method: Scope, owner: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """The calls of instances of a class, in the files that name the class."""
        for module in self.files.naming(owner.name, near=owner.module, hints=(owner.module.path.stem,)):
            for calls in module.calls.values():
                for call, where in calls:
                    if isinstance(call.func, (s.Name, s.Attribute)) and any(
                        isinstance(v, Made)
                        and isinstance(v.of, Cls)
                        and self.find_method(v.of.scope, "__call__") is method
                        for v in self.of(call.func, where)
                    ):
                        yield call, where

    def _indirect(self, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """Calls through a library that runs the function: `mp.spawn(main, args=(…))`."""
        for name, spread in self.vocabulary.runners().items():
            for module in self.files.mentioning(name.rpartition(".")[2], scope.name):
                for call, where in module.calls.get(name.rpartition(".")[2], ()):
                    if not any(isinstance(f, Lib) and f.path == name for f in self.of(call.func, where)):
                        continue
                    target = call.arg(spread.position, spread.function)
                    if target is None or not any(
                        isinstance(f, Func) and f.scope is scope for f in self.of(target, where)
                    ):
                        continue
                    given = call.arg(None, spread.args)
                    parts = given.items if isinstance(given, s.Sequence) else ()
                    lead = tuple(s.Arg(call.id, s.Unread(call.id), None, "") for _ in range(spread.lead))
                    yield s.Call(call.id, target, lead + tuple(s.Arg(p.id, p, None, "") for p in parts)), where

    def _may_call(self, call: s.Call, where: Scope, wanted: Scope, scope: Scope) -> bool:
        func = call.func
        if isinstance(func, s.Attribute) and func.attr == "__init__" and scope.name == "__init__":
            if isinstance(func.value, s.Call) and s.dotted(func.value.func) == "super":
                return any(isinstance(v, Made) and v.of == Cls(wanted) for v in self.of(func.value, where))
            return any(v == Cls(wanted) for v in self.of(func.value, where))
        for value in self.of(func, where):
            if isinstance(value, Cls) and scope.name in ("__init__", "__new__"):
                found = self.find_method(value.scope, scope.name)
                if found is scope:
                    return True
            elif isinstance(value, Func) and value.scope is scope:
                return True
            elif isinstance(value, Partial):
                inner = value.function
                if isinstance(inner, Func) and inner.scope is scope:
                    return True
        return False

    def heirs(self, owner: Scope) -> tuple[Scope, ...]:
        """The classes of the project that inherit from a class, directly or not."""
        known = self._descendants.get(owner)
        if known is None:
            found: dict[Scope, None] = {}
            queue = [owner]
            while queue and len(found) < _HEIRS:
                for heir in self._heirs(queue.pop(0)):
                    if heir not in found and heir is not owner and owner in self.lineage(heir):
                        found[heir] = None
                        queue.append(heir)
            known = self._descendants[owner] = tuple(found)
        return known

    def _overriding(self, owner: Scope, name: str) -> Iterator[tuple[Scope, Scope]]:
        """The methods that heirs of a class write in place of one that it leaves open."""
        for heir in self.heirs(owner):
            method = self.find_method(heir, name)
            if method is not None and not _is_abstract(method):
                yield heir, method

    def _heirs(self, owner: Scope) -> Iterator[Scope]:
        """Classes of the project that inherit from a class directly, and construct it under their own name."""
        texts = (f"({owner.name}", f".{owner.name})", f", {owner.name})")
        for module in self.files.naming(*texts, near=owner.module, hints=(owner.module.path.stem,)):
            for scope in module.scopes:
                if scope.kind == "class" and scope is not owner and isinstance(scope.node, s.Class):
                    if any((s.dotted(b.value) or "").rpartition(".")[2] == owner.name for b in scope.node.bases):
                        yield scope

    # --- classes and attributes ---------------------------------------------------------------

    def bases(self, scope: Scope) -> tuple[Cls | Lib, ...]:
        known = self._bases.get(scope)
        if known is None:
            self._bases[scope] = ()
            self._open += 1
            found: list[Cls | Lib] = []
            if isinstance(scope.node, s.Class) and scope.parent is not None:
                for arg in scope.node.bases:
                    if arg.keyword is None:
                        found.extend(
                            v for v in self.of(arg.value, scope.parent) if isinstance(v, (Cls, Lib)) and v != Cls(scope)
                        )
            known = self._bases[scope] = tuple(found)
            self._open -= 1
        return known

    def lineage(self, scope: Scope) -> tuple[Scope, ...]:
        """A class and its project base classes, nearest first."""
        known = self._lineages.get(scope)
        if known is not None:
            return known
        seen: dict[Scope, None] = {}
        queue = [scope]
        while queue:
            here = queue.pop(0)
            if here not in seen:
                seen[here] = None
                queue.extend(b.scope for b in self.bases(here) if isinstance(b, Cls))
        found = tuple(seen)
        if not self._open:  # a base class that is being looked for is missing in it
            self._lineages[scope] = found
        return found

    def library_bases(self, scope: Scope) -> tuple[str, ...]:
        """The library classes that a project class inherits from."""
        return tuple(b.path for here in self.lineage(scope) for b in self.bases(here) if isinstance(b, Lib))

    def bases_of(self, value: Value) -> tuple[str, ...]:
        """The library classes that a value is an instance of."""
        if isinstance(value, Made):
            return (value.of.path,) if isinstance(value.of, Lib) else self.library_bases(value.of.scope)
        return ()

    def library(self, value: Value) -> str | None:
        bases = self.bases_of(value)
        return bases[0] if bases else None

    def find_method(self, scope: Scope, name: str) -> Scope | None:
        for here in self.lineage(scope):
            for binding in reversed(here.bindings.get(name, [])):
                if binding.kind == "function":
                    return here.inner[binding.node.id]
        return None

    def method(self, instance: Made, name: str) -> Func | None:
        if not isinstance(instance.of, Cls):
            return None
        found = self.find_method(instance.of.scope, name)
        return Func(found, instance) if found is not None else None

    def attribute(self, value: Value, name: str) -> ValueSet:
        """What `value.name` may hold."""
        if isinstance(value, Lib):
            if name == "__dict__":
                return frozenset([value])
            return frozenset([Lib(self.vocabulary.canonical(f"{value.path}.{name}"))])
        if isinstance(value, Func) and name == "__name__":
            return frozenset([Const(value.scope.name)])
        if isinstance(value, Package):
            if name == "__dict__":
                return frozenset([value])
            found = member(self.files, value.path, name)
            return self.meaning(found) if found is not None else self._of_namesake(value, name)
        if isinstance(value, Cls):
            if name == "__name__":
                return frozenset([Const(value.scope.name)])
            held = self._class_attribute(value.scope, name, None)
            return self._members(held, name) if self._enumerates(value.scope) else held
        if isinstance(value, Const) and name == "value":  # a member of an enumeration stands for its constant
            return frozenset([value])
        if isinstance(value, Made):
            key = ("a", value, name)
            return self._guarded(key, lambda: self._instance_attribute(value, name))
        if isinstance(value, Table):
            hit = [v for k, v in value.items if k == name]
            return self._union(hit) if hit else frozenset([Bound(value, name)])
        if isinstance(value, (Items, Many, Const)):
            return frozenset([Bound(value, name)])
        if isinstance(value, (Unknown, Option)):
            return NONE
        if isinstance(value, Bound):
            return frozenset([Bound(value, name)])
        return NONE

    def _enumerates(self, scope: Scope) -> bool:
        return any(base.startswith("enum.") for base in self.library_bases(scope))

    def _members(self, held: ValueSet, name: str) -> ValueSet:
        """Members of an enumeration: each has its value, and its name."""
        return frozenset(
            v
            if isinstance(v, Const) or (isinstance(v, Func) and v.receiver is not None)
            else Table((("value", frozenset([v])), ("name", frozenset([Const(name)]))))
            for v in held
        )

    def _class_attribute(self, scope: Scope, name: str, receiver: Value | None) -> ValueSet:
        for here in self.lineage(scope):
            bindings = here.bindings.get(name)
            if not bindings:
                continue
            out: set[Value] = set()
            for binding in bindings:
                for value in self.binding(binding, here, None):
                    if isinstance(value, Func) and value.scope.owner is here and receiver is not None:
                        if any(d.rpartition(".")[2] in ("property", "cached_property") for d in value.scope.decorators):
                            context = self.context(value.scope, (), receiver, 1)
                            out |= self.returned(Func(value.scope, receiver), context)
                        elif value.scope.static:
                            out.add(value)
                        elif _is_abstract(value.scope) and isinstance(receiver, Made) and receiver.site is None:
                            out |= {Func(method, Made(Cls(heir))) for heir, method in self._overriding(scope, name)}
                        else:
                            out.add(Func(value.scope, receiver))
                    elif (
                        isinstance(value, Func)
                        and value.scope.owner is here
                        and "classmethod" in value.scope.decorators
                    ):
                        out.add(Func(value.scope, Cls(scope)))
                    else:
                        out.add(value)
                        if isinstance(value, Table):
                            out |= self._put_under(here, name, None, None)
            return frozenset(out)
        return NONE

    def _instance_attribute(self, value: Made, name: str) -> ValueSet:
        if isinstance(value.of, Lib):
            options = self._option(value, name)
            if options:
                return options
            if self.vocabulary.wrapped_attribute(name) and value.receiver is not None:
                return frozenset([value.receiver])
            if (
                self.vocabulary.entry("namespaces", value.of.path)
                and value.site is not None
                and value.scope is not None
            ):
                given = value.site.arg(None, name)
                if given is not None:
                    return self.of(given, value.scope, value.context)
            return self._held_under(value, name) or frozenset([Bound(value, name)])
        out: set[Value] = set()
        for here in self.lineage(value.of.scope):
            for store in self.self_stores(here, name):
                out |= self.stored(store, self._constructed(value, store.scope))
        if not out or all(v == Const(None) for v in out):
            out |= self._outside_stores(value.of.scope, name, exact=value.site is not None)
        out |= self._class_attribute(value.of.scope, name, value) | self._field(value, name)
        if not [v for v in out if v != Const(None)]:
            out |= self._set_by_name(value, name)
        if not [v for v in out if v != Const(None)] and value.site is None:
            for heir in self._heirs(value.of.scope):
                for store in self.self_stores(heir, name):
                    out |= self.stored(store, None)
                out |= self._class_attribute(heir, name, Made(Cls(heir)))
        out |= self._taken_whole(value, name) if not out else NONE
        if not out:
            if self.vocabulary.wrapped_attribute(name):
                return frozenset([value])
            if self.library_bases(value.of.scope):
                return frozenset([Bound(value, name)])
        return frozenset(out)

    def _field(self, value: Made, name: str) -> ValueSet:
        """What a class that writes no constructor is given for a field: a dataclass, a named tuple."""
        if not isinstance(value.of, Cls) or self.find_method(value.of.scope, "__init__") is not None:
            return NONE
        fields = self._fields(value.of.scope)
        if name not in fields:
            return NONE
        if value.site is None or value.scope is None:
            given = [(call.arg(fields.index(name), name), where) for call, where in self._constructions(value.of.scope)]
            return self._union(self.of(expr, where) for expr, where in given if expr is not None)
        expr = value.site.arg(fields.index(name), name)
        return self.of(expr, value.scope, value.context) if expr is not None else NONE

    def _fields(self, scope: Scope) -> list[str]:
        """The annotated names of a class, those of its base classes first."""
        return [
            target.text
            for here in reversed(list(self.lineage(scope)))
            if isinstance(here.node, s.Class)
            for stmt in here.node.body.body
            if isinstance(stmt, s.Assign) and stmt.annotation is not None
            for target in stmt.targets
            if isinstance(target, s.Name)
        ]

    def _constructions(self, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """The calls of a class by its name."""
        for module in self.files.naming(f"{scope.name}(", near=scope.module, hints=(scope.module.path.stem,)):
            for call, where in module.calls.get(scope.name, ()):
                if Cls(scope) in self.of(call.func, where):
                    yield call, where

    def _taken_whole(self, value: Made, name: str) -> ValueSet:
        """What the keyword arguments of a constructor say of an attribute, where all are stored by their names."""
        assert isinstance(value.of, Cls)
        init = self.find_method(value.of.scope, "__init__")
        if init is None or not any(p.star == "**" for p in init.params):
            return NONE
        spelled = ("setattr", "update")
        if not any(where is init for word in spelled for _, where in init.module.calls.get(word, ())):
            return NONE
        if value.site is not None and value.scope is not None:
            made = [(value.site, value.scope, value.context)]
        else:
            made = [(call, where, None) for call, where in self.callers(init)]
        given = ((call.arg(None, name), where, context) for call, where, context in made)
        return self._union(self.of(x, where, context) for x, where, context in given if x is not None)

    def _held_under(self, value: Made, key: str) -> ValueSet:
        """What a library's container holds under a name."""
        if not isinstance(value.of, Lib) or value.site is None or value.scope is None:
            return NONE
        if not self.vocabulary.is_container(value.of.path):
            return NONE
        held = self._union(self.of(a.value, value.scope, value.context) for a in value.site.args)
        return self._union(part for v in held if isinstance(v, Table) for k, part in v.items if k == key)

    def self_stores(self, owner: Scope, name: str) -> list[Store]:
        """The assignments to `self.name` in a class's own methods."""
        return self._stored_names(owner).get(name, [])

    def _stored_names(self, owner: Scope) -> dict[str, list[Store]]:
        index = self._stores.get(owner)
        if index is None:
            index = self._stores[owner] = {}
            for scope in owner.walk():
                for store in scope.stores:
                    if store.attr is not None and isinstance(store.base, s.Name) and scope.function is not None:
                        if store.base.text == _receiver_name(scope.function):
                            index.setdefault(store.attr, []).append(store)
        return index

    def stored(self, store: Store, context: Context | None) -> ValueSet:
        """What an assignment to an attribute or item gives it."""
        if store.value is None:
            return NONE
        values = self.of(store.value, store.scope, context)
        if store.kind == "element":
            values = self.elements(values)
        elif store.kind == "update":
            return frozenset(Many(self.elements(frozenset([v]))) for v in values if isinstance(v, (Items, Many)))
        elif store.kind == "enter":
            values = self._entered(values)
        for index in store.path:
            values = self._union(self._item(v, frozenset([Const(index)])) for v in values)
        if isinstance(store.base, s.Name) and store.attr is not None:
            values |= self._grown_attribute(store, context)
        return values

    def _grown_attribute(self, store: Store, context: Context | None) -> ValueSet:
        """What is appended to `self.x`, or put under a key of it, anywhere in the class."""
        if not isinstance(store.value, (s.Sequence, s.Mapping, s.Call, s.Comprehension)):
            return NONE
        if isinstance(store.value, s.Call) and len(store.value.args) > 1:
            return NONE
        method = store.scope.function
        owner = method.owner if method is not None else None
        if owner is None or store.attr is None:
            return NONE
        out: set[Value] = set()
        for name in ("append", "extend", "insert", "add_module"):
            for call, where in owner.module.calls.get(name, ()):
                func = call.func
                if not (isinstance(func, s.Attribute) and isinstance(func.value, s.Attribute) and call.args):
                    continue
                if func.value.attr != store.attr or where.function is None or where.function.owner is not owner:
                    continue
                added = self.of(call.args[-1].value, where, context if where is store.scope else None)
                out.add(Many(self.elements(added) if name == "extend" else added))
        return frozenset(out) | self._put_under(owner, store.attr, store.scope, context)

    def _put_under(self, owner: Scope, name: str, inside: Scope | None, context: Context | None) -> ValueSet:
        """What code of a class puts under the keys of an attribute; `context` is of the code `inside`."""
        out: set[Value] = set()
        for scope in owner.walk():
            for store in scope.stores:
                base, outer = store.base, []
                while isinstance(base, s.Subscript):  # self.x["kind"][name] = …
                    outer.append(base.index)
                    base = base.value
                if store.attr is not None or store.value is None or not isinstance(base, s.Attribute):
                    continue
                if base.attr != name:
                    continue
                put = {v for keys, held in self._entries(store, context, inside) for v in _put(keys, held)}
                for index in outer:
                    put = _put(self.of(index, scope), frozenset(put))
                out |= put
        return frozenset(out)

    def _constructed(self, value: Made, scope: Scope) -> Context | None:
        """The call of `__init__` that made an instance, for an assignment that stands in it."""
        if scope.kind != "function":
            return None
        if value.site is None or scope.name != "__init__":
            return self.context(scope, (), value, 1, partial=bool(scope.params[1:]))
        assert isinstance(value.of, Cls)
        found = self.find_method(value.of.scope, "__init__")
        if found is None or value.scope is None:
            return None
        first = self.enter(Func(found, value), value.site, value.scope, value.context)
        if found is scope:
            return first
        # A base class's __init__: follow the super().__init__(…) call.
        for call, where in found.module.calls.get("__init__", ()):
            if where is found and self._may_call(call, where, scope.owner or scope, scope):
                return self.enter(Func(scope, value), call, where, first)
        return self.context(scope, (), value, 1, partial=bool(scope.params[1:]))

    def _outside_stores(self, owner: Scope, name: str, *, exact: bool) -> ValueSet:
        """What code outside a class assigns to an attribute of its instances; `exact`: not of those of its heirs."""
        out: set[Value] = set()
        for module in self.files.naming(f".{name}", near=owner.module, hints=(owner.name,)):
            for store in module.attribute_stores.get(name, ()):
                if not isinstance(store.base, (s.Name, s.Attribute)):
                    continue
                holders = self.of(store.base, store.scope)
                if any(
                    isinstance(v, Made)
                    and isinstance(v.of, Cls)
                    and (v.of.scope is owner if exact else owner in self.lineage(v.of.scope))
                    for v in holders
                ):
                    out |= self.stored(store, None)
        return frozenset(out)

    def _option(self, value: Made, name: str) -> ValueSet:
        """The values of an option that a command line parser defines: its default and its choices."""
        if not isinstance(value.of, Lib) or not self.vocabulary.is_options(value.of.path):
            return NONE
        out: set[Value] = set()
        listed = False
        for call, where in self._definitions(name, value):
            default = call.arg(None, "default")
            if default is not None:
                out |= self.of(default, where)
            action = call.arg(None, "action")
            if isinstance(action, s.Constant) and action.value in ("store_true", "store_false"):
                out |= {Const(True), Const(False)}
                listed = True
            choices = call.arg(None, "choices")
            if choices is not None:
                out |= {v for v in self.elements(self.of(choices, where)) if isinstance(v, Const)}
                listed = True
        out.add(Option(name, listed))
        return frozenset(out | {v for v in self._put_among(value, name) if not isinstance(v, Const)})

    def _definitions(self, name: str, options: Made) -> list[tuple[s.Call, Scope]]:
        """The calls that define an option: those of the file that parses it, else those of the project."""
        flags = {f"--{name}", f"--{name.replace('_', '-')}", f"-{name}", name}
        out: list[tuple[s.Call, Scope]] = []
        for module in self.files.mentioning("add_argument", name):
            for call, where in module.calls.get("add_argument", ()):
                texts = {a.value.value for a in call.args if not a.keyword and isinstance(a.value, s.Constant)}
                dest = call.arg(None, "dest")
                named = isinstance(dest, s.Constant) and dest.value == name
                if named or (texts & flags and dest is None):
                    out.append((call, where))
        home = options.scope.module if options.scope is not None else None
        return [x for x in out if x[1].module is home] or out

    def _put_among(self, options: Made, name: str) -> ValueSet:
        """What code puts among the options: `args.model_class = Net`."""
        out: set[Value] = set()
        if options.scope is None:
            return NONE
        for module in self.files.naming(f".{name} =", near=options.scope.module, hints=()):
            for store in module.attribute_stores.get(name, ()):
                if any(isinstance(v, Made) and v.of == options.of for v in self.of(store.base, store.scope)):
                    out |= self.stored(store, None)
        return frozenset(out)

    # --- containers ---------------------------------------------------------------------------

    def elements(self, values: ValueSet) -> ValueSet:
        """What iterating over any of the values gives."""
        out: set[Value] = set()
        for value in values:
            if isinstance(value, Items):
                for part in value.parts:
                    out |= part
            elif isinstance(value, Many):
                out |= value.element
            elif isinstance(value, Table):
                for _, part in value.items:
                    out |= part
            elif isinstance(value, Made) and isinstance(value.of, Lib):
                out |= self._guarded(("i", value), partial(self._library_elements, value, value.of.path))
        return frozenset(out)

    def _library_elements(self, value: Made, path: str) -> ValueSet:
        """What a library's container holds, or something of what a method gave: `for p in net.parameters()`."""
        if not self.vocabulary.is_container(path):
            if value.receiver is None:
                return NONE
            if path.endswith(".[]"):
                return frozenset([value])
            return frozenset([Made(Lib(f"{path}.[]"), value.site, value.scope, value.context, value)])
        out: set[Value] = set()
        if value.site is not None and value.scope is not None:
            for arg in value.site.args:
                given = self.of(arg.value, value.scope, value.context)
                out |= self.elements(given) or given
        return frozenset(out)

    def _item(self, value: Value, index: ValueSet) -> ValueSet:
        keys = [k.value for k in index if isinstance(k, Const)]
        if isinstance(value, Items):
            out: set[Value] = set()
            for key in keys:
                if isinstance(key, int) and -len(value.parts) <= key < len(value.parts):
                    out |= value.parts[key]
            return frozenset(out) if keys else self.elements(frozenset([value]))
        if isinstance(value, Table):
            if any(isinstance(i, Option) and not i.listed for i in index):  # the user may choose any
                return self.elements(frozenset([value]))
            hit = [v for k, v in value.items if k in keys or k is None] if keys else []
            return self._union(hit) if hit else (NONE if keys else self.elements(frozenset([value])))
        if isinstance(value, Many):
            return value.element
        if isinstance(value, Package):
            return self._union(self.attribute(value, k) for k in keys if isinstance(k, str))
        if isinstance(value, Lib):
            return self._picked(value, keys)
        if isinstance(value, Cls) and self._enumerates(value.scope):
            names = [k for k in keys if isinstance(k, str)] or [
                name for name, bindings in value.scope.bindings.items() if bindings[0].kind == "value"
            ]
            return self._union(self.attribute(value, name) for name in names)
        if isinstance(value, Made) and isinstance(value.of, Lib):
            option = self._union(self._option(value, k) for k in keys if isinstance(k, str))
            return (
                option
                or self.elements(frozenset([value]))
                or frozenset([Made(Lib(f"{value.of.path}.[]"), value.site, value.scope, value.context, value)])
            )
        if isinstance(value, Made) and isinstance(value.of, Cls):
            method = self.method(value, "__getitem__")
            if method is not None:
                return self.returned(method, self.context(method.scope, (), value, 1))
            return self._union(self.attribute(value, k) for k in keys if isinstance(k, str))
        return NONE

    def _entered(self, values: ValueSet) -> ValueSet:
        """What `with value as x` binds x to."""
        out: set[Value] = set()
        for value in values:
            if isinstance(value, Made) and isinstance(value.of, Cls):
                method = self.method(value, "__enter__")
                out |= self.returned(method, self.context(method.scope, (), value, 1)) if method else {value}
            elif isinstance(value, Many):
                out |= value.element
            else:
                out.add(value)
        return frozenset(out)


def _rank(value: Value) -> tuple[bool, str]:
    """What to keep where there is too much: first what says something."""
    return isinstance(value, Unknown) or value == Const(None), _order(value)


def _receiver(context: Context | None) -> Made | None:
    """The one instance whose method a context is in, nested functions included."""
    while context is not None:
        if isinstance(context.receiver, Made) and context.receiver.site is not None:
            return context.receiver
        context = context.parent
    return None


def _put(keys: ValueSet, held: ValueSet) -> set[Value]:
    """A container that holds values under keys, and one that is only iterated."""
    names = [v for v in keys if isinstance(v, Const) and v.value is not None] or [Const(None)]
    table = Table(tuple((k.value, held) for k in names))
    return {table} if all(isinstance(k.value, str) for k in names) else {table, Many(held)}


def _order(value: Value, depth: int = 1) -> str:
    """A short text to sort values by: `repr` would spell out whole chains of contexts."""
    if isinstance(value, Lib):
        return value.path
    if isinstance(value, (Cls, Func)):
        return f"{value.scope.module.name}:{value.scope.node.id}"
    if isinstance(value, Made):
        site = value.site.id if value.site is not None else 0
        where = value.scope.module.name if value.scope is not None else ""
        given = value.context.args if value.context is not None and depth else ()
        return f"{_order(value.of)}:{where}:{site}({','.join(f'{k}={_orders(v, depth - 1)}' for k, v in given)})"
    if isinstance(value, Items):
        return f"({','.join(_orders(p, depth - 1) for p in value.parts)})" if depth else "()"
    if isinstance(value, Many):
        return f"*{_orders(value.element, depth - 1)}" if depth else "*"
    if isinstance(value, Table):
        return "{" + (",".join(f"{k!r}:{_orders(v, depth - 1)}" for k, v in value.items) if depth else "") + "}"
    if isinstance(value, Bound):
        return f"{_order(value.receiver, depth - 1) if depth else ''}.{value.name}"
    if isinstance(value, Partial):
        return f"partial:{value.site.id}"
    return repr(value)[:200] if isinstance(value, (Const, Option)) else type(value).__name__


def _orders(values: ValueSet, depth: int) -> str:
    return "|".join(sorted(_order(v, depth) for v in values)) if depth else str(len(values))


def _receiver_name(method: Scope) -> str | None:
    """What the method around a scope calls its instance, nested functions included."""
    scope: Scope | None = method
    while scope is not None:
        if scope.owner is not None:
            return scope.self_name
        scope = scope.parent.function if scope.parent is not None else None
    return None


def _is_abstract(method: Scope) -> bool:
    """Whether a method leaves its work to the heirs of its class: it does nothing, or raises that it is missing."""
    if any(d.rpartition(".")[2] == "abstractmethod" for d in method.decorators):
        return True
    if not isinstance(method.body, s.Block):
        return False
    rest = [x for x in method.body.body if not (isinstance(x, s.Evaluate) and isinstance(x.value, s.Constant))]
    return all(
        (isinstance(x, s.Raise) and "NotImplemented" in s.text(x.value))
        if isinstance(x, s.Raise) and x.value is not None
        else isinstance(x, s.Jump) and x.kind == "pass"
        for x in rest
    )


def _is_method_call(function: Scope) -> bool:
    return function.owner is not None and not function.static


def argument_position(function: Scope, param: s.Param, *, bound: bool) -> int | None:
    """The place of a parameter among a call's positional arguments; None if it takes a keyword only."""
    if param.keyword_only or param.star == "**":
        return None
    index = next((i for i, p in enumerate(function.params) if p is param), None)
    if index is None:
        return None
    return index - 1 if bound and index > 0 else index


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


def _string_method(text: str, name: str) -> ValueSet:
    if name in ("lower", "upper", "strip", "title", "capitalize"):
        return frozenset([Const(getattr(text, name)())])
    return NONE
