"""What kind of network a network is: recurrent, a transformer, or neither."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.blocks import Blocks, Stack
from gradlint.program.families import is_transformer
from gradlint.program.frozen import Frozen
from gradlint.program.loops import Loops, hands_on, not_trained, plainly
from gradlint.program.names import Lib
from gradlint.program.parts import Part, Parts, live
from gradlint.program.project import Module
from gradlint.program.reach import same_network
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Context, Func, Made, Unknown, Value, Values
from gradlint.records import dataclass

_METHODS = 40  # how many methods of one network's forward pass are read
_BY_HAND = "a hand-written recurrence over time"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the code shows a trait, and what it is in a few words; `read`: from how the code is written."""

    module: Module
    node: s.Node
    what: str
    read: bool = False


class Traits:
    """Answers what kind of network a value is."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.parts = Parts(values)
        self._loops = Loops(values, self.weighted)
        self._frozen = Frozen(values)
        self._blocks = Blocks(values, self.parts, self._frozen)
        self._recurrent: dict[Made, Evidence | None] = {}
        self._transformers: dict[Made, Evidence | None] = {}
        self._weighted: dict[Made, bool] = {}
        self._looping: dict[tuple[Cls, bool], Evidence | None] = {}

    def whole(self, made: Made) -> tuple[Part, ...]:
        """A network and the parts of it that are trained."""
        return self.parts.whole(made, self._frozen.holds)

    def frozen(self, made: Made) -> bool:
        """Whether the project freezes a network as a whole."""
        return self._frozen.holds(made)

    def frozen_in(self, made: Made, scope: Scope) -> bool:
        """Whether a function freezes a network that is trained elsewhere."""
        return self._frozen.holds_in(made, scope)

    def stack(self, made: Made) -> Stack:
        """What a network has of a transformer."""
        return self._blocks.of(made)

    # --- recurrence ---------------------------------------------------------------------------

    def recurrent(self, made: Made | Cls) -> Evidence | None:
        """Where a network carries a state over time; None if it does not."""
        network = made if isinstance(made, Made) else Made(made)
        if network not in self._recurrent:
            self._recurrent[network] = self._find_recurrent(network)
        return self._recurrent[network]

    def _find_recurrent(self, network: Made) -> Evidence | None:
        parts = self.whole(network)
        for part in parts:
            path = next((p for p in self.values.bases_of(part.made) if self._is_recurrent(p)), None)
            if path is not None:
                return Evidence(part.module, part.node, f"`{_short(path)}`")
        for index, part in enumerate(parts):
            if isinstance(part.made.of, Cls):
                found = self._hand_written(part, outermost=index == 0)
                if found is not None:
                    return found
        return None

    def _is_recurrent(self, path: str) -> bool:
        return self.values.vocabulary.about("recurrent", path) is True

    def _hand_written(self, part: Part, *, outermost: bool) -> Evidence | None:
        assert isinstance(part.made.of, Cls)
        key = (part.made.of, outermost)
        if key not in self._looping:
            self._looping[key] = None
            for scope, context in self.passes(part.made):
                found = self._loops.feedback(scope, context, list(trained(self.values, scope, context)))
                if found is not None:
                    self._looping[key] = Evidence(scope.module, found.loop, _BY_HAND, read=True)
                    break
        return self._looping[key]

    def fed_back(self, scope: Scope, networks: Iterable[Made]) -> Evidence | None:
        """Where code that trains calls one of its networks in a loop with what the call before gave."""
        nodes = {id(node): node for node in trained(self.values, scope, None)}
        for loop in nodes.values():
            if not isinstance(loop, (s.For, s.While)) or _runs_backward(loop):
                continue
            if self._loops.is_deep(loop, scope, None):
                continue
            for stmt in s.walk(loop.body, into=False):
                if not isinstance(stmt, s.Assign) or not isinstance(stmt.value, s.Call) or id(stmt) not in nodes:
                    continue
                called = self.values.of(plainly(stmt.value.func), scope) if hands_on(stmt, stmt.value) else frozenset()
                if any(
                    isinstance(v, Made) and self.weighted(v) and any(same_network(v, n, self.values) for n in networks)
                    for v in called
                ):
                    return Evidence(scope.module, loop, _BY_HAND, read=True)
        return None

    # --- transformers -------------------------------------------------------------------------

    def transformer(self, made: Made | Cls) -> Evidence | None:
        """Where a network has blocks of self-attention with a feed-forward, two at least; None if it has not."""
        network = made if isinstance(made, Made) else Made(made)
        if network not in self._transformers:
            self._transformers[network] = self._find_transformer(network)
        return self._transformers[network]

    def _find_transformer(self, network: Made) -> Evidence | None:
        for part in self.whole(network):
            for path in self.values.bases_of(part.made):
                if is_transformer(path, part.made, self.values):
                    name = part.made.of.scope.name if isinstance(part.made.of, Cls) else _short(path)
                    return Evidence(part.module, part.node, f"`{name}`")
        stack = self._blocks.of(network)
        if stack.blocks < 2 or stack.module is None or stack.node is None:
            return None
        return Evidence(stack.module, stack.node, "blocks of self-attention with a feed-forward")

    # --- what a forward pass runs -------------------------------------------------------------

    def passes(self, made: Made, *, whole: bool = True) -> Iterator[tuple[Scope, Context | None]]:
        """The methods of a network that its forward pass in training runs, each with a context.

        With `whole`, what computes a loss by it, too.
        """
        assert isinstance(made.of, Cls)
        queue: list[Func] = []
        for name, what in self.values.vocabulary.entries("passes"):
            method = self.values.method(made, name) if whole or what == "network" else None
            if method is not None:
                queue.append(method)
        seen: set[Scope] = set()
        while queue and len(seen) < _METHODS:
            method = queue.pop(0)
            if method.scope in seen or not_trained(method.scope, self.values):
                continue
            seen.add(method.scope)
            context = self.values.context(method.scope, (), method.receiver, 1, method.context)
            yield method.scope, context
            for node in trained(self.values, method.scope, context):
                if isinstance(node, s.Call):
                    called = self.values.of(node.func, method.scope, context)
                    queue.extend(v for v in called if isinstance(v, Func) and v.receiver in (made, None))

    def unknown_calls(self, made: Made) -> Iterator[tuple[Scope, s.Call]]:
        """The calls of what an instance holds, in its forward pass, of which it is not known what they run."""
        for scope, context in self.passes(made):
            for node in trained(self.values, scope, context):
                if isinstance(node, s.Call) and isinstance(node.func, s.Attribute):
                    holder = node.func.value
                    own = isinstance(holder, s.Name) and holder.text == scope.self_name
                    held = self.values.of(node.func, scope, context) if own else ()
                    if own and all(isinstance(value, Unknown) for value in held):
                        yield scope, node

    def weighted(self, value: Value) -> bool:
        """Whether a module learns more than a scale."""
        if not isinstance(value, Made) or not self.parts.is_module(value):
            return False
        known = self._weighted.get(value)
        if known is None:
            self._weighted[value] = False
            known = self._weighted[value] = self._has_weights(value)
        return known

    def _has_weights(self, made: Made) -> bool:
        vocabulary = self.values.vocabulary
        if isinstance(made.of, Lib):
            if vocabulary.is_container(made.of.path):
                return any(self.weighted(p.made) for p in self.parts.direct(made))
            return vocabulary.about("weightless", made.of.path) is None and _concrete(made.of.path)
        if any(self.weighted(p.made) for p in self.parts.direct(made)):
            return True
        if any(
            vocabulary.about("weightless", p) is None and not vocabulary.is_container(p) and _concrete(p)
            for p in self.values.library_bases(made.of.scope)
        ):
            return True
        return any(
            isinstance(f, Lib) and vocabulary.entry("weights", f.path)
            for here in self.values.lineage(made.of.scope)
            for name in ("Parameter", "UninitializedParameter")
            for call, where in here.module.calls.get(name, ())
            if where.owner is here
            for f in self.values.of(call.func, where)
        )


def _runs_backward(loop: s.Node) -> bool:
    return any(isinstance(c.func, s.Attribute) and c.func.attr == "backward" for c in s.calls(loop, into=False))


def trained(values: Values, scope: Scope, context: Context | None) -> Iterator[s.Node]:
    """The nodes of a function that run in training with gradients: no evaluation branch, nothing under `no_grad`."""
    blocks: list[s.Node] = [scope.body]
    keep = {id(n) for n in live(values, scope, context)}
    while blocks:
        node = blocks.pop()
        if id(node) not in keep:
            continue
        yield node
        if isinstance(node, s.NESTED):
            continue
        if isinstance(node, s.With) and any(_stops_gradient(values, item) for item, _ in node.items):
            continue
        below = list(s.children(node))
        if isinstance(node, s.If):
            training = _asks_training(node.test)
            if training is True and node.orelse is not None:
                below.remove(node.orelse)
            elif training is False:
                below.remove(node.then)
        elif isinstance(node, s.Block):
            below = _until_return(node)
        blocks.extend(reversed(below))


def _until_return(block: s.Block) -> list[s.Node]:
    """A block's statements; what follows `if self.training: … return` runs in evaluation only."""
    out: list[s.Node] = []
    for stmt in block.body:
        out.append(stmt)
        if not isinstance(stmt, s.If) or _asks_training(stmt.test) is not True:
            continue
        if stmt.then.body and isinstance(stmt.then.body[-1], (s.Return, s.Raise)):
            break
    return out


def _asks_training(test: s.Expr) -> bool | None:
    """True for `self.training`, False for `not self.training`, None for another test."""
    if isinstance(test, s.Unary) and test.op == "not":
        inner = _asks_training(test.value)
        return None if inner is None else not inner
    if isinstance(test, s.Attribute) and test.attr == "training":
        return True
    if isinstance(test, s.Boolean) and test.op == "and":
        sides = (_asks_training(test.left), _asks_training(test.right))
        return False if False in sides else None
    return None


def _stops_gradient(values: Values, item: s.Expr) -> bool:
    func = item.func if isinstance(item, s.Call) else item
    name = (s.dotted(func) or "").rpartition(".")[2]
    return values.vocabulary.entry("cut", name) is not None


def _short(path: str) -> str:
    """A class as people write it: `nn.LSTM`, `AutoModel` for its `from_pretrained`."""
    parts = path.split(".")
    if len(parts) > 1 and parts[-1][:1].islower() and parts[-2][:1].isupper():
        return parts[-2]
    return ".".join(parts[-2:])


def _concrete(path: str) -> bool:
    """Whether a base class is a layer, not just `Module`."""
    return not path.rpartition(".")[2].endswith("Module")
