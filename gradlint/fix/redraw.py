"""Fixes of initializations that the code writes itself: another gain, or He's scheme instead."""

from __future__ import annotations

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.networks import Layer, Network
from gradlint.program.scopes import Scope

_ELSEWHERE = "the call that initializes the layers stands in another file"


def with_gain(network: Network, layer: Layer, gain: float) -> Fix | str:
    """The gain of the activation given to the call that initializes a layer."""
    found = _call(network, layer)
    if isinstance(found, str):
        return found
    call, _ = found
    if len(call.args) != 1 or call.args[0].star:
        return "the initialization is given a gain already"
    edits = verbs.add_argument(network.module, call, f"gain={gain:.3f}")
    title = f"Give this initialization the gain {gain:.3f} of the activation"
    return Fix(title, Safety.UNSAFE, edits) if edits else "the call cannot be added to"


def by_he(network: Network, layer: Layer) -> Fix | str:
    """He's scheme in the place of the call that initializes a layer."""
    found = _call(network, layer)
    if isinstance(found, str):
        return found
    call, scope = found
    values = network.project.world.values
    drawn: s.Expr | None = call.args[0].value if call.args else None
    if isinstance(call.func, s.Attribute) and not values.of(call.func.value, scope):
        drawn = call.func.value  # `layer.weight.data.normal_()`
    elif isinstance(call.func, s.Attribute) and isinstance(call.func.value, s.Attribute):
        drawn = call.func.value if call.func.value.attr in ("data", "weight") else drawn
    chain = sites.around(scope, call)
    if drawn is None or not chain or not isinstance(chain[-1], s.Evaluate) or chain[-1].value is not call:
        return "the initialization is part of a larger expression"
    name = str(values.vocabulary.entry("repairs", "relu_weight"))
    said = verbs.import_name(network.module, name, scope, chain[-1])
    if said is None:
        return "there is no place for an import"
    text = f'{said[1]}({network.module.text(drawn)}, nonlinearity="relu")'
    edits = verbs.replace(network.module, call, text)
    title = "Draw the weights for the activation that follows"
    return Fix(title, Safety.UNSAFE, tuple(sorted({*said[0], *edits}))) if edits else "the call cannot be replaced"


def _call(network: Network, layer: Layer) -> tuple[s.Call, Scope] | str:
    if layer.initializer is None:
        return "what initializes the layers is not known"
    module, node = layer.initializer
    if module is not network.module:
        return _ELSEWHERE
    node = node.value if isinstance(node, s.Evaluate) else node
    for calls in module.calls.values():
        for call, scope in calls:
            if call is node:
                return call, scope
    return "what initializes the layers is no single call"
