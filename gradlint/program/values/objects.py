"""What an expression may hold: the kinds of values, and the contexts in which parameters have theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.scopes import Scope
from gradlint.records import dataclass

T = TypeVar("T")


class _Hashed:
    """What holds other values remembers its hash: sets and tables ask for it again and again."""

    __slots__ = ("_hash",)


def _hashed_once(kind: type[T]) -> type[T]:
    compute: Callable[[T], int] = kind.__hash__

    def remembered(self: T) -> int:
        try:
            known: int = self._hash  # type: ignore[attr-defined]
        except AttributeError:
            known = compute(self)
            object.__setattr__(self, "_hash", known)
        return known

    kind.__hash__ = remembered  # type: ignore[assignment]
    return kind


@dataclass(frozen=True, slots=True)
class Const:
    value: s.Literal


@dataclass(frozen=True, slots=True)
class Cls:
    """A class of the project."""

    scope: Scope


@_hashed_once
@dataclass(frozen=True, slots=True)
class Func(_Hashed):
    """A function or lambda of the project, with the instance that it is bound to."""

    scope: Scope
    receiver: Value | None = None
    context: Context | None = None


@_hashed_once
@dataclass(frozen=True, slots=True)
class Made(_Hashed):
    """What calling a class or a library function gives; `site` is None for "some instance"."""

    of: Cls | Lib
    site: s.Call | None = None
    scope: Scope | None = None
    context: Context | None = None
    receiver: Value | None = None


@_hashed_once
@dataclass(frozen=True, slots=True)
class Bound(_Hashed):
    """An attribute of something that the project did not define."""

    receiver: Value
    name: str


@_hashed_once
@dataclass(frozen=True, slots=True)
class Partial(_Hashed):
    """`functools.partial(function, …)`."""

    function: Value
    site: s.Call
    scope: Scope
    context: Context | None


@_hashed_once
@dataclass(frozen=True, slots=True)
class Items(_Hashed):
    """A tuple or list whose parts are known one by one."""

    parts: tuple[frozenset[Value], ...]


@_hashed_once
@dataclass(frozen=True, slots=True)
class Many(_Hashed):
    """A container of any number of such values."""

    element: frozenset[Value]


@_hashed_once
@dataclass(frozen=True, slots=True)
class Table(_Hashed):
    """A dict; a key that is no constant is None."""

    items: tuple[tuple[s.Literal, frozenset[Value]], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a condition says of a text: it is one of `names`, or has one as a `part`; the opposite, if not `answer`."""

    names: frozenset[str]
    part: bool
    answer: bool

    def allows(self, text: s.Literal) -> bool:
        if not isinstance(text, str):
            return not self.answer
        return (any(name in text for name in self.names) if self.part else text in self.names) is self.answer


@dataclass(frozen=True, slots=True)
class Option:
    """A command line option or another setting that the user chooses; `listed` if the code lists the choices.

    `asked` is what conditions around say of it.
    """

    name: str
    listed: bool = False
    asked: tuple[Asked, ...] = ()

    def allows(self, text: s.Literal) -> bool:
        return all(asked.allows(text) for asked in self.asked)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A parameter that no caller in the project gives."""

    scope: Scope
    name: str


@dataclass(frozen=True, slots=True)
class Spelled:
    """The dotted name of a module of which a part is not known: `models.*`."""

    text: str


Value = Const | Cls | Func | Made | Bound | Partial | Items | Many | Table | Option | Unknown | Spelled | Lib | Package
ValueSet = frozenset[Value]
NONE: ValueSet = frozenset()
NOTHING: ValueSet = frozenset([Const(None)])


@dataclass(frozen=True, slots=True)
class Told:
    """What a condition says of a setting, which is written `text`.

    A plain name means it in `home` alone, any other text wherever it stands.
    """

    text: str
    home: Scope | None
    asked: Asked


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One call of a function: the values of its parameters. Equal ones are one object (`Values.context`).

    A `partial` one knows the receiver only: parameters are what all calls give. `told` is what the conditions say
    under which it is made. `number` is by when it was first met.
    """

    scope: Scope
    args: tuple[tuple[str, ValueSet], ...]
    receiver: Value | None = None
    depth: int = 0
    parent: Context | None = None
    partial: bool = False
    told: tuple[Told, ...] = ()
    number: int = 0

    def get(self, name: str) -> ValueSet | None:
        return next((v for k, v in self.args if k == name), None)

    @property
    def passed_on(self) -> tuple[Told, ...]:
        """What is told of settings that a function called from here sees under the same texts."""
        return tuple(x for x in self.told if x.home is None or x.home.kind == "module") if self.told else ()
