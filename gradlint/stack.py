"""Room for the frames of deep calls.

CPython keeps the frames of Python's functions in chunks of 16 KB: a call that no longer fits takes a new one from the
system, and gives it back when it returns. An analysis that goes up and down at such an end spends up to a third of its
time there. A function that asks for a large stack gets a chunk of that size, and what it calls lies in the rest of it.
See `push_chunk` in https://github.com/python/cpython/blob/3.11/Python/pystate.c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

_SLOTS: Final = 1 << 18  # of 8 bytes; the chunk is twice as large, and the 1,000 frames that Python allows take 1 MB


def roomy(call: Callable[[], T]) -> T:
    """What a function gives, called where there is room for all that it calls."""
    return call()


roomy.__code__ = roomy.__code__.replace(co_stacksize=_SLOTS)
