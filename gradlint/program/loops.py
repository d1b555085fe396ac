"""Loops over time: a module's output that is fed back into the same call in the next iteration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.scopes import Scope
from gradlint.program.values import Bound, Context, Func, Made, Value, Values, argument_position
from gradlint.records import dataclass

_METHODS = 5  # how deep a called method is searched for weights


@dataclass(frozen=True, slots=True)
class Feedback:
    """A call whose result reaches its own arguments in the next iteration of a loop."""

    call: s.Node
    loop: s.For | s.While


class Loops:
    """Finds feedback in the loops of functions; `weighted` says whether a module learns anything."""

    def __init__(self, values: Values, weighted: object) -> None:
        self.values = values
        assert callable(weighted)
        self._weighted = weighted

    def feedback(self, scope: Scope, context: Context | None, body: Iterable[s.Node]) -> Feedback | None:
        """The first feedback in the loops among a function's nodes."""
        for node in body:
            if isinstance(node, (s.For, s.While)) and not self.is_deep(node, scope, context):
                found = self._loop(node, scope, context)
                if found is not None:
                    return found
        return None

    # --- which loops, which calls -------------------------------------------------------------

    def is_deep(self, loop: s.For | s.While, scope: Scope, context: Context | None) -> bool:
        """Whether each iteration calls another module: layers of different depth."""
        if isinstance(loop, s.While):
            return False
        varying = _varying(loop)
        for call in s.calls(loop.body, into=False):
            func = plainly(call.func)
            if isinstance(func, s.Attribute):
                if _mentions(func.value, varying) and any(
                    self._module(v) for v in self.values.of(func.value, scope, context)
                ):
                    return True
            elif isinstance(func, s.Name):
                if func.text in varying:
                    return True
            elif _mentions(func, varying):
                return True
        return False

    def _module(self, value: Value) -> bool:
        return isinstance(value, Made) and any(
            self.values.vocabulary.role(p) in ("module", "model") for p in self.values.bases_of(value)
        )

    def _loop(self, loop: s.For | s.While, scope: Scope, context: Context | None) -> Feedback | None:
        varying = _varying(loop)
        for node in s.walk(loop.body, into=False):
            if not isinstance(node, (s.Call, s.Binary)):
                continue
            if self._tracked(node, scope, context, varying) and _Taint(self.values, node).returns(loop):
                return Feedback(node, loop)
        return None

    def _tracked(self, node: s.Call | s.Binary, scope: Scope, context: Context | None, varying: frozenset[str]) -> bool:
        """Whether the node applies the same weights in every iteration."""
        if isinstance(node, s.Binary):
            return node.op == "@" and any(
                self._parameter(side, scope, context, varying) for side in (node.left, node.right)
            )
        if _mentions(node.func, varying):
            return False
        for function in self.values.of(node.func, scope, context):
            if isinstance(function, Made) and self._weighted(function):
                return True
            if isinstance(function, Bound) and function.name == "forward" and self._weighted(function.receiver):
                return True
            if isinstance(function, Func) and self._applies(function, node, scope, context, varying, _METHODS):
                return True
            if isinstance(function, Lib):
                places = self.values.vocabulary.entry("products", function.path)
                if isinstance(places, list) and any(
                    isinstance(p, int)
                    and p < len(node.args)
                    and self._parameter(node.args[p].value, scope, context, varying)
                    for p in places
                ):
                    return True
        return False

    def _parameter(self, expr: s.Expr, scope: Scope, context: Context | None, varying: frozenset[str]) -> bool:
        """Whether an operand is a weight that does not change over the loop."""
        while isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute):  # self.w.t()
            expr = expr.func.value
        if isinstance(expr, s.Attribute) and expr.attr in ("T", "mT", "weight"):
            if expr.attr == "weight" and not _mentions(expr, varying):
                return any(self._weighted(v) for v in self.values.of(expr.value, scope, context))
            expr = expr.value
        if _mentions(expr, varying) or not isinstance(expr, (s.Name, s.Attribute)):
            return False
        return any(
            isinstance(v, Made) and isinstance(v.of, Lib) and self.values.vocabulary.entry("weights", v.of.path)
            for v in self.values.of(expr, scope, context)
        )

    def _applies(
        self, function: Func, call: s.Call, scope: Scope, context: Context | None, varying: frozenset[str], depth: int
    ) -> bool:
        """Whether a function of the project calls a module that learns, the same one in every iteration."""
        if depth == 0 or not_trained(function.scope, self.values):
            return False
        inner = self.values.enter(function, call, scope, context)
        varied = _derived(function.scope.body, _given_varying(function, call, varying))
        for below in s.calls(function.scope.body, into=False):
            if _mentions(below.func, varied):
                continue
            for value in self.values.of(below.func, function.scope, inner):
                if isinstance(value, Made) and self._weighted(value):
                    return True
                if (
                    isinstance(value, Func)
                    and value.scope is not function.scope
                    and self._applies(value, below, function.scope, inner, varied, depth - 1)
                ):
                    return True
        return False


_PLAIN_CALLS = ("forward",)


def plainly(func: s.Expr) -> s.Expr:
    """What is called, where its forward pass is called by name: `cell` of `cell.forward`."""
    return func.value if isinstance(func, s.Attribute) and func.attr in _PLAIN_CALLS else func


def hands_on(stmt: s.Assign, call: s.Call) -> bool:
    """Whether a call takes, under its name, what the same statement gave before: `out, state = cell(x, state)`."""
    given = {name for target in stmt.targets for item in _items(target) if (name := s.dotted(item)) is not None}
    taken = {name for arg in call.args for item in _items(arg.value) if (name := s.dotted(item)) is not None}
    return bool(given & taken)


def _items(expr: s.Expr) -> tuple[s.Expr, ...]:
    return expr.items if isinstance(expr, s.Sequence) else (expr,)


def not_trained(scope: Scope, values: Values) -> bool:
    """Whether a function is decorated so that no gradient flows through it."""
    return any(values.vocabulary.entry("cut", d.rpartition(".")[2]) is not None for d in scope.decorators)


def _varying(loop: s.For | s.While) -> frozenset[str]:
    """The names that differ from iteration to iteration by the loop's own variable."""
    return _derived(loop.body, frozenset(_names(loop.target)) if isinstance(loop, s.For) else frozenset())


def _derived(body: s.Node, given: frozenset[str]) -> frozenset[str]:
    """Some names, and those that code sets to them, to parts of them or to each of them in turn.

    So are those of layers that a call gives for them: `layer = self.layer_at(index)`.
    """
    names = set(given)
    called = {call.func.text for call in s.calls(body, into=False) if isinstance(call.func, s.Name)}
    for _ in range(2):
        for node in s.walk(body, into=False):
            if isinstance(node, s.Assign) and isinstance(node.value, (s.Subscript, s.Name, s.Call)):
                if _mentions(node.value, frozenset(names)):
                    found = {name for target in node.targets for name in _names(target)}
                    names |= found & called if isinstance(node.value, s.Call) else found
            elif isinstance(node, s.For) and _mentions(node.iter, frozenset(names)):
                names.update(_names(node.target))
    return frozenset(names)


def _given_varying(function: Func, call: s.Call, varying: frozenset[str]) -> frozenset[str]:
    """The parameters of a function that get something else in each iteration."""
    scope, bound = function.scope, function.receiver is not None
    return frozenset(
        param.name
        for param in (scope.params[1:] if bound and scope.self_name is not None else scope.params)
        if (given := call.arg(argument_position(scope, param, bound=bound), param.name)) is not None
        and _mentions(given, varying)
    )


def _names(target: s.Expr) -> Iterator[str]:
    for node in s.walk(target):
        if isinstance(node, s.Name):
            yield node.text


def _mentions(expr: s.Node, names: frozenset[str]) -> bool:
    return any(isinstance(n, s.Name) and n.text in names for n in s.walk(expr))


class _Taint:
    """Follows one call's result through two iterations of a loop's body."""

    def __init__(self, values: Values, source: s.Call | s.Binary) -> None:
        self.values = values
        self.source = source
        self.marked: set[str] = set()
        self.closed = False

    def returns(self, loop: s.For | s.While) -> bool:
        for _ in range(2):
            self._block(loop.body, sure=True)
            if self.closed:
                return True
        return False

    def _block(self, block: s.Block | None, *, sure: bool) -> None:
        for stmt in block.body if block is not None else ():
            self._statement(stmt, sure)

    def _statement(self, stmt: s.Stmt, sure: bool) -> None:
        if isinstance(stmt, s.Assign) and stmt.value is not None:
            carried = self._carries(stmt.value)
            parts = self._split(stmt)
            for target, value in parts:
                self._assign(target, self._carries(value) if value is not stmt.value else carried, sure)
        elif isinstance(stmt, s.AugAssign):
            if self._carries(stmt.value):
                self._assign(stmt.target, True, sure)
        elif isinstance(stmt, s.Evaluate):
            self._evaluate(stmt.value)
        elif isinstance(stmt, s.If):
            self._carries(stmt.test)
            self._branches(stmt)
        elif isinstance(stmt, (s.For, s.While)):
            if isinstance(stmt, s.For) and self._carries(stmt.iter):
                self._assign(stmt.target, True, False)
            self._block(stmt.body, sure=False)
            self._block(stmt.body, sure=False)
        elif isinstance(stmt, s.With):
            if not any(self._cuts(item) for item, _ in stmt.items):
                self._block(stmt.body, sure=sure)
        elif isinstance(stmt, s.Try):
            self._block(stmt.body, sure=sure)
            self._block(stmt.final, sure=sure)
        elif isinstance(stmt, s.Match):
            for case in stmt.cases:
                self._block(case.body, sure=False)

    def _branches(self, stmt: s.If) -> None:
        before = set(self.marked)
        self._block(stmt.then, sure=True)
        after = self.marked
        self.marked = before
        self._block(stmt.orelse, sure=True)
        self.marked |= after

    def _split(self, stmt: s.Assign) -> list[tuple[s.Expr, s.Expr]]:
        """`a, b = x, y` as pairs."""
        assert stmt.value is not None
        out: list[tuple[s.Expr, s.Expr]] = []
        for target in stmt.targets:
            if (
                isinstance(target, s.Sequence)
                and isinstance(stmt.value, s.Sequence)
                and len(target.items) == len(stmt.value.items)
            ):
                out.extend(zip(target.items, stmt.value.items, strict=True))
            else:
                out.append((target, stmt.value))
        return out

    def _assign(self, target: s.Expr, carried: bool, sure: bool) -> None:
        if isinstance(target, s.Sequence):
            for inner in target.items:
                self._assign(inner, carried, sure)
            return
        if isinstance(target, s.Starred):
            self._assign(target.value, carried, sure)
            return
        part = isinstance(target, s.Subscript)
        name = s.dotted(s.container(target))
        if name is None:
            return
        if carried:
            self.marked.add(name)
        elif sure and not part:
            self.marked.discard(name)

    def _evaluate(self, expr: s.Expr) -> None:
        """A call as a statement: what a container is given stays in it."""
        carried = self._carries(expr)
        if not carried or not isinstance(expr, s.Call) or not isinstance(expr.func, s.Attribute):
            return
        if expr.func.attr in ("append", "extend", "insert", "appendleft", "add", "copy_"):
            self._assign(expr.func.value, True, False)

    def _carries(self, expr: s.Node) -> bool:
        """Whether the expression's value depends on the source's result; notes when it reaches the source."""
        if expr is self.source:
            operands: tuple[s.Node, ...] = (
                tuple(a.value for a in expr.args) if isinstance(expr, s.Call) else (expr.left, expr.right)
            )
            if self._any(operands):
                self.closed = True
            return True
        if isinstance(expr, s.Call) and self._cuts(expr):
            for child in s.children(expr):
                self._carries(child)
            return False
        if isinstance(expr, (s.Name, s.Attribute)):
            name = s.dotted(expr)
            if name is not None:
                return name in self.marked or (isinstance(expr, s.Attribute) and self._carries(expr.value))
        if isinstance(expr, s.Compare):
            for child in s.children(expr):
                self._carries(child)
            return False
        if isinstance(expr, s.Conditional):
            self._carries(expr.test)
            return self._any((expr.then, expr.orelse))
        if isinstance(expr, s.Subscript):
            self._carries(expr.index)
            if isinstance(expr.index, s.Constant) and isinstance(expr.value, s.Call) and expr.index.value == 1:
                func = expr.value.func
                if isinstance(func, s.Attribute) and func.attr in ("max", "min", "sort"):
                    return False
            return self._carries(expr.value)
        if isinstance(expr, s.Lambda):
            return False
        return self._any(tuple(s.children(expr)))

    def _any(self, nodes: tuple[s.Node, ...]) -> bool:
        """Whether one of the nodes carries it: all are looked at, since looking also finds the source's operands."""
        return True in [self._carries(n) for n in nodes]

    def _cuts(self, expr: s.Expr) -> bool:
        func = expr.func if isinstance(expr, s.Call) else expr
        name = s.last_name(func)
        return self.values.vocabulary.entry("cut", name) is not None
