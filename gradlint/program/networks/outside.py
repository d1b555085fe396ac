"""Initialization from outside a network: what any script of the project does to its instances."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import field
from functools import cached_property

from gradlint.program import syntax as s
from gradlint.program.networks.core import Cut, Raised, World
from gradlint.program.networks.loads import Loads
from gradlint.program.networks.machine import Machine, Returned
from gradlint.program.networks.objects import Container, Fn, Obj, module_like, modules_in
from gradlint.program.networks.recipes import enclosing_class
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Made
from gradlint.records import dataclass

_STEPS = 6000
_FILES = 120
_CALLS = 3  # with how many calls a network's own method is tried

Root = Obj | Container


@dataclass(frozen=True, eq=False)
class Place:
    """A statement that may initialize layers; for a loop over modules or parameters, the loop."""

    stmt: s.Stmt
    scope: Scope
    call: s.Call


@dataclass(eq=False)
class Outside:
    """The places of a project that initialize or load networks, found once."""

    world: World
    loads: Loads
    _spelled: dict[str, list[tuple[s.Call, Scope]]] = field(default_factory=dict)
    _named: dict[Place, tuple[Made, ...]] = field(default_factory=dict)

    def apply(self, machine: Machine, root: Root) -> None:
        """Marks the layers of a network, and of those that hold it, that code outside it initializes."""
        with self._beside(machine, root):
            for place in self.places:
                if self._concerns_any(place):
                    self._try_on(machine, place.call, place.scope)
                if not self._own(place.scope, machine):
                    self._try(machine, place)
            self._call(machine)
            for subject in machine.subjects:
                self._load(machine, subject)

    def call(self, machine: Machine, root: Root) -> None:
        """Runs only what initializes a network in its own code, where something else calls it."""
        with self._beside(machine, root):
            self._call(machine)

    def _call(self, machine: Machine) -> None:
        for subject in list(machine.subjects):
            if isinstance(subject, Obj):
                self._methods(machine, subject)

    @contextmanager
    def _beside(self, machine: Machine, root: Root) -> Iterator[None]:
        """Lets code run that is about a network and those that hold it, without a trace of what it decides."""
        before, oracle, names = dict(machine.decisions), machine.oracle, machine.names()
        machine.phase, machine.subjects = "outside", [root, *reversed(root.makers)]
        try:
            yield
        finally:
            machine.phase, machine.subjects = "run", []
            machine.decisions.clear()
            machine.decisions.update(before)
            machine.oracle = oracle
            machine.name(names)

    def _own(self, scope: Scope, machine: Machine) -> bool:
        """Whether code is a network's own: what of it runs has run when the network was built."""
        cls = enclosing_class(scope)
        lineage = self.world.values.lineage
        return cls is not None and any(isinstance(x, Obj) and cls in lineage(x.cls) for x in machine.subjects)

    # --- statements -----------------------------------------------------------------------------

    @cached_property
    def places(self) -> list[Place]:
        out: list[Place] = []
        for module in self._modules():
            for name in self.world.library.words("outside"):
                for call, scope in module.calls.get(name, ()):
                    stmt = _statement(scope, call)
                    if stmt is not None:
                        out.append(Place(stmt, scope, call))
        return out

    def _modules(self) -> list[Module]:
        found: dict[object, Module] = {}
        for word in self.world.library.words("outside"):
            for module in self.world.files.mentioning(f"{word}("):
                found.setdefault(module.path, module)
                if len(found) > _FILES:
                    return list(found.values())
        return list(found.values())

    def _try(self, machine: Machine, place: Place) -> None:
        """Runs a statement with the network in the names that may hold it, each condition taken either way."""
        if not self._may_concern(machine, place):
            return
        for _ in _leanings(machine):
            with suppress(Cut, Raised, Returned, RecursionError):
                machine.statement(place.stmt, machine.lazy_frame(place.scope))

    def _may_concern(self, machine: Machine, place: Place) -> bool:
        """Whether one of the names in a statement may hold the network."""
        if place not in self._named:
            self._named[place] = self._networks(place)
        return any(machine.holds(v, x) for v in self._named[place] for x in machine.subjects)

    def _networks(self, place: Place) -> tuple[Made, ...]:
        """What the names in a statement may hold, and what that was given."""
        names: dict[str, s.Expr] = {}
        for node in s.walk(place.stmt, into=False):
            if isinstance(node, (s.Name, s.Attribute)):
                text = s.dotted(node)
                if text is not None:
                    names.setdefault(text, node)
        held = (v for node in names.values() for v in self.world.values.of(node, place.scope))
        return tuple(dict.fromkeys(x for v in held if isinstance(v, Made) for x in self.world.given(v)))

    def _concerns_any(self, place: Place) -> bool:
        """Whether what is initialized are the parts of an object that sets them under names that it computes."""
        receiver = place.call.func.value if isinstance(place.call.func, s.Attribute) else None
        if not isinstance(receiver, s.Name) or s.last_name(place.call.func) != "apply":
            return False
        home = place.scope.lookup(receiver.text)
        holders: list[s.Expr] = [receiver]
        for binding in home.bindings[receiver.text] if home is not None else ():
            over = binding.value if binding.kind == "element" else None
            if isinstance(over, s.Call) and isinstance(over.func, s.Attribute):
                if self.world.library.word("module_methods", over.func.attr) in _WALKS:
                    holders.append(over.func.value)
        held = (v.of for each in holders for v in self.world.values.of(each, place.scope) if isinstance(v, Made))
        return any(_sets_by_name(cls.scope) for cls in held if isinstance(cls, Cls))

    def _try_on(self, machine: Machine, call: s.Call, scope: Scope) -> None:
        """Lets the function that a call hands to the parts of something initialize the network, should it be one."""
        for _ in _leanings(machine):
            with suppress(Cut, Raised, Returned, RecursionError):
                frame = machine.lazy_frame(scope)
                function = machine.evaluate(call.args[0].value, frame)
                for inner in (x for subject in machine.subjects for x in modules_in(subject)):
                    machine.call(function, [inner], {}, call, frame)

    # --- the network's own methods --------------------------------------------------------------

    def _methods(self, machine: Machine, subject: Obj) -> None:
        """Methods of a network that initialize it and that something else calls."""
        for scope in self._initializing(subject.cls):
            calls = [(c, where) for c, where in self._calls(scope.name) if self._calls_it(machine, c, where, subject)]
            for call, where in calls[:_CALLS]:
                machine.subjects, held = [], machine.subjects
                try:
                    for _ in _leanings(machine):
                        with suppress(Cut, Raised, RecursionError):
                            args, kwargs = machine.arguments(call, machine.lazy_frame(where))
                            machine.call_function(Fn(scope, None, subject, True), args, kwargs)
                finally:
                    machine.subjects = held

    def _initializing(self, cls: Scope) -> Iterator[Scope]:
        words = {*self.world.library.words("outside"), *self.world.library.words("copies")}
        seen = set()
        for here in self.world.values.lineage(cls):
            for name, bindings in here.bindings.items():
                binding = bindings[-1]
                if binding.kind != "function" or name in seen or name in ("__init__", "forward", "__call__"):
                    continue
                seen.add(name)
                scope = here.inner[binding.node.id]
                if _writes(scope, words):
                    yield scope

    def _calls(self, name: str) -> list[tuple[s.Call, Scope]]:
        if name not in self._spelled:
            self._spelled[name] = [
                found for module in self.world.files.mentioning(f".{name}") for found in module.calls.get(name, ())
            ]
        return self._spelled[name]

    def _calls_it(self, machine: Machine, call: s.Call, where: Scope, subject: Obj) -> bool:
        if not isinstance(call.func, s.Attribute):
            return False
        cls = enclosing_class(where)
        if cls is not None and cls in self.world.values.lineage(subject.cls):
            return False
        held = self.world.values.of(call.func.value, where)
        made = [v for v in held if isinstance(v, Made)]
        return not made or any(machine.holds(v, subject) for v in made)

    # --- pretrained weights ---------------------------------------------------------------------

    def _load(self, machine: Machine, subject: Root) -> None:
        """Marks what scripts load into the network, or into a part of it, that is not the run's own checkpoint."""
        for name in self.world.library.words("loads"):
            for call, where in self._calls(name):
                if not isinstance(call.func, s.Attribute) or not call.args:
                    continue
                machine.at = (where.module, call)
                receiver = call.func.value
                if self._holds(machine, receiver, where, subject):
                    if self.loads.from_elsewhere(call, where, subject):
                        machine.mark_all(subject)
                elif isinstance(receiver, s.Attribute) and self._holds(machine, receiver.value, where, subject):
                    part = subject.attrs.get(receiver.attr) if isinstance(subject, Obj) else None
                    if module_like(part) and not isinstance(call.args[0].value, s.Subscript):
                        machine.mark_all(part)

    def _holds(self, machine: Machine, expr: s.Expr, where: Scope, subject: Root) -> bool:
        return any(isinstance(v, Made) and machine.holds(v, subject) for v in self.world.values.of(expr, where))


_WALKS = ("modules", "named modules", "children", "named children")


def _sets_by_name(cls: Scope) -> bool:
    """Whether methods of a class set attributes of the instance whose names they compute."""
    return any(
        isinstance(call.func, s.Name)
        and call.func.text == "setattr"
        and len(call.args) == 3
        and not isinstance(call.args[1].value, s.Constant)
        and s.text(call.args[0].value) == method.self_name
        for method in cls.inner.values()
        for call in s.calls(method.body)
    )


def _leanings(machine: Machine) -> Iterator[bool]:
    """Lets some steps be taken with each unknown condition not met, then again with each met if one was asked about."""
    for leaning in (False, True):
        kept, machine.budget = machine.budget, _STEPS
        machine.leaning, machine.oracle = leaning, {}
        machine.decisions.clear()
        try:
            yield leaning
        finally:
            machine.budget, machine.leaning = kept, False
        if not machine.decisions:
            return


def _statement(scope: Scope, call: s.Call) -> s.Stmt | None:
    """The innermost loop around a call, else its statement."""
    found: s.Stmt | None = None
    node: s.Node = scope.body
    while True:
        inner = next((c for c in s.children(node) if s.holds(c, call)), None)
        if inner is None:
            return found
        if isinstance(inner, s.For) and not s.holds(inner.iter, call):
            found = inner
        elif isinstance(inner, (s.Evaluate, s.Assign, s.Return, s.AugAssign)):
            return found if isinstance(found, s.For) else inner
        elif isinstance(inner, s.NESTED):
            return None
        node = inner


def _writes(scope: Scope, words: set[str]) -> bool:
    """Whether a function calls what may initialize, or assigns to a weight."""
    for node in s.walk(scope.body):
        if isinstance(node, s.Call):
            func = node.func
            name = s.last_name(func)
            if name in words:
                return True
    return any(store.attr in ("data", "weight") for inner in scope.walk() for store in inner.stores)
