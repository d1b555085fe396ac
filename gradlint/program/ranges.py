"""Where the values of a tensor can lie, so far as the code tells, and the operations that are singular there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import Literal

from gradlint.program import syntax as s
from gradlint.program.given import function_of, held
from gradlint.program.names import Lib
from gradlint.program.places import loops_around
from gradlint.program.scopes import Scope
from gradlint.program.values import Bound, Made, Values
from gradlint.records import dataclass

# "square": of something that may be a plain number, such as the width of a kernel; "fine": a unit in float64.
Range = Literal["unit", "fine", "nonnegative", "positive", "square"]

_DEPTH = 24


@dataclass(frozen=True, slots=True)
class Singular:
    """One operation that has no finite value or derivative at a point that its operand reaches.

    `does` is "log", "root", "division" or "arc"; `operand` is what reaches zero (for "arc": one).
    """

    node: s.Expr
    does: str
    operand: s.Expr
    range: Range | None

    @property
    def is_argument(self) -> bool:
        """Whether the operand stands by itself between the parentheses of a call."""
        return isinstance(self.node, s.Call) and any(arg.value is self.operand for arg in self.node.args)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Asks the code of a project where values lie: an answer holds on every way that is known, or is None."""

    values: Values
    # What was found, and how deep was looked: what is not known there is none the better looked for less deep.
    _known: dict[tuple[s.Expr, Scope], tuple[int, Range | None]] = field(default_factory=dict)

    def singular(self, node: s.Expr, scope: Scope) -> Singular | None:
        """The operation at an expression, if its operand is known to reach the point where it is singular."""
        found = self._operation(node, scope)
        if found is None:
            return None
        does, operand = found
        if does == "arc":
            return Singular(node, does, operand, None) if self._free(operand, scope) else None
        lies = self.of(operand, scope)
        if lies is None and does == "log" and self._complemented(operand, scope):
            lies = "unit"
        if scope.kind == "module" and not loops_around(scope, node):
            return None  # it is computed once, before what trains: of data, not of what a network gives
        reached = {"root": ("nonnegative", "square")}.get(does, ("unit", "nonnegative"))
        if lies not in reached:  # the root of a sigmoid is sound but where its logit is below -100
            return None
        return None if self._tested(node, operand, scope) else Singular(node, does, operand, lies)

    def _operation(self, node: s.Expr, scope: Scope) -> tuple[str, s.Expr] | None:
        if isinstance(node, s.Binary) and node.op == "/":
            return ("division", node.right)
        if isinstance(node, s.Binary) and node.op == "**":
            return _power(node.left, node.right)
        if not isinstance(node, s.Call):
            return None
        name, operand = self._applied(node, scope, "singular")
        if operand is None:
            kind, base = self._applied(node, scope, "ranges")
            exponent = node.arg(0 if self._is_method(node, scope) else 1, "exponent")
            return _power(base, exponent) if kind == "power" and base is not None and exponent is not None else None
        if name == "one":
            return ("arc", operand)
        called = s.last_name(node.func)
        return ("log" if "log" in called else "root" if "sqrt" in called else "division", operand)

    def _is_method(self, call: s.Call, scope: Scope) -> bool:
        """Whether a call is of a tensor's method, and of no function, module or class that is known."""
        found = self.values.of(call.func, scope)
        return isinstance(call.func, s.Attribute) and all(isinstance(value, Bound) for value in found)

    def _applied(self, call: s.Call, scope: Scope, section: str) -> tuple[str | None, s.Expr | None]:
        """What a function, a module or a method of a tensor does, and to what."""
        about = self.values.vocabulary
        if self._is_method(call, scope):
            assert isinstance(call.func, s.Attribute)
            if isinstance(call.func.value, s.Name) and scope.lookup(call.func.value.text) is None:
                return None, None
            said = about.entry(section.removesuffix("s") + "_methods", call.func.attr)
            return (said, call.func.value) if isinstance(said, str) else (None, None)
        for value in self.values.of(call.func, scope):
            path = value.path if isinstance(value, Lib) else None
            if isinstance(value, Made) and isinstance(value.of, Lib):
                path = value.of.path
            said = about.entry(section, path) if path is not None else None
            operand = call.arg(0, "input")
            if isinstance(said, str) and operand is not None:
                return said, operand
        return None, None

    # --- ranges ---------------------------------------------------------------------------------

    def of(self, expr: s.Expr, scope: Scope, depth: int = _DEPTH) -> Range | None:
        """Where the values of an expression lie; None if that is not known."""
        if depth <= 0:
            return None
        looked, known = self._known.get((expr, scope), (0, None))
        if known is not None or looked >= depth:
            return known
        self._known[expr, scope] = (depth, None)  # what it takes from itself tells nothing of it
        known = self._lies(expr, scope, depth)
        self._known[expr, scope] = (depth, known)
        return known

    def _lies(self, expr: s.Expr, scope: Scope, depth: int) -> Range | None:
        if isinstance(expr, s.Constant):
            number = isinstance(expr.value, (int, float)) and not isinstance(expr.value, bool) and expr.value > 0
            return "positive" if number else None
        if isinstance(expr, s.Name):
            return self._named(expr, scope, depth - 1)
        if isinstance(expr, s.Binary):
            return self._computed(expr, scope, depth - 1)
        if isinstance(expr, s.Subscript):
            return None if self._picks(expr.index, scope) else self.of(expr.value, scope, depth - 1)
        if isinstance(expr, s.Attribute):
            return self._attribute(expr, scope, depth - 1)
        if isinstance(expr, s.Call):
            return self._called(expr, scope, depth - 1)
        return None

    def _all(self, found: Iterator[Range | None]) -> Range | None:
        """One range for all ways: the widest of those that reach zero, nothing if one is unknown or does not."""
        known = set(found)
        if len(known) == 1 or "fine" in known:
            return "fine" if "fine" in known else known.pop()
        return "nonnegative" if known and known <= {"unit", "nonnegative", "square"} else None

    def _named(self, name: s.Name, scope: Scope, depth: int) -> Range | None:
        if self._changed(name, scope):
            return None
        found = held(name, scope, self.values)
        return self._all(self.of(value, where, depth) if value is not None else None for value, where in found)

    def _changed(self, name: s.Name, scope: Scope) -> bool:
        """Whether a statement before changes in place what a name holds: `p.data.clamp_(0.01, 0.99)`."""
        for stmt in scope.nodes:
            call = stmt.value if isinstance(stmt, s.Evaluate) and stmt.id < name.id else None
            if isinstance(call, s.Call) and isinstance(call.func, s.Attribute) and call.func.attr.endswith("_"):
                changed = call.func.value
                if isinstance(changed, s.Attribute) and changed.attr == "data":
                    changed = changed.value
                if isinstance(changed, s.Name) and changed.text == name.text:
                    return True
        return False

    def _attribute(self, expr: s.Attribute, scope: Scope, depth: int) -> Range | None:
        function = scope.function
        if function is None or function.owner is None or s.dotted(expr.value) != function.self_name:
            return None
        stores = [x for c in self.values.lineage(function.owner) for x in self.values.self_stores(c, expr.attr)]
        if not stores or any(x.value is None or x.path or x.kind != "value" for x in stores):
            return None
        return self._all(self.of(x.value, x.scope, depth) for x in stores if x.value is not None)

    def _computed(self, expr: s.Binary, scope: Scope, depth: int) -> Range | None:
        if expr.op == "**":
            even = isinstance(expr.right, s.Constant) and expr.right.value in (2, 4)
            return self._squared(expr.left, scope, depth) if even else None
        left, right = self.of(expr.left, scope, depth), self.of(expr.right, scope, depth)
        if expr.op == "-":
            one = isinstance(expr.left, s.Constant) and expr.left.value == 1
            return "unit" if one and right == "unit" else None
        if expr.op == "*" and s.text(expr.left) == s.text(expr.right) and left is None:
            return self._squared(expr.left, scope, depth)
        if left is None or right is None:
            return None
        if expr.op == "/" and right == "positive" and _is_one(expr.left) and isinstance(expr.right, s.Binary):
            if expr.right.op == "+" and (_is_one(expr.right.left) or _is_one(expr.right.right)):
                return "unit"  # a sigmoid by hand
        if expr.op == "+":
            if "positive" in (left, right):
                return "positive"
            return "square" if left == right == "square" else "nonnegative"
        if expr.op in ("*", "/"):
            if expr.op == "/" and right != "positive":
                return None
            return left if right == "positive" else right if left == "positive" else self._all(iter((left, right)))
        return None

    def _squared(self, base: s.Expr, scope: Scope, depth: int) -> Range | None:
        """The square of a value; that of a setting may be what keeps a sum from 0: `x ** 2 + self.eps ** 2`."""
        return self.of(base, scope, depth) or (None if self._is_setting(base, scope) else "square")

    def _is_setting(self, expr: s.Expr, scope: Scope) -> bool:
        """Whether an object is given a value when it is made, or a function has a number that stands for it."""
        if isinstance(expr, s.Name):
            home = scope.lookup(expr.text)
            bindings = home.bindings[expr.text] if home is not None else ()
            return any(b.kind == "param" and isinstance(b.value, s.Constant) for b in bindings)
        function = scope.function
        if not isinstance(expr, s.Attribute) or function is None or function.owner is None:
            return False
        if s.dotted(expr.value) != function.self_name:
            return False
        stores = [x for c in self.values.lineage(function.owner) for x in self.values.self_stores(c, expr.attr)]
        given = [(s.root_name(x.value), x.scope) for x in stores]
        return bool(given) and all(
            name is not None and home.name == "__init__" and any(p.name == name for p in home.params)
            for name, home in given
        )

    def _called(self, call: s.Call, scope: Scope, depth: int) -> Range | None:
        kind, operand = self._applied(call, scope, "ranges")
        if kind is None or operand is None:
            return self._all(self._returned(call, scope, depth))
        if kind == "unit" and self._is_wide(operand, scope):
            return "fine"
        if kind in ("unit", "nonnegative", "positive"):
            return kind  # type: ignore[return-value]
        if kind == "choice":
            ways = [call.arg(place) for place in (1, 2)]
            if any(_complements(a, b) for a, b in (ways, ways[::-1])):
                return "unit"  # a probability, taken as such
            return self._all(self.of(way, scope, depth) if way is not None else None for way in ways)
        if kind == "product":
            return None
        if kind == "power":
            exponent = call.arg(0 if self._is_method(call, scope) else 1, "exponent")
            even = isinstance(exponent, s.Constant) and exponent.value in (2, 4)
            return self._squared(operand, scope, depth) if even else None
        lies = self.of(operand, scope, depth)
        if kind == "wide":
            return "fine" if lies == "unit" else lies
        if kind == "total":
            return None if lies == "unit" else "nonnegative" if lies == "square" else lies
        if kind == "bounded":
            low = call.arg(0 if self._is_method(call, scope) else 1, "min")
            if low is None or (isinstance(low, s.Constant) and low.value is None):
                return lies
            zero = isinstance(low, s.Constant) and low.value == 0
            return ("unit" if lies == "unit" else "nonnegative") if zero else "positive"
        return lies

    def _is_wide(self, operand: s.Expr, scope: Scope) -> bool:
        """Whether a value is in float64, where the sigmoid of any usual logit is neither 0 nor 1."""
        if isinstance(operand, s.Name):
            found = held(operand, scope, self.values)
            return any(isinstance(v, s.Call) and self._is_wide(v, where) for v, where in found)
        return isinstance(operand, s.Call) and self._applied(operand, scope, "ranges")[0] == "wide"

    def _returned(self, call: s.Call, scope: Scope, depth: int) -> Iterator[Range | None]:
        """What the functions of the project, or the modules in sequence, give that a call may run."""
        found = self.values.of(call.func, scope)
        if not found:
            yield None
        for value in found:
            function = function_of(value, self.values)
            if function is not None and function.returns and not function.yields:
                yield from (self.of(r.value, function, depth) if r.value else None for r in function.returns)
            elif isinstance(value, Made) and isinstance(value.of, Lib) and value.site is not None and value.site.args:
                yield self._last_of(value, depth)
            else:
                yield None

    def _last_of(self, made: Made, depth: int) -> Range | None:
        """What a sequence of modules gives: what its last module does."""
        about = self.values.vocabulary.about("layers", made.of.path) if isinstance(made.of, Lib) else None
        kind = about.get("kind") if isinstance(about, dict) else about
        last = made.site.args[-1] if made.site is not None else None
        if kind != "sequence" or last is None or last.star or last.keyword or made.scope is None:
            return None
        held = self.values.of(last.value, made.scope, made.context)
        said = {self.values.vocabulary.entry("ranges", v.of.path) for v in held if _of_library(v)}  # type: ignore[union-attr]
        only = said.pop() if len(said) == 1 and len(held) == 1 else None
        return only if only in ("unit", "nonnegative", "positive") else None  # type: ignore[return-value]

    # --- what keeps away from the point ---------------------------------------------------------

    def _tested(self, node: s.Expr, operand: s.Expr, scope: Scope, depth: int = 3) -> bool:
        """Whether a condition around an operation, or around what gives its operand, asks about that."""
        names = {n.text for n in s.walk(operand, into=False) if isinstance(n, s.Name)} - {scope.self_name}
        for here in scope.nodes:
            if isinstance(here, (s.If, s.Conditional)) and here.id <= node.id:
                asked = {n.text for n in s.walk(here.test) if isinstance(n, s.Name)}
                inside = any(s.holds(part, node) for part in s.children(here) if part is not here.test)
                if inside and asked & names:
                    return True
        if isinstance(operand, s.Name) and depth:  # `h = 1.0 if d < eps else d / n`, by an `if` around each
            behind = held(operand, scope, self.values)
            return any(v is not None and self._tested(v, _behind(v), where, depth - 1) for v, where in behind)
        return False

    def _picks(self, index: s.Expr, scope: Scope) -> bool:
        """Whether an index picks by a condition, so that what it leaves may be what is singular."""
        if isinstance(index, s.Compare):
            return True
        if isinstance(index, s.Name):
            home = scope.lookup(index.text)
            bindings = home.reaching(index.text, index.id if home is scope else None) if home is not None else []
            return any(isinstance(b.value, (s.Compare, s.Unary)) for b in bindings)
        return isinstance(index, s.Unary)

    def _complemented(self, operand: s.Expr, scope: Scope) -> bool:
        """Whether the same code takes the logarithm of `1 - operand` too: it is a probability."""
        wanted = s.text(operand)
        for call in s.calls(scope.body, into=False):
            kind, other = self._applied(call, scope, "singular")
            if kind == "zero" and other is not None and "log" in s.last_name(call.func):
                for low, high in ((other, operand), (operand, other)):
                    if isinstance(low, s.Binary) and low.op == "-" and isinstance(low.left, s.Constant):
                        if low.left.value == 1 and s.text(low.right) == s.text(high):
                            asked = wanted in (s.text(low), s.text(high)) and not self._is_made(high, scope)
                            return asked and self._is_traced(high, scope) and self.of(high, scope) is None
        return False

    def _is_traced(self, operand: s.Expr, scope: Scope, depth: int = 4) -> bool:
        """Whether the code shows what an operand holds: a caller that is not seen may have clamped what it gives."""
        if not isinstance(operand, s.Name):
            return True
        home = scope.lookup(operand.text)
        if home is None or all(b.kind != "param" for b in home.bindings[operand.text]):
            return True
        given = list(held(operand, scope, self.values)) if depth > 0 else []
        return any(value is not None and self._is_traced(value, where, depth - 1) for value, where in given)

    def _is_made(self, operand: s.Expr, scope: Scope) -> bool:
        """Whether the code makes a tensor with a function of a library: it starts where the code says."""
        return any(_of_library(value) for value in self.values.of(operand, scope))

    def _free(self, operand: s.Expr, scope: Scope, depth: int = 8) -> bool:
        """Whether nothing keeps an operand away from plus and minus one: no bound, no factor, no small term."""
        if depth <= 0:
            return False
        if isinstance(operand, s.Name):
            home = scope.lookup(operand.text)
            if home is None:
                return False
            bindings = home.reaching(operand.text, operand.id if home is scope else None)
            given = [b.value for b in bindings if b.kind == "value" and not b.path and b.value is not None]
            return len(given) == len(bindings) > 0 and all(self._free(value, home, depth - 1) for value in given)
        if isinstance(operand, s.Call):
            kind, inner = self._applied(operand, scope, "ranges")
            return kind in ("total", "product") or (
                kind == "same" and inner is not None and self._free(inner, scope, depth - 1)
            )
        if isinstance(operand, s.Subscript):
            return self._free(operand.value, scope, depth - 1)
        return isinstance(operand, s.Binary) and operand.op in ("@", "/")


def _power(base: s.Expr, exponent: s.Expr) -> tuple[str, s.Expr] | None:
    negative = isinstance(exponent, s.Unary) and exponent.op == "-"
    inner = exponent.value if isinstance(exponent, s.Unary) else exponent
    if not isinstance(inner, s.Constant) or not isinstance(inner.value, (int, float)):
        return None
    if negative or inner.value < 0:
        return ("division", base)
    return ("root", base) if 0 < inner.value < 1 else None


def _behind(expr: s.Expr) -> s.Expr:
    """What a method without arguments is called on: `h` of `h.abs()`."""
    if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and not expr.args:
        return expr.func.value
    return expr


def _is_one(expr: s.Expr) -> bool:
    return isinstance(expr, s.Constant) and expr.value == 1


def _complements(a: s.Expr | None, b: s.Expr | None) -> bool:
    if not isinstance(b, s.Binary) or b.op != "-" or not isinstance(b.left, s.Constant) or a is None:
        return False
    return b.left.value == 1 and s.text(b.right) == s.text(a)


def _of_library(value: object) -> bool:
    return isinstance(value, Made) and isinstance(value.of, Lib)
