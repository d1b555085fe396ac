"""The items of a flow: what happens to gradients, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.conditions import Leaf
from gradlint.program.scopes import Scope
from gradlint.program.values import Func, Made, ValueSet
from gradlint.records import dataclass
from gradlint.vocabulary import Event

RESULT = "<result>"  # stands for what a function gives back


def result_of(call: s.Call) -> str:
    """What stands for that in the function that calls it, until something else gets a new value."""
    return f"{RESULT}{call.id}"


@dataclass(frozen=True, slots=True, eq=False)
class Act:
    """One call (or statement) that does something to gradients."""

    does: str
    node: s.Node
    scope: Scope
    event: Event | None = None
    operand: s.Expr | None = None  # the loss, the parameters, the optimizer
    receiver: s.Expr | None = None
    optimizers: ValueSet = frozenset()
    networks: frozenset[Made] = frozenset()
    owner: ValueSet = frozenset()
    names: frozenset[str] = frozenset()
    bound: s.Expr | None = None  # what a clip bounds gradients by

    @property
    def fact(self) -> dict[str, object]:
        return dict(self.event.facts) if self.event is not None else {}

    @property
    def about_gradients(self) -> bool:
        """Whether a test for non-finite values is of gradients or their norm."""
        return bool(self.fact.get("gradients"))

    @property
    def resolved(self) -> bool:
        """Whether it is known what it is about: an optimizer or a network that the project builds."""
        return bool(self.networks) or any(isinstance(v, Made) for v in self.optimizers)


@dataclass(frozen=True, slots=True, eq=False)
class Invoke:
    """A call of functions of the project."""

    node: s.Call
    scope: Scope
    targets: tuple[Func, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rebind:
    """Names that get a new value; `sources` are the names that the value is lightly computed from."""

    names: tuple[str, ...]
    sources: frozenset[str]
    constant: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    leaf: Leaf
    then: Flow
    orelse: Flow


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Ways of which one is taken, nothing known of which (`match`, `try`)."""

    ways: tuple[Flow, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    body: Flow
    orelse: Flow
    endless: bool


@dataclass(frozen=True, slots=True, eq=False)
class Leave:
    """`kind` is "return", "break", "continue", "raise" or "exit"; `names` are what a return gives back."""

    kind: str
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    body: Flow
    handlers: tuple[Flow, ...]
    orelse: Flow
    final: Flow


Item = Act | Invoke | Rebind | Branch | Choice | Loop | Leave | Attempt
Flow = tuple[Item, ...]


def every(flow: Flow) -> Iterator[Item]:
    """All items of a flow, those inside branches and loops too."""
    for item in flow:
        yield item
        if isinstance(item, Branch):
            yield from every(item.then)
            yield from every(item.orelse)
        elif isinstance(item, Choice):
            for way in item.ways:
                yield from every(way)
        elif isinstance(item, Loop):
            yield from every(item.body)
            yield from every(item.orelse)
        elif isinstance(item, Attempt):
            for part in (item.body, *item.handlers, item.orelse, item.final):
                yield from every(part)
