"""What a network holds: every module that is constructed for its instances, in their own context."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.places import span
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.truth import truth
from gradlint.program.values import (
    Bound,
    Cls,
    Const,
    Context,
    Func,
    Items,
    Made,
    Many,
    Partial,
    Table,
    Value,
    Values,
    ValueSet,
)
from gradlint.records import dataclass

_HELPERS = 6  # how deep helper functions are followed from a constructor
_ALIKE = 6  # how many differently constructed instances of one class are looked into
_PARTS = 600  # how many parts of one network are looked into
_NESTED = 6  # how deep containers are opened


@dataclass(frozen=True, slots=True)
class Part:
    """A module that a network holds, and where the code constructs or stores it; `repeated`: in a loop."""

    made: Made
    module: Module
    node: s.Node
    repeated: bool = False


def _nothing(made: Made) -> bool:
    return False


class Parts:
    """Finds what networks hold."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._direct: dict[Made, tuple[Part, ...]] = {}
        self._whole: dict[tuple[Made, Callable[[Made], bool]], tuple[Part, ...]] = {}
        self._modular: dict[Cls | Lib, bool] = {}
        self._loops: dict[Scope, list[tuple[int, int, s.Expr | None]]] = {}

    def is_module(self, value: Value) -> bool:
        """Whether a value is a module: by its base class, or since it has a forward pass."""
        if not isinstance(value, Made):
            return False
        known = self._modular.get(value.of)
        if known is None:
            known = self._modular[value.of] = self._is_module(value.of)
        return known

    def _is_module(self, of: Cls | Lib) -> bool:
        vocabulary = self.values.vocabulary
        paths = (of.path,) if isinstance(of, Lib) else self.values.library_bases(of.scope)
        if any(vocabulary.role(p) in ("module", "model") or vocabulary.about("recurrent", p) for p in paths):
            return True
        if isinstance(of, Lib):
            return vocabulary.is_container(of.path) or vocabulary.about("transformers", of.path) is not None
        return self.values.find_method(of.scope, "forward") is not None

    def whole(self, made: Made, skip: Callable[[Made], bool] = _nothing) -> tuple[Part, ...]:
        """A network and all that it holds, itself first, without parts that are to be skipped."""
        key = (made, skip)
        known = self._whole.get(key)
        if known is None:
            known = self._whole[key] = tuple(self._gather(made, skip))
        return known

    def _gather(self, made: Made, skip: Callable[[Made], bool]) -> Iterator[Part]:
        start = self._own(made)
        seen: set[Made] = set()
        alike: dict[Cls | Lib, int] = {}
        queue = [start] if start is not None else [*self.direct(made)]
        while queue and len(seen) < _PARTS:
            part = queue.pop(0)
            if part.made in seen or skip(part.made):
                continue
            seen.add(part.made)
            yield part
            if isinstance(part.made.of, Cls):
                alike[part.made.of] = alike.get(part.made.of, 0) + 1
                if alike[part.made.of] > _ALIKE:
                    continue
            queue.extend(self.direct(part.made))

    def _own(self, made: Made) -> Part | None:
        if isinstance(made.of, Cls):
            return Part(made, made.of.scope.module, made.of.scope.node)
        if made.site is not None and made.scope is not None:
            return Part(made, made.scope.module, made.site)
        return None

    def direct(self, made: Made) -> tuple[Part, ...]:
        """The modules that an instance is made of, one level down."""
        known = self._direct.get(made)
        if known is None:
            self._direct[made] = ()
            found = _Construction(self, made)
            known = self._direct[made] = found.parts
        return known

    def in_loop(self, scope: Scope, node: s.Node, context: Context | None) -> bool:
        """Whether code runs more than once: in a loop's body, a comprehension's element, or `[…] * n`."""
        spans = self._loops.get(scope)
        if spans is None:
            spans = self._loops[scope] = list(_loops(scope))
        return any(
            first <= node.id <= last and not self._once(iterated, scope, context) for first, last, iterated in spans
        )

    def _once(self, iterated: s.Expr | None, scope: Scope, context: Context | None) -> bool:
        """Whether the loop is over `range(1)`, as the code has it."""
        if not isinstance(iterated, s.Call) or s.dotted(iterated.func) != "range" or len(iterated.args) != 1:
            return False
        values = self.values.of(iterated.args[0].value, scope, context)
        return bool(values) and all(v == Const(1) for v in values)

    def flat(self, values: ValueSet, depth: int = _NESTED) -> Iterator[Made]:
        """The modules among values, containers opened."""
        if depth == 0:
            return
        for value in values:
            if isinstance(value, Made):
                if self.is_module(value):
                    yield value
            elif isinstance(value, Items):
                for part in value.parts:
                    yield from self.flat(part, depth - 1)
            elif isinstance(value, Many):
                yield from self.flat(value.element, depth - 1)
            elif isinstance(value, Table):
                for _, held in value.items:
                    yield from self.flat(held, depth - 1)


class _Construction:
    """One walk over the code that builds an instance."""

    def __init__(self, parts: Parts, made: Made) -> None:
        self.finder = parts
        self.values = parts.values
        self.made = made
        self._held: dict[tuple[Made, Module, s.Node], bool] = {}
        self.seen: set[tuple[Scope, Context | None]] = set()
        self.visited: set[Scope] = set()
        self.looping = False  # whether the function being read is called in a loop
        self.context: Context | None = None
        if isinstance(made.of, Lib):
            self._library(made)
        else:
            self._project(made, made.of.scope)

    @property
    def parts(self) -> tuple[Part, ...]:
        """What was found, without what one of the others holds (the layers inside a `Sequential`)."""
        inside = {p.made for made, _, _ in self._held for p in self._inside(made, _NESTED)}
        return tuple(Part(*key, repeated) for key, repeated in self._held.items() if repeated or key[0] not in inside)

    def _inside(self, made: Made, depth: int) -> Iterator[Part]:
        if depth == 0:
            return
        for part in self.finder.direct(made):
            yield part
            if isinstance(part.made.of, Lib):
                yield from self._inside(part.made, depth - 1)

    def _library(self, made: Made) -> None:
        if made.site is None or made.scope is None:
            return
        for arg in made.site.args:
            self._hold(self.values.of(arg.value, made.scope, made.context), made.scope, arg.value)

    def _project(self, made: Made, owner: Scope) -> None:
        init = self.values.find_method(owner, "__init__")
        if init is not None:
            context = None
            if made.site is not None and made.scope is not None:
                context = self.values.enter(Func(init, made), made.site, made.scope, made.context)
            self.region(init, context or self.values.context(init, (), made) if not init.params[1:] else context, 0)
        for here in self.values.lineage(owner):
            for bindings in list(here.bindings.values()):
                for binding in bindings:
                    if binding.kind == "value" and binding.value is not None:
                        self._hold(self.values.binding(binding, here, None), here, binding.value)
            for method in here.inner.values():
                if method.kind == "function" and method not in self.visited and method.name != "__init__":
                    self._later(method, made)

    def _later(self, method: Scope, made: Made) -> None:
        """A method that stores modules although no constructor calls it."""
        name = method.self_name
        if name is None or not method.stores:
            return
        context = None if method.params[1:] else self.values.context(method, (), made)
        for store in method.stores:
            if store.value is not None and isinstance(store.base, s.Name) and store.base.text == name:
                self._hold(self.values.stored(store, context), method, store.value)

    def region(self, scope: Scope, context: Context | None, depth: int) -> None:
        """Everything that the code of a function constructs, and the functions that it calls."""
        if depth > _HELPERS or (scope, context) in self.seen:
            return
        self.seen.add((scope, context))
        self.visited.add(scope)
        outer, self.context = self.context, context
        for node in live(self.values, scope, context):
            if isinstance(node, s.Call):
                self._call(node, scope, context, depth)
            elif (
                isinstance(node, s.Assign)
                and node.value is not None
                and not isinstance(node.value, s.Call)
                and any(isinstance(t, s.Attribute) for t in node.targets)
            ):
                self._hold(self.values.of(node.value, scope, context), scope, node.value)
        self.context = outer

    def _call(self, call: s.Call, scope: Scope, context: Context | None, depth: int) -> None:
        for function in self.values.of(call.func, scope, context):
            self._apply(function, call, scope, context, depth)
        if isinstance(call.func, s.Attribute) and call.func.attr in ("add_module", "register_module", "__init__"):
            for arg in call.args:
                if not isinstance(arg.value, s.Call):
                    self._hold(self.values.of(arg.value, scope, context), scope, arg.value)
        elif isinstance(call.func, s.Name) and call.func.text == "setattr" and len(call.args) == 3:
            self._hold(self.values.of(call.args[2].value, scope, context), scope, call)
        elif isinstance(call.func, s.Call):
            self._picked(call, call.func, scope, context)

    def _apply(self, function: Value, call: s.Call, scope: Scope, context: Context | None, depth: int) -> None:
        if isinstance(function, Func):
            outer = self.looping
            self.looping = outer or self.finder.in_loop(scope, call, context)
            self.region(function.scope, self.values.enter(function, call, scope, context), depth + 1)
            self.looping = outer
        elif isinstance(function, Partial):
            self._apply(function.function, function.site, function.scope, function.context, depth + 1)
        elif isinstance(function, (Cls, Lib)) or (isinstance(function, Bound) and depth == 0):
            self._hold(self.values.result(function, call, scope, context), scope, call)

    def _picked(self, call: s.Call, getter: s.Call, scope: Scope, context: Context | None) -> None:
        """`getattr(nn, kind)(…)` with a kind that cannot be known: what the project names by such a string."""
        if not (isinstance(getter.func, s.Name) and getter.func.text == "getattr" and len(getter.args) >= 2):
            return
        if self.values.of(getter, scope, context):
            return
        for base in self.values.of(getter.args[0].value, scope, context):
            if not isinstance(base, Lib):
                continue
            for name, _ in self.values.vocabulary.entries("recurrent_names"):
                cls = Lib(f"{base.path}.{name}")
                if self.values.vocabulary.about("recurrent", cls.path) and self._named(name):
                    self._hold(frozenset([Made(cls, call, scope, context)]), scope, call)

    def _named(self, name: str) -> bool:
        return any(self.values.files.mentions(f"{quote}{name}{quote}") for quote in ("'", '"'))

    def _hold(self, values: ValueSet, scope: Scope, node: s.Node) -> None:
        element = node.element if isinstance(node, s.Comprehension) else node
        around = self.looping or self.finder.in_loop(scope, element, self.context)
        for made in self.finder.flat(values):
            if made == self.made:
                continue
            repeated = around
            key = (made, scope.module, node)
            if made.site is not None and made.scope is not None:
                key = (made, made.scope.module, made.site)
                near = made.scope is scope or made.scope in self.visited
                repeated = around or (near and self.finder.in_loop(made.scope, made.site, made.context))
            self._held[key] = self._held.get(key, False) or repeated


def live(values: Values, scope: Scope, context: Context | None) -> Iterator[s.Node]:
    """The nodes of a function's own code, without branches that its arguments switch off."""
    stack: list[s.Node] = [scope.body]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, s.NESTED):
            continue
        if isinstance(node, (s.If, s.Conditional)):
            decided = truth(values, node.test, scope, context)
            taken = [node.test, *([node.then] if decided is not False else [])]
            if decided is not True and node.orelse is not None:
                taken.append(node.orelse)
            stack.extend(reversed(taken))
        else:
            stack.extend(reversed(list(s.children(node))))


def _loops(scope: Scope) -> Iterator[tuple[int, int, s.Expr | None]]:
    """The id ranges of a function's repeated code, with what is iterated."""
    for node in scope.nodes:
        if isinstance(node, (s.For, s.While)):
            yield *span(node.body), node.iter if isinstance(node, s.For) else None
        elif isinstance(node, s.Comprehension):
            yield *span(node.element), node.clauses[0].iter
        elif isinstance(node, s.Binary) and node.op == "*":
            for side in (node.left, node.right):
                if isinstance(side, s.Sequence):
                    yield *span(side), None
