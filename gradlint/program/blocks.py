"""Counts the transformer blocks of a network: parts that hold self-attention and a feed-forward."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.attention import Found, Reading
from gradlint.program.frozen import Frozen
from gradlint.program.names import Lib
from gradlint.program.parts import Parts
from gradlint.program.project import Module
from gradlint.program.values import Cls, Made, Values
from gradlint.records import dataclass

_ENOUGH = 2
_DEPTH = 24


@dataclass(frozen=True, slots=True)
class Stack:
    """What a part of a network holds of a transformer.

    `blocks` is the number of blocks, counted to two; `attention` and `feed_forward` the numbers of each;
    `repeated` says that attention and feed-forwards are both built in loops.
    """

    blocks: int = 0
    attention: int = 0
    feed_forward: int = 0
    looped_attention: bool = False
    looped_feed_forward: bool = False
    module: Module | None = None
    node: s.Node | None = None


_NONE = Stack()


class Blocks:
    """Finds transformer blocks; memoized for one project."""

    def __init__(self, values: Values, parts: Parts, frozen: Frozen) -> None:
        self.values = values
        self.parts = parts
        self.frozen = frozen
        self._found: dict[tuple[Cls, frozenset[Cls | Lib]], tuple[Found, ...]] = {}
        self._within: set[int] = set()
        self._stacks: dict[Made, Stack] = {}

    def of(self, network: Made) -> Stack:
        """What a network holds, frozen parts left out."""
        return self._stack(network, _DEPTH)

    # --- reading forward passes ---------------------------------------------------------------

    def read(self, made: Made) -> tuple[Found, ...]:
        """What the forward pass of a project class runs."""
        assert isinstance(made.of, Cls)
        key = (made.of, frozenset(part.made.of for part in self.parts.whole(made)))  # a wrapper is what it wraps
        known = self._found.get(key)
        if known is None:
            self._found[key] = ()
            reading = Reading(self.values, self.parts)
            for name, _ in self.values.vocabulary.entries("passes"):
                method = self.values.method(made, name)
                if method is not None:
                    reading.run(method)
            known = tuple(reading.found)
            self._found[key] = known
            self._within |= {id(f.node) for f in known if f.within}
        return known

    def _does(self, made: Made, kind: str) -> bool:
        return any(f.kind == kind for f in self.read(made))

    def _attends_within(self, made: Made) -> bool:
        """Whether some reading showed the attention to be of one input with itself."""
        return any(f.kind == "attention" and (f.within or id(f.node) in self._within) for f in self.read(made))

    # --- counting -----------------------------------------------------------------------------

    def _stack(self, made: Made, depth: int) -> Stack:
        if depth == 0 or self.frozen.holds(made):
            return _NONE
        known = self._stacks.get(made)
        if known is None:
            self._stacks[made] = _NONE
            known = self._library(made) if isinstance(made.of, Lib) else None
            if known is None:
                known = self._compose(made, depth)
            self._stacks[made] = known
        return known

    def _library(self, made: Made) -> Stack | None:
        assert isinstance(made.of, Lib)
        what = self.values.vocabulary.about("flow", made.of.path)
        if what in ("attention", "self-attention", "packed-attention"):
            return Stack(attention=1)
        if what == "feed-forward":
            return Stack(feed_forward=1)
        count = self.values.vocabulary.about("blocks", made.of.path)
        if isinstance(count, int):
            return Stack(blocks=int(count), module=made.scope.module if made.scope else None, node=made.site)
        return None

    def _compose(self, made: Made, depth: int) -> Stack:
        """A part from its own parts."""
        if isinstance(made.of, Cls):
            self.read(made)  # before its parts: only here it shows whether they attend to one input
        blocks = attention = feed_forward = 0
        looped_attention = looped_feed_forward = False
        for part in self.parts.direct(made):
            inner = self._stack(part.made, depth - 1)
            times = _ENOUGH if part.repeated else 1
            blocks += inner.blocks * times
            attention += inner.attention * times
            feed_forward += inner.feed_forward * times
            looped_attention |= inner.looped_attention or (part.repeated and inner.attention > 0)
            looped_feed_forward |= inner.looped_feed_forward or (part.repeated and inner.feed_forward > 0)
        if isinstance(made.of, Cls):
            if not attention and self._attends_within(made):
                attention = 1
            if not feed_forward and self._does(made, "feed-forward"):
                feed_forward = 1
        elif not feed_forward and self._feeds_forward(made):
            feed_forward = 1
        place: tuple[Module | None, s.Node | None] = (made.scope.module if made.scope is not None else None, made.site)
        if isinstance(made.of, Cls):
            place = made.of.scope.module, made.of.scope.node
        if not blocks and isinstance(made.of, Cls) and attention and feed_forward and self._attends_within(made):
            blocks = _ENOUGH if looped_attention and looped_feed_forward else 1
        if blocks:
            return Stack(min(blocks, _ENOUGH), 0, 0, False, False, *place)
        return Stack(
            0, min(attention, _ENOUGH), min(feed_forward, _ENOUGH), looped_attention, looped_feed_forward, *place
        )

    def _feeds_forward(self, container: Made) -> bool:
        """Whether a library's container holds linear layers with an activation between them."""
        kinds = [
            self.values.vocabulary.about("flow", part.made.of.path)
            for part in self.parts.direct(container)
            if isinstance(part.made.of, Lib)
        ]
        linear = [i for i, kind in enumerate(kinds) if kind == "linear"]
        return len(linear) > 1 and "activation" in kinds[linear[0] : linear[-1]]
