"""Why a network is, or is not, recurrent or a transformer: the chain of parts down to the layer that makes it so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.explanation.gaps import Gaps, foreign
from gradlint.program.explanation.remark import Remark, at, code, several
from gradlint.program.explanation.words import built, kind
from gradlint.program.names import Lib
from gradlint.program.parts import Part
from gradlint.program.traits import Evidence, Traits
from gradlint.program.values import Cls, Made, Values

_KINDS = 8
_GAPS = 6
_DEEP = 400


def network(made: Made, traits: Traits, values: Values, gaps: Gaps) -> Remark:
    """A network, what kind it is and why, and which of its parts could not be told."""
    head = built(made)
    below = [
        _trait("recurrent", traits.recurrent(made), made, traits),
        _trait("a transformer", traits.transformer(made), made, traits),
    ]
    if traits.frozen(made):
        below.append(Remark("frozen as a whole: its parameters are not updated"))
    below.append(_held(made, traits))
    below += several(list(_unknown(made, traits, values, gaps)), _GAPS, "parts that could not be told")
    return Remark(head.text, head.place, tuple(below))


def _trait(name: str, evidence: Evidence | None, made: Made, traits: Traits) -> Remark:
    if evidence is None:
        why = ""
        if name == "a transformer":
            stack = traits.stack(made)
            if stack.blocks == 1:
                why = ": one block of self-attention with a feed-forward, and two make one"
            elif stack.attention and stack.feed_forward:
                why = ": self-attention and a feed-forward, but not in one block"
            elif stack.attention:
                why = ": attention without a feed-forward"
        return Remark(f"not {name}{why}")
    chain = [
        at(f"which holds `{kind(p.made.of)}`: {code(p.module, p.node)}", p.module, p.node)
        for p in _chain(made, evidence, traits)
        if not isinstance(p.made.of, Lib) or p.made.receiver is None  # `super().__init__(...)`
    ]
    last = at(f"{name}: {evidence.what}", evidence.module, evidence.node)
    if chain and chain[-1].place == last.place:
        chain.pop()
    return Remark(last.text, last.place, tuple(chain))


def _chain(made: Made, evidence: Evidence, traits: Traits) -> list[Part]:
    """The parts from a network down to the one that shows a trait, the network itself left out."""
    before: dict[Made, tuple[Made, Part] | None] = {made: None}
    queue = [made]
    while queue and len(before) < _DEEP:
        here = queue.pop(0)
        for part in traits.parts.direct(here):
            if part.made in before:
                continue
            before[part.made] = (here, part)
            if _shows(part, evidence):
                return list(reversed(list(_way(part.made, before))))
            queue.append(part.made)
    return []


def _way(made: Made, before: dict[Made, tuple[Made, Part] | None]) -> Iterator[Part]:
    step = before[made]
    while step is not None:
        above, part = step
        if not isinstance(part.node, s.Class):
            yield part
        step = before[above]


def _shows(part: Part, evidence: Evidence) -> bool:
    if part.module is evidence.module and part.node is evidence.node:
        return True
    if not isinstance(part.made.of, Cls) or part.made.of.scope.module is not evidence.module:
        return False
    owner = part.made.of.scope.node
    return any(node is evidence.node for node in s.walk(owner))


def _held(made: Made, traits: Traits) -> Remark:
    """What kinds of parts were looked at, so that a missing one is seen."""
    names = [kind(part.made.of).rpartition(".")[2] for part in traits.whole(made)[1:]]
    counts = Counter(name for name in names if name != "Module")  # `super().__init__()`
    if not counts:
        return Remark("no parts found in it")
    said = [f"{name} x{count}" if count > 1 else name for name, count in counts.most_common(_KINDS)]
    more = f" and {len(counts) - _KINDS} more kinds" if len(counts) > _KINDS else ""
    return Remark(f"holds {', '.join(said)}{more}")


def _unknown(made: Made, traits: Traits, values: Values, gaps: Gaps) -> Iterator[Remark]:
    """The attributes that the code calls like modules and of which nothing is known."""
    seen: set[tuple[object, str]] = set()
    for part in traits.whole(made):
        if not isinstance(part.made.of, Cls):
            continue
        for owner in values.lineage(part.made.of.scope):
            called = {
                call.func.attr
                for call in s.calls(owner.body)
                if isinstance(call.func, s.Attribute) and isinstance(call.func.value, s.Name)
            }
            for scope in owner.walk():
                for store in scope.stores:
                    if store.attr not in called or (owner, store.attr) in seen or store.value is None:
                        continue
                    if not isinstance(store.value, s.Call):
                        continue
                    held = values.stored(store, None)
                    if not held or foreign(held, values):
                        seen.add((owner, store.attr))
                        yield gaps.of(store.value, scope)
