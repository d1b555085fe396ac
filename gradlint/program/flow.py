"""What a function does to gradients, in control-flow order: a small program of events, calls and branches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from math import inf, isinf

from gradlint.program import syntax as s
from gradlint.program.conditions import Conditions, Leaf, constant_truth
from gradlint.program.names import Lib
from gradlint.program.reach import networks_in
from gradlint.program.scopes import Scope, Store
from gradlint.program.values import Bound, Cls, Const, Func, Made, Partial, Unknown, Value, Values, ValueSet
from gradlint.vocabulary import Event

_BY_HAND = ("clip", "step", "zero")  # what code does to one parameter after the other
HOOKS = frozenset(  # the methods that hang a function on a gradient
    ("register_hook", "register_full_backward_hook", "register_backward_hook", "register_post_accumulate_grad_hook")
)
_SKIPS = frozenset(["continue", "return", "break"])
RESULT = "<result>"  # stands for what the call just made gave back
_GRADIENTS = frozenset(["<gradients>"])  # stands for what a function that touches gradients tells its callers


@dataclass(frozen=True, slots=True, eq=False)
class Act:
    """One call (or statement) that does something to gradients."""

    does: str
    node: s.Node
    scope: Scope
    event: Event | None = None
    operand: s.Expr | None = None  # the loss, the parameters, the optimizer
    receiver: s.Expr | None = None
    optimizers: ValueSet = frozenset()
    networks: frozenset[Made] = frozenset()
    owner: ValueSet = frozenset()
    names: frozenset[str] = frozenset()
    bound: s.Expr | None = None  # what a clip bounds gradients by

    @property
    def fact(self) -> dict[str, object]:
        return dict(self.event.facts) if self.event is not None else {}

    @property
    def about_gradients(self) -> bool:
        """Whether a test for non-finite values is of gradients or their norm."""
        return bool(self.fact.get("gradients"))

    @property
    def resolved(self) -> bool:
        """Whether it is known what it is about: an optimizer or a network that the project builds."""
        return bool(self.networks) or any(isinstance(v, Made) for v in self.optimizers)


@dataclass(frozen=True, slots=True, eq=False)
class Invoke:
    """A call of functions of the project."""

    node: s.Call
    scope: Scope
    targets: tuple[Func, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rebind:
    """Names that get a new value; `sources` are the names that the value is lightly computed from."""

    names: tuple[str, ...]
    sources: frozenset[str]
    constant: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    leaf: Leaf
    then: Flow
    orelse: Flow


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Ways of which one is taken, nothing known of which (`match`, `try`)."""

    ways: tuple[Flow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    body: Flow
    orelse: Flow
    endless: bool


@dataclass(frozen=True, slots=True, eq=False)
class Leave:
    """`kind` is "return", "break", "continue", "raise" or "exit"; `names` are what a return gives back."""

    kind: str
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    body: Flow
    handlers: tuple[Flow, ...]
    orelse: Flow
    final: Flow


Item = Act | Invoke | Rebind | Branch | Choice | Loop | Leave | Attempt
Flow = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Reach:
    """What a function and all that it calls ask about, and which names they bind."""

    asked: frozenset[tuple[Scope, str]]
    bound: frozenset[str]


@dataclass(slots=True)
class Flows:
    """The flow of each function, made when first asked for."""

    values: Values
    conditions: Conditions = field(init=False)
    _memo: dict[Scope, Flow] = field(default_factory=dict)
    _told: dict[Scope, frozenset[str]] = field(default_factory=dict)
    _recurring: dict[Scope, frozenset[tuple[Scope, str]]] = field(default_factory=dict)
    _pruned: dict[Scope, Flow] = field(default_factory=dict)
    _reach: dict[Scope, Reach] = field(default_factory=dict)
    _clipper: tuple[Func, ...] | None = None
    _handed: bool | None = None

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.values)

    def of(self, scope: Scope) -> Flow:
        known = self._memo.get(scope)
        if known is None:
            self._memo[scope] = ()
            known = self._memo[scope] = _Lowering(self, scope).flow(scope.body)
        return known

    def acts(self, scope: Scope) -> Iterator[Act]:
        """The events of a function, in the order of the code."""
        return (item for item in every(self.of(scope)) if isinstance(item, Act))

    def matters(self, scope: Scope) -> bool:
        """Whether a function touches gradients, or tests what its callers know, itself or through what it calls."""
        known = self._told.get(scope)
        if known is None:
            self._told.update(self._tell(scope))
            known = self._told[scope]
        return bool(known)

    def _tell(self, scope: Scope) -> dict[Scope, frozenset[str]]:
        """By which names a function, and those that it calls, tell their callers what they test."""
        told: dict[Scope, frozenset[str]] = {scope: frozenset()}
        queue = [scope]
        while queue:
            for item in every(self.of(queue.pop())):
                targets = {t.scope for t in item.targets} if isinstance(item, Invoke) else set()
                if _touches(item) or any(self._told.get(target) == _GRADIENTS for target in targets):
                    return {scope: _GRADIENTS}
                fresh = targets - told.keys()
                told |= dict.fromkeys(fresh, frozenset())
                queue += fresh
        before = None
        while told != before:
            before = dict(told)
            for here in told:
                told[here] = self._tested(here, told)
        return told

    def _tested(self, scope: Scope, told: dict[Scope, frozenset[str]]) -> frozenset[str]:
        """What a function tests, as its callers know it: its parameters, attributes, or what it gives back."""
        items = list(every(self.of(scope)))
        names: set[str] = set()
        for item in items:
            if isinstance(item, Branch) and item.leaf.finite is not None:
                names |= item.leaf.finite.subjects
            elif isinstance(item, Invoke):
                for target in item.targets:
                    names |= self.handed_back(item, target.scope, told[target.scope])
        if not names:
            return frozenset()
        rebinds = [(set(i.names), i.sources) for i in items if isinstance(i, Rebind)]
        derived = _grown(names, [(sources, bound) for bound, sources in rebinds])
        out = {n for n in _grown(names, rebinds) if _from_outside(n, scope)}
        if any(isinstance(i, Leave) and i.names & derived for i in items):
            out.add(RESULT)
        return frozenset(out)

    def handed_back(self, item: Invoke, scope: Scope, names: frozenset[str]) -> frozenset[str]:
        """Names of a called function as its caller knows them: what it gave, attributes, and what it gets back."""
        own = f"{scope.self_name}." if not _on_own_instance(item) else "."
        out = {n for n in names if n == RESULT or ("." in n and not n.startswith(own))}
        for param, given in arguments(item.node, scope):
            if param in names:
                out |= self.conditions.light(given, item.scope)
        return frozenset(out)

    def scales(self, expr: s.Expr, scope: Scope, depth: int = 3) -> bool:
        """Whether a loss went through a gradient scaler on its way to an expression."""
        return self.scaling(expr, scope, depth) is not None

    def scaling(self, expr: s.Expr | None, scope: Scope, depth: int = 3) -> s.Call | None:
        """The call by which a gradient scaler scaled a loss on its way to an expression."""
        if expr is None:
            return None
        for call in s.calls(expr):
            if any(i.does == "scale" for i in _Lowering(self, scope).call(call) if isinstance(i, Act)):
                return call
        if isinstance(expr, s.Name) and depth > 0:
            found = (self.scaling(v, w, depth - 1) for v, w in self.conditions.sources(expr, scope))
            return next((call for call in found if call is not None), None)
        return None

    def passes(self, call: s.Call, backward: Act, depth: int = 3) -> bool:
        """Whether what a call gives is what a backward pass starts from, as it is or under a name."""
        expr = backward.operand
        return expr is not None and self._gives(call, expr, backward.scope, depth)

    def _gives(self, call: s.Call, expr: s.Expr, scope: Scope, depth: int) -> bool:
        if any(node is call for node in s.walk(expr)):
            return True
        if isinstance(expr, s.Binary):
            return any(self._gives(call, side, scope, depth) for side in (expr.left, expr.right))
        if isinstance(expr, s.Name) and depth > 0:
            return any(self._gives(call, v, w, depth - 1) for v, w in self.conditions.sources(expr, scope))
        return False

    def pruned(self, scope: Scope) -> Flow:
        """The flow without what cannot change a state: calls that touch nothing, branches around nothing."""
        known = self._pruned.get(scope)
        if known is None:
            flow = self._prune(self.of(scope))
            known = self._pruned[scope] = _without_idle_names(flow, self._named(flow))
        return known

    def recurring(self, scope: Scope) -> frozenset[tuple[Scope, str]]:
        """The conditions of a function that are asked more than once, or may be asked by other methods too."""
        known = self._recurring.get(scope)
        if known is None:
            asked = Counter(i.leaf.key for i in every(self.pruned(scope)) if isinstance(i, Branch))
            flags = {
                (scope, n)
                for i in every(self.pruned(scope))
                if isinstance(i, Rebind) and i.constant is not None
                for n in i.names
            }
            known = frozenset(k for k, times in asked.items() if times > 1 or k[0] is not scope or k in flags)
            self._recurring[scope] = known
        return known

    def reach(self, scope: Scope) -> Reach:
        known = self._reach.get(scope)
        if known is None:
            asked: set[tuple[Scope, str]] = set()
            bound: set[str] = set()
            seen = {scope}
            queue = [scope]
            while queue:
                for item in every(self.pruned(queue.pop())):
                    if isinstance(item, Branch):
                        asked.add(item.leaf.key)
                    elif isinstance(item, Rebind):
                        bound.update(item.names)
                    elif isinstance(item, Invoke):
                        fresh = {target.scope for target in item.targets} - seen
                        seen |= fresh
                        queue += fresh
            known = self._reach[scope] = Reach(frozenset(asked), frozenset(bound))
        return known

    def _prune(self, flow: Flow) -> Flow:
        out: list[Item] = []
        for item in flow:
            if isinstance(item, Invoke):
                targets = tuple(t for t in item.targets if self.matters(t.scope))
                if targets:
                    out.append(Invoke(item.node, item.scope, targets))
            elif isinstance(item, Branch):
                then, orelse = self._prune(item.then), self._prune(item.orelse)
                if item.leaf.finite is not None or _acts(then) or _acts(orelse):
                    out.append(Branch(item.leaf, then, orelse))
                else:
                    out += [*then, *orelse]
            elif isinstance(item, Loop):
                body, orelse = self._prune(item.body), self._prune(item.orelse)
                if _acts(body) or _acts(orelse):
                    out.append(Loop(body, orelse, item.endless))
                else:
                    out += body
            elif isinstance(item, Choice):
                ways = tuple(self._prune(w) for w in item.ways)
                if any(_acts(w) for w in ways):
                    out.append(Choice(ways))
            elif isinstance(item, Attempt):
                parts = [self._prune(p) for p in (item.body, *item.handlers, item.orelse, item.final)]
                if any(_acts(p) for p in parts):
                    out.append(Attempt(parts[0], tuple(parts[1:-2]), parts[-2], parts[-1]))
                else:
                    out += parts[0]
            else:
                out.append(item)
        return tuple(out)

    def _named(self, flow: Flow) -> frozenset[str]:
        """The names that conditions, losses and calls of a flow depend on."""
        names: set[str] = set()
        rebinds: list[Rebind] = []
        for item in every(flow):
            if isinstance(item, Branch):
                names |= item.leaf.names
                if item.leaf.finite is not None:
                    names |= item.leaf.finite.subjects
            elif isinstance(item, Act):
                names |= item.names
            elif isinstance(item, Invoke):
                for arg in item.node.args:
                    names |= self.conditions.light(arg.value, item.scope)
            elif isinstance(item, Leave):
                names |= item.names
            elif isinstance(item, Rebind):
                rebinds.append(item)
        grown = True
        while grown:
            grown = False
            for item in rebinds:
                if not item.sources <= names and not names.isdisjoint(item.names):
                    names |= item.sources
                    grown = True
        return frozenset(names)

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

    def clipper(self) -> tuple[Func, ...]:
        """The project's one callable class that clips what it is given, for a callee that only a config file names."""
        if self._clipper is None:
            self._clipper = ()
            found: list[Func] = []
            for module in self.values.files.mentioning("def __call__"):
                if not any(self.values.vocabulary.entry("clip_names", word) for word in module.words):
                    continue
                found += [
                    Func(scope, Made(Cls(scope.owner)))
                    for scope in module.scopes
                    if scope.name == "__call__"
                    and scope.owner is not None
                    and any(isinstance(i, Act) and i.does == "clip" for i in every(self.of(scope)))
                ]
            self._clipper = tuple(found) if len(found) == 1 else ()
        return self._clipper

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
        if isinstance(bound, s.Constant):
            if bound.value is None:
                return inf
            return float(bound.value) if type(bound.value) in (int, float) else None  # type: ignore[arg-type]
        return inf if bound is not None and self.conditions.infinite(bound, scope) else None


def _touches(item: Item) -> bool:
    """Whether something happens to gradients, or they are tested."""
    if isinstance(item, Act):
        return item.does != "test" or item.about_gradients
    return isinstance(item, Branch) and item.leaf.finite is not None and item.leaf.finite.gradients


def _grown(names: set[str], links: Sequence[tuple[Set[str], Set[str]]]) -> set[str]:
    """The names, and those that links lead to: each from any of some names to all of others."""
    out = set(names)
    size = 0
    while len(out) > size:
        size = len(out)
        for start, end in links:
            if not out.isdisjoint(start):
                out |= end
    return out


def _given(scope: Scope) -> tuple[s.Param, ...]:
    """The parameters of a function, without the instance that a method is called on."""
    return scope.params[1:] if scope.owner is not None and not scope.static else scope.params


def _from_outside(name: str, scope: Scope) -> bool:
    """Whether callers of a function know a name in it: a parameter, or an attribute of what is not its own."""
    first, _, rest = name.partition(".")
    if rest:
        return all(b.kind == "param" for b in scope.bindings.get(first, ()))
    return any(p.name == name and not p.star for p in _given(scope))


def _on_own_instance(item: Invoke) -> bool:
    """Whether a method is called on the instance whose method calls it."""
    func = item.node.func
    if not isinstance(func, s.Attribute):
        return True
    if isinstance(func.value, s.Call):
        return s.dotted(func.value.func) == "super"
    method = item.scope.function
    while method is not None and method.self_name is None and method.parent is not None:
        method = method.parent.function
    return method is not None and s.text(func.value) == method.self_name


def arguments(call: s.Call, scope: Scope) -> list[tuple[str, s.Expr]]:
    """The parameters of a project function with what a call gives for them, as far as visible."""
    out: list[tuple[str, s.Expr]] = []
    for index, param in enumerate(_given(scope)):
        given = call.arg(None if param.keyword_only else index, param.name)
        if given is not None and not param.star:
            out.append((param.name, given))
    return out


def every(flow: Flow) -> Iterator[Item]:
    """All items of a flow, those inside branches and loops too."""
    for item in flow:
        yield item
        if isinstance(item, Branch):
            yield from every(item.then)
            yield from every(item.orelse)
        elif isinstance(item, Choice):
            for way in item.ways:
                yield from every(way)
        elif isinstance(item, Loop):
            yield from every(item.body)
            yield from every(item.orelse)
        elif isinstance(item, Attempt):
            for part in (item.body, *item.handlers, item.orelse, item.final):
                yield from every(part)


def _acts(flow: Flow) -> bool:
    """Whether a pruned flow holds more than assignments."""
    return any(not isinstance(item, Rebind) for item in flow)


def _without_idle_names(flow: Flow, names: frozenset[str]) -> Flow:
    out: list[Item] = []
    for item in flow:
        if isinstance(item, Rebind):
            if names.isdisjoint(item.names):
                continue
        elif isinstance(item, Branch):
            item = Branch(item.leaf, _without_idle_names(item.then, names), _without_idle_names(item.orelse, names))
        elif isinstance(item, Loop):
            body, orelse = _without_idle_names(item.body, names), _without_idle_names(item.orelse, names)
            item = Loop(body, orelse, item.endless)
        elif isinstance(item, Choice):
            item = Choice(tuple(_without_idle_names(w, names) for w in item.ways))
        elif isinstance(item, Attempt):
            body, orelse, final = (_without_idle_names(p, names) for p in (item.body, item.orelse, item.final))
            item = Attempt(body, tuple(_without_idle_names(h, names) for h in item.handlers), orelse, final)
        out.append(item)
    return tuple(out)


class _Lowering:
    def __init__(self, flows: Flows, scope: Scope) -> None:
        self.flows = flows
        self.values = flows.values
        self.vocabulary = flows.values.vocabulary
        self.conditions = flows.conditions
        self.scope = scope

    def flow(self, body: s.Node) -> Flow:
        if isinstance(body, s.Block):
            return tuple(item for stmt in body.body for item in self.statement(stmt))
        return tuple(self.expression(body))

    def _block(self, block: s.Block | None) -> Flow:
        return self.flow(block) if block is not None else ()

    def statement(self, stmt: s.Stmt) -> Iterator[Item]:
        if isinstance(stmt, s.If):
            yield from self.expression(stmt.test)
            yield from self.branch(stmt.test, self._block(stmt.then), self._block(stmt.orelse))
        elif isinstance(stmt, (s.For, s.While)):
            yield from self._loop(stmt)
        elif isinstance(stmt, s.With):
            yield from self._with(stmt)
        elif isinstance(stmt, s.Try):
            yield Attempt(
                self._block(stmt.body),
                tuple(self._block(h.body) for h in stmt.handlers),
                self._block(stmt.orelse),
                self._block(stmt.final),
            )
        elif isinstance(stmt, s.Match):
            yield from self.expression(stmt.subject)
            yield Choice((*(self._block(c.body) for c in stmt.cases), ()))
        elif isinstance(stmt, s.Assert):
            yield from self.expression(stmt.test)
            yield from self.branch(stmt.test, (), (Leave("raise"),))
        elif isinstance(stmt, s.Return):
            if stmt.value is not None:
                yield from self.expression(stmt.value)
            yield Leave("return", self.conditions.light(stmt.value, self.scope))
        elif isinstance(stmt, s.Raise):
            yield Leave("raise")
        elif isinstance(stmt, s.Jump):
            if stmt.kind != "pass":
                yield Leave(stmt.kind)
        elif isinstance(stmt, (s.Assign, s.AugAssign)):
            yield from self._assign(stmt)
        elif isinstance(stmt, s.Evaluate):
            yield from self.expression(stmt.value)

    def branch(self, test: s.Expr, then: Flow, orelse: Flow) -> Iterator[Item]:
        """`if test`, taken apart at `and`, `or` and `not` so that each leaf is one choice."""
        if isinstance(test, s.Unary) and test.op == "not":
            yield from self.branch(test.value, orelse, then)
        elif isinstance(test, s.Boolean) and test.op == "and":
            yield from self.branch(test.left, tuple(self.branch(test.right, then, orelse)), orelse)
        elif isinstance(test, s.Boolean):
            yield from self.branch(test.left, then, tuple(self.branch(test.right, then, orelse)))
        else:
            leaf = self.conditions.leaf(test, self.scope)
            if leaf.flipped:
                then, orelse = orelse, then
            if leaf.finite is not None:
                leaves = {i.kind for arm in (then, orelse) for i in every(arm) if isinstance(i, Leave)}
                skips = bool(leaves & _SKIPS) and leaves <= _SKIPS
                facts = {"gradients": leaf.finite.gradients, "answers": bool(then or orelse), "skips": skips}
                yield Act("test", test, self.scope, Event("test", {}, facts), operand=test, names=leaf.finite.subjects)
            yield Branch(leaf, then, orelse)

    def _loop(self, stmt: s.For | s.While) -> Iterator[Item]:
        if isinstance(stmt, s.While):
            endless = isinstance(stmt.test, s.Constant) and bool(stmt.test.value)
            test = tuple(self.expression(stmt.test))
            body = (*test, *self._block(stmt.body))
            yield Loop(body, self._block(stmt.orelse), endless)
            return
        yield from self.expression(stmt.iter)
        inner = self._block(stmt.body)
        manual = [i for i in every(inner) if isinstance(i, Act) and i.does in _BY_HAND and i.event is None]
        if manual:  # a hand-written loop over parameters is one action
            reached = networks_in(stmt.iter, self.scope, self.values)
            inner = _with_networks(inner, reached)
        targets = tuple(_targets(stmt.target))
        yield Loop((Rebind(targets, frozenset()), *inner), self._block(stmt.orelse), False)

    def _with(self, stmt: s.With) -> Iterator[Item]:
        for item, name in stmt.items:
            yield from self.expression(item)
            if name is not None:
                sources = frozenset(t for a in _arguments(item) for t in self.conditions.texts(a))
                yield Rebind(tuple(_targets(name)), sources)
        yield from self._block(stmt.body)
        for item, _ in stmt.items:
            if isinstance(item, s.Call) and self._skips_nonfinite(item):
                yield Act("check", item, self.scope, Event("check", {}, {"gradients": True}))

    def _skips_nonfinite(self, call: s.Call) -> bool:
        """Whether leaving the block drops a step with non-finite gradients."""
        paths = (self._path(f)[0] for f in self.values.of(call.func, self.scope))
        events = (self.vocabulary.event(p) for p in paths if p is not None)
        return any(e is not None and bool(e.facts.get("skips_nonfinite")) for e in events)

    def _assign(self, stmt: s.Assign | s.AugAssign) -> Iterator[Item]:
        if stmt.value is not None:
            yield from self.expression(stmt.value)
        manual = self._manual_update(stmt)
        if manual is not None:
            yield manual
        if isinstance(stmt, s.AugAssign):
            target = s.text(stmt.target)
            yield Rebind((target,), self.conditions.light(stmt.value, self.scope) | {target})
            return
        if stmt.value is None:
            return
        sources = self.conditions.light(stmt.value, self.scope)
        if isinstance(stmt.value, s.Call):
            sources |= {RESULT}
        for goal in stmt.targets:
            names = tuple(_targets(goal))
            # A flag that is set once is a setting; one that is set again tells what happened.
            flag = len(names) == 1 and len(self.scope.bindings.get(names[0], ())) > 1
            yield Rebind(names, sources, constant_truth(stmt.value) if flag else None)

    def _manual_update(self, stmt: s.Assign | s.AugAssign) -> Act | None:
        """`p.data -= lr * p.grad`, `p.data = p.data - …`: a step; `p.grad *= c`: a clip; `p.grad = None`: zero."""
        targets = stmt.targets if isinstance(stmt, s.Assign) else (stmt.target,)
        if stmt.value is None or len(targets) != 1:
            return None
        target = targets[0]
        gradient = _gradient_of(target)
        if gradient is not None:
            if isinstance(stmt, s.Assign) and isinstance(stmt.value, s.Constant) and not stmt.value.value:
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

    def _brings_gradient(self, stmt: s.Assign | s.AugAssign, target: s.Expr) -> bool:
        """Whether a gradient computed elsewhere is put in place: `p.grad += g`."""
        if not (isinstance(target, s.Attribute) and target.attr == "grad"):
            return False
        if isinstance(stmt, s.AugAssign):
            return stmt.op == "+"
        return isinstance(stmt.value, s.Name | s.Subscript)

    def _bounds(self, value: s.Expr) -> bool:
        """Whether a factor on a gradient bounds it: it is computed from a norm, or is a clamp."""
        return self.conditions.from_norm(value, self.scope)

    # --- expressions --------------------------------------------------------------------------

    def expression(self, expr: s.Node) -> Iterator[Item]:
        """The events of an expression, arguments before the call that takes them."""
        if isinstance(expr, (s.Lambda, s.Function, s.Class)):
            return
        for below in s.children(expr):
            yield from self.expression(below)
        if isinstance(expr, s.Call):
            yield from self.call(expr)

    def call(self, call: s.Call) -> Iterator[Item]:
        method = call.func.attr if isinstance(call.func, s.Attribute) else None
        functions = self.values.of(call.func, self.scope)
        projects = tuple(f for f in (_unpartial(v) for v in functions) if isinstance(f, Func))
        projects += tuple(m for v in functions if isinstance(v, Made) and (m := self._called_method(v)) is not None)
        act = self._library_act(call, functions)
        if act is None and method is not None and isinstance(call.func, s.Attribute) and not projects:
            act = self._unresolved_act(call, call.func, functions)
        if act is not None:
            yield from self._closures(call)
            yield act
            if act.does == "exit":
                yield Leave("exit")
            return
        manual = self._manual_call(call)
        if manual is not None:
            yield manual
            return
        if not projects and not functions - {Const(None)} and any(_takes_parameters(a.value) for a in call.args):
            projects = self.flows.clipper()
        unique = tuple({f.scope: f for f in projects}.values())
        if unique:
            yield Invoke(call, self.scope, unique[:8])
            return
        yield from self._closures(call)
        built = frozenset(f for f in functions if isinstance(f, Lib) and self.vocabulary.role(f.path) == "optimizer")
        if built:
            yield Act("new", call, self.scope, optimizers=frozenset(Made(f, call, self.scope) for f in built))

    def _called_method(self, instance: Made) -> Func | None:
        """What calling an instance runs; a module's forward pass only where its file tests for non-finite values."""
        method = self.values.method(instance, "__call__")
        if method is not None:
            return method
        forward = self.values.method(instance, "forward")
        if forward is not None and any(self.vocabulary.entry("nonfinite_names", w) for w in forward.scope.module.words):
            return forward
        return None

    def _closures(self, call: s.Call) -> Iterator[Item]:
        """Project functions handed to a library call that may run them: `optimizer.step(closure)`."""
        for arg in call.args:
            if self._may_be_function(arg.value):
                held = self.values.of(arg.value, self.scope)
                found = tuple({f.scope: f for f in held if isinstance(f, Func) and f.scope is not self.scope}.values())
                if found and all(f.scope.module is self.scope.module for f in found):
                    yield Invoke(s.Call(call.id, arg.value, ()), self.scope, found[:4])

    def _may_be_function(self, expr: s.Expr) -> bool:
        if isinstance(expr, s.Lambda):
            return True
        name = expr.text if isinstance(expr, s.Name) else expr.attr if isinstance(expr, s.Attribute) else None
        return name in self.scope.module.functions

    def _library_act(self, call: s.Call, functions: ValueSet) -> Act | None:
        for function in functions:
            path, owner = self._path(function)
            if path is None:
                continue
            event = self.vocabulary.event(path)
            if event is not None:
                return self._act(call, event, owner)
        return None

    def _path(self, function: Value) -> tuple[str | None, ValueSet]:
        """The library symbol that is called, with the object that it is a method of."""
        if isinstance(function, Partial):
            function = function.function
        if isinstance(function, Lib):
            return function.path, frozenset()
        if isinstance(function, Bound):
            for base in self.values.bases_of(function.receiver):
                if self.vocabulary.event(f"{base}.{function.name}") is not None:
                    return f"{base}.{function.name}", frozenset([function.receiver])
        if isinstance(function, Func) and function.receiver is not None:  # a library's method, overridden
            for base in self.values.bases_of(function.receiver):
                event = self.vocabulary.event(f"{base}.{function.scope.name}")
                if event is not None and event.does in ("step", "zero"):
                    return f"{base}.{function.scope.name}", frozenset([function.receiver])
        if isinstance(function, Made) and isinstance(function.of, Lib):
            return f"{function.of.path}.__call__", frozenset([function])
        if isinstance(function, Cls):  # a class of the project that inherits a framework's training
            for base in self.values.library_bases(function.scope):
                event = self.vocabulary.event(base)
                if event is not None and event.does == "implicit":
                    return base, frozenset()
        return None, frozenset()

    def _unresolved_act(self, call: s.Call, func: s.Attribute, functions: ValueSet) -> Act | None:
        """A method of an object whose class cannot be found, judged by what else the code calls on it."""
        if func.attr == "backward":
            event = self.vocabulary.event("torch.Tensor.backward")
            held = self.values.of(func.value, self.scope)
            if event is not None and not any(isinstance(v, Func) for v in functions):
                named = self._event_of_owner(held, func.attr)
                act = self._act(call, named or event, held)
                return act if named is not None or act is None else self._of_engine(act, call, func.value)
        if functions and not all(isinstance(f, (Unknown, Bound)) for f in functions):
            return None
        held = self.values.of(func.value, self.scope)
        if any(self.vocabulary.role(base) for v in held for base in self.values.bases_of(v)):
            return None
        duck = self.vocabulary.ducks(self._methods_on(func.value))
        if duck is None and func.attr == "step" and not call.args and self._steps_first(call, func):
            duck = self.vocabulary.optimizer
        if duck is None:
            return None
        event = self.vocabulary.event(f"{duck}.{func.attr}")
        return self._act(call, event, held) if event is not None else None

    def _of_engine(self, act: Act, call: s.Call, receiver: s.Expr) -> Act:
        """`engine.backward(loss)`: what nothing here computes is given the loss, and is not it."""
        if len(call.args) != 1 or call.args[0].keyword or call.args[0].star:
            return act
        home = self.scope.lookup(receiver.text) if isinstance(receiver, s.Name) else None
        if home is not None and any(b.kind != "param" for b in home.bindings[s.text(receiver)]):
            return act
        loss = call.args[0].value
        names = self.conditions.texts(loss) | self.conditions.light(loss, self.scope)
        return replace(act, operand=loss, names=names)

    def _steps_first(self, call: s.Call, func: s.Attribute) -> bool:
        """Whether this is the first unresolved `.step()` after the function's backward, and no other steps there."""
        own = [c for c, where in self.scope.module.calls.get("step", ()) if where is self.scope]
        for other in own:
            for value in self.values.of(other.func, self.scope):
                path, _ = self._path(value)
                event = self.vocabulary.event(path) if path else None
                if event is not None and event.does == "step":
                    return False
        starts = [c.id for c, where in self.scope.module.calls.get("backward", ()) if where is self.scope]
        later = [c for c in own if starts and c.id > min(starts) and not c.args]
        return bool(later) and s.text(later[0].func) == s.text(func)

    def _event_of_owner(self, held: ValueSet, attr: str) -> Event | None:
        for value in held:
            for base in self.values.bases_of(value):
                found = self.vocabulary.event(f"{base}.{attr}")
                if found is not None:
                    return found
        return None

    def _methods_on(self, receiver: s.Expr) -> frozenset[str]:
        return self.conditions.methods_on(receiver, self.scope)

    def _act(self, call: s.Call, event: Event, owner: ValueSet) -> Act | None:
        receiver = call.func.value if isinstance(call.func, s.Attribute) else None

        def operand(name: str) -> s.Expr | None:
            place = event.operands.get(name)
            if place is None:
                return None
            if place.keyword == "self":
                return receiver
            return call.arg(place.position, place.keyword)

        optimizer = operand("optimizer")
        optimizers: ValueSet = frozenset()
        if optimizer is not None:
            optimizers = self.values.of(optimizer, self.scope)
            optimizers |= self.values.elements(optimizers)
        parameters = operand("parameters") or operand("model")
        networks = networks_in(parameters, self.scope, self.values) if parameters is not None else frozenset()
        loss = operand("loss") or operand("subject")
        if (
            event.does == "step"
            and isinstance(call.func, s.Attribute)
            and call.func.attr == "step"
            and optimizer is None
        ):
            return None
        names: frozenset[str] = frozenset()
        if loss is not None:
            names = self.conditions.texts(loss) | self.conditions.light(loss, self.scope)
            if event.does == "backward":
                names |= self.conditions.summands(loss, self.scope)
        return Act(
            event.does,
            call,
            self.scope,
            event,
            loss or optimizer or parameters or operand("subject"),
            receiver,
            optimizers,
            networks,
            owner,
            names,
            operand("bound"),
        )

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
                return Act("clip", call, self.scope, operand=func.value)
            return None
        base = _parameter(func.value)
        if about in ("add", "scale") and base is not None and any(_reads_gradient(a.value, base) for a in call.args):
            return Act("step", call, self.scope, operand=func.value)
        return None

    def _hook(self, call: s.Call, target: s.Expr) -> Act | None:
        """A backward hook that bounds the gradient: a clip that stays."""
        for value in self.values.of(call.args[0].value, self.scope):
            hook = _unpartial(value)
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


def _takes_gradient(store: Store) -> bool:
    """Whether the gradient of something else is stored as a gradient."""
    value = store.value
    while isinstance(value, s.Call) and isinstance(value.func, s.Attribute):  # p.grad.cpu()
        value = value.func.value
    if not isinstance(value, s.Attribute) or value.attr not in ("grad", "_grad"):
        return False
    return s.text(value.value) != s.text(store.base)


def _with_networks(flow: Flow, networks: frozenset[Made]) -> Flow:
    out: list[Item] = []
    for item in flow:
        if isinstance(item, Act) and item.event is None and not item.networks:
            item = Act(item.does, item.node, item.scope, None, item.operand, item.receiver, item.optimizers, networks)
        elif isinstance(item, Branch):
            item = Branch(item.leaf, _with_networks(item.then, networks), _with_networks(item.orelse, networks))
        elif isinstance(item, Loop):
            item = Loop(_with_networks(item.body, networks), _with_networks(item.orelse, networks), item.endless)
        out.append(item)
    return tuple(out)


def _unpartial(value: Value) -> Value:
    while isinstance(value, Partial):
        value = value.function
    return value


def _targets(expr: s.Expr) -> Iterator[str]:
    if isinstance(expr, s.Sequence):
        for item in expr.items:
            yield from _targets(item)
    elif isinstance(expr, s.Starred):
        yield from _targets(expr.value)
    else:
        yield s.text(expr)


def _arguments(expr: s.Expr) -> tuple[s.Expr, ...]:
    return tuple(a.value for a in expr.args) if isinstance(expr, s.Call) else ()


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


def _takes_parameters(expr: s.Expr) -> bool:
    """Whether an argument is what `.parameters()` of something gives."""
    return isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and expr.func.attr.endswith("parameters")
