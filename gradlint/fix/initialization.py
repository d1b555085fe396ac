"""He initialization for the layers of a network, written where the network builds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gradlint.fix import layout, verbs
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.networks import Network, Stack
from gradlint.program.networks.objects import (
    Container,
    Layer,
    Link,
    Obj,
    Value,
    layer_of,
    submodules,
    walk_modules,
)
from gradlint.program.places import span
from gradlint.program.scopes import Scope
from gradlint.program.values import Values
from gradlint.records import dataclass

_TITLE = "Initialize these layers for the activation that follows them"
_NAMES = ("layer", "linear", "weighted", "layer_")
_MOST = 12
_FEW = 4


class _Unfixed(Exception):  # noqa: N818 - a reason, no error
    """Why there is no fix."""


@dataclass(frozen=True)
class _Spelling:
    """How the file says the library's names, with the imports that this needs."""

    weight: str
    bias: str
    types: dict[str, str]
    edits: tuple[Edit, ...]


def he_initialization(network: Network, stacks: Sequence[Stack]) -> Fix | str:
    """The fix for all layers of some stacks of one network, or why there is none."""
    links = list({link.layer: link for stack in stacks for link in stack.links}.values())
    try:
        if any(link.layer.facts.get("lazy") for link in links):
            raise _Unfixed("the layers have no weights before the first forward pass")
        root = stacks[0].outcome.root
        edits = _in_class(network, root, links) if isinstance(root, Obj) else _in_sequence(network, root, links)
    except _Unfixed as reason:
        return str(reason)
    return Fix(_TITLE, Safety.SAFE, tuple(sorted(set(edits))))


# --- where the code goes ---------------------------------------------------------------------


def _in_class(network: Network, root: Obj, links: list[Link]) -> list[Edit]:
    """At the end of the constructor; what a branch of it builds, at the end of that branch."""
    scope = _constructor(network)
    receiver = scope.self_name
    if receiver is None:
        raise _Unfixed("the constructor has no name for its instance")
    edits: list[Edit] = []
    blocks: dict[s.Block, list[Link]] = {}
    assert isinstance(scope.node, s.Function)
    owners = {link.layer: _attribute(root, link.layer) for link in links}
    for link in links:
        name = owners[link.layer]
        block = scope.node.body if name is None else _block(network, scope, name)
        blocks.setdefault(block, []).append(link)
    for block, members in blocks.items():
        spelling = _spelling(network, scope, members, None)
        edits += spelling.edits
        lines = _Writer(receiver, root, spelling, _free_name(scope), network.project.world.values).lines(members)
        put = verbs.append_to_block(network.module, block, lines)
        if put is None:
            raise _Unfixed("the constructor does not end where code can be added")
        edits += put
    return edits


def _in_sequence(network: Network, root: Container, links: list[Link]) -> list[Edit]:
    """After the statement that makes the sequence."""
    module, call = network.module, network.node
    assert isinstance(call, s.Call)
    if not call.args:
        raise _Unfixed("the sequence is filled after it is made")
    function = network.scope.function
    if function is not None and len(network.project.world.values.callers(function)) > 1:
        raise _Unfixed("the function that makes the sequence makes others too")
    stmt = next((n for n in _statements(network.scope.body) if s.holds(n, call)), None)
    target = _target(stmt, call)
    spelling = _spelling(network, network.scope, links, call)
    values = network.project.world.values
    free = _free_name(network.scope)
    if target is not None and stmt is not None:
        put = verbs.insert_after(module, stmt, _Writer(target, root, spelling, free, values).lines(links))
    elif isinstance(stmt, s.Return) and stmt.value is call:
        lines = [*_Writer("network", root, spelling, free, values).lines(links), "return network"]
        after = verbs.insert_after(module, stmt, lines)
        start = module.span(stmt)[0]
        put = None if after is None else (Edit(start, start + len("return"), "network ="), *after)
        if "network" in network.scope.bindings:
            put = None
    else:
        raise _Unfixed("the sequence has no name by which its layers can be reached")
    if put is None:
        raise _Unfixed("no code can be added after the sequence")
    return [*spelling.edits, *put]


def _constructor(network: Network) -> Scope:
    binding = network.scope.bindings.get("__init__", [None])[-1]
    if binding is None or binding.kind != "function":
        raise _Unfixed("the class has no constructor of its own")
    return network.scope.inner[binding.node.id]


def _attribute(root: Obj, layer: Layer) -> str | None:
    """The attribute of a network through which a layer is reached."""
    for name, value in submodules(root).items():
        if any(layer_of(m) is layer for _, m in walk_modules(value)):
            return name
    return None


def _block(network: Network, scope: Scope, name: str) -> s.Block:
    """The block at whose end an attribute of the network holds what it is to hold."""
    assert isinstance(scope.node, s.Function)
    stores = [
        store
        for cls in network.project.world.values.lineage(network.scope)
        for store in network.project.world.values.self_stores(cls, name)
    ]
    inside = [store for store in stores if store.scope is scope]
    if len(inside) != 1:
        return scope.node.body
    found = layout.spot(network.module, inside[0].node)
    while found is not None and isinstance(found.owner, s.With):
        found = layout.spot(network.module, found.owner)
    if found is None or found.block is scope.node.body:
        return scope.node.body
    if isinstance(found.owner, s.If):
        return found.block
    raise _Unfixed(f"`{scope.self_name}.{name}` is set within a loop")


def _statements(node: s.Node) -> Iterable[s.Stmt]:
    """The simple statements of a body, without those of functions inside it."""
    for here in s.walk(node, into=False):
        if isinstance(here, (s.Assign, s.Return, s.Evaluate)):
            yield here


def _target(stmt: s.Stmt | None, call: s.Call) -> str | None:
    """The name that an assignment gives to a sequence, `.to(device)` and the like behind it included."""
    if not isinstance(stmt, s.Assign) or len(stmt.targets) != 1:
        return None
    value: s.Expr | None = stmt.value
    while isinstance(value, s.Call) and value is not call and isinstance(value.func, s.Attribute):
        value = value.func.value
    return s.dotted(stmt.targets[0]) if value is call else None


# --- how it is said --------------------------------------------------------------------------


def _spelling(network: Network, scope: Scope, links: list[Link], before: s.Node | None) -> _Spelling:
    vocabulary = network.project.world.library.vocabulary
    edits: list[Edit] = []

    def say(dotted: str) -> str:
        parent, _, name = dotted.rpartition(".")
        found = verbs.import_name(network.module, dotted, scope, before)
        if found is None or found[0]:
            whole = verbs.import_name(network.module, parent, scope, before)
            if whole is not None:
                found = (whole[0], f"{whole[1]}.{name}")
        if found is None:
            raise _Unfixed("the import that the initialization needs cannot be added")
        edits.extend(found[0])
        return found[1]

    weight, bias = (vocabulary.entry("repairs", key) for key in ("relu_weight", "bias"))
    types = {link.layer.path: say(link.layer.path) for link in links}
    needed = any(_has_bias(link.layer) for link in links)
    return _Spelling(say(str(weight)), say(str(bias)) if needed else "", types, tuple(edits))


def _has_bias(layer: Layer) -> bool:
    return layer.fact("bias") is not False


def _free_name(scope: Scope) -> str:
    taken = scope.bindings
    return next((name for name in _NAMES if name not in taken), _NAMES[-1])


@dataclass(frozen=True)
class _Writer:
    """Writes the loops over the layers of a network that is called `name` here."""

    name: str
    root: Value
    spelling: _Spelling
    free: str
    values: Values

    def lines(self, links: list[Link]) -> list[str]:
        """A loop for the layers that are initialized alike."""
        alike: dict[tuple[str, float | None], list[Link]] = {}
        for link in links:
            alike.setdefault((link.nonlinearity, link.slope), []).append(link)
        return [line for group in alike.values() for line in self._loops(group)]

    def _loops(self, links: list[Link]) -> list[str]:
        """The layers one by one where that is short, else those of each part of the network, else all in one walk."""
        layers = [link.layer for link in links]
        walk = self._walk(links)
        elements = self._elements(layers)
        if walk is not None and (elements is None or (walk.plain and len(elements) > _FEW)):
            return walk.lines
        if elements is not None:
            return self._listed(elements, links)
        parts: dict[str | None, list[Link]] = {}
        for link in links:
            key = _attribute(self.root, link.layer) if isinstance(self.root, Obj) else None
            parts.setdefault(key, []).append(link)
        if len(parts) < 2:
            raise _Unfixed("the layers lie among others of the same type that are to stay as they are")
        return [line for part in parts.values() for line in self._loops(part)]

    def _listed(self, elements: list[str], links: list[Link]) -> list[str]:
        if len(elements) == 1 and not elements[0].startswith("*"):
            return self._body(links, elements[0])
        body = self._body(links, self.free)
        over = f"({', '.join(elements)})" if len(elements) > 1 else elements[0][1:]
        return _wrapped(f"for {self.free} in ", over, elements, body)

    def _body(self, links: list[Link], layer: str) -> list[str]:
        nonlinearity, slope = links[0].nonlinearity, links[0].slope
        given = f', nonlinearity="{nonlinearity}"'
        if nonlinearity != "relu" and slope is not None:
            given = f", a={slope:g}{given}"
        lines = [f"{self.spelling.weight}({layer}.weight{given})"]
        biased = [_has_bias(link.layer) for link in links]
        if all(biased):
            lines.append(f"{self.spelling.bias}({layer}.bias)")
        elif any(biased):
            lines += [f"if {layer}.bias is not None:", f"    {self.spelling.bias}({layer}.bias)"]
        return lines

    # --- one by one ---------------------------------------------------------------------------

    def _elements(self, layers: list[Layer]) -> list[str] | None:
        """The layers as expressions, a whole list of them as `*list`; None if they cannot be said so."""
        out: list[str] = []
        left = set(layers)
        for layer in layers:
            if layer not in left:
                continue
            found = self._expression(layer, left)
            if found is None:
                return None
            out.append(found[0])
            left -= found[1]
        return out if len(out) <= _MOST else None

    def _expression(self, layer: Layer, left: set[Layer]) -> tuple[str, set[Layer]] | None:
        text = self.name
        for holder, key, value in self._path(layer) or [(None, "", None)]:
            held = holder.container if isinstance(holder, Obj) and holder.container is not None else holder
            if isinstance(held, Container):
                own = [layer_of(v) for v in held.items.values()]
                if held.kind == "list" and all(x in left for x in own) and value is layer:
                    return f"*{text}", {x for x in own if x is not None}
                if not _literal(held) and not (isinstance(self.root, Obj) and self._straight(self.root.cls)):
                    return None
                text = f"{text}[{key}]" if key.isdigit() else f"{text}.{key}"
            elif isinstance(held, Obj) and key.isidentifier():
                if not any(self.values.self_stores(cls, key) for cls in self.values.lineage(held.cls)):
                    return None
                text = f"{text}.{key}"
            else:
                return None
        return text, {layer}

    def _straight(self, cls: Scope) -> bool:
        """Whether a class builds the same layers every time: no loop in what makes them."""
        loops = (s.For, s.While, s.Comprehension)
        builders = [x for x in cls.inner.values() if x.name not in ("forward", "__call__")]
        if any(isinstance(n, loops) for x in builders for n in s.walk(x.body)):
            return False
        low, high = span(cls.node)
        sites = [x.site for _, m in walk_modules(self.root) if (x := layer_of(m)) is not None]
        return all(x is not None and x.module is cls.module and low <= x.node.id <= high for x in sites)

    def _path(self, layer: Layer) -> list[tuple[Value, str, Value]] | None:
        """The steps from the network to a layer: what holds, by which name, what is held."""
        stack: list[tuple[Value, list[tuple[Value, str, Value]]]] = [(self.root, [])]
        seen: set[int] = set()
        while stack:
            here, path = stack.pop()
            if layer_of(here) is layer:
                return path
            if id(here) in seen:
                continue
            seen.add(id(here))
            stack.extend((inner, [*path, (here, key, inner)]) for key, inner in submodules(here).items())
        return None

    # --- by their type ------------------------------------------------------------------------

    def _walk(self, links: list[Link]) -> _Walk | None:
        """A walk over the narrowest part that holds the layers, restricted to exactly these."""
        layers = [link.layer for link in links]
        types = list(dict.fromkeys(layer.path for layer in layers))
        kinds = [self.spelling.types[path] for path in types]
        test = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
        body = self._body(links, self.free)
        for text, part in self._parts(layers):
            own = list(dict.fromkeys(x for _, m in walk_modules(part) if (x := layer_of(m)) is not None))
            own = [x for x in own if x.path in types]
            wanted = [x for x in own if x in set(layers)]
            if wanted == own:
                head = [f"for {self.free} in {text}.modules():", f"    if isinstance({self.free}, {test}):"]
                return _Walk([*head, *(f"        {line}" for line in body)], True)
            start = own.index(wanted[0])
            rest = [*own[:start], *own[start + len(wanted) :]]
            if wanted == own[start : start + len(wanted)] and self._counted(rest, wanted):
                behind = len(own) - start - len(wanted)
                cut = f"[{start or ''}:{-behind if behind else ''}]"
                chosen = f"[m for m in {text}.modules() if isinstance(m, {test})]{cut}"
                return _Walk([f"for {self.free} in {chosen}:", *(f"    {line}" for line in body)], False)
        return None

    def _counted(self, rest: list[Layer], wanted: list[Layer]) -> bool:
        """Whether the layers to leave out are as many every time: each is made at a place of its own."""
        if isinstance(self.root, Obj) and self._straight(self.root.cls):
            return True
        sites = [x.site.node if x.site is not None else None for x in rest]
        if len(set(sites)) < len(sites) or any(x.site is not None and x.site.node in sites for x in wanted):
            return False
        return all(len(x.makers) <= 1 for x in rest)

    def _parts(self, layers: list[Layer]) -> list[tuple[str, Value]]:
        """The parts of the network that hold all of the layers, the narrowest first."""
        out: list[tuple[str, Value]] = [(self.name, self.root)]
        here, text = self.root, self.name
        while True:
            inner = [
                (key, value)
                for key, value in submodules(here).items()
                if set(layers) <= {layer_of(m) for _, m in walk_modules(value)}
            ]
            if len(inner) != 1 or not inner[0][0].isidentifier():
                return out
            text, here = f"{text}.{inner[0][0]}", inner[0][1]
            out.insert(0, (text, here))


@dataclass(frozen=True)
class _Walk:
    """A loop over modules; `plain` if it takes all of a type."""

    lines: list[str]
    plain: bool


def _literal(held: Container) -> bool:
    """Whether a container holds what its call lists, each at its place."""
    if held.site is None:
        return False
    args = held.site.node.args
    if len(args) == 1 and isinstance(args[0].value, s.Sequence):
        listed: Sequence[s.Expr] = args[0].value.items
    else:
        listed = [arg.value for arg in args if not arg.star]
        if len(listed) != len(args):
            return False
    return len(listed) == len(held.items) and not any(isinstance(item, s.Starred) for item in listed)


def _wrapped(lead: str, over: str, elements: list[str], body: list[str]) -> list[str]:
    """A loop's header, over several lines if it is long, and its body."""
    header = f"{lead}{over}:"
    head = [header]
    if len(header) > 88 and over.startswith("("):
        head = [f"{lead}("]
        line = "   "
        for element in elements:
            if len(line) + len(element) > 88:
                head.append(line)
                line = "   "
            line += f" {element},"
        head += [line, "):"]
    return [*head, *(f"    {line}" for line in body)]
