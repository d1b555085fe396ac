"""Which names count the steps of training."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.places import holds
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values import Cls, Made, Values, argument_position

_DEPTH = 5


class Counters:
    """Tells counters: loop variables, what is incremented, and what is given one as an argument."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._incremented: dict[str, bool] = {}

    def is_counter(self, expr: s.Expr, scope: Scope, depth: int = _DEPTH) -> bool:
        """Whether an expression grows by the step: `epoch` of a loop, `self.steps` that is incremented."""
        if depth == 0:
            return False
        if isinstance(expr, s.Name):
            home = scope.lookup(expr.text)
            if home is None:
                return False
            return any(self._counting(b, home, depth) for b in home.bindings.get(expr.text, ()))
        if isinstance(expr, s.Attribute):
            if self.values.vocabulary.entry("counters", expr.attr) is not None:
                return True
            return self._is_incremented(expr.attr) and not self._computed(expr, scope)
        if isinstance(expr, s.Subscript) and isinstance(expr.index, s.Constant) and isinstance(expr.index.value, str):
            return self.values.vocabulary.entry("counters", expr.index.value) is not None
        if isinstance(expr, s.Binary) and expr.op in ("+", "-", "*", "/", "//"):
            return self.is_counter(expr.left, scope, depth - 1)
        if isinstance(expr, s.Call) and len(expr.args) == 1 and isinstance(expr.func, s.Name):
            return expr.func.text in ("int", "float") and self.is_counter(expr.args[0].value, scope, depth - 1)
        return False

    def varies(self, act: Act) -> bool:
        """Whether an event is under a condition that may be another in the next round of a loop: `if epoch > 0`."""
        tests = [x.test for x in act.scope.nodes if isinstance(x, s.If) and holds(x, act.node)]
        for name in (n for test in tests for n in s.walk(test) if isinstance(n, (s.Name, s.Attribute))):
            home = act.scope.lookup(name.text) if isinstance(name, s.Name) else None
            bindings = home.bindings[s.text(name)] if home is not None else []
            if any(b.loop is not None for b in bindings) or self.is_counter(name, act.scope):
                return True
        return False

    def _counting(self, binding: Binding, home: Scope, depth: int) -> bool:
        if binding.kind == "update":
            return _adds(binding, home)
        if binding.kind == "element":
            return _counts(binding.value, binding.path)
        if binding.kind == "param" and isinstance(binding.node, s.Param):
            bound = home.owner is not None and not home.static
            if binding.name == home.self_name:
                return False
            position = argument_position(home, binding.node, bound=bound)
            given = [
                (expr, where)
                for call, where in self.values.callers(home)
                if (expr := call.arg(position, binding.name)) is not None
            ]
            return any(self.is_counter(expr, where, depth - 1) for expr, where in given)
        if binding.kind == "value" and binding.value is not None and not binding.path:
            value = binding.value
            if isinstance(value, s.Binary) and value.op == "+" and _mentions(value, binding.name):
                return True  # step = step + 1
            return isinstance(value, (s.Binary, s.Attribute, s.Call)) and self.is_counter(value, home, depth - 1)
        return False

    def _is_incremented(self, attr: str) -> bool:
        """Whether some code does `x.attr += 1`."""
        known = self._incremented.get(attr)
        if known is None:
            known = any(
                store.kind == "update" and isinstance(store.node, s.AugAssign) and _steps(store.node)
                for module in self.values.files.mentioning(attr)
                for store in module.attribute_stores.get(attr, ())
            )
            self._incremented[attr] = known
        return known

    def _computed(self, expr: s.Attribute, scope: Scope) -> bool:
        """Whether the attribute is of a class that computes it instead of counting."""
        for holder in self.values.of(expr.value, scope):
            if isinstance(holder, Made) and isinstance(holder.of, Cls):
                stores = [
                    x for o in self.values.lineage(holder.of.scope) for x in self.values.self_stores(o, expr.attr)
                ]
                if stores and not any(x.kind == "update" for x in stores):
                    return True
        return False


def _counts(value: s.Expr | None, path: tuple[int, ...]) -> bool:
    """Whether a loop variable counts: `range(…)`, the first of `enumerate(…)`, through a progress bar."""
    while isinstance(value, s.Call):
        name = s.last_name(value.func)
        if name in ("range", "arange", "count", "trange"):
            return True
        if name == "enumerate" and path[:1] == (0,):
            return True
        if not value.args:
            return False
        value = value.args[0].value
        if name == "enumerate":
            path = path[1:]
    return False


def _adds(binding: Binding, home: Scope) -> bool:
    return any(isinstance(n, s.AugAssign) and n.target is binding.node and _steps(n) for n in home.nodes)


def _steps(stmt: s.AugAssign) -> bool:
    return stmt.op.rstrip("=") == "+" and not isinstance(stmt.value, (s.Sequence, s.Comprehension))


def _mentions(expr: s.Node, name: str) -> bool:
    return any(isinstance(n, s.Name) and n.text == name for n in s.walk(expr))
