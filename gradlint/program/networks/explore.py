"""Judging a network: the runs of layers on each way through the conditions that cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gradlint.program import syntax as s
from gradlint.program.networks.core import Cut, Decision, Raised, World
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.objects import Container, Fn, Layer, Link, Obj, Tensor, Value, layer_of, walk_modules
from gradlint.program.networks.tensors import tensors

_BUDGET = 60_000
_FLIPS = 24
_METHODS = 12

Root = Obj | Container
Make = Callable[[Machine], Sequence[Root]]
Prepare = Callable[[Machine, Root], None]


@dataclass(frozen=True, eq=False)
class Outcome:
    """One way through: the runs, the conditions decided, and the network as it was built."""

    root: Root
    runs: tuple[tuple[Link, ...], ...]
    decisions: Mapping[int, Decision]
    order: Mapping[Layer, tuple[int, int]]

    def longest(self) -> int:
        return max((len(r) for r in self.runs), default=0)


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome that holds on all ways, and whether some were left out."""

    outcome: Outcome
    cut: bool


def judge(world: World, make: Make, prepare: Prepare, depth: int) -> list[Verdict]:
    """The instances of a network that hold a run of `depth` layers whatever the conditions that cannot be told."""
    out = []
    for index in range(3):
        found = _Judging(world, make, prepare, index, depth).verdict()
        if found is None:
            break
        if found.outcome.longest() >= depth:
            out.append(found)
    return out


class _Judging:
    def __init__(self, world: World, make: Make, prepare: Prepare, index: int, depth: int) -> None:
        self.world, self.make, self.prepare, self.index, self.depth = world, make, prepare, index, depth
        self.cut = False

    def verdict(self) -> Verdict | None:
        """None if there is no such instance; an outcome without a deep run if some way has none."""
        base = self._alive({})
        if base is None:
            return None
        oracle: dict[int, bool] = {}
        base, oracle = self._reached(base, {k: d.value for k, d in base.decisions.items()})
        if base.longest() < self.depth or not self._confirmed(base, oracle):
            return Verdict(_without(base), self.cut)
        final = self.attempt(oracle, outer=True)
        if final is None:
            return Verdict(_without(base), self.cut)
        return Verdict(final, self.cut)

    def _alive(self, oracle: dict[int, bool]) -> Outcome | None:
        """The first way that does not raise."""
        for _ in range(6):
            made = self.attempt(oracle)
            if made is not None:
                return made
            last = self.failed
            if last is None or last in oracle:
                return None
            oracle = {**oracle, last: True}
        return None

    def _reached(self, base: Outcome, oracle: dict[int, bool]) -> tuple[Outcome, dict[int, bool]]:
        """A way through the forward pass with a deep run, if one condition of it leads there."""
        if base.longest() >= self.depth:
            return base, oracle
        chosen = [k for k, d in base.decisions.items() if d.phase == "run"][:8]
        for key in chosen:
            other = self.attempt({**oracle, key: not oracle[key]})
            if other is not None and other.longest() >= self.depth:
                return other, {k: d.value for k, d in other.decisions.items()}
        return base, oracle

    def _confirmed(self, base: Outcome, oracle: dict[int, bool]) -> bool:
        """Whether every other way keeps the run, or does not get to it."""
        deepest = max(base.runs, key=len)
        places = [base.order[link.layer] for link in deepest if link.layer in base.order]
        first, last = min(p[0] for p in places), max(p[0] for p in places)
        for count, (key, decision) in enumerate(base.decisions.items()):
            if decision.phase == "run" and not first <= decision.clock <= last:
                continue
            if decision.phase == "build" and not _concerns(decision, base.root):
                continue
            if count > _FLIPS:
                self.cut = True
                return False
            other = self.attempt({**oracle, key: not oracle[key]})
            if other is None or other.longest() >= self.depth:
                continue
            if decision.phase == "build":
                return False
            sites = {id(link.layer.site) for link in deepest}
            ran = sum(1 for layer in other.order if layer.site is not None and _same_site(layer, deepest))
            if ran >= min(self.depth, len(sites)):
                return False
        return True

    def attempt(self, oracle: Mapping[int, bool], outer: bool = False) -> Outcome | None:
        """One interpretation; None if it raises or is cut off."""
        machine = Machine(self.world, oracle, _BUDGET)
        self.failed: int | None = None
        try:
            made = self.make(machine)
            if self.index >= len(made):
                return None
            root = made[self.index]
            if outer:
                self.prepare(machine, root)
            forward(machine, root)
        except Cut:
            self.cut = True
            return None
        except (Raised, RecursionError):
            self.failed = next(reversed(machine.decisions), None)
            return None
        return Outcome(root, tuple(_segments(machine)), machine.decisions, machine.order)


def _same_site(layer: Layer, run: tuple[Link, ...]) -> bool:
    return any(
        link.layer.site is not None and layer.site is not None and link.layer.site.node is layer.site.node
        for link in run
    )


def _without(outcome: Outcome) -> Outcome:
    return Outcome(outcome.root, (), outcome.decisions, outcome.order)


def _concerns(decision: Decision, root: Root) -> bool:
    """Whether a condition was met while the network, or what leads to it, was built: not beside it."""
    if not decision.makers:
        return True
    around = {id(m) for m in root.makers} | {id(root)}
    return id(decision.makers[-1]) in around or id(root) in {id(m) for m in decision.makers}


def _segments(machine: Machine) -> list[tuple[Link, ...]]:
    """The runs without the layers that a residual goes around, each only in its whole length."""
    found: list[tuple[Link, ...]] = []
    for run in machine.runs:
        part: list[Link] = []
        for link in run:
            if link.layer in machine.covered:
                found.append(tuple(part))
                part = []
            else:
                part.append(link)
        found.append(tuple(part))
    found.sort(key=len, reverse=True)
    out: list[tuple[Link, ...]] = []
    for run in found:
        layers = {link.layer for link in run}
        if run and not any(layers <= {link.layer for link in kept} for kept in out):
            out.append(run)
    return out


# --- the forward pass ------------------------------------------------------------------------


def forward(machine: Machine, root: Root) -> None:
    """Runs a network: its `forward`, else the methods that use its layers, else the sequences it holds."""
    machine.phase = "run"
    machine.runs.clear()
    node = s.Call(0, s.Unread(0), ())
    if isinstance(root, Container):
        machine.call(root, [Tensor()], {}, node, machine.module_frame(_scope(root)))
        return
    values = machine.world.values
    found = values.find_method(root.cls, "forward") or values.find_method(root.cls, "__call__")
    if found is not None:
        try:
            _call(machine, root, found)
        except Raised:
            if machine.clock == 0:
                machine.runs.clear()
            else:
                raise
    elif root.container is not None or root.layer is not None:
        machine.call(root, [Tensor()], {}, node, machine.module_frame(root.cls))
    left = {layer for layer in _weights(root) if not layer.runs}
    if left:
        _others(machine, root, found, left)


def _others(machine: Machine, root: Obj, forward: Value, left: set[Layer]) -> None:
    """The methods beside `forward`, and the sequences, for the layers that it does not run."""
    kept = list(machine.runs)
    methods = {
        name: binding
        for cls in machine.world.values.lineage(root.cls)
        for name, bindings in cls.bindings.items()
        for binding in bindings[-1:]
        if binding.kind == "function" and not name.startswith("__") and cls.inner[binding.node.id] is not forward
    }
    count = 0
    for name in methods:
        scope = machine.world.values.find_method(root.cls, name)
        if scope is None or scope.static or scope.decorators or count >= _METHODS or not _uses_instance(scope):
            continue
        count += 1
        if not any(not layer.runs for layer in left):
            break
        try:
            _call(machine, root, scope)
        except Raised:
            continue
    for _, inner in walk_modules(root):
        if isinstance(inner, Container) and inner.kind == "sequence":
            own = [x for _, m in walk_modules(inner) if (x := layer_of(m)) is not None and x.role == "weight"]
            if own and not any(x.runs for x in own):
                try:
                    machine.call(inner, [Tensor()], {}, s.Call(0, s.Unread(0), ()), machine.module_frame(root.cls))
                except Raised:
                    continue
    fresh = [r for r in machine.runs[len(kept) :] if all(link.layer in left for link in r)]
    machine.runs[:] = [*kept, *fresh]


def _call(machine: Machine, root: Obj, scope: object) -> None:
    from gradlint.program.scopes import Scope

    assert isinstance(scope, Scope)
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    for index, param in enumerate(scope.params[1:]):
        if param.star == "*":
            args.append(Tensor())
        elif param.star:
            continue
        elif param.default is None:
            if param.keyword_only:
                kwargs[param.name] = Tensor()
            else:
                args.append(Tensor())
        elif isinstance(param.default, s.Constant) and param.default.value is None:
            unknown = machine.unknown("given", str(scope.module.path), scope.node.id, index)
            kwargs[param.name] = unknown
    machine.call_function(Fn(scope, machine.module_frame(scope), root, True), args, kwargs)


def _uses_instance(scope: object) -> bool:
    from gradlint.program.scopes import Scope

    assert isinstance(scope, Scope)
    name = scope.self_name
    return any(
        isinstance(n, s.Call)
        and isinstance(n.func, (s.Attribute, s.Subscript))
        and isinstance(n.func.value, (s.Name, s.Attribute))
        and (s.dotted(n.func.value) or "").partition(".")[0] == name
        for n in s.walk(scope.body)
    ) or any(isinstance(n, s.For) and (s.dotted(n.iter) or "").partition(".")[0] == name for n in s.walk(scope.body))


def _weights(root: Root) -> list[Layer]:
    return [x for _, m in walk_modules(root) if (x := layer_of(m)) is not None and x.role == "weight"]


def _scope(root: Container) -> object:
    assert root.site is not None
    return root.site.module.scope


__all__ = ["Outcome", "Verdict", "forward", "judge", "tensors"]
