"""The data: one JSON file a repository, with a row for each finding that was judged and each update that was read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
VERDICTS: Final = ("true", "false", "debatable")

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REPO: Final = re.compile(r"[\w.-]+/[\w.-]+")
_RULE: Final = re.compile(r"[A-Z]{2,}\d{3}")


class ManifestError(Exception):
    """A file of the manifest is not as it must be; the message names the file and the row."""


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """What a row is about: a rule at the update of its finding, or at the finding where it has none.

    Args:
        cell: the cell of a notebook, counted from 0 among all cells; -1 in a file that has none.
    """

    file: str
    cell: int
    line: int
    rule: str

    def __str__(self) -> str:
        cell = "" if self.cell < 0 else f"cell {self.cell}:"
        return f"{self.file}:{cell}{self.line} {self.rule}"


@dataclass(frozen=True, slots=True)
class Row:
    """One verdict.

    Args:
        verdict: whether the rule should report this: one of VERDICTS, or None where nobody has judged yet.
        why: the evidence, in a sentence.
        sample: whether it comes from reading what got no finding.
        found: whether the recorded run reported it.
    """

    spot: Spot
    verdict: str | None = None
    why: str = ""
    sample: bool = False
    found: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One repository at a commit, or one source package of PyPI at a version.

    Args:
        judged: the rules whose findings were all read here; empty where it is every rule.
    """

    name: str
    version: str
    kind: str
    rows: tuple[Row, ...] = ()
    judged: tuple[str, ...] = ()

    @property
    def is_package(self) -> bool:
        return "/" not in self.name

    @property
    def file_name(self) -> str:
        return f"{self.name.replace('/', '+')}.json"

    def by_spot(self) -> dict[Spot, Row]:
        return {row.spot: row for row in self.rows}

    def judges(self, rule: str) -> bool:
        """Whether all findings of a rule were read here."""
        return not self.judged or rule in self.judged

    def with_rows(self, rows: Iterable[Row]) -> Entry:
        return replace(self, rows=tuple(sorted(rows, key=lambda row: row.spot)))


def load(folder: Path = FOLDER) -> list[Entry]:
    """All entries, by name. Raises ManifestError."""
    return [parse(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def save(entry: Entry, folder: Path = FOLDER) -> None:
    """Write an entry into its file."""
    (folder / entry.file_name).write_text(dump(entry), encoding="utf-8")


def dump(entry: Entry) -> str:
    """An entry as its file has it: one row a line, so that a difference shows what changed."""
    keys = ("package", "version") if entry.is_package else ("repo", "commit")
    head = {keys[0]: entry.name, keys[1]: entry.version, "kind": entry.kind}
    lines = [f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}," for key, value in head.items()]
    if entry.judged:
        lines.append(f'  "judged": {json.dumps(sorted(entry.judged))},')
    rows = ",\n".join(f"    {json.dumps(_as_data(row), ensure_ascii=False)}" for row in entry.rows)
    return "\n".join(["{", *lines, f'  "rows": [\n{rows}\n  ]' if rows else '  "rows": []', "}", ""])


def _as_data(row: Row) -> dict[str, object]:
    spot = row.spot
    return {
        "rule": spot.rule,
        "file": spot.file,
        "line": spot.line,
        "cell": None if spot.cell < 0 else spot.cell,
        "verdict": row.verdict,
        "why": row.why,
        "sample": row.sample,
        "found": row.found,
    }


def parse(file_name: str, text: str) -> Entry:
    """The entry that a file holds. `found`, `sample` and `why` may be left out by hand; `--update` writes them.

    Raises ManifestError.
    """
    try:
        data = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise ManifestError(f"{file_name}: {error}") from error
    if not isinstance(data, dict):
        raise ManifestError(f"{file_name}: not an object")
    package = "package" in data
    name, version = ("package", "version") if package else ("repo", "commit")
    _keys(file_name, data, (name, version, "kind", "judged", "rows"), required=(name, version, "kind", "rows"))
    for key in (name, version, "kind"):
        if not isinstance(data[key], str) or not data[key]:
            raise ManifestError(f"{file_name}: `{key}` must be a string that says something")
    if not package and not _REPO.fullmatch(data["repo"]):
        raise ManifestError(f"{file_name}: `repo` must be owner/name, not {data['repo']!r}")
    if not package and not _COMMIT.fullmatch(data["commit"]):
        raise ManifestError(f"{file_name}: `commit` must be 40 hexadecimal digits, not {data['commit']!r}")
    if not isinstance(data["rows"], list):
        raise ManifestError(f"{file_name}: `rows` must be a list")
    judged = data.get("judged", [])
    if not isinstance(judged, list) or not all(isinstance(code, str) and _RULE.fullmatch(code) for code in judged):
        raise ManifestError(f"{file_name}: `judged` must be a list of codes")
    entry = Entry(data[name], data[version], data["kind"], judged=tuple(sorted(judged)))
    if entry.file_name != file_name:
        raise ManifestError(f"{file_name}: the file of {entry.name} is {entry.file_name}")
    rows = [_row(f"{file_name}: row {number}", row) for number, row in enumerate(data["rows"], 1)]
    twice = _repeated([row.spot for row in rows])
    if twice is not None:
        raise ManifestError(f"{file_name}: two rows for {twice}")
    if strange := next((row.spot for row in rows if not entry.judges(row.spot.rule)), None):
        raise ManifestError(f"{file_name}: {strange} is not of the rules in `judged`")
    return entry.with_rows(rows)


def _row(where: str, data: object) -> Row:
    if not isinstance(data, dict):
        raise ManifestError(f"{where} is not an object")
    keys = ("rule", "file", "line", "cell", "verdict", "why", "sample", "found")
    _keys(where, data, keys, required=("rule", "file", "line", "verdict"))
    rule, file, line, cell = data["rule"], data["file"], data["line"], data.get("cell")
    verdict, why = data["verdict"], data.get("why", "")
    sample, found = data.get("sample", False), data.get("found", False)
    if not isinstance(rule, str) or not _RULE.fullmatch(rule):
        raise ManifestError(f"{where}: `rule` must be a code, not {rule!r}")
    if not isinstance(file, str) or not file or file.startswith(("/", "./")) or "\\" in file:
        raise ManifestError(f"{where}: `file` must be a path within the repository, not {file!r}")
    if type(line) is not int or line < 1:
        raise ManifestError(f"{where}: `line` must be a row from 1, not {line!r}")
    if (type(cell) is not int or cell < 0) if file.endswith(".ipynb") else cell is not None:
        raise ManifestError(f"{where}: `cell` must be the index of a notebook's cell, else null, not {cell!r}")
    if verdict is not None and verdict not in VERDICTS:
        raise ManifestError(f"{where}: `verdict` must be one of {', '.join(VERDICTS)} or null, not {verdict!r}")
    if not isinstance(why, str) or (verdict is not None and not why.strip()):
        raise ManifestError(f"{where}: `why` must say in a sentence what the verdict rests on")
    if type(sample) is not bool or type(found) is not bool:
        raise ManifestError(f"{where}: `sample` and `found` must be true or false")
    return Row(Spot(file, -1 if cell is None else cell, line, rule), verdict, why, sample, found)


def _keys(where: str, data: Mapping[str, object], known: Sequence[str], required: Sequence[str]) -> None:
    if unknown := [key for key in data if key not in known]:
        raise ManifestError(f"{where}: unknown key `{unknown[0]}`")
    if missing := [key for key in required if key not in data]:
        raise ManifestError(f"{where}: no `{missing[0]}`")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    twice = _repeated([key for key, _ in pairs])
    if twice is not None:
        raise ValueError(f"the key `{twice}` stands twice in one object")
    return dict(pairs)


def _repeated(items: Sequence[object]) -> object | None:
    seen = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None
