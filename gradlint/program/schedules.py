"""How the learning rate of an optimizer goes: whether it rises before it falls, and what moves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.frameworks import Frameworks
from gradlint.program.names import Lib, imports
from gradlint.program.optimizers import Cause, Keys, Optimizers, share
from gradlint.program.project import Module
from gradlint.program.rising import Rising
from gradlint.program.schedulers import CALLEES, Schedulers, is_idle
from gradlint.program.scopes import Scope, Store
from gradlint.program.values import Bound, Cls, Const, Made, Unknown, Values, ValueSet
from gradlint.records import dataclass
from gradlint.vocabulary import operand

_RATES = ("lr", "learning_rate")
_ABOVE = 3
_IMPORTS = 3  # over how many imports a file has to do with another


@dataclass(frozen=True, slots=True)
class Schedule:
    """The schedule of one optimizer.

    `warms` is None where the project does not tell. `causes` are what makes it so: the warmups if there are any, else
    all that moves the rate. `steps` are the calls that move the schedulers on, each with its scope. `known` is False
    where there was nothing to ask.
    """

    warms: bool | None
    causes: tuple[Cause, ...] = ()
    steps: tuple[tuple[s.Call, Scope], ...] = ()
    rate: float | None = None
    beta2: float | None = None
    known: bool = True

    @property
    def evidence(self) -> Cause | None:
        return self.causes[0] if self.causes else None


class Schedules:
    """Answers what moves the learning rates of optimizers."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.rising = Rising(values)
        self._memo: dict[tuple[Keys, Scope], Schedule] = {}
        self.optimizers = Optimizers(values)
        self.frameworks = Frameworks(values)
        self._schedulers = Schedulers(self.optimizers, self.rising)
        self._written: list[tuple[Keys, Cause]] | None = None

    def of(self, optimizers: ValueSet, scope: Scope, module: Module) -> Schedule:
        """The schedule of the optimizers that a step in `scope` may be of."""
        mades = tuple(v for v in optimizers if isinstance(v, Made) and self.optimizers.is_optimizer(v))
        keys = self.optimizers.keys(frozenset(mades))
        if not keys:
            return Schedule(None)
        key = (keys, scope)
        known = self._memo.get(key)
        if known is None:
            known = self._memo[key] = self._of(mades, keys, scope)
        return known

    def of_arguments(self, call: s.Call, scope: Scope) -> Schedule:
        """The schedule of a framework's own loop, built at a call."""
        if not self.frameworks.schedules(call, scope):
            return Schedule(None)
        settings = self.frameworks.settings(call, scope)
        ready = self.frameworks.scheduled(call, scope)
        if any(isinstance(v, Made) and self.optimizers.is_optimizer(v) for v in ready):
            return self.of(ready, scope, scope.module)
        if settings is None:
            return Schedule(None)
        causes = [c for made in settings if (c := self.frameworks.warmup(made)) is not None]
        rates = {self.frameworks.number(made, "rate", "default_rate") for made in settings}
        betas = {self.frameworks.number(made, "beta2", "default_beta2") for made in settings}
        warming = tuple(c for c in causes if c.warms)
        warms = True if warming else None if causes else False
        return Schedule(warms, warming or tuple(causes), (), _only(rates), _only(betas))

    def of_modules(self, networks: Iterable[Made]) -> Schedule:
        """The schedule of modules that configure their own optimizers."""
        found: list[Schedule] = []
        for network in networks:
            for name, _ in self.values.vocabulary.entries("configures"):
                method = self.values.method(network, name)
                if method is not None:
                    built = frozenset(v for c in s.calls(method.scope.body) for v in self.values.of(c, method.scope))
                    found.append(self.of(built, method.scope, method.scope.module))
                    found += self._written_in(network)
        if not found:
            return Schedule(None, known=False)
        return next((x for x in found if x.warms), next((x for x in found if x.warms is None), found[0]))

    def _written_in(self, network: Made) -> Iterator[Schedule]:
        """What a module's own methods make of the rate of optimizers that the framework hands them."""
        assert isinstance(network.of, Cls)
        for owner in self.values.lineage(network.of.scope):
            for scope in owner.walk():
                for store in scope.stores:
                    if store.attr is None and store.value is not None and _is_rate(store.key):
                        shape = self.rising.expression(store.value, scope)
                        yield Schedule(True if shape.rises else False if shape.known else None)

    def by_hand(self, stmt: s.Node, scope: Scope) -> Schedule:
        """The schedule of an update that the code writes out: the shape of the factors in it."""
        factors = [
            node for node in s.walk(stmt, into=False) if isinstance(node, s.Name) and not _is_parameter(node, stmt)
        ]
        shapes = [self.rising.expression(node, scope) for node in factors]
        if any(shape.rises for shape in shapes):
            return Schedule(True)
        return Schedule(False if all(shape.known for shape in shapes) else None)

    def _of(self, mades: tuple[Made, ...], keys: Keys, scope: Scope) -> Schedule:
        causes = [c for m in mades if (c := self.optimizers.own(m)) is not None]
        causes += [c for m in mades if (c := self.frameworks.configured(m)) is not None]
        causes += [c for held, c in self._schedulers.all() if share(held, keys)]
        causes += [c for held, c in self._writes() if share(held, keys)]
        rate, beta2 = self.optimizers.rate(mades), self.optimizers.beta2(mades)
        warming = tuple(c for c in causes if c.warms)
        if warming:
            return Schedule(True, warming, tuple(self._steps(warming)), rate, beta2)
        causes += self._unresolved(mades, keys, scope)
        causes += self._strays(mades, scope)
        unknown = tuple(c for c in causes if c.warms is None)
        if unknown:
            return Schedule(None, unknown, (), rate, beta2)
        return Schedule(False, tuple(causes), tuple(self._steps(causes)), rate, beta2)

    # --- rates written by hand ----------------------------------------------------------------

    def _writes(self) -> list[tuple[Keys, Cause]]:
        """Every assignment of a learning rate to an optimizer's groups."""
        if self._written is None:
            self._written = []
            for module in self.values.files.mentioning("param_groups"):
                for scope in module.scopes:
                    for store in scope.stores:
                        if store.attr is None and _is_rate(store.key):
                            hit = self._write(store)
                            if hit is not None:
                                self._written.append(hit)
        return self._written

    def _write(self, store: Store) -> tuple[Keys, Cause] | None:
        owner = _groups_of(store.base, store.scope)
        if owner is None or store.value is None:
            return None
        keys = self.optimizers.held(owner, store.scope)
        if not keys and isinstance(owner, s.Name) and owner.text == store.scope.self_name:
            return None
        keys -= self._left_idle(store.scope)
        shape = self.rising.expression(store.value, store.scope)
        warms = True if shape.rises else False if shape.known else None
        cause = Cause(store.scope.module, store.node, "the learning rate that is set here", warms, store.scope)
        return (keys, cause) if keys or not self.values.of(owner, store.scope) else None

    def _left_idle(self, scope: Scope) -> Keys:
        """The optimizers that are given to an instance of the class around a method, which then does nothing."""
        method = scope.function
        owner = method.owner if method is not None else None
        init = self.values.find_method(owner, "__init__") if owner is not None and method is not None else None
        if init is None or init is method:
            return frozenset()
        calls = self.values.callers(init)
        built = [(self.optimizers.among(call, where), is_idle(call, where)) for call, where in calls]
        used = {key for keys, idle in built if not idle for key in keys}
        return frozenset(key for keys, idle in built if idle for key in keys if key not in used)

    # --- what cannot be told ------------------------------------------------------------------

    def _unresolved(self, mades: tuple[Made, ...], keys: Keys, scope: Scope) -> Iterator[Cause]:
        """Calls that are given the optimizer and that may schedule it, without the project saying so."""
        for where in self._around(mades, scope):
            for call in s.calls(where.body, into=False):
                name = s.last_name(call.func)
                functions = self.values.of(call.func, where)
                if name == "step" and isinstance(call.func, s.Attribute):
                    held = self.values.of(call.func.value, where)
                    shown = any(isinstance(v, Made) for v in held) or held == frozenset([Const(None)])
                    if _says_schedule(s.text(call.func.value)) and not shown:
                        yield Cause(where.module, call, "a scheduler that the project does not show", None, where)
                    continue
                if not self._may_schedule(name, functions):
                    continue
                if share(self.optimizers.among(call, where), keys):
                    yield Cause(where.module, call, "a call that may schedule the learning rate", None, where)

    def _strays(self, mades: tuple[Made, ...], scope: Scope) -> Iterator[Cause]:
        """Warmups of optimizers that cannot be told (`self.owner.optimizer`), in files that have to do with these."""
        strays = [c for held, c in (*self._schedulers.all(), *self._writes()) if not held and c.warms]
        if not strays:
            return
        near = {where.module for where in self._around(mades, scope)}
        for _ in range(_IMPORTS):
            near |= {found for module in near for found in imports(self.values.files, module)}
        for cause in strays:
            if cause.module in near:
                yield Cause(cause.module, cause.node, "a warmup of an optimizer that cannot be told", None, cause.scope)

    def _may_schedule(self, name: str, functions: ValueSet) -> bool:
        """Whether a call could be of a scheduler: unresolved, or of a library that the vocabulary does not know."""
        if not functions:
            return bool(CALLEES.search(name)) or name == ""
        return all(isinstance(f, (Lib, Unknown, Bound)) for f in functions) and any(
            isinstance(f, Lib) and self.values.vocabulary.about("schedules", f.path) is None and CALLEES.search(f.path)
            for f in functions
        )

    def _around(self, mades: tuple[Made, ...], scope: Scope) -> list[Scope]:
        """The functions in which the optimizer is built or stepped, and those that call them."""
        out: dict[Scope, None] = {}
        queue = [(x, _ABOVE) for x in [scope, *(m.scope for m in mades if m.scope is not None)]]
        while queue and len(out) < 40:
            here, left = queue.pop(0)
            if here in out:
                continue
            out[here] = None
            if here.owner is not None:
                queue.extend((m, 0) for m in here.owner.inner.values() if m.kind == "function")
            if left:
                queue.extend((where, left - 1) for _, where in self.values.callers(here)[:8])
        return [x for x in out if x.kind != "class"]

    # --- stepping -----------------------------------------------------------------------------

    def moved(self, cause: Cause) -> list[tuple[s.Call, Scope]]:
        """The calls that move a scheduler on, by itself or as one of a chain of schedulers."""
        chains = [c for _, c in self._schedulers.all() if self._chains(c, cause)]
        return list(self._steps([cause, *chains]))

    def _chains(self, chain: Cause, cause: Cause) -> bool:
        """Whether a scheduler is built of others, of which one is this."""
        made, inner = chain.made, cause.made
        if made is None or inner is None or not isinstance(made.of, Lib) or made.site is None or made.scope is None:
            return False
        about = self.values.vocabulary.about("schedules", made.of.path)
        place = operand(about["inner"]) if isinstance(about, dict) and "inner" in about else None
        given = made.site.arg(place.position, place.keyword) if place is not None else None
        if given is None:
            return False
        held = self.values.elements(self.values.of(given, made.scope))
        return any(isinstance(v, Made) and (v.of, v.site) == (inner.of, inner.site) for v in held)

    def _steps(self, causes: Iterable[Cause]) -> Iterator[tuple[s.Call, Scope]]:
        """The calls of `step` on the schedulers."""
        built = {(c.made.of, c.made.site) for c in causes if c.made is not None}
        if not built:
            return
        for module in self.values.files.mentioning(".step("):
            for call, scope in module.calls.get("step", ()):
                if isinstance(call.func, s.Attribute):
                    held = self.values.of(call.func.value, scope)
                    held |= self.values.elements(held)
                    if any(isinstance(v, Made) and (v.of, v.site) in built for v in held):
                        yield call, scope


def _says_schedule(text: str) -> bool:
    return "sched" in text.lower() or "warm" in text.lower()


def _is_rate(key: s.Expr | None) -> bool:
    return isinstance(key, s.Constant) and key.value in _RATES


def _groups_of(base: s.Expr, scope: Scope) -> s.Expr | None:
    """`optimizer` for `optimizer.param_groups[0]` and for the variable of a loop over `optimizer.param_groups`."""
    if isinstance(base, s.Subscript):
        base = base.value
        if isinstance(base, s.Attribute) and base.attr == "param_groups":
            return base.value
        return None
    if not isinstance(base, s.Name):
        return None
    home = scope.lookup(base.text)
    for binding in home.bindings.get(base.text, ()) if home is not None else ():
        if binding.kind == "element" and binding.value is not None:
            for node in s.walk(binding.value):
                if isinstance(node, s.Attribute) and node.attr == "param_groups":
                    return node.value
    return None


def _is_parameter(name: s.Name, stmt: s.Node) -> bool:
    """Whether a name in an update is the parameter, not a factor: its attributes are read."""
    return any(isinstance(n, s.Attribute) and n.value is name for n in s.walk(stmt))


def _only(numbers: set[float | None]) -> float | None:
    return numbers.pop() if len(numbers) == 1 else None
