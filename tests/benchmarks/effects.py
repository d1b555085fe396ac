"""Measure what the fixes do to training: `python -m tests.benchmarks.effects` (needs torch).

Runs each script in fixtures/runs as it is and after `--fix`, prints what three seeds measured, and writes the table
into README.md. With names of scripts it runs these alone and writes nothing.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests import runs

README: Final = Path(__file__).parents[2] / "README.md"

_HEAD = ("| rule | script | before | after `--fix` |", "| --- | --- | --- | --- |")
_TABLE = re.compile(r"(?<=<!-- effects -->\n).*?(?=<!-- /effects -->)", re.DOTALL)


def main(arguments: Sequence[str] | None = None, readme: Path = README) -> int:
    """Measure, print and write; the exit status is 1 if a hazard did not bite or a fix did not cure."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.effects", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these scripts alone, and write nothing")
    names = parser.parse_args(arguments).names
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    scripts = runs.scripts()
    if unknown := set(names) - {str(script) for script in scripts}:
        print(f"error: no such script: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    print("\n".join(_HEAD), flush=True)
    rows: list[str] = []
    failed = False
    for script in scripts:
        if names and str(script) not in names:
            continue
        before = runs.measure(script.path)
        with script.fixed() as fixed:
            after = runs.measure(fixed)
        rows.append(row(script, before, after))
        print(rows[-1], flush=True)
        for problem in _problems(script, before, after):
            failed = True
            print(f"{script}: {problem}", file=sys.stderr)
    if not names and not failed:
        write(rows, readme)
    return int(failed)


def row(script: runs.Script, before: Sequence[runs.Measures], after: Sequence[runs.Measures]) -> str:
    """The row of the table for a script."""
    return f"| {' | '.join((*head(script), _told(script, before), _told(script, after)))} |"


def head(script: runs.Script) -> tuple[str, str]:
    """The rule and the script, with its settings where it has been fixed in several ways."""
    how = f": `{script.settings}`" if script.other else ""
    return script.rule, f"[{script}](fixtures/runs/{script}){how}"


def write(rows: Sequence[str], readme: Path) -> None:
    """Put the table between its markers."""
    text = readme.read_text(encoding="utf-8")
    table = "\n".join([*_HEAD, *rows, ""])
    readme.write_text(_TABLE.sub(lambda _: table, text, count=1), encoding="utf-8")


def shown(text: str) -> list[tuple[str, ...]]:
    """The rows of the table that a README shows, as cells."""
    table = _TABLE.search(text)
    assert table is not None
    lines = table.group().splitlines()
    assert tuple(lines[:2]) == _HEAD
    return [tuple(line.strip("| ").split(" | ")) for line in lines[2:]]


def _told(script: runs.Script, measured: Sequence[runs.Measures]) -> str:
    """What each seed measured, or what all of them did."""
    told = []
    for name in script.measures:
        values = [runs.shown(measures[name]) for measures in measured]
        alike = values[:1] if len(set(values)) == 1 else values
        told.append(f"{name.replace('_', ' ')}: {', '.join(alike)}")
    return "; ".join(told)


def _problems(script: runs.Script, before: Sequence[runs.Measures], after: Sequence[runs.Measures]) -> Iterator[str]:
    for what, conditions, measured in (("before", script.before, before), ("after", script.after, after)):
        for condition in conditions:
            if not all(condition.holds(measures) for measures in measured):
                yield f"{what} the fix, not for every seed `{condition.text}`"


if __name__ == "__main__":
    sys.exit(main())
