"""Which names a piece of code binds, where, and which of the bindings can reach a use."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import field
from functools import cached_property
from itertools import islice, zip_longest
from operator import attrgetter
from typing import TYPE_CHECKING

from gradlint.program import syntax as s
from gradlint.records import dataclass

if TYPE_CHECKING:
    from gradlint.program.project import Module

_MOST = 256  # of how many bindings of a name it is asked which can hold at one place


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One way in which a name gets a value.

    `kind` is "value" (`value` is assigned, taken apart along `path`), "element" (`value` is iterated),
    "enter" (`value` is a context manager), "param", "function", "class", "import", "update" (an augmented
    assignment) or "other". `at` is the node id from which on it holds; `block` and `loop` are id ranges.
    """

    name: str
    kind: str
    node: s.Node
    value: s.Expr | None
    path: tuple[int, ...]
    at: int
    block: tuple[int, int]
    loop: tuple[int, int] | None


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """An assignment to an attribute or an item: `base.attr = value`, or `base[…] = value` with `attr` None."""

    base: s.Expr
    attr: str | None
    value: s.Expr | None
    path: tuple[int, ...]
    node: s.Stmt
    scope: Scope
    kind: str = "value"
    key: s.Expr | None = None


@dataclass(eq=False, slots=False)
class Scope:
    """The names of a module, a class, a function or a lambda, and the scopes inside it."""

    kind: str
    node: s.Block | s.Class | s.Function | s.Lambda
    parent: Scope | None
    module: Module
    bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    stores: list[Store] = field(default_factory=list)
    inner: dict[int, Scope] = field(default_factory=dict)
    outer_names: set[str] = field(default_factory=set)
    star_imports: list[s.ImportFrom] = field(default_factory=list)
    returns: list[s.Return] = field(default_factory=list)
    yields: bool = False
    crowded: Binding | None = field(default=None, init=False)  # of a name that more may set than can be followed
    _ordered: dict[str, tuple[list[Binding], list[int]]] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        return self.node.name if isinstance(self.node, (s.Class, s.Function)) else f"<{self.kind}>"

    @cached_property
    def function(self) -> Scope | None:
        """The nearest enclosing function, this scope included."""
        scope: Scope | None = self
        while scope is not None and scope.kind not in ("function", "lambda"):
            scope = scope.parent
        return scope

    @cached_property
    def owner(self) -> Scope | None:
        """The class whose method this function is, directly."""
        return self.parent if self.kind == "function" and self.parent and self.parent.kind == "class" else None

    @cached_property
    def params(self) -> tuple[s.Param, ...]:
        return self.node.params if isinstance(self.node, (s.Function, s.Lambda)) else ()

    @cached_property
    def places(self) -> dict[s.Param, int]:
        """Its parameters with their places."""
        return {param: place for place, param in enumerate(self.params)}

    @cached_property
    def self_name(self) -> str | None:
        """What a method calls its instance (or its class)."""
        if self.owner is None or not self.params or self.static:
            return None
        first = self.params[0]
        return first.name if not first.star else None

    @cached_property
    def decorators(self) -> tuple[str, ...]:
        names = []
        if isinstance(self.node, (s.Function, s.Class)):
            for decorator in self.node.decorators:
                target = decorator.func if isinstance(decorator, s.Call) else decorator
                names.append(s.dotted(target) or "")
        return tuple(names)

    @property
    def static(self) -> bool:
        return "staticmethod" in self.decorators

    @property
    def body(self) -> s.Node:
        return self.node.body if isinstance(self.node, (s.Function, s.Class, s.Lambda)) else self.node

    @cached_property
    def nodes(self) -> tuple[s.Node, ...]:
        """The nodes of its own code, in source order, without what stands in functions and classes inside it."""
        return tuple(s.walk(self.body, into=False))

    @cached_property
    def unread(self) -> frozenset[s.Node]:
        """The expressions in it that stand alone: nothing gets what they give."""
        return frozenset(n.value for n in s.walk(self.body) if isinstance(n, s.Evaluate))

    @cached_property
    def annotated(self) -> tuple[str, ...]:
        """The annotated names of a class."""
        return tuple(
            target.text
            for stmt in (self.node.body.body if isinstance(self.node, s.Class) else ())
            if isinstance(stmt, s.Assign) and stmt.annotation is not None
            for target in stmt.targets
            if isinstance(target, s.Name)
        )

    def walk(self) -> Iterator[Scope]:
        """This scope and all inside it, outer first."""
        yield self
        for scope in self.inner.values():
            yield from scope.walk()

    def lookup(self, name: str) -> Scope | None:
        """The scope that a use of the name here refers to; class bodies are not seen from inside methods."""
        scope: Scope | None = self
        first = True
        while scope is not None:
            if name in scope.bindings and (first or scope.kind != "class") and name not in scope.outer_names:
                return scope
            first = False
            scope = scope.parent
        return None

    def reaching(self, name: str, at: int | None, most: int = _MOST) -> list[Binding]:
        """The bindings of a name of this scope that can hold at node id `at` (None: anywhere), the nearest `most`."""
        every = self.bindings.get(name, [])
        if at is None or len(every) <= 1:
            return every
        backward, places = self._backward(name)
        start = bisect_right(places, -at)
        out: list[Binding] = []
        last: Binding | None = None
        again = _Blocks()  # in which it has since been set
        for binding in islice(backward, start, None):
            if again.around(binding.block):
                continue  # whoever set that has since set it again
            out.append(binding)
            if binding.kind != "update":
                if binding.block[0] <= at <= binding.block[1]:
                    last = binding
                    break
                again.add(binding.block)
            if len(out) >= most:
                return self._cut(out)
        for binding in every:  # what is set later in a loop around, and holds in its next round
            if binding.at >= at and binding.loop is not None and binding.loop[0] <= at <= binding.loop[1]:
                if last is None or not (binding.loop[0] <= last.at <= binding.loop[1]):
                    out.append(binding)
                    if len(out) >= most:
                        return self._cut(out)
        return out or every

    def _cut(self, found: list[Binding]) -> list[Binding]:
        if len(found) == _MOST and self.crowded is None:
            self.crowded = found[0]
        return found

    def _backward(self, name: str) -> tuple[list[Binding], list[int]]:
        """The bindings of a name, the last first, and the negated ids from which on they hold."""
        known = self._ordered.get(name)
        every = self.bindings[name]
        if known is None or len(known[0]) != len(every):
            found = sorted(every, key=lambda b: b.at, reverse=True)
            known = self._ordered[name] = found, [-b.at for b in found]
        return known


class _Blocks:
    """Blocks of code, those that stand in others left out: from each to the next, both ends rise."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def around(self, block: tuple[int, int]) -> bool:
        """Whether a block stands in one of them, or is one."""
        place = bisect_right(self._starts, block[0])
        return place > 0 and self._ends[place - 1] >= block[1]

    def add(self, block: tuple[int, int]) -> None:
        place = bisect_left(self._starts, block[0])
        stop = place
        while stop < len(self._ends) and self._ends[stop] <= block[1]:
            stop += 1
        self._starts[place:stop], self._ends[place:stop] = [block[0]], [block[1]]


_BINDING = frozenset([s.Lambda, s.Walrus, s.Clause, s.Yield])  # the expressions that bind names, or tell of a function


_ID = attrgetter("id")


class _Binder:
    def __init__(self, module: Module) -> None:
        self.module = module
        self._ends: dict[s.Node, int] = {}

    def bind(self, block: s.Block) -> Scope:
        scope = Scope("module", block, None, self.module)
        self._block(block, scope, None)
        return scope

    def _end(self, node: s.Node) -> int:
        """The last id at or below a node: ids are given in one walk, so it lies below the last child."""
        way = [node]
        while way[-1] not in self._ends and (below := s.children(way[-1])):
            way.append(max(below, key=_ID))
        last = self._ends.get(way[-1], 0)
        for here in reversed(way):
            last = self._ends[here] = max(last, here.id)
        return last

    def _block(self, block: s.Block | None, scope: Scope, loop: tuple[int, int] | None) -> None:
        if block is None:
            return
        end = self._end(block)
        self._suite(block, scope, (block.id, end), loop, end)

    def _suite(
        self, block: s.Block, scope: Scope, span: tuple[int, int], loop: tuple[int, int] | None, end: int
    ) -> None:
        """The statements of a block: each ends before the next one starts."""
        body = block.body
        for stmt, after in zip_longest(body, body[1:]):
            self._statement(stmt, scope, span, loop, after.id - 1 if after is not None else end)

    def _statement(
        self, stmt: s.Stmt, scope: Scope, span: tuple[int, int], loop: tuple[int, int] | None, end: int
    ) -> None:
        def add(
            name: str, kind: str, node: s.Node, value: s.Expr | None = None, path: tuple[int, ...] = (), at: int = end
        ) -> None:
            scope.bindings[name].append(Binding(name, kind, node, value, path, at, span, loop))

        def target(
            expr: s.Expr, value: s.Expr | None, kind: str = "value", path: tuple[int, ...] = (), at: int = end
        ) -> None:
            if isinstance(expr, s.Name):
                add(expr.text, kind, expr, value, path, at)
            elif isinstance(expr, s.Sequence):
                star = next((i for i, e in enumerate(expr.items) if isinstance(e, s.Starred)), None)
                for index, item in enumerate(expr.items):
                    if star is not None and index == star:
                        target(item, None, "other", (), at)
                    else:
                        place = index if star is None or index < star else index - len(expr.items)
                        target(item, value, kind, (*path, place), at)
            elif isinstance(expr, s.Starred):
                target(expr.value, value, kind, path, at)
            elif isinstance(expr, s.Attribute):
                scope.stores.append(Store(expr.value, expr.attr, value, path, stmt, scope, kind))
            elif isinstance(expr, s.Subscript):
                scope.stores.append(Store(expr.value, None, value, path, stmt, scope, kind, expr.index))

        if isinstance(stmt, s.Assign):
            for expr in stmt.targets:
                if stmt.value is not None or scope.kind == "class":
                    target(expr, stmt.value)
        elif isinstance(stmt, s.Evaluate):
            pass  # binds nothing
        elif isinstance(stmt, s.AugAssign):
            target(stmt.target, stmt.value, "update")
        elif isinstance(stmt, s.For):
            inner = (stmt.id, end)
            at = max(self._end(stmt.target), self._end(stmt.iter))
            body_span = (stmt.body.id, self._end(stmt.body))
            outer, span, loop = (span, loop), body_span, inner
            target(stmt.target, stmt.iter, "element", (), at)
            span, loop = outer
            self._block(stmt.body, scope, inner)
            self._block(stmt.orelse, scope, loop)
        elif isinstance(stmt, s.While):
            self._block(stmt.body, scope, (stmt.id, end))
            self._block(stmt.orelse, scope, loop)
        elif isinstance(stmt, s.If):
            self._block(stmt.then, scope, loop)
            self._block(stmt.orelse, scope, loop)
        elif isinstance(stmt, s.Try):
            for block in (stmt.body, stmt.orelse, stmt.final):
                self._block(block, scope, loop)
            for handler in stmt.handlers:
                if handler.name:
                    add(handler.name, "other", handler, None, (), handler.id)
                self._block(handler.body, scope, loop)
        elif isinstance(stmt, s.With):
            for item, name in stmt.items:
                if name is not None:
                    target(name, item, "enter", (), max(self._end(item), self._end(name)))
            # A `with` always runs its body: bindings inside hold after it.
            self._suite(stmt.body, scope, span, loop, end)
        elif isinstance(stmt, s.Match):
            for case in stmt.cases:
                self._block(case.body, scope, loop)
        elif isinstance(stmt, s.Function):
            add(stmt.name, "function", stmt, at=stmt.id)
            self._function(stmt, scope)
        elif isinstance(stmt, s.Class):
            add(stmt.name, "class", stmt, at=stmt.id)
            inner_scope = Scope("class", stmt, scope, self.module)
            scope.inner[stmt.id] = inner_scope
            self._block(stmt.body, inner_scope, None)
        elif isinstance(stmt, s.Import):
            for dotted, alias in stmt.names:
                add(alias or dotted.partition(".")[0], "import", stmt)
        elif isinstance(stmt, s.ImportFrom):
            if stmt.names is None:
                scope.star_imports.append(stmt)
            for original, alias in stmt.names or ():
                add(alias or original, "import", stmt)
        elif isinstance(stmt, s.Global):
            scope.outer_names.update(stmt.names)
        elif isinstance(stmt, s.Return):
            scope.returns.append(stmt)
        self._expressions(stmt, scope, target)

    def _expressions(self, stmt: s.Stmt, scope: Scope, target: object) -> None:
        """Lambdas, comprehensions and walruses in the statement's own expressions."""
        if isinstance(stmt, (s.Function, s.Class)):
            parts: list[s.Node] = list(stmt.decorators)
        else:
            parts = [c for c in s.children(stmt) if not isinstance(c, (s.Block, s.Handler, s.Case))]
        for part in parts:
            for node in s.walk(part, into=False):
                if node.__class__ not in _BINDING:
                    continue
                if isinstance(node, s.Lambda):
                    self._function(node, scope)
                elif isinstance(node, s.Walrus) and callable(target):
                    target(node.target, node.value)
                elif isinstance(node, s.Clause) and callable(target):
                    target(node.target, node.iter, "element", (), node.id)
                elif isinstance(node, s.Yield):
                    scope.yields = True

    def _function(self, node: s.Function | s.Lambda, scope: Scope) -> None:
        inner = Scope("function" if isinstance(node, s.Function) else "lambda", node, scope, self.module)
        scope.inner[node.id] = inner
        span = (node.id, self._end(node))
        for param in node.params:
            inner.bindings[param.name].append(
                Binding(param.name, "param", param, param.default, (), node.id, span, None)
            )
        if isinstance(node, s.Function):
            self._block(node.body, inner, None)
        else:
            for below in s.walk(node.body, into=False):
                if isinstance(below, s.Lambda):
                    self._function(below, inner)


def bind(module: Module, block: s.Block) -> Scope:
    """The scope of a module, with everything inside it."""
    scope = _Binder(module).bind(block)
    for inner in scope.walk():  # `global x` binds in the module, `nonlocal x` in the function around
        for name in sorted(inner.outer_names):
            home = inner.parent
            while home is not None and not (
                home.kind == "module" or (name in home.bindings and name not in home.outer_names)
            ):
                home = home.parent
            if home is not None and name in inner.bindings:
                home.bindings[name].extend(inner.bindings.pop(name))
    return scope
