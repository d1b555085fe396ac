"""Finds attention and feed-forward parts in a forward pass, by what flows where.

A light interpretation of tensor code: each value is a `Flow` that remembers what it came through. Attention is a
softmax of a product of two projections that is multiplied with a third; a feed-forward is a linear layer after an
activation after a linear layer, or a linear layer and an activation after attention and its output projection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.parts import Parts, live
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Context, Func, Made, Partial, Value, Values
from gradlint.records import dataclass

_CALLS = 7  # how deep calls are followed
_STEPS = 6000  # how many expressions of one forward pass are looked at

PROJECTED, LINEAR, ACTIVE, SCORES, WEIGHTS = "projected", "linear", "active", "scores", "weights"
ATTENDED, MIXED = "attended", "mixed"  # after attention; after attention and a linear layer


@dataclass(frozen=True, slots=True)
class Found:
    """Attention (`within` one input or not) or a feed-forward that a forward pass runs, and where."""

    kind: str
    within: bool
    module: Module
    node: s.Node


@dataclass(frozen=True, slots=True)
class Flow:
    """What a tensor came through, and the inputs that it comes from; `fed` are the feed-forwards that gave it."""

    kinds: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    shared: bool = False
    fed: frozenset[Found] = frozenset()

    def __or__(self, other: Flow) -> Flow:
        if other is _EMPTY or other == self:
            return self
        shared = self.shared or other.shared
        return Flow(self.kinds | other.kinds, self.origins | other.origins, shared, self.fed | other.fed)

    def with_kinds(self, *add: str, without: tuple[str, ...] = ()) -> Flow:
        return replace(self, kinds=(self.kinds - set(without)) | set(add))


_EMPTY = Flow()


def joined(flows: Iterable[Flow]) -> Flow:
    out = _EMPTY
    for flow in flows:
        out = out | flow
    return out


class Reading:
    """One reading of a class's forward pass."""

    def __init__(self, values: Values, parts: Parts) -> None:
        self.values = values
        self.parts = parts
        self.found: dict[Found, None] = {}
        self.opened: set[Made] = set()  # containers whose layers are being read: code may put one into itself
        self._steps = 0
        self._results: dict[object, Flow] = {}

    def run(self, method: Func) -> None:
        """Read a forward pass whose arguments are inputs."""
        context = self.values.context(method.scope, (), method.receiver, 1, method.context)
        inputs = {
            p.name: Flow(frozenset(), frozenset([p.name]))
            for p in method.scope.params
            if p.name != method.scope.self_name
        }
        _Body(self, method.scope, context, inputs, 0).result()

    def spent(self) -> bool:
        self._steps += 1
        return self._steps > _STEPS

    def enter(self, function: Func, call: s.Call, body: _Body, given: dict[str, Flow]) -> Flow:
        """What a project function gives for such arguments."""
        if body.depth >= _CALLS:
            return joined(given.values())
        context = self.values.enter(function, call, body.scope, body.context)
        key = (function.scope, function.receiver, tuple(sorted(given.items(), key=lambda i: i[0])), context)
        known = self._results.get(key)
        if known is None:
            self._results[key] = joined(given.values())
            known = self._results[key] = _Body(self, function.scope, context, given, body.depth + 1).result()
        return known


class _Body:
    """The interpretation of one function's code for given arguments."""

    def __init__(
        self, reading: Reading, scope: Scope, context: Context | None, given: dict[str, Flow], depth: int
    ) -> None:
        self.reading = reading
        self.values = reading.values
        self.scope = scope
        self.context = context
        self.depth = depth
        self.names = dict(given)
        self.live = {id(n) for n in live(reading.values, scope, context)}

    def result(self) -> Flow:
        body = self.scope.body
        if isinstance(self.scope.node, s.Lambda):
            return self.read(self.scope.node.body)
        out = self._block(body) if isinstance(body, s.Block) else _EMPTY
        return out

    # --- statements ---------------------------------------------------------------------------

    def _block(self, block: s.Block | None) -> Flow:
        out = _EMPTY
        for stmt in block.body if block is not None else ():
            if id(stmt) in self.live and not self.reading.spent():
                out = out | self._statement(stmt)
        return out

    def _statement(self, stmt: s.Stmt) -> Flow:
        if isinstance(stmt, s.Assign) and stmt.value is not None:
            self._assign_all(stmt.targets, stmt.value)
        elif isinstance(stmt, s.AugAssign):
            self._assign(stmt.target, self.read(stmt.target) | self.read(stmt.value))
        elif isinstance(stmt, s.Evaluate):
            self._evaluate(stmt.value)
        elif isinstance(stmt, s.Return):
            return self.read(stmt.value) if stmt.value is not None else _EMPTY
        elif isinstance(stmt, s.If):
            return self._branches(stmt)
        elif isinstance(stmt, (s.For, s.While)):
            return self._loop(stmt)
        elif isinstance(stmt, s.With):
            return self._block(stmt.body)
        elif isinstance(stmt, s.Try):
            return joined(
                self._block(b) for b in (stmt.body, *(h.body for h in stmt.handlers), stmt.orelse, stmt.final)
            )
        elif isinstance(stmt, s.Match):
            return joined(self._block(c.body) for c in stmt.cases)
        return _EMPTY

    def _branches(self, stmt: s.If) -> Flow:
        before = dict(self.names)
        then = self._block(stmt.then) if id(stmt.then) in self.live else _EMPTY
        after = self.names
        self.names = before
        orelse = self._block(stmt.orelse) if stmt.orelse is not None and id(stmt.orelse) in self.live else _EMPTY
        for name, flow in after.items():
            self.names[name] = self.names.get(name, _EMPTY) | flow
        return then | orelse

    def _loop(self, stmt: s.For | s.While) -> Flow:
        out = _EMPTY
        for _ in range(2):
            if isinstance(stmt, s.For):
                self._assign(stmt.target, self.read(stmt.iter))
            out = out | self._block(stmt.body)
        return out | self._block(stmt.orelse)

    def _assign_all(self, targets: tuple[s.Expr, ...], value: s.Expr) -> None:
        for target in targets:
            if (
                isinstance(target, s.Sequence)
                and isinstance(value, s.Sequence)
                and len(target.items) == len(value.items)
            ):
                flows = [self.read(v) for v in value.items]
                for item, flow in zip(target.items, flows, strict=True):
                    self._assign(item, flow)
                return
        flow = self.read(value)
        for target in targets:
            self._assign(target, flow)

    def _assign(self, target: s.Expr, flow: Flow) -> None:
        if isinstance(target, s.Sequence):
            for item in target.items:
                self._assign(item, flow)
            return
        part = isinstance(target, (s.Subscript, s.Starred))
        while isinstance(target, (s.Subscript, s.Starred)):
            target = target.value
        name = s.dotted(target)
        if name is not None:
            self.names[name] = flow | self.names.get(name, _EMPTY) if part else flow

    def _evaluate(self, expr: s.Expr) -> None:
        flow = self.read(expr)
        if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute):
            name = s.dotted(expr.func.value)
            if name in self.names or (name is not None and expr.func.attr in ("append", "extend", "insert")):
                self.names[name] = self.names.get(name, _EMPTY) | flow

    # --- expressions --------------------------------------------------------------------------

    def read(self, expr: s.Node) -> Flow:
        """The flow of an expression."""
        if self.reading.spent():
            return _EMPTY
        if isinstance(expr, s.Name):
            return self.names.get(expr.text, _EMPTY)
        if isinstance(expr, s.Attribute):
            name = s.dotted(expr)
            return self.names[name] if name in self.names else self.read(expr.value)
        if isinstance(expr, s.Call):
            return self._call(expr)
        if isinstance(expr, s.Binary):
            if expr.op == "@":
                return self._product(expr, (expr.left, expr.right))
            return self.read(expr.left) | self.read(expr.right)
        if isinstance(expr, s.Subscript):
            return self.read(expr.value)
        if isinstance(expr, (s.Constant, s.Lambda, s.Compare)):
            return _EMPTY
        if isinstance(expr, s.Conditional):
            return self.read(expr.then) | self.read(expr.orelse)
        if isinstance(expr, s.Comprehension):
            for clause in expr.clauses:
                self._assign(clause.target, self.read(clause.iter))
            return self.read(expr.element)
        if isinstance(expr, s.Walrus):
            flow = self.read(expr.value)
            self._assign(expr.target, flow)
            return flow
        return joined(self.read(c) for c in s.children(expr))

    def _product(self, node: s.Node, operands: tuple[s.Expr, ...]) -> Flow:
        flows = [self.read(o) for o in operands]
        if any(self._is_weight(o) for o in operands):
            return self.linear(node, joined(flows))
        filled = [replace(f, fed=frozenset()) for f in flows if f.kinds or f.origins]
        if any(WEIGHTS in f.kinds for f in filled):
            if len(filled) > 1:
                self.note("attention", any(f.shared for f in filled if WEIGHTS in f.kinds), node)
            return joined(filled).with_kinds(ATTENDED, without=(WEIGHTS, SCORES, ACTIVE, LINEAR, MIXED))
        if len(filled) >= 2 and all(PROJECTED in f.kinds for f in filled[:2]):
            shared = bool(filled[0].origins & filled[1].origins)
            return Flow(frozenset([SCORES]), filled[0].origins | filled[1].origins, shared)
        return joined(filled)

    def _is_weight(self, expr: s.Expr) -> bool:
        while isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and expr.func.value is not expr:
            expr = expr.func.value
        if isinstance(expr, s.Attribute) and expr.attr in ("T", "mT", "weight", "data"):
            if expr.attr == "weight":
                return True
            expr = expr.value
        if not isinstance(expr, s.Attribute):
            return False
        return any(
            isinstance(v, Made) and isinstance(v.of, Lib) and self.values.vocabulary.entry("weights", v.of.path)
            for v in self.values.of(expr, self.scope, self.context)
        )

    def note(self, kind: str, within: bool, node: s.Node) -> Found:
        found = Found(kind, within, self.scope.module, node)
        self.reading.found[found] = None
        return found

    def linear(self, node: s.Node, flow: Flow) -> Flow:
        fed = frozenset([self.note("feed-forward", True, node)] if ACTIVE in flow.kinds else ())
        again = (MIXED,) if ATTENDED in flow.kinds and MIXED not in flow.kinds else ()
        if MIXED in flow.kinds and ATTENDED in flow.kinds:
            flow = flow.with_kinds(without=(ATTENDED,))
        return replace(flow.with_kinds(PROJECTED, LINEAR, *again, without=(ACTIVE, WEIGHTS, SCORES)), fed=fed)

    def apply(self, what: str, node: s.Node, flows: list[Flow]) -> Flow:
        """What an operation of the vocabulary makes of its operands."""
        flow = joined(flows)
        if what == "linear":
            return self.linear(node, flows[0] if flows else _EMPTY)
        if what == "convolution":
            kept = (LINEAR,) if LINEAR in flow.kinds else ()
            return flow.with_kinds(PROJECTED, *kept, without=(ACTIVE, WEIGHTS, SCORES))
        if what == "activation":
            if LINEAR not in flow.kinds:
                return flow
            if MIXED in flow.kinds and ATTENDED not in flow.kinds:
                self.note("feed-forward", True, node)
            return flow.with_kinds(ACTIVE, without=(LINEAR,))
        if what == "softmax":
            for found in flow.fed:  # the scores of additive attention, or a classifier: no block's feed-forward
                self.reading.found.pop(found, None)
            weights = (WEIGHTS,) if SCORES in flow.kinds else ()
            return flow.with_kinds(*weights, without=(SCORES, ACTIVE))
        if what == "feed-forward":
            self.note("feed-forward", True, node)
        elif what in ("self-attention", "packed-attention"):
            self.note("attention", True, node)
        elif what == "attention":
            shared = len(flows) < 2 or bool(flows[0].origins & flows[1].origins)
            self.note("attention", shared, node)
            return flow.with_kinds(ATTENDED, without=(ACTIVE, LINEAR, SCORES, WEIGHTS, MIXED))
        return flow

    # --- calls --------------------------------------------------------------------------------

    def _call(self, call: s.Call) -> Flow:
        functions = self.values.of(call.func, self.scope, self.context)
        known = [f for f in functions if isinstance(f, (Func, Made, Partial))]
        library = self._library(functions, call)
        if library is not None and not known:
            return library
        outs = [self._through(f, call) for f in known]
        if outs:
            return joined([*outs, *([library] if library is not None else [])])
        return self._named(call)

    def _arguments(self, call: s.Call) -> list[Flow]:
        return [self.read(a.value) for a in call.args]

    def _through(self, function: Value, call: s.Call) -> Flow:
        if isinstance(function, Func):
            return self.reading.enter(function, call, self, self._given(function, call))
        if isinstance(function, Partial):
            return self._through(function.function, call)
        if isinstance(function, Made):
            return self.module(function, call, self._arguments(call))
        return _EMPTY

    def module(self, made: Made, call: s.Call, flows: list[Flow], *, fed: bool = False) -> Flow:
        """What a module makes of its inputs: of the arguments of the call, or of what the layer before it `fed`."""
        paths = self.values.bases_of(made)
        what = next((w for p in paths if isinstance(w := self.values.vocabulary.about("flow", p), str)), None)
        if isinstance(made.of, Cls):
            method = self.values.method(made, "forward")
            if method is not None and what is None:
                given = self._first(method, joined(flows)) if fed else self._given(method, call)
                return self.reading.enter(method, call, self, given)
        if what == "linear" or what == "convolution":
            return self.apply(self._pointwise(made, what), call, flows)
        if what is not None:
            return self.apply(what, call, flows)
        if paths and self.values.vocabulary.is_container(paths[0]):
            return self._chain(made, call, flows)
        return joined(flows)

    def _pointwise(self, made: Made, what: str) -> str:
        """A convolution with a kernel of 1 is a linear layer."""
        if what != "convolution" or made.site is None or made.scope is None:
            return what
        kernel = made.site.arg(2, "kernel_size")
        if kernel is None:
            return what
        sizes = self.values.of(kernel, made.scope, made.context)
        return "linear" if sizes and all(getattr(v, "value", None) == 1 for v in sizes) else what

    def _chain(self, made: Made, call: s.Call, flows: list[Flow]) -> Flow:
        """A container's layers one after the other, in the order of the code."""
        flow = joined(flows)
        if made.site is None or made.scope is None or made in self.reading.opened:
            return flow
        self.reading.opened.add(made)
        for arg in made.site.args:
            held = list(self.reading.parts.flat(self.values.of(arg.value, made.scope, made.context)))
            held.sort(key=lambda m: m.site.id if m.site is not None else 0)
            if arg.star or not isinstance(arg.value, s.Call):
                for inner in held:
                    flow = flow | self.module(inner, call, [flow], fed=True)
            elif held:
                flow = joined(self.module(inner, call, [flow], fed=True) for inner in held)
        self.reading.opened.discard(made)
        return flow

    def _first(self, function: Func, flow: Flow) -> dict[str, Flow]:
        """The flow of a method's first argument, which is all that a layer of a sequence is given."""
        scope = function.scope
        names = [p.name for p in scope.params if p.name != scope.self_name or function.receiver is None]
        return {names[0]: flow} if names else {}

    def _given(self, function: Func, call: s.Call) -> dict[str, Flow]:
        """The flows of a project function's parameters at a call."""
        scope = function.scope
        names = [p.name for p in scope.params if p.name != scope.self_name or function.receiver is None]
        rest = {p.star: p.name for p in scope.params if p.star}
        given: dict[str, Flow] = {}
        place = 0
        for arg in call.args:
            flow = self.read(arg.value)
            if arg.keyword is not None:
                name: str | None = arg.keyword if arg.keyword in names else rest.get("**")
            elif arg.star:
                name = names[place] if place < len(names) else None
                for later in names[place:]:
                    given[later] = given.get(later, _EMPTY) | flow
            else:
                name = names[place] if place < len(names) else rest.get("*")
                if name != rest.get("*"):
                    place += 1
            if name is not None:
                given[name] = given.get(name, _EMPTY) | flow
        return given

    def _library(self, functions: Iterable[Value], call: s.Call) -> Flow | None:
        for function in functions:
            if not isinstance(function, Lib):
                continue
            what = self.values.vocabulary.entry("flow", function.path)
            if what is None:
                what = self.values.vocabulary.entry("flow_names", function.path.rpartition(".")[2])
            if isinstance(what, str):
                return self._operation(what, call, [a.value for a in call.args])
        return None

    def _named(self, call: s.Call) -> Flow:
        """A call of something unknown: a tensor's method by its name, else what goes in comes out."""
        func = call.func
        name = s.last_name(func)
        receiver = [func.value] if isinstance(func, s.Attribute) else []
        what = self.values.vocabulary.entry("flow_names", name)
        operands = [*receiver, *(a.value for a in call.args)]
        if isinstance(what, str):
            return self._operation(what, call, operands)
        flow = joined(self.read(o) for o in operands)
        if len(call.args) == 1 and (s.dotted(func) or "").startswith(f"{self.scope.self_name}."):
            return self.apply("activation", call, [flow])  # `self.act(x)`, picked from a table by configuration
        return flow

    def _operation(self, what: str, call: s.Call, operands: list[s.Expr]) -> Flow:
        if what == "product":
            parts = [p for o in operands for p in (o.items if isinstance(o, s.Sequence) else (o,))]
            return self._product(call, tuple(p for p in parts if not isinstance(p, s.Constant)))
        return self.apply(what, call, [self.read(o) for o in operands])
