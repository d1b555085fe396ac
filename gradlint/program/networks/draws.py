"""The size of what initializes a layer's weight, and the size that it ought to have."""

from __future__ import annotations

import math

from gradlint.program.networks.core import Library
from gradlint.program.networks.objects import Layer, Value


def drawn(layer: Layer, fact: str, library: Library) -> float | None:
    """An argument ("std", "gain") of what initializes a layer's weight; None if it is not known, or not one.

    Where several things may initialize it, all must agree.
    """
    found = {_given(draw.function, draw.args, draw.kwargs, fact, library) if draw else None for draw in layer.draws}
    return found.pop() if len(found) == 1 else None


def _given(function: str, args: tuple[Value, ...], kwargs: object, fact: str, library: Library) -> float | None:
    facts = library.vocabulary.entry("initializers", function)
    place = facts.get(fact) if isinstance(facts, dict) else None
    if not isinstance(place, list) or not isinstance(kwargs, dict):
        return None
    position, keyword, default = place
    value = kwargs.get(keyword, args[position] if isinstance(position, int) and position < len(args) else default)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def fan_in(layer: Layer) -> int | None:
    """How many inputs each output of a layer sums up; None if that is not known."""
    names = layer.facts.get("parameters")
    if not isinstance(names, list):
        return None
    given = {str(name): layer.argument(index, str(name)) for index, name in enumerate(names)}
    inputs = given.get("in_features", given.get("in_channels"))
    dimensions = layer.facts.get("dimensions")
    if not isinstance(inputs, int) or not isinstance(dimensions, int):
        return None
    kernel = given.get("kernel_size")
    if dimensions == 2:
        return inputs
    if isinstance(kernel, int):
        area = kernel ** (dimensions - 2)
    elif isinstance(kernel, (tuple, list)) and all(isinstance(side, int) for side in kernel):
        area = math.prod(side for side in kernel if isinstance(side, int))
    else:
        return None
    groups = given.get("groups") or 1
    return inputs * area // groups if isinstance(groups, int) else None
