"""Settings: `[tool.gradlint]` in pyproject.toml or a gradlint.toml, and the flags as the last layer."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import field, fields
from functools import cache
from pathlib import Path
from typing import Final, TypeAlias, get_type_hints

from gradlint.finding import Problem
from gradlint.formats import ReportFormat
from gradlint.records import dataclass
from gradlint.schema import WrongTypeError, convert, nearest, toml

Strings: TypeAlias = tuple[str, ...]

NAMES: Final = ("gradlint.toml", "pyproject.toml")
COMMAND_LINE: Final = "the command line"


class SettingsError(Exception):
    """Settings that cannot be used; `problem` says which and where."""

    def __init__(self, message: str, origin: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(message, origin, row)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a run. The fields are the schema: a key is a field's name in kebab-case."""

    select: Strings = ("DEFAULT",)
    extend_select: Strings = ()
    ignore: Strings = ()
    per_file_ignores: Mapping[str, Strings] = field(default_factory=dict)
    exclude: Strings = ()
    extend_exclude: Strings = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    packs: Strings = ()
    vocabulary: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    preview: bool = False
    fix: bool = False
    fix_only: bool = False
    show_fixes: bool = False
    unsafe_fixes: bool = False
    output_format: ReportFormat = "full"
    jobs: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """A `Config`, the folder that its paths start from, and where each of its fields was set."""

    config: Config
    base: Path
    file: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> str:
        """The settings as TOML, each with its origin."""
        head = f"# settings file: {shown(self.file) if self.file else 'none'}"
        lines = [
            f"{kebab(item.name)} = {toml(getattr(self.config, item.name))}  # {self.origins.get(item.name, 'default')}"
            for item in fields(Config)
        ]
        return "\n".join([head, *lines])


def load(file: Path | None, flags: Mapping[str, object], base: Path) -> Settings:
    """The settings in `file`, if there is one, with `flags` (None where not given) over them.

    Paths in settings start from the file's folder, else from `base`.
    Raises SettingsError for a file that cannot be read, an unknown key and a value of the wrong type.
    """
    layers: list[tuple[str, Mapping[str, object]]] = []
    if file is not None:
        base = file.parent
        layers.append((shown(file), _table(file)))
    given = {kebab(name): value for name, value in flags.items() if value is not None}
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for origin, table in [*layers, (COMMAND_LINE, given)]:
        for key, value in table.items():
            name = _field(key, origin)
            try:
                values[name] = convert(value, _schema()[name])
            except WrongTypeError as error:
                raise SettingsError(error.about(key), origin) from error
            origins[name] = origin
    return Settings(Config(**values), base, file, origins)  # type: ignore[arg-type]  # each was converted to its field's type


def in_folder(folder: Path) -> Path | None:
    """The settings file in a folder, if it has one; a pyproject.toml without our table is none.

    Raises SettingsError where a pyproject.toml that mentions gradlint is not valid TOML.
    """
    own, shared = folder / "gradlint.toml", folder / "pyproject.toml"
    if own.is_file():
        return own
    if shared.is_file():
        data = _bytes(shared)
        if b"gradlint" in data and _tool(_parse(shared, data)) is not None:
            return shared
    return None


def kebab(name: str) -> str:
    """A field's name as settings and flags write it."""
    return name.replace("_", "-")


def shown(file: Path) -> str:
    """A path as a person in the current directory would write it."""
    try:
        return file.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(file)


def _table(file: Path) -> Mapping[str, object]:
    document = _parse(file, _bytes(file))
    return (_tool(document) or {}) if file.name == "pyproject.toml" else document


def _tool(document: Mapping[str, object]) -> Mapping[str, object] | None:
    tool = document.get("tool")
    table = tool.get("gradlint") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"the settings cannot be read: {error.strerror}", shown(file)) from error


def _parse(file: Path, data: bytes) -> dict[str, object]:
    try:
        return toml_document(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError("the settings are not valid UTF-8", shown(file)) from error
    except ValueError as error:
        row = re.search(r"at line (\d+)", str(error))
        raise SettingsError(f"the settings are not valid TOML: {error}", shown(file), row and int(row[1])) from error


def toml_document(text: str) -> dict[str, object]:
    """What a TOML document holds. Raises ValueError."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


@cache
def _schema() -> Mapping[str, object]:
    return get_type_hints(Config)


def _field(key: str, origin: str) -> str:
    known = {kebab(item.name): item.name for item in fields(Config)}
    if key not in known:
        raise SettingsError(f"unknown setting `{key}`{nearest(key, known)}", origin)
    return known[key]
