"""How the project makes its networks: which calls construct a class, and from where their arguments come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.networks.core import World
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.objects import ClassRef, Container, Fn, Obj, Value
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Func

_CALLS = 4
_CHAIN = 3

Link = tuple[s.Call, Scope]


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way in which the project makes a network.

    `calls` are the calls that lead to it, outer first; the last constructs it. `owner` makes the instance in whose
    code the first of them stands. Without calls, the network is made with its defaults.
    """

    calls: tuple[Link, ...] = ()
    owner: Recipe | None = None
    made: Scope | None = None


@dataclass(eq=False)
class Recipes:
    """The recipes of a project's classes and functions."""

    world: World
    _known: dict[Scope, list[Recipe]] = field(default_factory=dict)

    def of(self, cls: Scope) -> list[Recipe]:
        """How instances of a class are made; those of its heirs if it has none of its own."""
        if cls not in self._known:
            self._known[cls] = []  # a class that constructs itself
            self._known[cls] = self._of(cls)
        return self._known[cls]

    def _of(self, cls: Scope) -> list[Recipe]:
        out: list[Recipe] = []
        for call, where in self.constructions(cls):
            out += self.reaching(call, where, cls)
            if len(out) >= _CALLS:
                break
        if not out:
            for heir in self.heirs(cls):
                out += self.of(heir)
        return out[:_CALLS] or [Recipe(made=cls)]

    def constructions(self, cls: Scope) -> Iterator[Link]:
        """The calls that construct a class, by its name."""
        for module in self.world.files.mentioning(cls.name):
            for call, where in module.calls.get(cls.name, ()):
                if Cls(cls) in self.world.values.of(call.func, where):
                    yield call, where

    def heirs(self, cls: Scope) -> Iterator[Scope]:
        for module in self.world.files.mentioning(cls.name):
            for scope in module.scopes:
                if scope.kind == "class" and scope is not cls and Cls(cls) in self.world.values.bases(scope):
                    yield scope

    def reaching(self, call: s.Call, where: Scope, made: Scope | None, depth: int = 0) -> list[Recipe]:
        """The ways to a call: through the class that it stands in, or the callers of its function."""
        owner = enclosing_class(where)
        if owner is not None:
            if owner is made:
                return []
            recipes = self._known.get(owner) if owner in self._known else self.of(owner)
            return [Recipe(((call, where),), recipe, made) for recipe in (recipes or [])[:2]]
        function = where.function
        if function is None or depth >= _CHAIN:
            return [Recipe(((call, where),), None, made)]
        out: list[Recipe] = []
        for outer, scope in self.world.values.callers(function)[:_CALLS]:
            if scope.function is function:
                continue
            for recipe in self.reaching(outer, scope, None, depth + 1):
                out.append(Recipe((*recipe.calls, (call, where)), recipe.owner, made))
        return out[:_CALLS] or [Recipe(((call, where),), None, made)]


    def claimed(self, call: s.Call, where: Scope, depth: int = 0) -> bool:
        """Whether a module class takes what a call gives, so that it is part of that network."""
        owner = enclosing_class(where)
        if owner is not None:
            return is_network_class(self.world, owner)
        names = {
            n.text
            for node in s.walk(where.body, into=False)
            if isinstance(node, s.Assign) and node.value is not None and any(n is call for n in s.walk(node.value))
            for n in node.targets
            if isinstance(n, s.Name)
        }
        for other in s.calls(where.body, into=False):
            parts = [n for a in other.args for n in s.walk(a, into=False)]
            if any(n is call or (isinstance(n, s.Name) and n.text in names) for n in parts):
                for value in self.world.values.of(other.func, where):
                    if isinstance(value, Cls) and is_network_class(self.world, value.scope):
                        return True
        function = where.function
        if function is None or depth >= _CHAIN:
            return False
        return any(self.claimed(c, w, depth + 1) for c, w in self.world.values.callers(function)[: 2 * _CALLS])


def enclosing_class(scope: Scope) -> Scope | None:
    here: Scope | None = scope
    while here is not None:
        if here.kind == "class":
            return here
        here = here.parent
    return None


def is_network_class(world: World, cls: Scope) -> bool:
    """Whether a class is a module of the library that the vocabulary knows, all of its bases told."""
    found = False
    for here in world.values.lineage(cls):
        node = here.node
        assert isinstance(node, s.Class)
        bases = world.values.bases(here)
        if len(bases) < sum(1 for b in node.bases if b.keyword is None and not _generic(b.value)):
            return False
        for base in bases:
            if isinstance(base, Lib):
                facts = world.library.layer(base.path)
                if facts is not None and facts.get("role") in ("module", "container", "weight"):
                    found = True
                elif not world.library.inert(base.path):
                    return False
                else:
                    found = found or "Module" in base.path
    return found


def _generic(expr: s.Expr) -> bool:
    return isinstance(expr, s.Subscript)


# --- making ----------------------------------------------------------------------------------


def make(machine: Machine, recipe: Recipe, cls: Scope) -> list[Obj]:
    """The instances of a class that a recipe makes."""
    if not recipe.calls:
        target = recipe.made or cls
        machine.instance(ClassRef(target, machine.lazy_frame(target.parent or target)), [], {}, None)
        return [machine.objects[0]]
    call, where = recipe.calls[-1]
    owner = make(machine, recipe.owner, _owner_class(recipe)) if recipe.owner is not None else []
    made = _harvest(machine, call)
    if not made:
        frame = frame_of(machine, recipe, owner[0] if owner else None)
        if where is not frame.scope:
            frame = machine.lazy_frame(where)
        value = machine.evaluate(call, frame)
        made = [value] if isinstance(value, Obj) else _harvest(machine, call)
    return [o for o in made if cls in machine.world.values.lineage(o.cls)][:3]


def _owner_class(recipe: Recipe) -> Scope:
    owner = enclosing_class(recipe.calls[0][1])
    assert owner is not None
    return owner


def _harvest(machine: Machine, call: s.Call) -> list[Obj]:
    return [o for o in machine.objects if o.site is not None and o.site.node is call]


def frame_of(machine: Machine, recipe: Recipe, owner: Value) -> Frame:
    """The frame in which the last call of a recipe stands, its function's parameters given by the calls before."""
    frame: Frame | None = None
    for index, (call, where) in enumerate(recipe.calls):
        if index == 0:
            frame = machine.lazy_frame(where)
            _receive(frame, owner)
            continue
        assert frame is not None
        args, kwargs = machine.arguments(recipe.calls[index - 1][0], frame)
        inner = machine.lazy_frame(where)
        home = inner
        while home.scope is not where.function and home.parent is not None:
            home = home.parent
        if home.scope is where.function:
            machine.bind(home, args, kwargs)
        frame = inner
    assert frame is not None
    return frame


def _receive(frame: Frame, owner: Value) -> None:
    here: Frame | None = frame
    while here is not None and owner is not None:
        if here.scope.self_name is not None:
            here.vars[here.scope.self_name] = owner
            here.receiver = owner
        here = here.parent


def make_sequence(machine: Machine, recipe: Recipe) -> list[Container]:
    """The containers that a recipe makes at its last call: by running the function around it, else on its own."""
    call, where = recipe.calls[-1]
    owner = make(machine, recipe.owner, _owner_class(recipe)) if recipe.owner is not None else []
    found = [c for c in machine.containers if c.site is not None and c.site.node is call]
    if found:
        return found[:2]
    function = where.function
    if function is not None and len(recipe.calls) > 1:
        outer = frame_of(machine, Recipe(recipe.calls[:-1], recipe.owner), owner[0] if owner else None)
        args, kwargs = machine.arguments(recipe.calls[-2][0], outer)
        machine.call_function(Fn(function, machine.lazy_frame(function.parent or function)), args, kwargs)
    elif function is not None and function.owner is None:
        machine.call_function(Fn(function, machine.lazy_frame(function.parent or function)), [], {})
    found = [c for c in machine.containers if c.site is not None and c.site.node is call]
    if not found:
        frame = machine.lazy_frame(where)
        _receive(frame, owner[0] if owner else None)
        value = machine.evaluate(call, frame)
        found = [value] if isinstance(value, Container) else []
    return found[:2]


__all__ = ["Func", "Recipe", "Recipes", "enclosing_class", "is_network_class", "make", "make_sequence"]
