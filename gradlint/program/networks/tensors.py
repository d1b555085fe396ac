"""The forward pass: how a value carries the chain of layers behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradlint.program.networks.core import Core
from gradlint.program.networks.objects import Behind, Layer, Link, Tensor, Value
from gradlint.vocabulary import Plain


class Tensors(Core):
    """What operations do to the chain."""

    def passed(self, *inputs: Tensor) -> Tensor:
        """An operation that keeps the chain; of several inputs the longest counts that another layer can continue."""
        best = max(inputs, key=lambda t: (t.pending is None and bool(t.run), len(t.run) + (t.pending is not None)))
        return Tensor(best.run, best.pending, inputs, "pass")

    def broken(self, inputs: Iterable[Tensor] = ()) -> Tensor:
        """An operation that ends the chain."""
        return Tensor((), None, tuple(inputs), "break")

    def weighed(self, layer: Layer, value: Value) -> Tensor:
        """A weight layer; one before it that no activation followed ends its run there."""
        given = value if isinstance(value, Tensor) else Tensor()
        self.clock += 1
        first, _ = self.order.get(layer, (self.clock, 0))
        self.order[layer] = (first, self.clock)
        layer.runs += 1
        if not self.counts(layer):
            return Tensor((), None, (given,), "layer", layer)
        before = given.run if given.pending is None else ()
        if any(link.layer is layer for link in before):
            before = ()
        return Tensor(before, layer, (given,), "layer", layer)

    def activated(self, value: Tensor, nonlinearity: str, slope: float | None) -> Tensor:
        """An activation of the ReLU family: it closes the pair."""
        if value.pending is None:
            return Tensor(value.run, None, (value,), "activation")
        run = (*value.run, Link(value.pending, nonlinearity, slope))
        self.runs.append(run)
        return Tensor(run, None, (value,), "activation")

    def added(self, left: Tensor, right: Tensor) -> Tensor:
        """A sum; what lies between its operands, if one is a shortcut past the other, has a residual around it.

        The chain goes on from where the shortcut leaves: what it passes adds to the signal and does not scale it.
        """
        for long, short in ((left, right), (right, left)):
            start = self._shortcut(long, short)
            if start is not None:
                passed = _passed(long, start)
                self.covered |= passed
                kept = start.run if passed and start.pending is None and self.bridged else ()
                return Tensor(kept, None, (left, right), "sum")
        return self.broken((left, right))

    def _shortcut(self, long: Tensor, short: Tensor) -> Tensor | None:
        """Where a shortcut without activation leaves the path to `long`."""
        behind = Behind(long)
        return next((t for t in short.straight() if t in behind and t is not long), None)

    # --- operations by the vocabulary's facts ---------------------------------------------------

    def flows(self, facts: Mapping[str, Plain], args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
        """What a function gives that the vocabulary describes; an Unknown where no tensor is in it."""
        inputs = list(tensors([*args, *kwargs.values()]))
        does = facts.get("does")
        if does == "scalar" or (not inputs and does != "fresh"):
            return self.unknown("scalar", *args[:4])
        if does == "activation":
            return self._activation(facts, args, kwargs, inputs[0])
        if does == "pass":
            return self.passed(inputs[0])
        if does == "longest":
            return self.passed(*inputs)
        if does == "add" and len(inputs) == 2:
            return self.added(inputs[0], inputs[1])
        return self.broken(inputs)

    def _activation(
        self, facts: Mapping[str, Plain], args: Sequence[Value], kwargs: Mapping[str, Value], value: Tensor
    ) -> Tensor:
        bound = given(facts.get("zero"), args, kwargs)
        if "zero" in facts and (isinstance(bound, bool) or bound != 0):
            return self.broken((value,))
        slope = given(facts.get("slope"), args, kwargs)
        return self.activated(value, str(facts.get("nonlinearity", "relu")), number(slope))

    def sum(self, op: str, left: Value, right: Value) -> Tensor:
        """Arithmetic with at least one tensor."""
        inputs = list(tensors((left, right)))
        if len(inputs) == 2:
            return self.added(inputs[0], inputs[1]) if op in "+-" else self.broken(inputs)
        other = right if left is inputs[0] else left
        if isinstance(other, (int, float)) and op != "@" and not (op == "**" or (op == "/" and other is left)):
            return self.passed(inputs[0])
        return self.broken(inputs)


def given(place: Plain | None, args: Sequence[Value], kwargs: Mapping[str, Value]) -> Value:
    """An argument by the vocabulary's `[position, keyword, default]`."""
    if not isinstance(place, list) or len(place) < 2:
        return None
    position, keyword = place[0], place[1]
    if isinstance(keyword, str) and keyword in kwargs:
        return kwargs[keyword]
    if isinstance(position, int) and position < len(args):
        return args[position]
    return place[2] if len(place) > 2 else None


def _passed(end: Tensor, start: Tensor, most: int = 4000) -> set[Layer]:
    """The layers on the ways from one tensor to another that are not behind the other."""
    out: set[Layer] = set()
    seen = {id(start)}
    queue = [end]
    while queue and len(seen) <= most:
        here = queue.pop()
        if id(here) in seen or here.layers <= start.layers:
            continue
        seen.add(id(here))
        if here.layer is not None and here.layer not in start.layers:
            out.add(here.layer)
        queue.extend(here.parents)
    return out


def number(value: Value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def tensors(values: Iterable[Value], depth: int = 0) -> Iterable[Tensor]:
    """The tensors among values, and in their lists and dicts."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple, set)) and depth < 3:
            yield from tensors(value, depth + 1)
        elif isinstance(value, dict) and depth < 3:
            yield from tensors(value.values(), depth + 1)
