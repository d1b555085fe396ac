"""What an expression may hold: the kinds of values, and the contexts in which parameters have theirs."""

from __future__ import annotations

from dataclasses import dataclass

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package
from gradlint.program.scopes import Scope


@dataclass(frozen=True, slots=True)
class Const:
    value: s.Literal


@dataclass(frozen=True, slots=True)
class Cls:
    """A class of the project."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Func:
    """A function or lambda of the project, with the instance that it is bound to."""

    scope: Scope
    receiver: Value | None = None
    context: Context | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What calling a class or a library function gives; `site` is None for "some instance"."""

    of: Cls | Lib
    site: s.Call | None = None
    scope: Scope | None = None
    context: Context | None = None
    receiver: Value | None = None


@dataclass(frozen=True, slots=True)
class Bound:
    """An attribute of something that the project did not define."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True)
class Partial:
    """`functools.partial(function, …)`."""

    function: Value
    site: s.Call
    scope: Scope
    context: Context | None


@dataclass(frozen=True, slots=True)
class Items:
    """A tuple or list whose parts are known one by one."""

    parts: tuple[frozenset[Value], ...]


@dataclass(frozen=True, slots=True)
class Many:
    """A container of any number of such values."""

    element: frozenset[Value]


@dataclass(frozen=True, slots=True)
class Table:
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


Value = Const | Cls | Func | Made | Bound | Partial | Items | Many | Table | Option | Unknown | Lib | Package
ValueSet = frozenset[Value]
NONE: ValueSet = frozenset()


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
