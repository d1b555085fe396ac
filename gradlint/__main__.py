"""The program: `gradlint` and `python -m gradlint`."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run gradlint with the arguments of this process, and end it."""
    gc.disable()  # syntax trees are large and hold no cycles: collecting finds nothing, and costs a tenth of a run
    try:
        from gradlint.cli import run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
