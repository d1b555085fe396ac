"""Execute fixed code of others: `python -m tests.executed CLONES...` (needs torch and numpy).

CLONES are folders of clones, `owner+name` each. Each case of tests/executed/cases.py names a training function in one
of them. Its repository is copied, `gradlint --fix` is run on its file, and the function is driven for ten steps on
small synthetic data: no exception, finite losses, and weights that move. Where a clip was put in, no step may take more
than its bound; where a guard was, a NaN loss must stop the run with the weights finite. Exit 1 if one fails.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from gradlint.fix.edits import Safety
from gradlint.plan import Planner
from gradlint.report.words import problem
from gradlint.runner import Mode, run
from tests.ecosystem.checkout import CheckoutError, checked_out
from tests.ecosystem.manifest import Entry
from tests.executed.cases import CASES, Case
from tests.executed.probe import POISONED, Seen

_BOUND = 1.0  # what the fix of GL101 writes
_RULES = ("GL101", "GL201", "GL301", "GL401", "GL501")
_ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases that the arguments choose, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.executed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("clones", nargs="+", type=Path, metavar="CLONES", help="folders of clones, `owner+name` each")
    parser.add_argument("--case", action="append", metavar="NAME", help="run these cases alone")
    options = parser.parse_args(arguments)
    chosen = [case for case in CASES.values() if not options.case or case.name in options.case]
    if unknown := set(options.case or ()) - set(CASES):
        print(f"error: no such case: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    print("| case | repository | file | fixes | steps | losses | largest norm | on NaN | |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    failed = 0
    for case in chosen:
        row, problems = _executed(case, options.clones)
        failed += bool(problems)
        print(f"| {case.name} | {case.repo} | {case.file} | {row} | {'FAILED' if problems else 'ok'} |", flush=True)
        for line in problems:
            print(f"    {line}")
    print(f"{len(chosen) - failed} of {len(chosen)} behave")
    return int(failed > 0)


def _executed(case: Case, folders: Sequence[Path]) -> tuple[str, list[str]]:
    """The cells of the table for a case, and what is wrong."""
    clones = next((folder for folder in folders if (folder / case.repo.replace("/", "+")).is_dir()), folders[0])
    try:
        with checked_out(Entry(case.repo, case.commit, "executed"), clones) as tree:
            file = tree / case.file
            summary = run([file], Planner({"select": _RULES}, isolated=True), Mode.FIX, Safety.SAFE)
            fixed = {finding.code for change in summary.changes for finding in change.fixed}
            problems = [problem(each) for each in summary.problems]
            problems += [f"{code} was not fixed" for code in case.rules if code not in fixed]
            seen = _driven(case, file)
            poisoned = _driven(case, file, "--poison") if "GL501" in case.rules else None
    except CheckoutError as error:
        return "| | | |", [str(error)]
    problems += [*faults(case, seen), *(faults_when_poisoned(poisoned) if poisoned is not None else ())]
    return _cells(fixed, seen, poisoned), problems


def _driven(case: Case, file: Path, *more: str) -> Seen:
    command = [sys.executable, "-W", "ignore", "-m", "tests.executed.drive", case.name, str(file), *more]
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "seen.json")
        done = subprocess.run([*command, "--out", str(out)], cwd=_ROOT, capture_output=True, text=True, check=False)
        if not out.exists():
            return Seen(error=f"the process ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return Seen(**json.loads(out.read_text(encoding="utf-8")))


def faults(case: Case, seen: Seen) -> Iterator[str]:
    """What a run did that a fixed one must not do."""
    if seen.error is not None:
        yield seen.error
    if seen.steps < case.steps:
        yield f"{seen.steps} steps, not {case.steps}"
    if not seen.losses or not all(map(math.isfinite, seen.losses)):
        yield f"losses: {seen.losses}"
    if not seen.changed:
        yield "no weight has changed"
    if not seen.finite:
        yield "a weight is not finite"
    if "GL101" in case.rules and max(seen.norms, default=0.0) > _BOUND * 1.001:
        yield f"a step took a gradient of norm {max(seen.norms):.3g}"
    if "GL401" in case.rules and not _rises(seen.rates):
        yield f"the learning rate does not rise: {seen.rates}"


def _rises(rates: Sequence[float]) -> bool:
    """Whether the rate starts low and rises at every step."""
    return len(rates) > 1 and rates[0] < rates[-1] / 2 and sorted(set(rates)) == list(rates)


def faults_when_poisoned(seen: Seen) -> Iterator[str]:
    """What a guarded run did that it must not do with losses that are NaN."""
    if seen.error is None or not seen.error.startswith("FloatingPointError: non-finite loss"):
        yield f"a NaN loss did not stop the run: {seen.error}"
    if len(seen.losses) != POISONED:
        yield f"the losses became NaN after {POISONED} backward passes, and it was stopped after {len(seen.losses)}"
    if not seen.finite:
        yield "a NaN loss reached the weights"


def _cells(fixed: set[str], seen: Seen, poisoned: Seen | None) -> str:
    losses = f"{seen.losses[0]:.3g} to {seen.losses[-1]:.3g}" if seen.losses else ""
    norm = f"{max(seen.norms):.3g}" if seen.norms else ""
    stopped = "" if poisoned is None else f"{_ended(poisoned)}, weights {'finite' if poisoned.finite else 'NaN'}"
    return f"{', '.join(sorted(fixed))} | {seen.steps} | {losses} | {norm} | {stopped}"


def _ended(seen: Seen) -> str:
    return "goes on" if seen.error is None else f"stops after {len(seen.losses)}"


if __name__ == "__main__":
    sys.exit(main())
