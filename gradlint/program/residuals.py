"""Residual connections: where a forward pass adds to a value what its own layers made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from gradlint.program import syntax as s
from gradlint.program.loops import not_trained
from gradlint.program.project import Module
from gradlint.program.scopes import Binding, Scope
from gradlint.program.traits import Traits, trained
from gradlint.program.values import Cls, Made, Values

_DEPTH = 40
_FOLLOWED = 400  # how many expressions behind one side of a sum are looked at


def residual(networks: Iterable[Made], traits: Traits) -> tuple[Module, s.Node] | None:
    """The first sum in the forward passes of networks, or parts of them, that bridges layers; None if there is none."""
    classes: set[Cls] = set()
    for made in networks:
        if not isinstance(made.of, Cls) or made.of in classes:
            continue
        classes.add(made.of)
        for scope in _run(made, traits):
            for node in trained(traits.values, scope, None):
                if _bridges(node, scope, traits.values):
                    return scope.module, node
    return None


def _run(made: Made, traits: Traits) -> Iterator[Scope]:
    """The methods that a forward pass runs, and those that it hands on to be run: `checkpoint(self._forward, x)`."""
    seen: dict[Scope, None] = dict.fromkeys(scope for scope, _ in traits.passes(made, whole=False))
    yield from seen
    for scope in list(seen):
        for node in trained(traits.values, scope, None):
            if isinstance(node, s.Attribute) and isinstance(node.value, s.Name) and node.value.text == scope.self_name:
                handed = traits.values.method(made, node.attr)
                if handed is not None and handed.scope not in seen and not not_trained(handed.scope, traits.values):
                    seen[handed.scope] = None
                    yield handed.scope


def _bridges(node: s.Node, scope: Scope, values: Values) -> bool:
    if isinstance(node, s.Binary) and node.op == "+":
        sides = (node.left, node.right)
    elif isinstance(node, s.AugAssign) and node.op.startswith("+"):
        sides = (node.target, node.value)
    else:
        return False
    return any(_meet(skip, through, scope, values) for skip, through in (sides, sides[::-1]))


def _meet(skip: s.Expr, through: s.Expr, scope: Scope, values: Values) -> bool:
    """Whether one side is a value, or what one layer made of it, and the other what more layers made of the same."""
    short: dict[Binding, Since] = {}
    for start, since in _starts(skip, scope, values):
        if since is Since.NOTHING or (since is Since.LAYER and start not in short):
            short[start] = since
    return any(
        start in short and since in (Since.LAYER, Since.LAYERS) and since.value > short[start].value
        for start, since in _starts(through, scope, values)
    )


class Since(Enum):
    """What became of a value: nothing, something, something by a layer, or by several."""

    NOTHING = 0
    CHANGE = 1
    LAYER = 2
    LAYERS = 3


def _starts(expr: s.Expr, scope: Scope, values: Values) -> Iterator[tuple[Binding, Since]]:
    """The bindings that a value was before, each with what has become of it since."""
    seen: set[tuple[int, Since]] = set()
    queue = [(expr, Since.NOTHING, _DEPTH)]
    while queue and len(seen) < _FOLLOWED:
        here, since, depth = queue.pop(0)
        if depth == 0 or (here.id, since) in seen:
            continue
        seen.add((here.id, since))
        changed = Since.CHANGE if since is Since.NOTHING else since
        if isinstance(here, s.Name):
            if scope.lookup(here.text) is not scope or here.text == scope.self_name:
                continue
            for binding in scope.reaching(here.text, here.id):
                yield binding, since
                if binding.value is not None and binding.kind in ("value", "update"):
                    queue.append((binding.value, since, depth - 1))
        elif isinstance(here, s.Call):
            runs = _after(since) if _runs_module(here, scope, values) else changed
            queue += [(arg.value, runs, depth - 1) for arg in here.args]
            if isinstance(here.func, s.Attribute):
                queue.append((here.func.value, changed, depth - 1))
        elif isinstance(here, s.Binary):
            queue += [(side, since, depth - 1) for side in (here.left, here.right)]
        elif isinstance(here, s.Conditional):
            queue += [(side, since, depth - 1) for side in (here.then, here.orelse)]
        elif isinstance(here, s.Subscript):
            queue.append((here.value, changed, depth - 1))


def _after(since: Since) -> Since:
    """What became of a value that one more layer is applied to."""
    return Since.LAYERS if since in (Since.LAYER, Since.LAYERS) else Since.LAYER


def _runs_module(call: s.Call, scope: Scope, values: Values) -> bool:
    """Whether a call runs something of the instance: a layer, a container's item, or a method that uses them."""
    func: s.Node = call.func.value if isinstance(call.func, s.Subscript) else call.func
    while isinstance(func, s.Attribute):
        func = func.value
    if isinstance(func, s.Name) and func.text == scope.self_name:
        return True
    return any(isinstance(v, Made) for v in values.of(call.func, scope))
