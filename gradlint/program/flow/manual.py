"""What code does to parameters and their gradients by hand: steps, clips and zeros without an optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradlint.program import syntax as s
from gradlint.program.flow.items import Act, every
from gradlint.program.reach import networks_in
from gradlint.program.scopes import Scope
from gradlint.program.values import Func, Partial, Value

if TYPE_CHECKING:
    from gradlint.program.flow.lowered import Lowered


HOOKS = frozenset(  # the methods that hang a function on a gradient
    ("register_hook", "register_full_backward_hook", "register_backward_hook", "register_post_accumulate_grad_hook")
)


class Manual:
    """Reads assignments, methods that work in place, and hooks."""

    def __init__(self, flows: Lowered, scope: Scope) -> None:
        self.flows = flows
        self.values = flows.values
        self.vocabulary = flows.values.vocabulary
        self.conditions = flows.conditions
        self.scope = scope

    def _manual_update(self, stmt: s.Assign | s.AugAssign) -> Act | None:
        """`p.data -= lr * p.grad`, `p.data = p.data - …`: a step; `p.grad *= c`: a clip; `p.grad = None`: zero."""
        targets = stmt.targets if isinstance(stmt, s.Assign) else (stmt.target,)
        if stmt.value is None or len(targets) != 1 or "grad" not in self.scope.module.words:
            return None
        target = targets[0]
        gradient = _gradient_of(target)
        if gradient is not None:
            if isinstance(stmt, s.Assign) and self._is_zero(stmt.value):
                return Act("zero", stmt, self.scope, operand=target)
            if self._brings_gradient(stmt, target):
                return Act("backward", stmt, self.scope)
            if isinstance(stmt, s.AugAssign) or _reads_gradient(stmt.value, gradient):
                if isinstance(stmt.value, s.Constant) or (isinstance(stmt, s.AugAssign) and stmt.op not in "*/"):
                    return None
                return Act("clip", stmt, self.scope, operand=target) if self._bounds(stmt.value) else None
            return None
        base = _parameter(target)
        if base is None or not _reads_gradient(stmt.value, base):
            return None
        if isinstance(stmt, s.Assign) and not _mentions(stmt.value, base):
            return None
        return Act("step", stmt, self.scope, operand=target)

    def _is_zero(self, value: s.Expr) -> bool:
        """Whether a value is nothing, or a tensor of zeros, by whatever it is wrapped in."""
        if isinstance(value, s.Constant):
            return not value.value
        if not isinstance(value, s.Call):
            return False
        if self.vocabulary.entry("inplace", s.last_name(value.func)) == "zero":
            return True
        return len(value.args) == 1 and self._is_zero(value.args[0].value)

    def _brings_gradient(self, stmt: s.Assign | s.AugAssign, target: s.Expr) -> bool:
        """Whether a gradient computed elsewhere is put in place: `p.grad += g`."""
        if not (isinstance(target, s.Attribute) and target.attr == "grad"):
            return False
        if isinstance(stmt, s.AugAssign):
            return stmt.op == "+"
        return isinstance(stmt.value, s.Name | s.Subscript)

    def _manual_call(self, call: s.Call) -> Act | None:
        """`p.grad.clamp_(…)`, `p.grad.mul_(coef)`: a clip; `p.data.add_(p.grad, alpha=-lr)`: a step."""
        func = call.func
        if not isinstance(func, s.Attribute):
            return None
        about = self.vocabulary.entry("inplace", func.attr)
        if about is None:
            if func.attr in HOOKS and call.args:
                return self._hook(call, func.value)
            return None
        gradient = _gradient_of(func.value)
        if gradient is not None:
            if about == "zero":
                return Act("zero", call, self.scope, operand=func.value)
            if about == "bound" or (about == "scale" and call.args and self._bounds(call.args[0].value)):
                both = about == "bound" and call.arg(0, "min") is not None
                return Act("clip", call, self.scope, operand=func.value, bound=call.arg(1, "max") if both else None)
            return None
        base = _parameter(func.value)
        if about in ("add", "scale") and base is not None and any(_reads_gradient(a.value, base) for a in call.args):
            return Act("step", call, self.scope, operand=func.value)
        return None

    def _hook(self, call: s.Call, target: s.Expr) -> Act | None:
        """A backward hook that bounds the gradient: a clip that stays."""
        for value in self.values.of(call.args[0].value, self.scope):
            hook = unpartial(value)
            if isinstance(hook, Func) and self._bounding(hook.scope):
                return Act("hook", call, self.scope, networks=networks_in(target, self.scope, self.values))
        return None

    def _bounding(self, hook: Scope) -> bool:
        """Whether a function clips a gradient that it is given, or those of its parameters."""
        for inner in s.calls(hook.body):
            name = inner.func.attr if isinstance(inner.func, s.Attribute) else None
            if name is not None and self.vocabulary.entry("inplace", name.rstrip("_") + "_") == "bound":
                return True
        return any(isinstance(item, Act) and item.does == "clip" for item in every(self.flows.of(hook)))

    def _bounds(self, value: s.Expr) -> bool:
        """Whether a factor on a gradient bounds it: it is computed from a norm, or is a clamp."""
        return self.conditions.from_norm(value, self.scope)


def unpartial(value: Value) -> Value:
    while isinstance(value, Partial):
        value = value.function
    return value


def _gradient_of(expr: s.Expr) -> str | None:
    """`p` for `p.grad`, `p.grad.data`, `p.grad[:]` and the like."""
    while isinstance(expr, (s.Attribute, s.Subscript)):
        if isinstance(expr, s.Attribute) and expr.attr == "grad":
            return s.text(expr.value)
        expr = expr.value
    return None


def _parameter(expr: s.Expr) -> str | None:
    """`p` for `p.data` or `p`."""
    if isinstance(expr, s.Attribute) and expr.attr == "data":
        return s.text(expr.value)
    return s.text(expr) if isinstance(expr, (s.Name, s.Attribute)) else None


def _reads_gradient(expr: s.Node, base: str) -> bool:
    return any(isinstance(n, s.Attribute) and n.attr == "grad" and s.text(n.value) == base for n in s.walk(expr))


def _mentions(expr: s.Node, base: str) -> bool:
    return any(
        isinstance(n, (s.Name, s.Attribute)) and s.text(n) == base and not _is_gradient_base(expr, n)
        for n in s.walk(expr)
    )


def _is_gradient_base(whole: s.Node, part: s.Node) -> bool:
    return any(isinstance(n, s.Attribute) and n.attr == "grad" and n.value is part for n in s.walk(whole))
