"""A framework's own training loop: which networks it trains, and whether it clips their gradients."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.flow import Act, Flows, every
from gradlint.program.frameworks import Frameworks
from gradlint.program.names import Lib
from gradlint.program.optimizers import is_zero
from gradlint.program.reach import networks_in, networks_of
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Const, Func, Made, Value, Values
from gradlint.vocabulary import operand


class Trainers:
    """Answers what the construction of a framework's loop leads to."""

    def __init__(self, values: Values, flows: Flows, frameworks: Frameworks) -> None:
        self.values = values
        self.flows = flows
        self.frameworks = frameworks

    def networks(self, act: Act) -> frozenset[Made]:
        """The networks that the loop is run with, without those that step by themselves."""
        found: set[Made] = set()
        place = act.event.operands.get("model") if act.event is not None else None
        for call, scope in self._runs(act):
            given = call.arg(0, place.keyword) if place is not None and place.keyword else call.arg(0)
            if given is not None:
                found |= networks_in(given, scope, self.values)
        found |= self._built(act) | self._named(act)
        return frozenset(made for made in found if not self._steps_by_hand(made, act))

    def _named(self, act: Act) -> frozenset[Made]:
        """The network that the loop loads where it is handed a name."""
        kind = act.fact.get("by_name")
        place = act.event.operands.get("model") if act.event is not None else None
        if not isinstance(kind, str) or place is None or not isinstance(act.node, s.Call):
            return frozenset()
        given = act.node.arg(place.position, place.keyword)
        held = self.values.of(given, act.scope) if given is not None else frozenset()
        named = any(isinstance(v, Const) and isinstance(v.value, str) for v in held)
        return frozenset([Made(Lib(kind), act.node, act.scope)]) if named else frozenset()

    def _built(self, act: Act) -> frozenset[Made]:
        """The networks that a function gives, or a class, which the loop is handed in their place."""
        place = act.event.operands.get("factory") if act.event is not None else None
        if not isinstance(act.node, s.Call) or place is None:
            return frozenset()
        given = act.node.arg(place.position, place.keyword)
        factories = self.values.of(given, act.scope) if given is not None else frozenset()
        made = frozenset(v for f in factories if isinstance(f, Func) for v in self.values.returned(f, f.context))
        return networks_of(made | {Made(f) for f in factories if isinstance(f, Cls)}, self.values)

    def clips(self, act: Act, networks: tuple[Made, ...]) -> bool:
        """Whether the loop clips, or may: by an argument, by its settings, or by what the networks do in it."""
        if act.fact.get("clips") or not isinstance(act.node, s.Call):
            return True
        if self._bounded(act, act.node):
            return True
        settings = self.frameworks.settings(act.node, act.scope)
        if settings is None or any(self._settings_clip(made) for made in settings):
            return True
        return any(
            isinstance(item, Act) and item.does == "clip"
            for made in networks
            if isinstance(made.of, Cls)
            for here in self.values.lineage(made.of.scope)
            for method in here.inner.values()
            if method.kind == "function"
            for item in every(self.flows.of(method))
        )

    def scales(self, act: Act) -> bool:
        """Whether a framework scales the loss of a backward pass: its object is built for half precision, in words."""
        return bool(act.fact.get("scales")) and any(isinstance(v, Made) and self._is_half(v) for v in act.owner)

    def _is_half(self, made: Made) -> bool:
        about = self.values.vocabulary.about("half_precision", made.of.path) if isinstance(made.of, Lib) else None
        if not isinstance(about, dict) or made.site is None or made.scope is None:
            return False
        place, half = operand(about["argument"]), about.get("half")
        given = made.site.arg(place.position, place.keyword)
        held = self.values.of(given, made.scope, made.context) if given is not None else frozenset()
        return bool(held) and all(isinstance(v, Const) and isinstance(half, list) and v.value in half for v in held)

    def skips(self, optimizer: Value) -> bool:
        """Whether a library's wrapper around an optimizer, which it stands for, leaves out non-finite gradients."""
        if not isinstance(optimizer, Made) or optimizer.site is None:
            return False
        vocabulary = self.values.vocabulary
        for path, about in vocabulary.entries("skips"):
            name = path.rpartition(".")[2]
            for module in self.values.files.mentioning(name):
                for call, scope in module.calls.get(name, ()):
                    if Lib(path) in self.values.of(call.func, scope) and self._switched_on(about, call, scope):
                        held = self.values.of(call.args[0].value, scope) if call.args else frozenset()
                        if any(isinstance(v, Made) and v.site is optimizer.site for v in held):
                            return True
        return False

    def _switched_on(self, about: object, call: s.Call, scope: Scope) -> bool:
        """Whether a call has what is on by default, or is given the argument that switches it on."""
        if not isinstance(about, dict):
            return True
        place = operand(about["argument"])
        given = call.arg(place.position, place.keyword)
        return given is not None and self.values.of(given, scope) != {Const(False)}

    def _runs(self, act: Act) -> Iterator[tuple[s.Call, Scope]]:
        """The calls of the method that trains, on what the construction made."""
        name = act.fact.get("run")
        if not isinstance(name, str):
            return
        own = act.scope.module
        others = (m for m in self.values.files.mentioning(f".{name}(") if m is not own)
        for module in (own, *others):
            hit = False
            for call, scope in module.calls.get(name, ()):
                if isinstance(call.func, s.Attribute) and any(
                    isinstance(v, Made) and v.site is act.node for v in self.values.of(call.func.value, scope)
                ):
                    hit = True
                    yield call, scope
            if hit:
                return

    def _steps_by_hand(self, made: Made, act: Act) -> bool:
        name = act.fact.get("by_hand")
        return isinstance(name, str) and Const(False) in self.values.attribute(made, name)

    def _bounded(self, act: Act, call: s.Call) -> bool:
        place = act.event.operands.get("bound") if act.event is not None else None
        if place is None or place.keyword is None:
            return False
        given = list(self.frameworks.given(call, act.scope))
        return any(k is None or (k == place.keyword and is_zero(held) is not True) for k, held in given)

    def _settings_clip(self, settings: Made) -> bool:
        about = self.frameworks.about(settings) or {}
        return self.frameworks.number(settings, "bound", "default_bound") != 0 or about.get("bound") is None
