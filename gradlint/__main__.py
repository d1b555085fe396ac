"""The program: `gradlint` and `python -m gradlint`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run gradlint with the arguments of this process, and end it."""
    try:
        from gradlint.cli import run
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
