"""Which conditions bear on the runs of layers: those that a layer, or what ends a run, may hang on."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.networks.core import World
from gradlint.program.scopes import Scope

_TELLING = (*s.NESTED, s.Return, s.Raise, s.Delete, s.Try, s.With, s.Match, s.While, s.Yield, s.Await)
_JOINS = ("+", "-", "@")  # what may be a residual, or a layer written out
_KEEPS = ("pass", "longest", "scalar")
_CALLING = frozenset(f"builtins.{name}" for name in ("filter", "getattr", "map", "setattr", "sum", "super"))


def bears(node: s.If, scope: Scope, world: World) -> bool:
    """Whether the ways that a condition decides between may differ in the layers that run.

    They do not where both only compute numbers, shapes and masks: no call of what may be the project's, no sum that
    may be a residual, no jump, and nothing set that a later condition may ask for.
    """
    return not all(_is_beside(part, scope, world) for part in _parts(node))


def _parts(node: s.Node) -> Iterator[s.Node]:
    """A node and what it holds; of the indices of subscripts, which are numbers, the calls alone."""
    yield node
    for child in s.children(node):
        if isinstance(node, s.Subscript) and child is node.index:
            yield from s.calls(child)
        else:
            yield from _parts(child)


def _is_beside(part: s.Node, scope: Scope, world: World) -> bool:
    if isinstance(part, s.Call):
        return _keeps(part, scope, world)
    if isinstance(part, s.Assign):
        return not isinstance(part.value, s.Constant) and all(isinstance(x, s.Name | s.Sequence) for x in part.targets)
    if isinstance(part, s.Binary | s.AugAssign):
        return part.op.rstrip("=") not in _JOINS
    if isinstance(part, s.Jump):
        return part.kind == "pass"
    return not isinstance(part, _TELLING)


def _keeps(call: s.Call, scope: Scope, world: World) -> bool:
    """Whether a call is one of a library that runs no layer."""
    facts = world.library
    if isinstance(call.func, s.Attribute) and (does := facts.method(call.func.attr)) is not None:
        return does.get("does") in _KEEPS
    found = world.values.of(call.func, scope)
    return bool(found) and all(
        isinstance(v, Lib)
        and v.path not in _CALLING
        and facts.layer(v.path) is None
        and ((flow := facts.flow(v.path)) is None or flow.get("does") in _KEEPS)
        for v in found
    )
