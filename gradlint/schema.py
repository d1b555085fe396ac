"""Settings are typed by annotations: convert what TOML gives, and say in words what was wanted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin


class Within(NamedTuple):
    """What a number must be: more than `above`, and `most` at the most."""

    above: float
    most: float = math.inf


Positive: TypeAlias = Annotated[float, Within(0)]
Percentage: TypeAlias = Annotated[float, Within(0, 100)]


class WrongTypeError(Exception):
    """A value, or the one `within` it that these keys lead to, is not of the type that its annotation asks for."""

    def __init__(self, message: str, within: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.within = within

    def about(self, key: str) -> str:
        """What is wrong, in a sentence about the setting `key`."""
        return f"`{'.'.join([key, *self.within])}` {self}"


def convert(value: object, wanted: object) -> object:
    """`value` as the type `wanted`: lists become tuples, whole numbers floats. Raises WrongTypeError."""
    kind, inner = get_origin(wanted), get_args(wanted)
    if wanted is object:
        return value
    if kind in (Union, UnionType):
        for option in inner:
            try:
                return convert(value, option)
            except WrongTypeError:
                continue
    elif kind is Annotated:
        converted, limits = convert(value, inner[0]), inner[1]
        if limits.above < converted <= limits.most:  # `nan` is neither
            return converted
    elif kind is Literal:
        if any(value == option and type(value) is type(option) for option in inner):
            return value
    elif kind is tuple:
        if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif kind is not None:
        if isinstance(value, dict):
            return {name: _item(name, item, inner[1]) for name, item in value.items()}
    elif wanted is float:
        if type(value) in (int, float):
            return float(str(value))
    elif type(value) is wanted:
        return value
    raise WrongTypeError(f"must be {words(wanted)}, not {toml(value)}")


def _item(name: str, value: object, wanted: object) -> object:
    try:
        return convert(value, wanted)
    except WrongTypeError as error:
        raise WrongTypeError(str(error), (name, *error.within)) from error


def words(wanted: object) -> str:
    """A type as a person who writes settings would name it."""
    kind, inner = get_origin(wanted), get_args(wanted)
    if kind is Annotated:
        limits = inner[1]
        most = f" and at most {limits.most:g}" if limits.most < math.inf else ""
        return f"{words(inner[0])} above {limits.above:g}{most}"
    if kind is Literal:
        return " or ".join(toml(item) for item in inner)
    if kind in (Union, UnionType):
        return " or ".join(words(item) for item in inner if item is not NoneType)
    if kind is tuple:
        return "a list of strings"
    if kind is not None:
        return "a table" if inner[1] is object else f"a table in which each value is {words(inner[1])}"
    for known, said in ((bool, "true or false"), (int, "a whole number"), (float, "a number"), (str, "a string")):
        if wanted is known:
            return said
    return f"a {getattr(wanted, '__name__', wanted)}"


def toml(value: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_key(name)} = {toml(item)}" for name, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the closest known spelling, or nothing."""
    from difflib import get_close_matches

    spellings = {item.lower(): item for item in known}
    close = get_close_matches(word.lower(), spellings, n=1, cutoff=0.5)
    return f"; did you mean `{spellings[close[0]]}`?" if close else ""
