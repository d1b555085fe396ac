"""The expressions that a loss is computed from: what a backward pass starts at, and what flows into it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import field
from weakref import WeakKeyDictionary

from gradlint.program import syntax as s
from gradlint.program.flow import arguments
from gradlint.program.given import function_of, held
from gradlint.program.project import Module
from gradlint.program.reach import is_network
from gradlint.program.scopes import Scope
from gradlint.program.traits import trained
from gradlint.program.updates import Program
from gradlint.program.values import Cls, Func, Made, Unknown, Values
from gradlint.records import dataclass

_MODULES = 80
_EXPRESSIONS = 60_000
_DEPTH = 3
_LEARNED = 400
_OF_TENSORS = ("range_methods", "singular_methods", "untracked")
_GATHERS = ("append", "extend", "insert", "add", "update")
_REDUCES = frozenset(["mean", "sum"])


@dataclass(eq=False)
class Losses:
    """The expressions on the way to the losses of a project, followed from each backward pass once."""

    program: Program
    _on_path: dict[Scope, set[int]] = field(default_factory=lambda: defaultdict(set))
    _queue: list[tuple[s.Expr, Scope]] = field(default_factory=list)
    _live: dict[Scope, frozenset[int]] = field(default_factory=dict)
    _calls: dict[Scope, list[tuple[s.Call, Scope]]] = field(default_factory=lambda: defaultdict(list))
    _left: int = _EXPRESSIONS

    @classmethod
    def of(cls, program: Program) -> Losses:
        known = _KNOWN.get(program.values)
        if known is None:
            known = _KNOWN[program.values] = cls(program)
            known._queue.extend(known._starts())
            known._follow()
        return known

    def expressions(self, module: Module) -> Iterator[tuple[s.Expr, Scope]]:
        """The expressions of a file that losses are computed from, with the scopes that they stand in."""
        for scope in module.scopes:
            if scope.kind == "class" and self._is_criterion(scope):
                forward = scope.inner[scope.bindings["forward"][-1].node.id]
                self._queue.extend((r.value, forward) for r in forward.returns if r.value is not None)
        self._follow()
        for scope in module.scopes:
            on_path = self._on_path.get(scope)
            for node in scope.nodes if on_path else ():
                if on_path and node.id in on_path and isinstance(node, s.Expr):
                    yield node, scope

    def learned(self, expr: s.Expr, scope: Scope) -> bool:
        """Whether a value may be computed from a network or a parameter: what is only data needs no gradient."""
        seen: set[s.Node] = set()
        queue = [(expr, scope)]
        while queue and len(seen) < _LEARNED:
            here, where = queue.pop()
            if here in seen:
                continue
            seen.add(here)
            if isinstance(here, s.Call) and self._trains(here.func, where):
                return True
            if isinstance(here, (s.Name, s.Attribute)) and self._is_parameter(here, where):
                return True
            if isinstance(here, s.Name) and self._is_sample(here, where):
                continue
            given = list(self._given(here, where)) if isinstance(here, s.Name) else []
            if any(value is None for value, _ in given):
                return True
            if isinstance(here, s.Name) and not _is_param(here, where):
                given += held(here, where, self.program.values)  # what is put into a list comes out of it
            queue += [(value, place) for value, place in given if value is not None]
            queue += self._sources(here, where)
        return bool(queue)

    def _is_sample(self, name: s.Name, scope: Scope) -> bool:
        """Whether a name goes through what a function is given: batches."""
        home = scope.lookup(name.text)
        bindings = home.reaching(name.text, name.id if home is scope else None) if home is not None else []
        return bool(bindings) and all(b.kind == "element" and self._is_passed(b.value, scope) for b in bindings)

    def _is_passed(self, expr: s.Expr | None, scope: Scope) -> bool:
        if isinstance(expr, s.Call):  # enumerate(batches)
            return len(expr.args) > 0 and self._is_passed(expr.args[0].value, scope)
        home = scope.lookup(expr.text) if isinstance(expr, s.Name) else None
        return home is not None and all(b.kind == "param" for b in home.bindings[s.text(expr)]) if expr else False

    def _trains(self, called: s.Expr, scope: Scope) -> bool:
        """Whether what is called may be a network with weights."""
        values = self.program.values
        found = values.of(called, scope)
        if found:
            return any(isinstance(v, Unknown) or self.program.traits.weighted(v) for v in found)
        if isinstance(called, s.Attribute):
            about = values.vocabulary
            return not any(about.entry(section, called.attr) is not None for section in _OF_TENSORS)
        return isinstance(called, s.Name) and scope.lookup(called.text) is not None

    def _is_parameter(self, expr: s.Expr, scope: Scope) -> bool:
        values = self.program.values
        for made in values.of(expr, scope):
            if isinstance(made, Made) and made.site is not None:
                if _requires_gradient(made.site):
                    return True
                if any(values.vocabulary.entry("weights", base) is not None for base in values.bases_of(made)):
                    return True
        return False

    def _given(self, name: s.Name, scope: Scope) -> Iterator[tuple[s.Expr | None, Scope]]:
        """What calls give for a parameter of a function, those on the way to the loss if there are any."""
        home = scope.lookup(name.text)
        if home is None or not _is_param(name, scope) or name.text == home.self_name:
            return
        calls = self._calls.get(home) or self.program.values.callers(home)
        if home.name == "forward" and home.owner is not None and self._has_layers(home.owner):
            calls = [(call, where) for call, where in calls if self._is_within(where)]  # else it is data that goes in
        elif not calls and home.name != "__init__":  # what a constructor is given is there before anything is computed
            yield None, home
        for call, where in calls:
            if call.id in self._recorded(where):  # elsewhere no gradient comes back
                yield next((value for param, value in arguments(call, home) if param == name.text), None), where

    def _is_within(self, scope: Scope) -> bool:
        """Whether code is a method of a network: what it gives to a part may be what another part gave."""
        owner = scope.function.owner if scope.function is not None else None
        return owner is not None and is_network(Made(Cls(owner)), self.program.values)

    def _starts(self) -> Iterator[tuple[s.Expr, Scope]]:
        """What the backward passes of the project start at."""
        for count, module in enumerate(self.program.values.files.mentioning("backward")):
            if count >= _MODULES:
                return
            for scope in module.scopes:
                for act in self.program.flows.acts(scope) if scope.kind != "class" else ():
                    if act.does == "backward" and act.operand is not None:
                        yield act.operand, act.scope

    def _is_criterion(self, cls: Scope) -> bool:
        """Whether a class is a module without layers that makes one number of two tensors."""
        values = self.program.values
        bound = cls.bindings.get("forward")
        if not bound or bound[-1].kind != "function":
            return False
        forward = cls.inner[bound[-1].node.id]
        if len(forward.params) < 3 or not is_network(Made(Cls(cls)), values):
            return False
        if not any(_is_reduced(r.value, forward, values, _DEPTH) for r in forward.returns):
            return False
        return not self._has_layers(cls)

    def _has_layers(self, cls: Scope) -> bool:
        """Whether a class makes layers with weights for itself."""
        stores = (x for inner in cls.walk() for x in inner.stores if x.value is not None)
        made = (v for x in stores for v in self.program.values.stored(x, None))
        return any(isinstance(v, Made) and self._holds_weights(v) for v in made)

    def _holds_weights(self, made: Made) -> bool:
        if isinstance(made.of, Cls):
            return is_network(made, self.program.values)
        about = self.program.values.vocabulary.about("layers", made.of.path)
        role = about.get("role") if isinstance(about, dict) else about
        return role in ("weight", "sequence", "container")

    # --- backwards along the data ---------------------------------------------------------------

    def _follow(self) -> None:
        while self._queue and self._left > 0:
            expr, scope = self._queue.pop()
            if expr.id in self._on_path[scope] or expr.id not in self._recorded(scope):
                continue
            self._left -= 1
            self._on_path[scope].add(expr.id)
            self._queue.extend(self._sources(expr, scope))

    def _recorded(self, scope: Scope) -> frozenset[int]:
        """The nodes of a function that run in training with gradients."""
        if scope not in self._live:
            stopped = any(self._untracked(d.rpartition(".")[2], "cut") for d in scope.decorators)
            nodes = () if stopped else trained(self.program.values, scope, None)
            self._live[scope] = frozenset(node.id for node in nodes)
        return self._live[scope]

    def _untracked(self, name: str, section: str = "untracked") -> bool:
        return self.program.values.vocabulary.entry(section, name) is not None

    def _sources(self, expr: s.Expr, scope: Scope) -> Iterator[tuple[s.Expr, Scope]]:
        """What the value of an expression is computed from."""
        if isinstance(expr, s.Name):
            yield from self._bound(expr, scope)
        elif isinstance(expr, s.Attribute):
            if not self._untracked(expr.attr):
                yield from self._stored(expr, scope)
                yield expr.value, scope
        elif isinstance(expr, s.Call):
            if not self._untracked(s.last_name(expr.func)):
                yield from self._called(expr, scope)
        elif isinstance(expr, s.Subscript):
            yield expr.value, scope
        elif isinstance(expr, s.Conditional):
            yield expr.then, scope
            yield expr.orelse, scope
        elif isinstance(expr, s.Comprehension):
            yield expr.element, scope
            yield from ((clause.iter, scope) for clause in expr.clauses)
        elif isinstance(expr, (s.Binary, s.Unary, s.Sequence, s.Mapping, s.Starred, s.Walrus, s.Boolean)):
            yield from ((part, scope) for part in s.children(expr) if isinstance(part, s.Expr))

    def _bound(self, name: s.Name, scope: Scope) -> Iterator[tuple[s.Expr, Scope]]:
        home = scope.lookup(name.text)
        if home is None or home.kind == "class":
            return
        for binding in home.reaching(name.text, name.id if home is scope else None):
            if binding.value is not None and binding.kind in ("value", "element", "update"):
                yield binding.value, home
        for store in home.stores:
            if isinstance(store.base, s.Name) and store.base.text == name.text and store.value is not None:
                yield store.value, home
        if not any(_is_container(b.value, home) for b in home.bindings[name.text]):
            return
        for method in _GATHERS:
            for node, inner in home.module.calls.get(method, ()):
                func = node.func
                if inner is home and isinstance(func, s.Attribute) and isinstance(func.value, s.Name):
                    if func.value.text == name.text:
                        yield from ((arg.value, inner) for arg in node.args)

    def _stored(self, expr: s.Attribute, scope: Scope) -> Iterator[tuple[s.Expr, Scope]]:
        function = scope.function
        owner = function.owner if function is not None else None
        if owner is None or function is None or s.dotted(expr.value) != function.self_name:
            return
        for here in self.program.values.lineage(owner):
            for store in self.program.values.self_stores(here, expr.attr):
                if store.value is not None:
                    yield store.value, store.scope

    def _called(self, call: s.Call, scope: Scope) -> Iterator[tuple[s.Expr, Scope]]:
        if isinstance(call.func, s.Attribute):
            yield call.func.value, scope
        yield from ((arg.value, scope) for arg in call.args)
        for value in self.program.values.of(call.func, scope):
            function = function_of(value, self.program.values)
            if function is not None:
                self._calls[function].append((call, scope))
                yield from ((r.value, function) for r in function.returns if r.value is not None)
                if isinstance(function.node, s.Lambda):
                    yield function.node.body, function


def _is_reduced(expr: s.Expr | None, scope: Scope, values: Values, depth: int) -> bool:
    """Whether a value is a mean or a sum, or computed from one."""
    if isinstance(expr, s.Call):
        func = expr.func
        if s.last_name(func) in _REDUCES:
            return True
        inner = [a.value for a in expr.args] + ([func.value] if isinstance(func, s.Attribute) else [])
        if any(_is_reduced(part, scope, values, depth) for part in inner):
            return True
        called = [v.scope for v in values.of(func, scope) if isinstance(v, Func)] if depth == _DEPTH else []
        return any(_is_reduced(r.value, f, values, depth - 1) for f in called for r in f.returns)
    if isinstance(expr, s.Name) and depth > 0:
        return any(_is_reduced(b.value, scope, values, depth - 1) for b in scope.reaching(expr.text, expr.id))
    if isinstance(expr, (s.Binary, s.Unary, s.Conditional, s.Sequence)):
        return any(_is_reduced(part, scope, values, depth) for part in s.children(expr) if isinstance(part, s.Expr))
    return False


def _is_param(name: s.Name, scope: Scope) -> bool:
    """Whether a name may hold what a function was given."""
    home = scope.lookup(name.text)
    if home is None or home.kind != "function":
        return False
    return any(b.kind == "param" for b in home.reaching(name.text, name.id if home is scope else None))


def _requires_gradient(call: s.Call) -> bool:
    given = call.arg(None, "requires_grad")
    return given is not None and not (isinstance(given, s.Constant) and not given.value)


def _is_container(expr: s.Expr | None, scope: Scope) -> bool:
    """Whether what a name is set to is a container of Python's own, into which things are put."""
    if isinstance(expr, s.Call):
        return isinstance(expr.func, s.Name) and scope.lookup(expr.func.text) is None
    return isinstance(expr, (s.Sequence, s.Mapping, s.Comprehension))


_KNOWN: WeakKeyDictionary[Values, Losses] = WeakKeyDictionary()
