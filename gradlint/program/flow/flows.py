"""Questions about flows: whether a loss is scaled, what a clip bounds, who hands gradients over."""

from __future__ import annotations

from dataclasses import field
from math import inf, isinf

from gradlint.program import syntax as s
from gradlint.program.flow.items import Act
from gradlint.program.flow.lowering import Lowering
from gradlint.program.flow.pruned import Pruned
from gradlint.program.names import Lib
from gradlint.program.scopes import Scope, Store
from gradlint.program.values import Cls, Const, Made
from gradlint.records import dataclass


@dataclass(slots=True)
class Flows(Pruned):
    """The flow of each function, made when first asked for."""

    _handed: bool | None = None
    _scaled: dict[tuple[s.Expr, Scope], bool] = field(default_factory=dict)

    def scales(self, expr: s.Expr, scope: Scope) -> bool:
        """Whether a loss went through a gradient scaler on its way to an expression."""
        known = self._scaled.get((expr, scope))
        if known is None:
            known = self._scaled[expr, scope] = self.scaling(expr, scope) is not None
        return known

    def scaling(self, expr: s.Expr | None, scope: Scope, depth: int = 3) -> s.Call | None:
        """The call by which a gradient scaler scaled a loss on its way to an expression."""
        if expr is None:
            return None
        for call in s.calls(expr):
            if any(i.does == "scale" for i in Lowering(self, scope).call(call) if isinstance(i, Act)):
                return call
        if isinstance(expr, s.Name) and depth > 0:
            found = (self.scaling(v, w, depth - 1) for v, w in self._origins(expr, scope))
            return next((call for call in found if call is not None), None)
        return None

    def _origins(self, name: s.Name, scope: Scope) -> list[tuple[s.Expr, Scope]]:
        """What a name was assigned, and the block that gave it: `with scale_loss(loss, optimizer) as scaled`."""
        home = scope.lookup(name.text)
        bindings = home.reaching(name.text, name.id if home is scope else None) if home is not None else []
        entered = [(b.value, home) for b in bindings if b.kind == "enter" and isinstance(b.value, s.Expr) and home]
        return [*self.conditions.sources(name, scope), *entered]

    def descales(self, call: s.Call, scope: Scope) -> bool:
        """Whether what a call scales is unscaled again when its block is left."""
        acts = Lowering(self, scope).call(call)
        return any(bool(act.fact.get("unscales_on_exit")) for act in acts if isinstance(act, Act))

    def hands_over(self) -> bool:
        """Whether the project gives gradients of one network to a copy of it: `shared._grad = own.grad`."""
        if self._handed is None:
            modules = {m for text in ("._grad", ".grad =") for m in self.values.files.mentioning(text)}
            self._handed = any(
                _takes_gradient(store)
                for m in modules
                for n in ("grad", "_grad")
                for store in m.attribute_stores.get(n, ())
            )
        return self._handed

    def rescales(self, expr: s.Expr, scope: Scope, depth: int = 4) -> bool:
        """Whether a clip's bound is multiplied by the scaler's factor, so that it fits scaled gradients."""
        for node in s.walk(expr):
            if not isinstance(node, s.Name | s.Call | s.Attribute):
                continue
            for value in self.values.of(node, scope):
                path = value.of.path if isinstance(value, Made) and isinstance(value.of, Lib) else None
                event = self.values.vocabulary.event(path) if path else None
                if event is not None and event.does == "factor":
                    return True
            sources = self.conditions.sources(node, scope) if isinstance(node, s.Name) and depth > 0 else []
            if any(self.rescales(v, w, depth - 1) for v, w in sources):
                return True
        return False

    def idle(self, clip: Act) -> bool:
        """Whether a clip's bound is written so that nothing is bounded: None, infinite or zero."""
        bound = self.written(clip)
        return bound is not None and (bound == 0 or isinf(bound))

    def written(self, clip: Act) -> float | None:
        """A clip's bound where the code says it in a figure, infinity for None; None where it is left open."""
        bound, scope = clip.bound, clip.scope
        if isinstance(bound, s.Name):
            home = scope.lookup(bound.text)
            bindings = home.reaching(bound.text, bound.id if home is scope else None) if home is not None else []
            if len(bindings) != 1 or bindings[0].kind != "value" or not isinstance(bindings[0].value, s.Expr):
                return None
            bound = bindings[0].value
        elif isinstance(bound, s.Attribute) and (said := self._said_by_class(bound, scope)) is not None:
            return said
        if isinstance(bound, s.Constant):
            if bound.value is None:
                return inf
            return float(bound.value) if type(bound.value) in (int, float) else None  # type: ignore[arg-type]
        return inf if bound is not None and self.conditions.infinite(bound, scope) else None

    def _said_by_class(self, bound: s.Attribute, scope: Scope) -> float | None:
        """The figure that a class holds under a name, `Config.max_norm`, and that nobody replaces."""
        held = self.values.of(bound, scope)
        figure = next((v.value for v in held if isinstance(v, Const)), None)
        owners = self.values.of(bound.value, scope)
        if len(held) != 1 or type(figure) not in (int, float) or not all(isinstance(v, Cls) for v in owners):
            return None
        return float(figure)  # type: ignore[arg-type]


def _takes_gradient(store: Store) -> bool:
    """Whether the gradient of something else is stored as a gradient."""
    value = store.value
    while isinstance(value, s.Call) and isinstance(value.func, s.Attribute):  # p.grad.cpu()
        value = value.func.value
    if not isinstance(value, s.Attribute) or value.attr not in ("grad", "_grad"):
        return False
    return s.text(value.value) != s.text(store.base)
