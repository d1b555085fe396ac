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
class Option:
    """A command line option or another setting that the user chooses; `listed` if the code lists the choices."""

    name: str
    listed: bool = False


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


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One call of a function: the values of its parameters. Equal ones are one object (`Values.context`).

    A `partial` one knows the receiver only: parameters are what all calls give. `number` is by when it was first met.
    """

    scope: Scope
    args: tuple[tuple[str, ValueSet], ...]
    receiver: Value | None = None
    depth: int = 0
    parent: Context | None = None
    partial: bool = False
    number: int = 0

    def get(self, name: str) -> ValueSet | None:
        return next((v for k, v in self.args if k == name), None)
