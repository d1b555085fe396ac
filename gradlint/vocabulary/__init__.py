"""What library calls mean, read from data: one TOML file a library, and the user's own helpers.

Sections of a file:

- `[alias]`: another name of the same symbol (old and new spellings): `"old.path" = "new.path"`.
- `[bases]`: a class counts as another: `"torch.optim.*" = "torch.optim.Optimizer"` (a `*` ends a prefix).
- `[gives]`: what a call gives back of what it gets: the place of an argument, a list of places or keywords
  for a tuple, `["*"]` for all positional ones, `"self"` for a method's own object; another
  string names the object's method that configures the optimizers handed out.
- `[events]`: what a call does to gradients: `does` and the places of its operands (see `Event`).
- `[ducks]`: methods whose use shows what an object is when its class cannot be found.
- `[layers]`, `[models]`, `[schedules]`, … : facts of one kind each, read by the analysis that needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import TypeAlias

from gradlint.records import dataclass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain]"


class VocabularyError(ValueError):
    """A vocabulary that cannot be read: names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Operand:
    """Where a call takes an operand: a place among its positional arguments, a keyword, or both."""

    position: int | None = None
    keyword: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What a library call does to gradients.

    `does` is one of "backward", "scale", "unscale", "clip", "zero", "step", "update", "check", "exit", "anomaly",
    "implicit" (a framework's whole training); `operands` says where `loss`, `optimizer`, `parameters`, `bound`, …
    stand; `facts` holds the rest of the entry.
    """

    does: str
    operands: Mapping[str, Operand]
    facts: Mapping[str, Plain]


@dataclass(frozen=True, slots=True)
class Runner:
    """A library call that runs a function: where the function and its arguments stand, and what it puts before them.

    Without `args`, what follows the function is what it is given; with `owner`, after the object itself.
    """

    function: Operand
    args: Operand | None
    lead: int
    owner: bool


class Vocabulary:
    """The facts of all libraries together."""

    def __init__(self, tables: Iterable[Mapping[str, Mapping[str, Plain]]]) -> None:
        self._exact: dict[str, dict[str, Plain]] = {}
        self._prefix: dict[str, list[tuple[str, Plain]]] = {}
        for table in tables:
            for section, entries in table.items():
                exact = self._exact.setdefault(section, {})
                prefix = self._prefix.setdefault(section, [])
                for name, value in entries.items():
                    if name.endswith("*"):
                        prefix.append((name[:-1], value))
                    else:
                        exact[name] = value
        for found in self._prefix.values():
            found.sort(key=lambda pair: -len(pair[0]))
        self._events: dict[str, Event | None] = {}
        # A run asks the same few hundred questions a million times.
        self._entries: dict[tuple[str, str], Plain | None] = {}
        self._abouts: dict[tuple[str, str], Plain | None] = {}
        self._canonical: dict[str, str] = {}
        self._lineages: dict[str, tuple[str, ...]] = {}

    def entry(self, section: str, path: str) -> Plain | None:
        """The entry for a symbol: its own, else that of the longest prefix.

        `a.b.*` is for everything directly in `a.b` (not for methods of its classes), `a.b.**` for all below.
        """
        key = (section, path)
        try:
            return self._entries[key]
        except KeyError:
            found = self._entries[key] = self._entry(section, path)
            return found

    def _entry(self, section: str, path: str) -> Plain | None:
        exact = self._exact.get(section, {})
        if path in exact:
            return exact[path]
        for prefix, value in self._prefix.get(section, ()):
            if path.startswith(prefix.rstrip("*")) and (prefix.endswith("*") or "." not in path[len(prefix) :]):
                return value
        return None

    def entries(self, section: str) -> Iterator[tuple[str, Plain]]:
        """All exact entries of a section."""
        yield from self._exact.get(section, {}).items()

    def is_library(self, name: str) -> bool:
        """Whether a name is that of a library that there is a vocabulary of."""
        return any(path.partition(".")[0] == name for path, _ in self.entries("roles"))

    def spelled(self, start: str, end: str) -> Iterator[str]:
        """The symbols with events that a name of which the middle is not known may mean."""
        for path, _ in self.entries("events"):
            if path.startswith(start) and path.endswith(end) and "." not in path[len(start) :]:
                yield path

    def canonical(self, path: str) -> str:
        """The one spelling of a symbol that has several."""
        known = self._canonical.get(path)
        if known is None:
            known = self._canonical[path] = self._spelling(path)
        return known

    def _spelling(self, path: str) -> str:
        for _ in range(4):
            exact = self._exact.get("alias", {})
            if path in exact:
                path = str(exact[path])
                continue
            for old, new in self._prefix.get("alias", ()):
                if path.startswith(old):
                    path = str(new).rstrip("*") + path[len(old) :]
                    break
            else:
                return path
        return path

    def lineage(self, path: str) -> tuple[str, ...]:
        """A class and what it counts as, itself first."""
        known = self._lineages.get(path)
        if known is None:
            seen: dict[str, None] = {}
            here: str | None = path
            while here is not None and here not in seen:
                seen[here] = None
                base = self.entry("bases", here)
                here = base if isinstance(base, str) else None
            known = self._lineages[path] = tuple(seen)
        return known

    def about(self, section: str, path: str) -> Plain | None:
        """The entry of a class, or of the nearest that it counts as."""
        key = (section, path)
        try:
            return self._abouts[key]
        except KeyError:
            entries = (self.entry(section, here) for here in self.lineage(path))
            found = self._abouts[key] = next((entry for entry in entries if entry is not None), None)
            return found

    def is_a(self, path: str, base: str) -> bool:
        return base in self.lineage(path)

    def knows(self, path: str) -> bool:
        """Whether a symbol has an entry of its own, or the name of a library's family of transformers."""
        return any(path in self._exact.get(section, {}) for section in _OWN) or self._is_of_family(path)

    def _is_of_family(self, path: str) -> bool:
        family, name = self.entry("transformers", path.partition(".")[0]), path.rpartition(".")[2]
        if not isinstance(family, dict):
            return False
        fits, misses = (matches(name, family.get(key), exact=True) for key in ("classes", "not_classes"))
        return fits and not misses

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The top-level names of the libraries that something is known of."""
        exact = (key for entries in self._exact.values() for key in entries)
        prefixes = (key for entries in self._prefix.values() for key, _ in entries)
        return frozenset(key.partition(".")[0] for key in (*exact, *prefixes) if "." in key)

    def role(self, path: str) -> str | None:
        """What instances of a class are: "optimizer", "scaler", "scheduler", …"""
        found = self.about("roles", path)
        return found if isinstance(found, str) else None

    def event(self, path: str) -> Event | None:
        """What calling a library function or method (`Class.method`) does to gradients."""
        if path not in self._events:
            self._events[path] = self._event(path)
        return self._events[path]

    def _event(self, path: str) -> Event | None:
        found = self.entry("events", path)
        if found is None:
            owner, _, method = path.rpartition(".")
            for base in self.lineage(owner):
                found = self.entry("events", f"{base}.{method}")
                if found is not None:
                    break
        if isinstance(found, str):
            found = {"does": found}
        if not isinstance(found, dict) or "does" not in found:
            return None
        operands = {k: operand(v) for k, v in found.items() if k in _OPERANDS}
        return Event(str(found["does"]), operands, {k: v for k, v in found.items() if k not in _OPERANDS})

    def gives(self, path: str) -> int | tuple[int | str, ...] | None:
        found = self.about("gives", path)
        return _given(found) if not isinstance(found, str) else None

    def method_gives(self, classes: Iterable[str], method: str) -> str | tuple[int | str, ...] | None:
        for cls in classes:
            for base in (*self.lineage(cls), "*"):
                found = self._exact.get("gives", {}).get(f"{base}.{method}")
                if isinstance(found, str):
                    return found
                given = _given(found)
                if isinstance(given, tuple):
                    return given
                if isinstance(given, int):
                    return (given,) if False else ("*",)
        return None

    def wrapped_attribute(self, name: str) -> bool:
        """Whether an attribute of a wrapper is the thing that it wraps (`ddp.module`)."""
        return self.entry("wrapped", name) is not None

    @property
    def optimizer(self) -> str | None:
        """The class that any optimizer counts as."""
        return next((path for path, role in self.entries("roles") if role == "optimizer"), None)

    def is_inert(self, path: str) -> bool:
        """Whether a class of a library leaves the layers of its heirs as they are."""
        return path.startswith("builtins.") or self.entry("inert_bases", path) is not None

    def is_options(self, path: str) -> bool:
        """Whether a call gives parsed command line options."""
        return self.entry("options", path) is not None

    def is_container(self, path: str) -> bool:
        """Whether a library class holds what it is built from (`nn.Sequential`)."""
        return self.about("containers", path) is not None

    @cache  # noqa: B019 - one vocabulary lives as long as the run
    def runners(self) -> Mapping[str, Runner]:
        out = {}
        for name, value in self.entries("runners"):
            if isinstance(value, dict):
                lead, args = value.get("lead", 0), value.get("args")
                out[name] = Runner(
                    operand(value.get("function", 0)),
                    operand(args) if args is not None else None,
                    lead if isinstance(lead, int) else 0,
                    value.get("owner") is True,
                )
        return out

    def ducks(self, methods: frozenset[str]) -> str | None:
        """The class that an object counts as, judged by the methods that the code calls on it."""
        for name, wanted in self.entries("ducks"):
            if isinstance(wanted, list) and any(
                set(group if isinstance(group, list) else [group]) <= methods for group in wanted
            ):
                return name
        return None


_OWN = ("alias", "bases", "roles", "events", "gives", "schedules", "rises", "optimizers", "training_arguments")
_OPERANDS = frozenset(
    ["loss", "optimizer", "parameters", "bound", "model", "factory", "args", "nonfinite", "subject", "scaler"]
)


def operand(value: Plain | None) -> Operand:
    """`1`, `"max_norm"` or `[1, "max_norm"]` as the place of an operand."""
    parts = value if isinstance(value, list) else [value]
    position = next((p for p in parts if isinstance(p, int) and not isinstance(p, bool)), None)
    keyword = next((p for p in parts if isinstance(p, str)), None)
    return Operand(position, keyword)


def _given(found: Plain | None) -> int | tuple[int | str, ...] | None:
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, list):
        return tuple(p for p in found if isinstance(p, (int, str)))
    return None


def read(path: Path) -> Mapping[str, Mapping[str, Plain]]:
    """One vocabulary file.

    Raises:
        VocabularyError: the file is no TOML, or holds something other than tables of entries.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise VocabularyError(f"{path}: {error}") from error
    for section, entries in table.items():
        if not isinstance(entries, dict):
            raise VocabularyError(f"{path}: `{section}` is not a table")
    return table


@lru_cache(maxsize=1)
def _builtin() -> tuple[Mapping[str, Mapping[str, Plain]], ...]:
    return tuple(read(path) for path in sorted(Path(__file__).parent.glob("*.toml")))


def load(own: Mapping[str, str] | None = None) -> Vocabulary:
    """The built-in vocabulary with the user's own helpers: `{"mylib.train.clip": "clip"}`.

    A helper's meaning is what it does ("clip", "step", "backward", …) or a library symbol that it behaves like.
    """
    return _with(tuple((own or {}).items()))


@lru_cache(maxsize=8)
def _with(own: tuple[tuple[str, str], ...]) -> Vocabulary:
    """One vocabulary for all projects with the same helpers: what it was asked before is answered at once."""
    extra: dict[str, dict[str, Plain]] = {"events": {}, "alias": {}}
    for name, meaning in own:
        if "." in meaning:
            extra["alias"][name] = meaning
        else:
            defaults: dict[str, dict[str, Plain]] = {
                "clip": {"does": "clip", "parameters": 0, "bound": [1, "max_norm"]},
                "backward": {"does": "backward", "loss": 0},
                "unscale": {"does": "unscale", "optimizer": 0},
                "check": {"does": "check", "subject": 0},
            }
            extra["events"][name] = defaults.get(meaning, {"does": meaning})
    return Vocabulary((*_builtin(), extra))


def matches(text: str, patterns: Plain | None, *, exact: bool = False) -> bool:
    """Whether a pattern matches; names of classes by case, names of models regardless of it."""
    if not isinstance(patterns, list):
        return False
    return any(fnmatchcase(text if exact else text.lower(), str(p) if exact else str(p).lower()) for p in patterns)
