"""Whether the gate loses a finding: python tests/benchmarks/gate.py CLONES

Each folder in CLONES is linted with the gate and without it, and every finding that only one of the two has is printed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from unittest.mock import patch

from gradlint.plan import Planner
from gradlint.runner import Summary, run


def main(clones: Path) -> int:
    lost = 0
    for clone in sorted(path for path in clones.resolve().iterdir() if path.is_dir()):
        os.chdir(clone)
        gated = lint()
        with patch("gradlint.tree.trains", lambda data: True):
            every = lint()
        for finding in {*gated.findings} ^ {*every.findings}:
            lost += 1
            place = finding.place
            print(f"{clone.name}/{place.path}:{place.start.row}: {finding.code} {finding.message}")
        print(f"{clone.name}: {gated.training} of {every.training} files, {len(every.findings)} findings", flush=True)
    return 1 if lost else 0


def lint() -> Summary:
    return run([Path()], Planner(isolated=True))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
