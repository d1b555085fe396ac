"""Whether anything normalizes what passes through a network."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.families import is_transformer
from gradlint.program.names import Lib
from gradlint.program.parts import Part
from gradlint.program.scopes import Scope
from gradlint.program.traits import Traits
from gradlint.program.values import Cls, Func, Made

_INVERSES = frozenset(["rsqrt", "rsqrt_", "div", "div_", "divide", "true_divide", "reciprocal", "pow"])


def normalizes(network: Made, traits: Traits) -> bool | None:
    """Whether a part of a network normalizes: a layer, a function or a division by a deviation; None if unknown."""
    known: bool | None = False
    for part in traits.whole(network):
        found = _of_library(part, traits)
        if found is False and isinstance(part.made.of, Cls):
            found = _by_hand(part.made, traits)
        if found:
            return True
        known = known if found is False else None
    return known


def is_normalization(layer: object) -> bool:
    """Whether what the vocabulary says of a layer is that it normalizes."""
    return bool((layer.get("role") if isinstance(layer, dict) else layer) == "normalization")


def is_normalizing(call: s.Call, scope: Scope, traits: Traits) -> bool:
    """Whether a call in a forward pass normalizes, or takes the deviation that the same function divides by."""
    entry = traits.values.vocabulary.entry("normalizing", s.last_name(call.func))
    if entry == "root":
        return _divides(scope) and _of_mean(call, scope)
    return entry == "deviation" and _divides(scope) if isinstance(entry, str) else entry is not None


def _of_mean(call: s.Call, scope: Scope) -> bool:
    """Whether a root is of a mean, such as that of squares; `sqrt(width)` is of a number."""
    found = list(s.walk(call))
    for name in [node.text for node in found if isinstance(node, s.Name)]:
        found += [n for b in scope.bindings.get(name, ()) if b.value is not None for n in s.walk(b.value)]
    return any(isinstance(node, s.Call) and s.last_name(node.func) == "mean" for node in found)


def _divides(scope: Scope) -> bool:
    """Whether a function divides, or multiplies by an inverse root."""
    return any(
        (isinstance(node, s.Binary) and node.op == "/")
        or (isinstance(node, s.AugAssign) and node.op == "/=")
        or (isinstance(node, s.Call) and s.last_name(node.func) in _INVERSES)
        for node in scope.nodes
    )


def _of_library(part: Part, traits: Traits) -> bool | None:
    values = traits.values
    for path in values.bases_of(part.made):
        entry = values.vocabulary.about("layers", path)
        if is_normalization(entry):
            return True
        if is_transformer(path, part.made, values):  # made whole by a library, with all that one needs
            return True
        known = entry is not None or values.vocabulary.role(path) == "module" or values.vocabulary.is_container(path)
        if isinstance(part.made.of, Lib) and not known:
            return None
    return False


def _by_hand(made: Made, traits: Traits) -> bool | None:
    """What a class's own forward pass does; None where it calls a part of its own that is not known."""
    known: bool | None = False
    for scope, context in traits.passes(made):
        for call in s.calls(scope.body, into=False):
            if is_normalizing(call, scope, traits):
                return True
            func = call.func
            own = (
                isinstance(func, s.Attribute) and isinstance(func.value, s.Name) and func.value.text == scope.self_name
            )
            if own and not any(isinstance(v, (Func, Made)) for v in traits.values.of(func, scope, context)):
                known = None
    return known
