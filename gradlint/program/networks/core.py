"""The interpreter's ground: its budget, what it does not know, and how it decides what it cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from functools import cached_property, lru_cache
from pathlib import Path

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.kept import Kept
from gradlint.program.networks.objects import (
    ClassRef,
    Container,
    Fn,
    Layer,
    LibRef,
    Link,
    Obj,
    Options,
    Param,
    Tensor,
    Unknown,
    Value,
)
from gradlint.program.project import Files, Module
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values import Made, Values
from gradlint.records import dataclass
from gradlint.vocabulary import Plain, Vocabulary

_SCALARS = frozenset([bool, int, float, str, bytes, type(None)])
NATIVE = (bool, int, float, str, bytes, list, tuple, dict, set, range, slice, type(None))


Names = tuple[dict[tuple[Scope, str], Value], dict[Path, tuple[Frame, dict[Binding, Value], dict[str, Value]]]]


class Cut(Exception):  # noqa: N818 - no error
    """The interpretation took more steps than it may."""


class Raised(Exception):  # noqa: N818 - it is the code's own
    """The code that is interpreted raises."""


@dataclass(frozen=True, slots=True)
class Pkg:
    """A module or package of the project, as a value."""

    path: Path


@dataclass(frozen=True, slots=True)
class Decision:
    """How a condition that cannot be told was taken: when, and after how many layers of the forward pass."""

    value: bool
    phase: str
    clock: int
    makers: tuple[Obj, ...]


@dataclass(eq=False)
class Library:
    """The vocabulary's facts about modules and functions of libraries, looked up once each."""

    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        self.canonical = lru_cache(maxsize=None)(self.vocabulary.canonical)
        self.layer = lru_cache(maxsize=None)(self._layer)
        self.flow = lru_cache(maxsize=None)(lambda path: self._table("chain", path))
        self.method = lru_cache(maxsize=None)(lambda name: self._table("chain_methods", name))
        self.word = lru_cache(maxsize=None)(self._word)
        self.words = lru_cache(maxsize=None)(self._words)
        self.inert = lru_cache(maxsize=None)(self.vocabulary.is_inert)
        self.given = lru_cache(maxsize=None)(self.vocabulary.gives)
        self.options = lru_cache(maxsize=None)(self.vocabulary.is_options)
        self.is_a = lru_cache(maxsize=None)(self.vocabulary.is_a)
        self.initializes = lru_cache(maxsize=None)(lambda path: self.vocabulary.entry("initializers", path) is not None)

    def _layer(self, path: str) -> Mapping[str, Plain] | None:
        """The facts of a module class; an empty mapping for a module that nothing is known of."""
        if not path.rpartition(".")[2][:1].isupper():  # a function, or a module of functions
            return None
        found = self.vocabulary.about("layers", path)
        if isinstance(found, str):
            return {"role": found}
        return found if isinstance(found, dict) else None

    def _table(self, section: str, name: str) -> Mapping[str, Plain] | None:
        found = self.vocabulary.entry(section, name)
        if isinstance(found, str):
            return {"does": found}
        return found if isinstance(found, dict) else None

    def _word(self, section: str, name: str) -> str | None:
        found = self.vocabulary.entry(section, name)
        return found if isinstance(found, str) else None

    def _words(self, section: str) -> tuple[str, ...]:
        """The names of a section that is a plain list of names."""
        return tuple(name for name, _ in self.vocabulary.entries(section))

    @cached_property
    def computing(self) -> frozenset[str]:
        """What functions are called that let a weight be computed from other parameters in each forward pass."""
        found = self.vocabulary.entries("chain")
        return frozenset(n.rpartition(".")[2] for n, fact in found if isinstance(fact, dict) and fact.get("computed"))


@dataclass(eq=False)
class World:
    """What is the same for all interpretations of one project."""

    files: Files
    values: Values
    library: Library
    switches: dict[s.If, bool] = field(default_factory=dict)
    bearing: dict[s.If, bool] = field(default_factory=dict)

    def given(self, value: Made, depth: int = 2) -> Iterator[Made]:
        """An instance and those that it was given when it was made: what is done to all of it is done to them."""
        yield value
        if value.site is not None and value.scope is not None and depth > 0:
            for arg in value.site.args:
                for inner in self.values.of(arg.value, value.scope, value.context):
                    if isinstance(inner, Made):
                        yield from self.given(inner, depth - 1)

    @cached_property
    def options(self) -> Mapping[str, list[tuple[s.Call, Scope]]]:
        """The command line options that the project defines, by the name of the attribute that holds them."""
        out: dict[str, list[tuple[s.Call, Scope]]] = {}
        for name in self.library.words("option_calls"):
            for module in self.files.mentioning(name):
                for call, scope in module.calls.get(name, ()):
                    texts = [a.value.value for a in call.args if not a.keyword and isinstance(a.value, s.Constant)]
                    dest = call.arg(None, "dest")
                    if isinstance(dest, s.Constant):
                        texts = [dest.value]
                    for text in texts:
                        if isinstance(text, str):
                            out.setdefault(text.lstrip("-").replace("-", "_"), []).append((call, scope))
        return out


def untouched(layer: Layer) -> bool:
    """Whether a layer keeps the library's default initialization, with nothing that sets the size of its output."""
    return not (layer.initialized or layer.normalized or layer.frozen)


@dataclass(eq=False)
class Core:
    """One interpretation: one way through the conditions that cannot be told.

    `oracle` holds how such conditions are taken, by key; the others are taken as `leaning`, but not so that the code
    raises. With `strict`, a network that is not made where the code makes it is not made at all. A layer that does not
    count ends a run, and unless it may be `bridged`, so does one that a residual goes around.
    """

    world: World
    oracle: Mapping[int, bool]
    budget: int
    leaning: bool = False
    strict: bool = False
    counts: Callable[[Layer], bool] = untouched
    bridged: bool = True
    phase: str = "build"
    decisions: dict[int, Decision] = field(default_factory=dict)
    bearing: set[int] = field(default_factory=set)  # the conditions that layers may hang on
    beside: bool = False  # whether no layer hangs on what is being decided
    modules: dict[Path, Frame] = field(default_factory=dict)
    globals: dict[tuple[Scope, str], Value] = field(default_factory=dict)
    objects: list[Obj] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    building: list[tuple[Obj, Scope]] = field(default_factory=list)
    runs: list[tuple[Link, ...]] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    covered: set[Layer] = field(default_factory=set)
    order: dict[Layer, tuple[int, int]] = field(default_factory=dict)
    clock: int = 0
    depth: int = 0
    subjects: list[Obj | Container] = field(default_factory=list)
    kept: Kept | None = None
    at: tuple[Module, s.Node] | None = None  # the statement that is run
    applying: tuple[Module, s.Node] | None = None  # the call that runs a function on every module

    @property
    def state(self) -> Kept:
        return Kept(self.objects, self.containers, self.layers)

    def keep(self) -> None:
        """Takes what has been built as that which each forward pass starts from."""
        self.kept = self.state

    def rewind(self, budget: int, start: Kept | None = None) -> None:
        """Forgets a forward pass, so that another can be run on what was built."""
        start = start or self.kept
        if start is not None:
            start.restore()
        self.budget, self.phase, self.depth = budget, "build", 0
        self.building.clear()
        for key in [k for k, d in self.decisions.items() if d.phase != "build"]:
            del self.decisions[key]

    def begin(self) -> None:
        """Starts a forward pass: nothing has run yet."""
        self.phase, self.clock = "run", 0
        self.runs.clear()
        self.outputs.clear()
        self.covered.clear()
        self.order.clear()
        self.bearing.clear()
        for layer in self.layers:
            layer.runs = 0

    def names(self) -> Names:
        """What the names of the project's files are known to hold."""
        return dict(self.globals), {path: (f, dict(f.found), dict(f.known)) for path, f in self.modules.items()}

    def name(self, names: Names) -> None:
        self.globals, self.modules = dict(names[0]), {path: frame for path, (frame, _, _) in names[1].items()}
        for frame, found, known in names[1].values():
            frame.found, frame.known = dict(found), dict(known)

    def step(self, cost: int = 1) -> None:
        self.budget -= cost
        if self.budget < 0:
            raise Cut

    # --- what the later layers of the interpreter do --------------------------------------------

    def evaluate(self, expr: s.Expr, frame: Frame) -> Value:
        raise NotImplementedError

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        raise NotImplementedError

    def attribute(self, value: Value, name: str) -> Value:
        raise NotImplementedError

    # --- the unknown ----------------------------------------------------------------------------

    def unknown(self, *parts: Value) -> Unknown:
        return Unknown(hash(tuple(map(self.key, parts))))

    def key(self, value: Value) -> int:
        """A number that is the same for the same value in every interpretation."""
        kind = value.__class__
        if kind in _SCALARS:
            return hash((kind.__name__, value))
        if isinstance(value, Unknown):
            return hash((value.key, value.negated))
        if isinstance(value, (tuple, list)):
            return hash((type(value).__name__, *(self.key(v) for v in value[:8])))
        if isinstance(value, (LibRef, Pkg, Options)):
            return hash((type(value).__name__, str(value.path)))
        if isinstance(value, (ClassRef, Fn)):
            return hash((value.scope.module.path, value.scope.node.id))
        if isinstance(value, Obj):
            return hash(("object", value.ordinal))
        if isinstance(value, Layer):
            return hash(("layer", value.path, value.site.node.id if value.site else 0))
        if isinstance(value, Param):
            return hash(("parameter", value.name, self.key(value.layer)))
        return hash(type(value).__name__)

    def truth(self, value: Value, expected: bool | None = None) -> bool:
        """Whether a value counts as true; decided by the oracle if it cannot be told, else as expected."""
        if isinstance(value, Unknown):
            return self.decide(value.key, expected if expected is None else expected != value.negated) != value.negated
        if isinstance(value, Tensor):
            return self.decide(hash(("tensor", self.clock, len(self.decisions))), expected)
        if isinstance(value, NATIVE):
            return bool(value)
        if isinstance(value, Container):
            return bool(value.items)
        return True

    def decide(self, key: int, expected: bool | None = None) -> bool:
        known = self.decisions.get(key)
        if known is None:
            leaning = self.leaning if expected is None else expected
            known = Decision(self.oracle.get(key, leaning), self.phase, self.clock, self.makers)
            self.decisions[key] = known
        if not self.beside:
            self.bearing.add(key)
        return known.value

    # --- where code stands ----------------------------------------------------------------------

    def module_frame(self, scope: Scope) -> Frame:
        path = scope.module.path
        if path not in self.modules:
            self.modules[path] = Frame(scope.module.scope, lazy=True)
        return self.modules[path]

    def meaning(self, found: Lib | Package) -> Value:
        if isinstance(found, Package):
            return Pkg(found.path)
        return LibRef(self.world.library.canonical(found.path))

    @property
    def makers(self) -> tuple[Obj, ...]:
        """The instances that are being built, outer first."""
        return tuple(obj for obj, _ in self.building)

    @property
    def home(self) -> Scope | None:
        """The class whose code is building the innermost of them."""
        return self.building[-1][1] if self.building else None
