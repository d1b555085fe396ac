"""Whether a number rises with the steps of training at first: the shape of a learning rate schedule.

The slope of an expression is read from its parts: a counter rises, a quotient by it falls, a cosine of it falls, the
smaller of something that rises and a bound rises first. Names are followed to what they are computed from.
"""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.counters import Counters
from gradlint.program.names import Lib
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values import Cls, Const, Func, Made, Partial, Value, Values, argument_position
from gradlint.records import dataclass

_DEPTH = 9
Env = dict[str, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a number goes: `rises` at first, or by a `named` warmup; `known` is False where something is unresolved."""

    rises: bool = False
    known: bool = True


class Rising:
    """Reads the shape of schedules."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.counters = Counters(values)

    def expression(self, expr: s.Expr, scope: Scope) -> Shape:
        """The shape of what an expression gives from step to step."""
        reading = _Reading(self)
        reading.look(expr)
        slope = reading.slope(expr, scope, {}, _DEPTH)
        return Shape(slope > 0 or reading.named, reading.known)

    def function(self, function: Value) -> Shape:
        """The shape of a function of the step, as `LambdaLR` takes it."""
        reading = _Reading(self)
        slope = reading.called(function, None, None, {}, _DEPTH, counting=True)
        return Shape(slope > 0 or reading.named, reading.known)

    def method(self, method: Func) -> Shape:
        """The shape of what a scheduler's own method computes from its counters."""
        reading = _Reading(self)
        slope = reading.body(method.scope, {}, _DEPTH)
        return Shape(slope > 0 or reading.named, reading.known)


class _Reading:
    """One question: notes on its way what names a warmup, and what cannot be resolved."""

    def __init__(self, rising: Rising) -> None:
        self.values = rising.values
        self.counters = rising.counters
        self.vocabulary = rising.values.vocabulary
        self.named = False
        self.known = True
        self._active: set[int] = set()

    # --- expressions --------------------------------------------------------------------------

    def slope(self, expr: s.Expr, scope: Scope, env: Env, depth: int) -> int:
        """1 if the expression rises with a counter (at first), -1 if it falls, 0 if it does neither or both."""
        if depth == 0 or id(expr) in self._active:
            return 0
        self._active.add(id(expr))
        try:
            return self._slope(expr, scope, env, depth - 1)
        finally:
            self._active.discard(id(expr))

    def _slope(self, expr: s.Expr, scope: Scope, env: Env, depth: int) -> int:
        if isinstance(expr, s.Name):
            self._notice(expr.text)
            return env[expr.text] if expr.text in env else self._name(expr, scope, env, depth)
        if isinstance(expr, s.Attribute):
            self._notice(expr.attr)
            return self._attribute(expr, scope, depth)
        if isinstance(expr, s.Unary):
            inner = self.slope(expr.value, scope, env, depth)
            return -inner if expr.op == "-" else inner
        if isinstance(expr, s.Binary):
            return self._binary(expr, scope, env, depth)
        if isinstance(expr, s.Conditional):
            return self._conditional(expr, scope, env, depth)
        if isinstance(expr, s.Call):
            return self._call(expr, scope, env, depth)
        if isinstance(expr, s.Subscript):
            return self._subscript(expr, scope, env, depth)
        if isinstance(expr, s.Comprehension):
            return self.slope(expr.element, scope, env, depth)
        if isinstance(expr, s.Sequence):
            return max((self.slope(i, scope, env, depth) for i in expr.items), default=0, key=abs)
        if isinstance(expr, s.Walrus):
            return self.slope(expr.value, scope, env, depth)
        return 0

    def _notice(self, name: str) -> None:
        if says_warmup(name):
            self.named = True

    def _name(self, expr: s.Name, scope: Scope, env: Env, depth: int) -> int:
        if self.counters.is_counter(expr, scope):
            return 1
        home = scope.lookup(expr.text)
        if home is None:
            return 0
        use = expr.id if home is scope or home.function is scope.function else None
        slopes = [self._binding(b, home, env, depth) for b in home.reaching(expr.text, use)]
        return _first(slopes)

    def _binding(self, binding: Binding, home: Scope, env: Env, depth: int) -> int:
        if binding.kind == "param" and isinstance(binding.node, s.Param):
            bound = home.owner is not None and not home.static
            position = argument_position(home, binding.node, bound=bound)
            slopes = [
                self.slope(given, where, {}, depth)
                for call, where in self.values.callers(home)
                if (given := call.arg(position, binding.name)) is not None
            ]
            return _first(slopes)
        if binding.value is None or binding.kind not in ("value", "update"):
            return 0
        value = binding.value
        for index in binding.path:
            if isinstance(value, s.Sequence) and -len(value.items) <= index < len(value.items):
                value = value.items[index]
        return self.slope(value, home, env, depth)

    def _attribute(self, expr: s.Attribute, scope: Scope, depth: int) -> int:
        if self.counters.is_counter(expr, scope):
            return 1
        slopes: list[int] = []
        held = self.values.of(expr.value, scope)
        classes = [v.of.scope for v in held if isinstance(v, Made) and isinstance(v.of, Cls)]
        if not classes:  # `options.rate`: what the same function has put there
            slopes += [
                self.slope(store.value, scope, {}, depth)
                for store in scope.module.attribute_stores.get(expr.attr, ())
                if store.scope is scope and store.value is not None and s.text(store.base) == s.text(expr.value)
            ]
        for cls in classes:
            for owner in self.values.lineage(cls):
                slopes += [
                    self.slope(store.value, store.scope, {}, depth)
                    for store in self.values.self_stores(owner, expr.attr)
                    if store.value is not None and store.scope is not scope
                ]
                slopes += [
                    self.body(owner.inner[binding.node.id], {}, depth)
                    for binding in owner.bindings.get(expr.attr, ())
                    if binding.kind == "function" and "property" in owner.inner[binding.node.id].decorators
                ]
        return _first(slopes)

    def _binary(self, expr: s.Binary, scope: Scope, env: Env, depth: int) -> int:
        left = self.slope(expr.left, scope, env, depth)
        right = self.slope(expr.right, scope, env, depth)
        if expr.op in ("+", "*"):
            negative = expr.op == "*" and (_is_negative(expr.left) or _is_negative(expr.right))
            total = _both(left, right)
            return -total if negative else total
        if expr.op == "-":
            return _both(left, -right)
        if expr.op in ("/", "//"):
            return _both(left, -right)
        if expr.op == "**":
            return self._power(expr, left, right, scope)
        return 0

    def _power(self, expr: s.Binary, left: int, right: int, scope: Scope) -> int:
        if right == 0:
            exponent = self._number(expr.right, scope)
            return -left if exponent is not None and exponent < 0 else left
        base = self._number(expr.left, scope)
        return right if base is not None and base > 1 else -right

    def _number(self, expr: s.Expr, scope: Scope) -> float | None:
        if isinstance(expr, s.Unary) and expr.op == "-":
            inner = self._number(expr.value, scope)
            return -inner if inner is not None else None
        found = {v.value for v in self.values.of(expr, scope) if isinstance(v, Const)}
        numbers = [v for v in found if isinstance(v, (int, float))]
        return numbers[0] if len(numbers) == 1 else None

    def _conditional(self, expr: s.Conditional, scope: Scope, env: Env, depth: int) -> int:
        self.look(expr.test)
        then, orelse = self.slope(expr.then, scope, env, depth), self.slope(expr.orelse, scope, env, depth)
        early = self.early(expr.test, scope, env)
        if early is not None:
            return then if early and then else orelse if not early and orelse else _first([then, orelse])
        return _first([then, orelse])

    def early(self, test: s.Expr, scope: Scope, env: Env) -> bool | None:
        """True if a test holds for small counters, False if for large ones; None if it is about something else."""
        if isinstance(test, s.Unary) and test.op == "not":
            inner = self.early(test.value, scope, env)
            return None if inner is None else not inner
        if isinstance(test, s.Boolean):
            left = self.early(test.left, scope, env)
            return left if left is not None else self.early(test.right, scope, env)
        if not isinstance(test, s.Compare) or len(test.ops) != 1:
            return None
        op, right = test.ops[0], test.rights[0]
        counts_left = self._counts(test.left, scope, env)
        if counts_left is self._counts(right, scope, env) or op not in ("<", "<=", ">", ">="):
            return None
        return op.startswith("<") is counts_left

    def _counts(self, expr: s.Expr, scope: Scope, env: Env) -> bool:
        return self.slope(expr, scope, env, 4) > 0

    def _subscript(self, expr: s.Subscript, scope: Scope, env: Env, depth: int) -> int:
        """`rates[step]`: the shape of an array along its index."""
        if isinstance(expr.index, s.Constant):
            return self.slope(expr.value, scope, env, depth)
        found = self.slope(expr.value, scope, env, depth)
        return found

    # --- calls --------------------------------------------------------------------------------

    def _call(self, call: s.Call, scope: Scope, env: Env, depth: int) -> int:
        func = call.func
        name = s.last_name(func)
        for arg in call.args:
            self._notice(arg.keyword or "")
        functions = self.values.of(func, scope)
        known = [f for f in functions if isinstance(f, (Func, Partial)) or (isinstance(f, Made) and f.of is not None)]
        projects = [f for f in known if not (isinstance(f, Made) and isinstance(f.of, Lib))]
        if projects:
            return _first([self.called(f, call, scope, env, depth) for f in projects])
        what = self.vocabulary.entry("slopes", name)
        operands = [a.value for a in call.args if a.keyword is None]
        if isinstance(func, s.Attribute) and not any(isinstance(f, Lib) for f in functions):
            operands = [func.value, *operands]
        return self._operation(what, call, operands, scope, env, depth)

    def _operation(self, what: object, call: s.Call, operands: list[s.Expr], scope: Scope, env: Env, depth: int) -> int:
        if what == "span":
            return self._span(operands, scope)
        slopes = [self.slope(o, scope, env, depth) for o in operands]
        if what == "rising":
            return _first(slopes[:1])
        if what == "falling":
            return -_first(slopes[:1])
        if what == "least":
            return 1 if 1 in slopes else _first(slopes)
        if what == "any":
            return _first(slopes)
        if what == "power":
            slopes = [*slopes, 0, 0]
            number = self._number(operands[1], scope) if len(operands) > 1 else None
            if slopes[1]:
                return -slopes[1]
            return -slopes[0] if number is not None and number < 0 else slopes[0]
        if any(slopes):
            self.known = False  # something unknown of a counter
        return 0

    def _span(self, operands: list[s.Expr], scope: Scope) -> int:
        """`linspace(a, b, n)`: what rises, or starts at zero."""
        if len(operands) < 2:
            return 0
        start, end = self._number(operands[0], scope), self._number(operands[1], scope)
        if start is not None and (start == 0 or (end is not None and start < end)):
            return 1
        return -1 if start is not None and end is not None and start > end else 0

    def called(
        self, function: Value, call: s.Call | None, scope: Scope | None, env: Env, depth: int, *, counting: bool = False
    ) -> int:
        """The slope of what a project function gives; `counting`: its free parameters are counters."""
        if depth <= 0:
            return 0
        if isinstance(function, Partial):
            bound = dict.fromkeys(a.keyword for a in function.site.args if a.keyword)
            taken = sum(1 for a in function.site.args if a.keyword is None)
            inner = function.function
            for name in bound:
                self._notice(name or "")
            if not isinstance(inner, Func):
                return self.called(inner, call, scope, env, depth, counting=counting)
            free = [p.name for p in inner.scope.params if p.name != inner.scope.self_name][taken:]
            return self.body(inner.scope, {n: 1 for n in free if n not in bound}, depth)
        if isinstance(function, Made) and isinstance(function.of, Cls):
            method = self.values.method(function, "__call__") or self.values.method(function, "forward")
            return self.called(method, call, scope, env, depth, counting=counting) if method is not None else 0
        if not isinstance(function, Func):
            self.known = False
            return 0
        self._notice(function.scope.name)
        inside: Env = {}
        first = True
        for param in function.scope.params:
            if param.name == function.scope.self_name:
                continue
            given = None
            if call is not None:
                bound_method = function.receiver is not None
                given = call.arg(argument_position(function.scope, param, bound=bound_method), param.name)
            if given is not None and scope is not None:
                inside[param.name] = self.slope(given, scope, env, depth)
            elif counting:
                inside[param.name] = 1 if first else 0
            elif param.default is not None:
                inside[param.name] = 0
            first = False
        return self.body(function.scope, inside, depth)

    # --- functions ----------------------------------------------------------------------------

    def body(self, scope: Scope, env: Env, depth: int) -> int:
        """The slope of what a function computes: of a branch for small counters first, then of what it returns."""
        if depth <= 0 or id(scope.node) in self._active:
            return 0
        if isinstance(scope.node, s.Lambda):
            self.look(scope.node.body)
            return self.slope(scope.node.body, scope, env, depth)
        self._active.add(id(scope.node))
        try:
            self.look(scope.body)
            slopes = [
                self.slope(r.value, scope, env, depth)
                for r in scope.returns
                if r.value is not None and not self._is_late(r, scope, env)
            ]
            guarded = [self.slope(v, scope, env, depth) for v in self._early_values(scope, env)]
            return 1 if 1 in guarded else _first(slopes)
        finally:
            self._active.discard(id(scope.node))

    def look(self, node: s.Node) -> None:
        """Notice the names of a piece of code that say "warmup"."""
        for below in s.walk(node, into=False):
            if isinstance(below, s.Name):
                self._notice(below.text)
            elif isinstance(below, s.Attribute):
                self._notice(below.attr)
            elif isinstance(below, s.Arg) and below.keyword:
                self._notice(below.keyword)
            elif isinstance(below, s.Subscript) and isinstance(below.index, s.Constant):
                self._notice(str(below.index.value))

    def _early_values(self, scope: Scope, env: Env) -> list[s.Expr]:
        """What a function assigns or returns where a counter is small."""
        out: list[s.Expr] = []
        for node in scope.nodes:
            if not isinstance(node, s.If):
                continue
            early = self.early(node.test, scope, env)
            block = node.then if early else node.orelse if early is False else None
            out += [
                stmt.value
                for stmt in (block.body if block is not None else ())
                if isinstance(stmt, (s.Assign, s.Return)) and stmt.value is not None
            ]
        return out

    def _is_late(self, target: s.Return, scope: Scope, env: Env) -> bool:
        """Whether a return stands where a counter is large."""
        for node in scope.nodes:
            if isinstance(node, s.If):
                early = self.early(node.test, scope, env)
                late = node.orelse if early else node.then if early is False else None
                if late is not None and any(n is target for n in s.walk(late, into=False)):
                    return True
        return False


def says_warmup(name: str) -> bool:
    """Whether an identifier speaks of a warmup (and not of warm restarts)."""
    low = name.lower().replace("_", "")
    return "warm" in low and "restart" not in low and "warmstart" not in low


def _is_negative(expr: s.Expr) -> bool:
    return (isinstance(expr, s.Unary) and expr.op == "-") or (
        isinstance(expr, s.Constant) and isinstance(expr.value, (int, float)) and expr.value < 0
    )


def _both(left: int, right: int) -> int:
    """The slope of a sum or a product of two positive numbers."""
    if left and right and left != right:
        return 0
    return left or right


def _first(slopes: list[int]) -> int:
    """Of several ways: up if one goes up."""
    return 1 if 1 in slopes else -1 if -1 in slopes else 0
