"""The folder of the cache: where it is, and how its files are read and written.

It imports next to nothing, since a run with nothing to do reads one file of it and ends. A cache may have come with a
checkout: nothing in it is run, links are not followed, and what is no small regular file of JSON is as good as absent.
"""

from __future__ import annotations

import os
import stat

FOLDER = ".gradlint_cache"
VARIABLE = "GRADLINT_CACHE_DIR"
LARGEST = 64_000_000  # bytes of a file
RECENT = 100_000_000  # nanoseconds: what changed so shortly before a run may change again under the same times
_NOTES = {".gitignore": "*\n", "CACHEDIR.TAG": "Signature: 8a477f597d28d172789f06886806bc55\n"}


def default() -> str:
    """Where the cache is unless a run is told otherwise."""
    return os.environ.get(VARIABLE) or FOLDER


def load(folder: str, name: str) -> object:
    """What a file of the cache holds, None if there is none to be read."""
    import json

    try:
        if os.path.islink(folder):
            return None
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        with open(os.open(os.path.join(folder, name), flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                return None
            held: object = json.loads(file.read())
            return held
    except (OSError, ValueError, RecursionError):
        return None


def save(folder: str, name: str, held: object) -> None:
    """Write a file of the cache, at once or not at all; where that fails, the next run does the work again."""
    import json

    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        data = json.dumps(held, separators=(",", ":")).encode("utf-8", "surrogatepass")
        if len(data) > LARGEST or os.path.islink(folder):
            return
        os.makedirs(folder, exist_ok=True)
        for note, text in _NOTES.items():
            if not os.path.lexists(os.path.join(folder, note)):
                with open(os.path.join(folder, note), "x", encoding="utf-8") as file:
                    file.write(text)
        with open(temporary, "xb") as binary:
            binary.write(data)
        os.replace(temporary, os.path.join(folder, name))
    except (OSError, ValueError, RecursionError):
        try:
            os.unlink(temporary)
        except OSError:
            return


def stamp(status: os.stat_result, latest: int | None = None) -> str | None:
    """What tells whether a file is still the same; None if something of it changed later than `latest`."""
    if latest is not None and max(status.st_ctime_ns, status.st_mtime_ns) > latest:
        return None
    return f"{status.st_mtime_ns} {status.st_ctime_ns} {status.st_size} {status.st_ino} {status.st_mode}"


def clean(folder: str, names: tuple[str, ...]) -> bool:
    """Remove the files of a cache, and the folder if nothing else is in it; whether there was one. Raises OSError."""
    if os.path.islink(folder) or not os.path.isdir(folder):
        return False
    for name in os.listdir(folder):
        if name in _NOTES or name in names or name.startswith(tuple(f".{each}." for each in names)):
            os.unlink(os.path.join(folder, name))
    if not os.listdir(folder):
        os.rmdir(folder)
    return True
