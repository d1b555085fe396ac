"""How the project makes its networks: which calls construct a class, and from where their arguments come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.networks.core import World
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls
from gradlint.records import dataclass

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
        """How instances of a class are made: those of heirs with its forward pass if it has none of its own."""
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
            runs = self.world.values.find_method(cls, "forward")
            for heir in self.heirs(cls):
                if self.world.values.find_method(heir, "forward") is runs:
                    out += self.of(heir)
        return out[:_CALLS] or [Recipe(made=cls)]

    def mentioning(self, cls: Scope) -> Iterator[Module]:
        """The files that may know a class: they say its name, and that of its file or of a folder around it."""
        path, root = cls.module.path, self.world.files.root
        yield cls.module
        folders = [p.name for p in path.parents if root in p.parents]
        seen = {path}
        for word in dict.fromkeys([path.stem, *folders] if path.stem != "__init__" else folders or [""]):
            for module in self.world.files.mentioning(cls.name, word):
                if module.path not in seen:
                    seen.add(module.path)
                    yield module

    def constructions(self, cls: Scope) -> Iterator[Link]:
        """The calls that construct a class, by its name."""
        for module in self.mentioning(cls):
            for call, where in module.calls.get(cls.name, ()):
                if Cls(cls) in self.world.values.of(call.func, where):
                    yield call, where

    def heirs(self, cls: Scope) -> Iterator[Scope]:
        for module in self.mentioning(cls):
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
        for outer, scope in self.world.values.callers(function)[: 3 * _CALLS]:
            if scope.function is function:
                continue
            before = self.reaching(outer, scope, None, depth + 1)
            out += [Recipe((*recipe.calls, (call, where)), recipe.owner, made) for recipe in before]
        return out[: 3 * _CALLS] or [Recipe(((call, where),), None, made)]

    def of_sequence(self, call: s.Call, where: Scope) -> list[Recipe]:
        """How a sequence is made, where no module class takes it as a part of itself."""
        found = self.reaching(call, where, None)
        free = [r for r in found if not any(self.claimed(c, w) for c, w in r.calls)]
        return free if free or not found else []

    def claimed(self, call: s.Call, where: Scope) -> bool:
        """Whether a module class takes what a call gives, so that it is part of that network."""
        owner = enclosing_class(where)
        if owner is not None:
            return is_network_class(self.world, owner)
        names = {
            n.text
            for node in where.nodes
            if isinstance(node, s.Assign) and node.value is not None and s.holds(node.value, call)
            for n in node.targets
            if isinstance(n, s.Name)
        }
        for other in s.calls(where.body, into=False):
            parts = [n for a in other.args for n in s.walk(a, into=False)]
            if any(n is call or (isinstance(n, s.Name) and n.text in names) for n in parts):
                for value in self.world.values.of(other.func, where):
                    if isinstance(value, Cls) and is_network_class(self.world, value.scope):
                        return True
        return False


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
