"""Networks that are trained against each other: one judges what the other makes, and each has updates of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gradlint.program import syntax as s
from gradlint.program.mentions import mentions
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.traits import trained
from gradlint.program.updates import Update
from gradlint.program.values import Bound, Cls, Func, Made, Value, Values
from gradlint.records import dataclass

_DEPTH = 8
_RETURNS = 4
_BY_HAND = frozenset(["clamp_", "weight"])  # one of these is in a file that bounds a network by its own code


@dataclass(frozen=True, slots=True)
class Contest:
    """That the loss of one update goes through a network that another update trains.

    `judge` is that network, `call` where it judges what the other's network made; `judging`: this update trains it.
    """

    judge: Made
    call: s.Call
    scope: Scope
    maker: Update
    critic: Update
    judging: bool


def contest(update: Update, others: Iterable[Update]) -> Contest | None:
    """Whether an update is one side of a generative adversarial training, and where that shows.

    The maker's loss goes through the judge, applied to what the maker's networks made, and so does the judge's own
    loss, where what was made may be detached. A critic of actions is none: its loss judges actions that are on record.
    """
    known = list(others)
    for other in known:
        for maker, critic in ((update, other), (other, update)):
            if not _apart(maker, critic):
                continue
            found = _judged(maker, critic, maker)
            if found is None or _judged(critic, critic, maker) is None or _together(maker, critic, [update, *known]):
                continue
            return Contest(*found, maker, critic, critic is update)
    return None


def side(update: Update, others: Sequence[Update]) -> Contest | None:
    """The contest of an update, or of another one that trains the same side by a loss of its own, as a penalty is."""
    found = contest(update, others)
    for other in others if found is None else ():
        if other is update or not _shares(update, other):
            continue
        shared = contest(other, others)
        if shared is not None and not _shares(update, shared.maker if shared.judging else shared.critic):
            return shared
    return found


def bounded(side: Contest) -> bool:
    """Whether something in the files of the two updates and of what may be the judge bounds how steep it is.

    Spectral normalization, a penalty on its gradient, weights that are clamped: vocabulary `bounding`.
    """
    scopes = [scope for module in _files(side) for scope in module.scopes]
    if next(mentions("bounding", scopes, side.critic.program.values), None) is not None:
        return True
    return any(
        clamps(node) or shrinks(node)
        for scope in scopes
        if not _BY_HAND.isdisjoint(scope.module.words)
        for node in scope.nodes
    )


def clamps(node: s.Node) -> bool:
    """Whether an expression is the method that clamps a weight in place."""
    return isinstance(node, s.Attribute) and node.attr == "clamp_" and "grad" not in s.text(node.value)


def shrinks(node: s.Node) -> bool:
    """Whether an expression is a layer's own weight by something that it computes, as its largest singular value."""
    if not isinstance(node, s.Binary) or node.op != "/" or not isinstance(node.left, s.Attribute):
        return False
    return node.left.attr == "weight" and not isinstance(node.right, s.Constant)


def _files(side: Contest) -> Iterable[Module]:
    """The files of the updates and of the judge, and of the functions that the former call."""
    program, found = side.critic.program, dict[Module, None]()
    for update in (side.maker, side.critic):
        for scope in dict.fromkeys([update.scope, *(act.scope for act in update.backwards)]):
            found[scope.module] = None
            for call in s.calls(scope.body):
                for value in program.values.of(call.func, scope):
                    if isinstance(value, Func):
                        found[value.scope.module] = None
    for judge in _judges(side):
        found.update((part.module, None) for part in program.traits.parts.whole(judge))
    return found


def _judges(side: Contest) -> Iterator[Made]:
    """The judge, and each network that the settings may put in its place."""
    yield side.judge
    for made in side.critic.program.trail.called(side.call, side.scope):
        if made is not side.judge and any(_same(made, each) for each in side.critic.networks):
            yield made


def _shares(one: Update, other: Update) -> bool:
    return any(_same(a, b) for a in one.networks for b in other.networks)


def _apart(one: Update, other: Update) -> bool:
    """Whether two updates train different networks by losses of their own."""
    if one is other or not one.networks or not other.networks or _shares(one, other):
        return False
    return bool(one.backwards) and bool(other.backwards) and set(one.backwards) != set(other.backwards)


def _together(maker: Update, critic: Update, updates: Sequence[Update]) -> bool:
    """Whether one loss trains both networks somewhere, each by a step of its own: an encoder with its decoder."""
    makers = [x for x in updates if _shares(x, maker) and not _shares(x, critic)]
    critics = [x for x in updates if _shares(x, critic) and not _shares(x, maker)]
    return any(not set(one.backwards).isdisjoint(other.backwards) for one in makers for other in critics)


def _judged(update: Update, critic: Update, maker: Update) -> tuple[Made, s.Call, Scope] | None:
    """Where the loss of an update comes from the critic's network, given what the maker's network made."""
    trail = update.program.trail
    for act in update.backwards:
        if act.operand is None:
            continue
        for call, scope, runs in trail.known(act.operand, act.scope):
            judge = next((v for v in runs if any(_same(v, n) for n in critic.networks)), None)
            if judge is None:
                continue
            made = (x for arg in call.args for x in trail.calls(arg.value, scope, cut=update is not critic))
            if any(_same(v, n) for inner, where in made for v in trail.called(inner, where) for n in maker.networks):
                return judge, call, scope
    return None


def _same(one: Made, other: Made) -> bool:
    return one.of == other.of and one.site is other.site


class Trail:
    """Follows values back to the calls that they come from, through names, attributes and functions."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._gradients: dict[Scope, frozenset[int]] = {}
        self._known: dict[tuple[s.Expr, Scope], tuple[tuple[s.Call, Scope, tuple[Made, ...]], ...]] = {}

    def known(self, loss: s.Expr, scope: Scope) -> tuple[tuple[s.Call, Scope, tuple[Made, ...]], ...]:
        """The calls that a loss comes from by gradients, and what each may run."""
        found = self._known.get((loss, scope))
        if found is None:
            calls = self.calls(loss, scope)
            found = self._known[loss, scope] = tuple((c, where, tuple(self.called(c, where))) for c, where in calls)
        return found

    def called(self, call: s.Call, scope: Scope) -> Iterator[Made]:
        """The instances that a call may run, by themselves or by a method."""
        for value in self.values.of(call.func, scope):
            if isinstance(value, Made):
                yield value
            elif isinstance(value, (Bound, Func)) and isinstance(value.receiver, Made):
                yield value.receiver

    def calls(self, expr: s.Expr, scope: Scope, *, cut: bool = True) -> Iterator[tuple[s.Call, Scope]]:
        """The calls that a value comes from; with `cut`, only where gradients go back through them."""
        seen: set[tuple[Scope, int, tuple[int, ...]]] = set()
        queue: list[tuple[s.Expr, Scope, tuple[int, ...], int]] = [(expr, scope, (), _DEPTH)]
        while queue:
            here, where, path, depth = queue.pop(0)
            here, path = _part(here, path)
            for node in self._within(here, where, cut):
                if isinstance(node, s.Call):
                    yield node, where
                taken = path if node is here else ()
                if depth == 0 or (where, node.id, taken) in seen:
                    continue
                seen.add((where, node.id, taken))
                queue += [(*source, depth - 1) for source in self._sources(node, where, taken)]

    def _within(self, expr: s.Expr, scope: Scope, cut: bool) -> Iterator[s.Node]:
        if cut and expr.id not in self._differentiated(scope):
            return
        queue: list[s.Node] = [expr]
        while queue:
            node = queue.pop(0)
            yield node
            if not (cut and self._detaches(node)):
                queue += s.children(node)

    def _detaches(self, node: s.Node) -> bool:
        if not isinstance(node, s.Call) or not isinstance(node.func, s.Attribute):
            return False
        return self.values.vocabulary.entry("detaches", node.func.attr) is not None

    def _differentiated(self, scope: Scope) -> frozenset[int]:
        if scope not in self._gradients:
            self._gradients[scope] = frozenset(node.id for node in trained(self.values, scope, None))
        return self._gradients[scope]

    def _sources(
        self, node: s.Node, scope: Scope, path: tuple[int, ...]
    ) -> Iterator[tuple[s.Expr, Scope, tuple[int, ...]]]:
        """What a name, an attribute of an instance, or the result of a function of the project was before.

        `path` is the part of the value that is asked for, and comes with each of them: of `return a, b`, one has `b`.
        """
        if isinstance(node, s.Name) and (home := scope.lookup(node.text)) is not None:
            for binding in home.reaching(node.text, node.id if home is scope else None):
                if binding.value is not None and binding.kind in ("value", "update", "element"):
                    yield binding.value, home, (*binding.path, *path) if binding.kind == "value" else ()
        elif isinstance(node, s.Attribute) and isinstance(node.value, s.Name) and scope.owner is not None:
            if node.value.text == scope.self_name:
                for owner in self.values.lineage(scope.owner):
                    for store in self.values.self_stores(owner, node.attr):
                        if store.value is not None:
                            yield store.value, store.scope, (*store.path, *path) if store.kind == "value" else ()
        elif isinstance(node, s.Call):
            for value in self.values.of(node.func, scope):
                if (run := self._run(value, scope)) is not None:
                    for stmt in run.scope.returns[:_RETURNS]:
                        if stmt.value is not None:
                            yield stmt.value, run.scope, path

    def _run(self, called: Value, scope: Scope) -> Func | None:
        """The function of the project that a call of a value runs: itself, or the forward pass of a module.

        A pass that hands on to methods of its own may run another one for each loss, and which is not followed.
        """
        passes = [name for name, what in self.values.vocabulary.entries("passes") if what == "network"]
        if isinstance(called, Func):
            own = scope.name in passes and scope.owner is not None and called.scope.owner is scope.owner
            return None if own else called
        if not isinstance(called, Made) or not isinstance(called.of, Cls):
            return None
        return next((run for name in passes if (run := self.values.method(called, name)) is not None), None)


def _part(expr: s.Expr, path: tuple[int, ...]) -> tuple[s.Expr, tuple[int, ...]]:
    """The part of a display that a path leads to, as far as it can be followed, and what is left of the path."""
    while path and isinstance(expr, s.Sequence) and not any(isinstance(item, s.Starred) for item in expr.items):
        if not -len(expr.items) <= path[0] < len(expr.items):
            break
        expr, path = expr.items[path[0]], path[1:]
    return expr, path
