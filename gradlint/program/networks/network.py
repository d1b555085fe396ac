"""The noun that rules read: a network, and the stacks of layers in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from heapq import heappop, heappush
from itertools import count
from weakref import WeakKeyDictionary

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.networks.builds import Prepare
from gradlint.program.networks.core import Library, World
from gradlint.program.networks.explore import Explorer
from gradlint.program.networks.loads import Loads
from gradlint.program.networks.objects import Container, Layer, Link, Obj, layer_of, layers_in, modules_in
from gradlint.program.networks.outcome import Outcome, Question
from gradlint.program.networks.outside import Outside
from gradlint.program.networks.recipes import (
    Recipe,
    Recipes,
    enclosing_class,
    is_network_class,
)
from gradlint.program.networks.serving import served
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Values
from gradlint.records import dataclass


@dataclass(frozen=True, eq=False)
class Stack:
    """A run of weight layers, each followed by an activation of the ReLU family, in the order of the forward pass."""

    links: tuple[Link, ...]
    outcome: Outcome

    @property
    def layers(self) -> tuple[Layer, ...]:
        return tuple(link.layer for link in self.links)

    def __len__(self) -> int:
        return len(self.links)

    @cached_property
    def passed(self) -> int:
        """Through how many layers the gradient of the first one comes, on the shortest way from what the network gives.

        They are fewer than those of the stack where something leads past it: a concatenation, an output of its own.
        """
        order = count()  # tensors have none
        waiting = [(0, next(order), tensor) for tensor in self.outcome.outputs]
        seen: set[int] = set()
        while waiting:
            far, _, here = heappop(waiting)
            if id(here) in seen:
                continue
            seen.add(id(here))
            if here.layer is self.links[0].layer:
                return far
            far += here.op == "activation" and any(parent.pending is not None for parent in here.parents)
            for parent in here.parents:
                heappush(waiting, (far, next(order), parent))
        return len(self.links)


@dataclass(frozen=True, eq=False)
class Project:
    """What is found out once about a project."""

    world: World
    recipes: Recipes
    outside: Outside
    explorer: Explorer

    @cached_property
    def computes_weights(self) -> bool:
        """Whether any of its code calls what computes a weight from other parameters in each forward pass."""
        return any(map(self.world.files.mentions, sorted(self.world.library.computing)))


@dataclass(frozen=True, eq=False)
class Network:
    """A module class or a sequence of layers that a file defines.

    `node` is the class or the call; `scope` the class, or where the call stands.
    """

    module: Module
    node: s.Class | s.Call
    name: str
    scope: Scope
    recipes: tuple[Recipe, ...]
    project: Project

    def stacks(self, depth: int) -> list[Stack]:
        """The runs of at least `depth` layers with default initialization that this network's own code holds.

        The longest first; with several instantiations in the project, those of the first that has one.
        """
        return self._judged(Question(depth))

    def plain(self, depth: int) -> list[Stack]:
        """The same whatever initializes the layers, with no residual among them either."""
        return self._judged(Question(depth, lambda layer: not (layer.normalized or layer.frozen), bridged=False))

    def drawn(self, depth: int, counts: Callable[[Layer], bool]) -> list[Stack]:
        """The same for layers of which the code initializes each as asked for, in the network or in any script.

        What a normalization of the weights scales anew is left out: how it was drawn does not last.
        """
        words = self.project.world.library.words("outside")
        if not any(self.project.world.files.mentions(f"{word}(") for word in words):
            return []
        return self._judged(Question(depth, lambda layer: not layer.normalized and counts(layer), outside=True))

    def _judged(self, question: Question) -> list[Stack]:
        target = self.scope if isinstance(self.node, s.Class) else None
        question = replace(question, concerns=lambda outcome: bool(self._named(outcome, question.depth)))
        verdicts = self.project.explorer.judge(self.recipes, target, self.project.outside.apply, question)
        found = (self._named(verdict.outcome, question.depth) for verdict in verdicts)
        return next(filter(None, found), [])

    def _named(self, outcome: Outcome, depth: int) -> list[Stack]:
        """The runs of an outcome that are for this network to name."""
        found = [Stack(r, outcome) for r in outcome.runs if len(r) >= depth]
        return [stack for stack in found if self._owns(stack, depth)]

    def recurrent(self) -> list[Layer]:
        """The recurrent layers that this network's own code makes."""
        own = {node for node in s.walk(self.node) if isinstance(node, s.Call)}
        layers = self._layers(self.project.outside.apply, apart=False)
        return [x for x in layers if x.role == "recurrent" and x.site is not None and x.site.node in own]

    def _layers(self, prepare: Prepare, apart: bool) -> Iterable[Layer]:
        """Its layers as they stand before the first forward pass; `apart`, if need be without what holds it."""
        target = self.scope if isinstance(self.node, s.Class) else None
        found = (self.project.explorer.standing(recipe, target, prepare, apart) for recipe in self.recipes)
        root = next((x for x in found if x is not None), None)
        return layers_in(root) if root is not None else ()

    @cached_property
    def served(self) -> bool:
        """Whether all that the project does with this network is to load and evaluate it."""
        world = self.project.world
        ready = ("eval", *world.library.words("loads"))
        return isinstance(self.node, s.Class) and served(world, self.scope, ready)

    @property
    def _writes(self) -> bool:
        """Whether its own code calls what may initialize: one of the usual names, or one of what works in place."""
        usual = self.project.world.library.words("outside")
        called = (s.last_name(call.func) for call in s.calls(self.node))
        return any(name.endswith("_") or name in usual for name in called)

    def lost_writes(self) -> list[Layer]:
        """The layers to whose weight its code writes, though it is computed from other parameters in a forward pass."""
        if not self.project.computes_weights or not self._writes:
            return []
        own = set(s.walk(self.node))
        return [
            x for x in self._layers(self.project.outside.call, apart=True) if x.lost is not None and x.lost[1] in own
        ]

    @cached_property
    def overview(self) -> Outcome | None:
        """What was built of it, with runs of any length, for explanations; None if it could not be built."""
        target = self.scope if isinstance(self.node, s.Class) else None
        found = (self.project.explorer.overview(r, target, self.project.outside.apply) for r in self.recipes)
        return next((x for x in found if x is not None), None)

    def _owns(self, stack: Stack, depth: int) -> bool:
        """Whether this network is the one to name: no part of it, and no base class, holds the run by itself."""
        root = stack.outcome.root
        if not isinstance(root, Obj):
            return not self._borrowed(stack, root, depth)
        inside = [m for m in modules_in(root) if isinstance(m, Obj) and m is not root]
        for part in inside:
            if sum(1 for layer in stack.layers if part in layer.makers) >= depth:
                return False
        homes = [layer.home for layer in stack.layers if layer.home is not None]
        if not homes:
            return True
        most = max(dict.fromkeys(homes), key=lambda h: (homes.count(h), h is self.scope))
        return most is self.scope or most not in list(self.project.world.values.lineage(root.cls))

    def _borrowed(self, stack: Stack, root: Container, depth: int) -> bool:
        """Whether a sequence only takes up the layers of another network."""
        outer = set(root.makers)
        taken = [x for x in stack.layers if any(m.modular and m not in outer for m in x.makers)]
        inside = {id(m) for m in modules_in(root)}
        others = [c for c in stack.outcome.containers if id(c) not in inside and c.site is not root.site]
        held = [sum(1 for m in modules_in(c) if layer_of(m) in stack.layers) for c in others]
        return len(taken) >= depth or any(count >= depth for count in held)


_PROJECTS: WeakKeyDictionary[Values, Project] = WeakKeyDictionary()


def networks_of(module: Module, values: Values) -> Iterable[Network]:
    """The networks that a file defines: its module classes, and the sequences outside of them."""
    project = _PROJECTS.get(values)
    if project is None:
        world = World(values.files, values, Library(values.vocabulary))
        project = _PROJECTS[values] = Project(world, Recipes(world), Outside(world, Loads(world)), Explorer(world))
    for scope in module.scopes:
        if scope.kind == "class" and isinstance(scope.node, s.Class) and is_network_class(project.world, scope):
            recipes = tuple(project.recipes.of(scope))
            yield Network(module, scope.node, scope.name, scope, recipes, project)
    yield from _sequences(module, project)


def _sequences(module: Module, project: Project) -> Iterator[Network]:
    inner: set[int] = set()
    for name, calls in module.calls.items():
        for call, where in calls:
            if call.id in inner or not _is_sequence(project.world, call, where, name):
                continue
            inner |= {c.id for c in s.calls(call) if c is not call}
            owner = enclosing_class(where)
            if owner is not None and (is_network_class(project.world, owner) or _opaque(project.world, owner)):
                continue
            recipes = tuple(project.recipes.of_sequence(call, where))
            if recipes:
                yield Network(module, call, name, where, recipes, project)


def _opaque(world: World, cls: Scope) -> bool:
    """Whether a class has bases that nothing is known of."""
    node = cls.node
    assert isinstance(node, s.Class)
    bases = [b for b in node.bases if b.keyword is None]
    known = world.values.bases(cls)
    return len(known) < len(bases) or any(isinstance(b, Lib) and not world.library.inert(b.path) for b in known)


def _is_sequence(world: World, call: s.Call, where: Scope, name: str) -> bool:
    if not name[:1].isupper():
        return False
    for value in world.values.of(call.func, where):
        if isinstance(value, Lib):
            facts = world.library.layer(value.path)
            return facts is not None and facts.get("kind") == "sequence"
    return False
