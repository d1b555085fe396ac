"""What was found before, so that only what an edit can change is analysed again.

An entry is about the files of a part that share a turn. Its key is a digest of all that its findings depend on: the
content of every file that imports connect with them, the settings, the rules, the vocabulary and the versions. What
else was read, and the folders in which imports were looked for, is kept in the entry and compared when it is used.

The cache is plain JSON, since it may have come with a checkout: it can be wrong, but it cannot run code, and what does
not have the form of an entry is as good as absent.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, fields, is_dataclass
from enum import Enum
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from gradlint import store
from gradlint.finding import Finding, Problem
from gradlint.records import dataclass

ENTRIES: Final = "findings.json"
MOST: Final = 20_000  # entries: the ones that were not used for longest go first

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found in the files of one turn.

    `read` are the digests of the files outside the part that were read, `folders` those of the folders that were
    looked into; None for one that is not there.
    """

    findings: tuple[tuple[str, tuple[Finding, ...]], ...]
    problems: tuple[Problem, ...]
    read: Mapping[str, str | None]
    folders: Mapping[str, str | None]


@dataclass(slots=True)
class Cache:
    """The entries in one folder; None keeps nothing."""

    folder: Path | None
    seen: set[str] = field(default_factory=set)  # the files and folders outside of parts that entries depend on
    _entries: dict[str, object] = field(default_factory=dict)
    _used: dict[str, object] = field(default_factory=dict)
    _digests: dict[tuple[Callable[[str], str | None], str], str | None] = field(default_factory=dict)
    _read: bool = False

    def get(self, key: str) -> Entry | None:
        """The entry with a key, if what it depends on is still the same."""
        if self.folder is None:
            return None
        if not self._read:
            self._read = True
            held = store.load(str(self.folder), ENTRIES)
            self._entries = held if isinstance(held, dict) else {}
        found = self._entries.get(key)
        try:
            entry = decoded(Entry, found)
        except (TypeError, ValueError, RecursionError):
            return None
        if any(self._now(digest_of, path) != known for path, known in entry.read.items()):
            return None
        if any(self._now(digest_of_folder, path) != known for path, known in entry.folders.items()):
            return None
        self._used[key] = found
        self._note(entry)
        return entry

    def _now(self, of: Callable[[str], str | None], path: str) -> str | None:
        """The digest of a file or folder, which many entries depend on, as it was when the first was asked for."""
        if (of, path) not in self._digests:
            self._digests[of, path] = of(path)
        return self._digests[of, path]

    def put(self, key: str, entry: Entry) -> None:
        self._note(entry)
        if self.folder is not None:
            self._used[key] = encoded(entry)

    def _note(self, entry: Entry) -> None:
        self.seen.update(entry.read)
        self.seen.update(entry.folders)

    def save(self) -> None:
        """Keep the entries that were used, and of the others as many as there is room for."""
        if self.folder is None or all(self._entries.get(key) is value for key, value in self._used.items()):
            return
        kept = {key: value for key, value in self._entries.items() if key not in self._used}
        kept.update(self._used)
        store.save(str(self.folder), ENTRIES, dict(list(kept.items())[-MOST:]))


def digest(*parts: bytes | str) -> str:
    """A digest of some parts, each with its length."""
    sum_ = blake2b(digest_size=20)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        sum_.update(f"{len(data)}:".encode())
        sum_.update(data)
    return sum_.hexdigest()


def digest_of(path: str | Path) -> str | None:
    """The digest of a file's content; None if there is none to be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return digest(file.read())
    except (OSError, ValueError):
        return None


def digest_of_folder(path: str | Path) -> str | None:
    """The digest of the names of what can be imported from a folder; None if it is none."""
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(".py") or entry.is_dir()]
    except (OSError, ValueError):
        return None
    return digest(*sorted(name for name in names if name != "__pycache__" and not name.startswith(".")))


@cache
def digest_of_tool() -> str:
    """The digest of gradlint's own files and of the versions under it."""
    package = Path(__file__).parent
    own = sorted([*package.rglob("*.py"), *package.rglob("*.toml")])
    libcst = find_spec("libcst")
    if libcst is not None and libcst.origin is not None:  # to import it takes longer than many a run
        own.append(Path(libcst.origin).with_name("_version.py"))
    return digest(sys.version, *(part for file in own for part in (file.name, file.read_bytes())))


# --- as JSON ----------------------------------------------------------------------------------


def encoded(value: object) -> object:
    """Plain data for a value of frozen dataclasses, tuples and mappings: each dataclass as the list of its fields."""
    if is_dataclass(value):
        return [encoded(getattr(value, item.name)) for item in fields(value)]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [encoded(item) for item in value]
    if isinstance(value, Mapping):
        return {key: encoded(item) for key, item in value.items()}
    return value


def decoded(kind: type[T], data: object) -> T:
    """The value of a kind that plain data stands for. Raises TypeError and ValueError where it stands for none."""
    found: T = _decoder(kind)(data)  # type: ignore[arg-type]  # every type is hashable
    return found


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    """How to decode one kind of value: worked out once, since a large cache holds many."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        some = _decoder(next(part for part in inner if part is not type(None)))
        if type(None) not in inner:
            return some
        return lambda data: None if data is None else some(data)
    if origin is tuple and inner[-1] is Ellipsis:
        each = _decoder(inner[0])
        return lambda data: tuple([each(item) for item in _of(list, data)])
    if origin is tuple:
        decoders = [_decoder(part) for part in inner]
        return lambda data: tuple(_each(decoders, data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        value = _decoder(inner[1])
        return lambda data: {_of(str, key): value(item) for key, item in _of(dict, data).items()}
    if is_dataclass(kind) and isinstance(kind, type):
        decoders = [_decoder(hint) for hint in _hints(kind)]
        return lambda data: kind(*_each(decoders, data))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return lambda data: _of(kind, data)


def _each(decoders: Sequence[Callable[[Any], Any]], data: object) -> list[Any]:
    return [decoder(item) for decoder, item in zip(decoders, _of(list, data), strict=True)]


@cache
def _hints(kind: type) -> tuple[object, ...]:
    hints = get_type_hints(kind)
    return tuple(hints[item.name] for item in fields(kind))


def _of(kind: type[T], data: object) -> T:
    if not isinstance(data, kind) or (isinstance(data, bool) and kind is not bool):
        raise TypeError(f"{data!r} is no {kind.__name__}")
    if isinstance(data, str) and not (data.isprintable() or data.replace("\n", "").replace("\t", "").isprintable()):
        raise ValueError(f"{data!r} holds control characters")
    return data


def places(findings: Iterable[Finding]) -> Iterable[str]:
    """The files that findings name."""
    for finding in findings:
        yield finding.place.path
        if finding.update is not None:
            yield finding.update.path
        yield from (related.place.path for related in finding.related)
