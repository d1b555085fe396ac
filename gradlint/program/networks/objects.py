"""What the interpreter of networks computes with, beside plain numbers, texts, lists and dicts.

Instances compare by identity: two layers built by one line are two layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

from gradlint.program import syntax as s
from gradlint.records import dataclass
from gradlint.vocabulary import Plain

if TYPE_CHECKING:
    from gradlint.program.networks.frames import Frame
    from gradlint.program.project import Module
    from gradlint.program.scopes import Scope

# Anything: a plain Python value or one of the classes below.
Value = object


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the code does not tell; equal keys are the same value, `negated` its logical opposite."""

    key: int
    negated: bool = False


@dataclass(frozen=True, slots=True)
class LibRef:
    """A symbol of a library."""

    path: str


@dataclass(frozen=True, slots=True, eq=False)
class ClassRef:
    """A class of the project, with the frame that its body sees."""

    scope: Scope
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fn:
    """A function or lambda of the project; a method has its receiver and the class that defines it."""

    scope: Scope
    frame: Frame | None = None
    receiver: Value = None
    bound: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """A method of something that the project did not define."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """`super()`: attributes are looked up behind a class in the lineage of the instance's."""

    obj: Value
    after: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """A function with some of its arguments: `functools.partial`."""

    function: Value
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A call in a file: where a layer or an instance was made."""

    module: Module
    node: s.Call


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """What wrote to a weight: a function of a library or a method, by name, with its arguments after the weight."""

    function: str
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]


@dataclass(slots=True, eq=False)
class Layer:
    """A library module that was built: its class, its arguments, and what became of its weight."""

    path: str
    facts: Mapping[str, Plain]
    site: Site | None
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    makers: tuple[Obj, ...] = ()
    home: Scope | None = None
    initialized: bool = False
    initializer: tuple[Module, s.Node] | None = None
    draws: list[Draw | None] = field(default_factory=list)
    lost: tuple[Module, s.Node] | None = None  # what wrote to a weight that is computed anew from others
    normalized: bool = False
    frozen: bool = False
    computed: bool = False  # its weight is no parameter, but made from others in each forward pass
    attrs: dict[str, Value] = field(default_factory=dict)
    runs: int = 0
    role: str = field(init=False)

    def __post_init__(self) -> None:
        self.role = str(self.facts.get("role", ""))

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def argument(self, position: int, keyword: str, default: Value = None) -> Value:
        """What the call gave for a parameter."""
        if keyword in self.kwargs:
            return self.kwargs[keyword]
        return self.args[position] if position < len(self.args) else default

    def fact(self, name: str) -> Value:
        """The value of a parameter that the vocabulary names: `[position, keyword, default]`."""
        place = self.facts.get(name)
        if not isinstance(place, list) or len(place) < 2:
            return None
        position, keyword = place[0], place[1]
        default = place[2] if len(place) > 2 else None
        if isinstance(position, int) and isinstance(keyword, str):
            return self.argument(position, keyword, default)
        return None


@dataclass(slots=True, eq=False)
class Param:
    """A parameter of a layer, or of something unknown."""

    layer: Layer | None
    name: str


@dataclass(slots=True, eq=False)
class Container:
    """A library container: `kind` is "sequence" (runs its items in order), "list" or "dict"."""

    kind: str
    path: str
    items: dict[str, Value]
    site: Site | None
    makers: tuple[Obj, ...] = ()
    frozen: bool = False

    def push(self, value: Value) -> None:
        self.items[str(len(self.items))] = value


@dataclass(slots=True, eq=False)
class Obj:
    """An instance of a class of the project; `layer` and `container` are what it inherits from a library."""

    cls: Scope
    site: Site | None
    ordinal: int
    makers: tuple[Obj, ...] = ()
    attrs: dict[str, Value] = field(default_factory=dict)
    layer: Layer | None = None
    container: Container | None = None
    modular: bool = False
    opaque: bool = False


_NONE: Final[frozenset[Layer]] = frozenset()


@dataclass(frozen=True, slots=True)
class Link:
    """A weight layer and the activation that follows it: its name and its slope below zero, if known."""

    layer: Layer
    nonlinearity: str
    slope: float | None = None


@dataclass(slots=True, eq=False)
class Tensor:
    """A value of the forward pass, with the chain of layers behind it.

    `run` holds the weight layers that lead here, each with its activation; `pending` is a last one without.
    """

    run: tuple[Link, ...] = ()
    pending: Layer | None = None
    parents: tuple[Tensor, ...] = ()
    op: str = "input"
    layer: Layer | None = None

    number: int = field(default_factory=count().__next__)  # a tensor is made from earlier ones
    layers: frozenset[Layer] = field(init=False)  # its own layer and all behind it

    def __post_init__(self) -> None:
        layers = _NONE if self.layer is None else frozenset((self.layer,))
        for parent in self.parents:  # most add none, and share the set of what they are made from
            behind = parent.layers
            if behind is not layers:
                layers = behind if layers <= behind else behind | layers
        self.layers = layers

    def straight(self, most: int = 4000) -> Iterator[Tensor]:
        """This tensor and those behind it up to an activation, nearest first."""
        seen: set[int] = set()
        queue: list[Tensor] = [self]
        at = 0
        while at < len(queue) and at < most:
            here = queue[at]
            at += 1
            if id(here) in seen:
                continue
            seen.add(id(here))
            yield here
            if here.op != "activation":
                queue.extend(here.parents)


class Behind:
    """What lies behind a tensor, looked for only as far back as is asked."""

    def __init__(self, tensor: Tensor) -> None:
        self._seen = {tensor.number}
        self._left = [(-tensor.number, tensor)]

    def __contains__(self, wanted: Tensor) -> bool:
        while self._left and -self._left[0][0] > wanted.number:
            _, here = heappop(self._left)
            for parent in here.parents:
                if parent.number not in self._seen:
                    self._seen.add(parent.number)
                    heappush(self._left, (-parent.number, parent))
        return wanted.number in self._seen


class Partial(list[Value]):
    """A list of unknown length, by the elements that it is known to have: what is made of each of an unknown's."""


@dataclass(slots=True, eq=False)
class Options:
    """Parsed command line options: an attribute has the default that the parser gives it."""

    path: str


def module_like(value: Value) -> bool:
    """Whether a value counts as a submodule of what holds it."""
    return isinstance(value, (Layer, Container)) or (isinstance(value, Obj) and value.modular)


def submodules(value: Value) -> dict[str, Value]:
    """The modules registered directly in a module, by name."""
    if isinstance(value, Container):
        held = value.items
    elif isinstance(value, (Obj, Layer)):
        held = value.attrs
        if isinstance(value, Obj) and value.container is not None:
            held = {**value.container.items, **held}
    else:
        return {}
    return {k: v for k, v in held.items() if isinstance(v, (Layer, Container)) or (isinstance(v, Obj) and v.modular)}


def modules_in(value: Value) -> list[Value]:
    """A module and all inside it, each once."""
    seen: dict[int, Value] = {}
    stack = [value]
    while stack:
        here = stack.pop()
        if id(here) not in seen:
            seen[id(here)] = here
            stack.extend(reversed(submodules(here).values()))
    return list(seen.values())


def walk_modules(value: Value, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """A module and all inside it, each once, with its dotted name."""
    seen: set[int] = set()
    stack: list[tuple[str, Value]] = [(prefix, value)]
    while stack:
        name, here = stack.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield name, here
        inner = [(f"{name}.{k}" if name else k, v) for k, v in submodules(here).items()]
        stack.extend(reversed(inner))


def layer_of(value: Value) -> Layer | None:
    """The library layer that a module is, by itself or by inheritance."""
    if isinstance(value, Layer):
        return value
    return value.layer if isinstance(value, Obj) else None


def layers_in(value: Value) -> list[Layer]:
    """The library layers in a module."""
    return [layer for module in modules_in(value) if (layer := layer_of(module)) is not None]


def hashable(value: Value) -> bool:
    """Whether a value can be a key of a dict."""
    try:
        hash(value)
    except TypeError:
        return False
    return True
