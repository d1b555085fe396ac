"""Training scripts that really go wrong: what each promises, and what it measures before and after `--fix`.

A script in fixtures/runs opens with what it proves, one line each:

    # rule: GL101                     the rule that finds the hazard and whose fix cures it
    # settings: …                     a line of gradlint.toml, if the fix needs one
    # or: …                           a line in its place: a fix that is written in another way cures as well
    # before: not loss < 1            what every seed measures as it is written
    # after: loss < 0.5               what every seed measures once it is fixed

A condition compares a measure, a key of the dict that `run(seed)` returns, with a number or a text; `not` makes NaN
count as harm. Nothing is registered.
"""

from __future__ import annotations

import contextlib
import io
import math
import operator
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from gradlint import cli
from gradlint.source.source import read

FOLDER: Final = Path(__file__).parent.parent / "fixtures" / "runs"
SEEDS: Final = range(3)

Value: TypeAlias = "float | str | None"
Measures: TypeAlias = Mapping[str, Value]

_HEADER = re.compile(r"^# (rule|settings|or|before|after): (.+)$", re.MULTILINE)
_CONDITION = re.compile(r"(?P<negated>not )?(?P<measure>\w+) (?P<sign>[<>=]) (?P<bound>.+)")
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {"<": operator.lt, ">": operator.gt, "=": operator.eq}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a measure must be: `loss < 0.5`, `not loss < 1`, `error = none`."""

    text: str
    measure: str
    negated: bool
    sign: str
    bound: str

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Raises ValueError for what is no condition."""
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise ValueError(f"no condition: {text!r}")
        return cls(text, match["measure"], match["negated"] is not None, match["sign"], match["bound"])

    def holds(self, measures: Measures) -> bool:
        value = measures[self.measure]
        if isinstance(value, (int, float)):
            return _SIGNS[self.sign](value, float(self.bound)) is not self.negated
        return (shown(value) == self.bound) is not self.negated


@dataclass(frozen=True, slots=True)
class Script:
    """A training script, its rule, and what it measures before and after the fix."""

    path: Path
    rule: str
    settings: str
    before: tuple[Condition, ...]
    after: tuple[Condition, ...]

    other: bool = False  # the settings are not the first that the script names

    def __str__(self) -> str:
        return self.path.name

    @property
    def label(self) -> str:
        """The script, and its settings where it names several."""
        return f"{self}: {self.settings}" if self.other else str(self)

    @property
    def measures(self) -> list[str]:
        """The measures that its conditions speak of, in their order."""
        return list(dict.fromkeys(condition.measure for condition in (*self.before, *self.after)))

    @contextlib.contextmanager
    def fixed(self) -> Iterator[Path]:
        """The script after `gradlint --fix` with its rule selected, in a project of its own.

        Raises AssertionError where something of the rule is left.
        """
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name).resolve() / self.path.name
            copy.write_bytes(self.path.read_bytes())
            settings = copy.with_name("gradlint.toml")
            settings.write_text(f"{self.settings}\n", encoding="utf-8")
            output = io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                status = cli.run(["--fix", "--select", self.rule, "--config", str(settings), str(copy)])
            assert status == 0, output.getvalue()
            assert copy.read_bytes() != self.path.read_bytes(), f"{self.rule} finds nothing in {self}"
            yield copy


def scripts() -> list[Script]:
    """All scripts, by rule and name. Raises ValueError for one that does not say what it proves."""
    files = [path for path in FOLDER.iterdir() if path.suffix in (".py", ".ipynb")]
    told = (script for path in files for script in _told(path))
    return sorted(told, key=lambda script: (script.rule, script.path.name))


def _told(path: Path) -> Iterator[Script]:
    said: dict[str, list[str]] = {"rule": [], "settings": [], "or": [], "before": [], "after": []}
    for key, text in _HEADER.findall(read(path, path.name).code):
        said[key].append(text)
    if len(said["rule"]) != 1 or not said["before"] or not said["after"]:
        raise ValueError(f"{path.name} does not say `# rule: …`, `# before: …` and `# after: …`")
    before, after = (tuple(map(Condition.parse, said[key])) for key in ("before", "after"))
    first = Script(path, said["rule"][0], "\n".join(said["settings"]), before, after)
    yield first
    yield from (replace(first, settings=settings, other=True) for settings in said["or"])


def measure(path: Path) -> list[Measures]:
    """What a script's `run` returns, for each seed."""
    code = compile(read(path, path.name).code, path.name, "exec", dont_inherit=True)
    names: dict[str, object] = {"__name__": path.stem}
    exec(code, names)
    run = names["run"]
    assert callable(run)
    return [dict(run(seed)) for seed in SEEDS]


def shown(value: Value) -> str:
    """A measured value as a person would write it."""
    if value is None or isinstance(value, str):
        return value or "none"
    return f"{value:.3g}" if not math.isnan(value) else "NaN"
