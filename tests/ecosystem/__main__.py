"""Run the benchmark: `python -m tests.ecosystem CLONES`.

It checks out each repository of the manifest at its commit, lints it, and prints what is otherwise than recorded.
The exit status is 0 if nothing is, 1 if something is, 2 if a repository could not be checked.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from gradlint import measured
from tests.ecosystem import table
from tests.ecosystem.checkout import CheckoutError, checked_out, clone_of, head_of
from tests.ecosystem.compare import LintError, changes, lint, updated
from tests.ecosystem.manifest import FOLDER, Entry, ManifestError, load, save


def main(
    arguments: Sequence[str] | None = None,
    folder: Path = FOLDER,
    readme: Path = table.README,
    data: Path = measured.FILE,
) -> int:
    """Do what the arguments say to the manifest in `folder`, and return the exit status."""
    options = _options(arguments)
    try:
        entries = load(folder)
        chosen = _chosen(entries, options)
    except (ManifestError, CheckoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    status = 0
    for entry in chosen if options.clones is not None else ():
        status = max(status, _run(entry, options, folder))
    if options.update or options.table:
        entries = load(folder)
        table.write(entries, readme, data)
    if options.table:
        for entry in entries:
            save(entry, folder)
        print("\n".join(table.table(entries)))
    return status


def _run(entry: Entry, options: argparse.Namespace, folder: Path) -> int:
    rules: Collection[str] | None = options.rule or None
    select = rules or entry.judged or {"DEFAULT", *(row.spot.rule for row in entry.rows)}
    began = time.monotonic()
    try:
        with checked_out(entry, options.clones) as tree:
            result = lint(tree, select)
    except (CheckoutError, LintError) as error:
        print(f"{entry.name}: error: {error}", file=sys.stderr)
        return 2
    counts = Counter(spot.rule for spot in result.found)
    said = ", ".join(f"{rule} {count}" for rule, count in sorted(counts.items())) or "nothing found"
    print(f"{entry.name}: {said} ({time.monotonic() - began:.1f} s)", flush=True)
    for line in result.crashes:
        print(f"  {line}")
    rows = entry.by_spot()
    if options.findings:
        for spot in sorted(result.found):
            row = rows.get(spot)
            print(f"  {spot} [{(row.verdict if row else None) or 'unjudged'}] {result.found[spot]}")
    changed = list(changes(entry, result.found, rules))
    for change in changed:
        print(f"  {change}")
    if options.update:
        save(updated(entry, result.found, rules), folder)
    return 2 if result.crashes else 1 if changed else 0


def _chosen(entries: Sequence[Entry], options: argparse.Namespace) -> list[Entry]:
    """The entries to run; one that is not in the manifest is taken as its clone stands, where `--kind` is given."""
    if not options.repo:
        return list(entries)
    known = {entry.name: entry for entry in entries}
    chosen = []
    for given in options.repo:
        name = given.replace("+", "/", 1)
        if name in known:
            chosen.append(known[name])
        elif options.kind and options.clones is not None:
            commit = head_of(clone_of(name, options.clones))
            chosen.append(Entry(name, commit, options.kind, judged=tuple(options.rule or ())))
        else:
            raise ManifestError(f"{name} is not in the manifest; --kind says of what kind it is, and adds it")
    return chosen


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.ecosystem", description="Run the ecosystem benchmark.")
    parser.add_argument("clones", type=Path, nargs="?", metavar="CLONES", help="folder of clones, owner+name each")
    parser.add_argument("--repo", action="append", metavar="OWNER/NAME", help="only this one; may be given again")
    parser.add_argument("--rule", action="append", metavar="CODE", help="only this rule; may be given again")
    parser.add_argument("--kind", help="with --repo and --update: add the repository, as cloned, as one of this kind")
    parser.add_argument("--findings", action="store_true", help="print every finding with its verdict")
    parser.add_argument("--update", action="store_true", help="record this run, and write the table of the README")
    parser.add_argument(
        "--table", action="store_true", help="print the table, write it into the README, and put the data in order"
    )
    options = parser.parse_args(arguments)
    if options.clones is None and not options.table:
        parser.error("CLONES is needed, except for --table alone")
    return options


if __name__ == "__main__":
    sys.exit(main())
