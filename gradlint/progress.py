"""A line on the terminal that says how far a long run is."""

from __future__ import annotations

import sys
import time
from typing import Final

_PATIENCE: Final = 1.0  # seconds after which a person starts to wonder
_OFTEN: Final = 0.1
_WIDTH: Final = 30


class Progress:
    """Told how much of a run is done; shows nothing where nobody looks, or where the run is short."""

    def __init__(self) -> None:
        self._shown = sys.stderr is not None and sys.stderr.isatty()
        self._next = time.monotonic() + _PATIENCE
        self._open = False

    def __call__(self, done: int, total: int) -> None:
        if not self._shown:
            return
        if done >= total:
            self.close()
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _OFTEN
            filled = _WIDTH * done // total
            self._write(f"\r[{'#' * filled}{'.' * (_WIDTH - filled)}] {100 * done // total} %")
            self._open = True

    def close(self) -> None:
        """Leave the line as if nothing had stood there."""
        if self._open:
            self._write("\r" + " " * (_WIDTH + 8) + "\r")
            self._open = False

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self._shown = False
