"""The program: `gradlint` and `python -m gradlint`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

from gradlint import __version__, replay


def main() -> None:
    """Run gradlint with the arguments of this process, and end it."""
    if sys.argv[1:] == ["--version"]:  # needs no parser of arguments
        _tell_version()
    try:
        status = replay.attempt(sys.argv[1:])
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(130)
    if status is not None:
        sys.exit(status)
    gc.disable()  # syntax trees are large and hold no cycles: collecting finds nothing, and costs a tenth of a run
    try:
        from gradlint.cli import run
        from gradlint.stack import roomy
    except KeyboardInterrupt:
        sys.exit(130)
    _end(roomy(lambda: run(sys.argv[1:])))


def _end(status: int) -> NoReturn:
    """End at once where nothing else is running: to take apart all that was made takes a tenth of a run."""
    import threading

    if threading.active_count() == 1:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.flush()
        os._exit(status)
    sys.exit(status)


def _tell_version() -> NoReturn:
    from gradlint import console

    def tell() -> int:
        console.write([f"gradlint {__version__}"])
        return 0

    sys.exit(console.guarded(tell))


if __name__ == "__main__":
    main()
