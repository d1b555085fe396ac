"""Optimizers behind a wrapper of the project's own, which a gradient scaler takes for other ones."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.flow import Act, Flows
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Made
from gradlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Wrapped:
    """Gradients that are unscaled under a wrapper's name, while the wrapper steps what it wraps through the scaler."""

    unscale: Act
    wrapper: Scope
    step: Act


def unscaled_wrappers(module: Module, flows: Flows) -> Iterator[Wrapped]:
    """A scaler knows optimizers by the object: what it unscaled under one name, it unscales again under another."""
    for scope in dict.fromkeys(scope for _, scope in module.calls.get("unscale_", ())):
        for act in flows.acts(scope):
            if act.does != "unscale" or act.operand is None or _unwrapped(act.operand, scope):
                continue
            for value in flows.values.of(act.operand, scope):
                step = _step(value, flows) if isinstance(value, Made) and isinstance(value.of, Cls) else None
                if step is not None and isinstance(value, Made) and isinstance(value.of, Cls):
                    yield Wrapped(act, value.of.scope, step)
                    break


def _step(wrapper: Made, flows: Flows) -> Act | None:
    """The step that a wrapper's own `step` takes of what it wraps, through a scaler."""
    method = flows.values.method(wrapper, "step")
    if method is None:
        return None
    for act in flows.acts(method.scope):
        if act.does == "step" and act.fact.get("scaled") and isinstance(act.operand, s.Attribute):
            if s.text(act.operand.value) == method.scope.self_name:
                return act
    return None


def _unwrapped(operand: s.Expr, scope: Scope) -> bool:
    """Whether an expression may already be what a wrapper wraps: `optimizer = optimizer.inner`."""
    if isinstance(operand, s.Attribute):
        return True
    home = scope.lookup(operand.text) if isinstance(operand, s.Name) else None
    if home is None or not isinstance(operand, s.Name):
        return False
    bindings = home.reaching(operand.text, operand.id if home is scope else None)
    return any(isinstance(b.value, s.Attribute) and b.kind == "value" for b in bindings)
