"""One case in a process of its own: `python -m tests.executed.drive CASE FILE --out SEEN.json [--poison]`."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import sys
from pathlib import Path

from tests.executed.cases import CASES, Fixed
from tests.executed.probe import Probe


def main() -> None:
    """Drive the fixed file, and write what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case")
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--poison", action="store_true")
    options = parser.parse_args()
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    # The code finds its neighbours and its data as if it were started where it lies.
    os.chdir(options.file.parent)
    sys.path.insert(0, str(options.file.parent))
    probe = Probe(options.poison)
    with probe.watching():
        CASES[options.case].drive(Fixed(options.file, probe))
    options.out.write_text(json.dumps(dataclasses.asdict(probe.seen)), encoding="utf-8")


if __name__ == "__main__":
    main()
