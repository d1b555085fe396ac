"""A run that was made before, and that would go the same way again, is told again instead of made.

A run depends on its arguments, on the environment, on gradlint itself and on the files and folders that it looked at.
Where all of these are the same, down to the inode and the times of each file, it prints what it printed then. So a run
with nothing new in it needs neither a parser of arguments nor one of Python.
"""

from __future__ import annotations

import os
import sys
import time

from gradlint import marks, store

RUNS = "runs.json"
MOST = 16  # runs that are remembered
SETTINGS = ("gradlint.toml", *marks.ROOT, ".gitignore")
_SUFFIXES = (".py", ".ipynb", ".toml")
_ENVIRONMENT = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "WT_SESSION", "ANSICON")
_LARGEST = 4_000_000  # characters of output


class _Asked:
    """The run that is being made: its key, its folder, and when it started."""

    def __init__(self, folder: str, key: str) -> None:
        self.folder, self.key, self.started = folder, key, time.time_ns()


_asked: _Asked | None = None


def attempt(arguments: list[str]) -> int | None:
    """Tell the run with these arguments again, and return its exit status; None if it has to be made."""
    global _asked
    folder = store.default()
    _asked = _Asked(folder, _digest([os.getcwd(), *arguments, *_surroundings()]))
    held = store.load(folder, RUNS)
    run = held.get(_asked.key) if isinstance(held, dict) else None
    if not isinstance(run, dict) or run.get("tool") != _tool():
        return None
    seen, tape, status = run.get("seen"), run.get("tape"), run.get("status")
    if not isinstance(seen, dict) or not isinstance(tape, list) or status not in (0, 1, 2):
        return None
    try:
        if any(_state(path) != state for path, state in seen.items()):
            return None
        return status if _told(tape) else None
    except (OSError, ValueError, TypeError):
        return None


def asked() -> bool:
    """Whether the run that is being made may be told again."""
    return _asked is not None


def keep(status: int, tape: list[tuple[int, str]], seen: set[str]) -> None:
    """Remember the run that was made: what it printed, and what it looked at."""
    if _asked is None or sum(len(text) for _, text in tape) > _LARGEST:
        return
    states = {}
    for path in sorted(seen):
        states[path] = _state(path, _asked.started - store.RECENT)
        if states[path] is None:  # something may be changing right now
            return
    held = store.load(_asked.folder, RUNS)
    runs = held if isinstance(held, dict) else {}
    runs.pop(_asked.key, None)
    runs[_asked.key] = {"tool": _tool(), "seen": states, "tape": tape, "status": status}
    store.save(_asked.folder, RUNS, dict(list(runs.items())[-MOST:]))


def _surroundings() -> list[str]:
    stream = sys.stdout
    is_terminal = stream is not None and stream.isatty()
    width = os.get_terminal_size(stream.fileno()).columns if is_terminal else 0
    encoding = getattr(stream, "encoding", None)
    return [f"{is_terminal} {width} {encoding}", *(f"{name}={os.environ.get(name)}" for name in _ENVIRONMENT)]


def _tool() -> str:
    """The state of gradlint, of what it stands on, and of the places that rule packs are installed in."""
    own = os.path.dirname(os.path.abspath(__file__))
    folders = [own, os.path.join(os.path.dirname(own), "rules")]
    for folder, inner, _ in os.walk(own):
        folders += [os.path.join(folder, name) for name in inner if name != "__pycache__"]
    states = [str(_state(folder)) for folder in folders]
    for place in sys.path:
        for name in ("", "libcst", "typer"):
            try:
                states.append(str(os.stat(os.path.join(place or ".", name)).st_mtime_ns if place else ""))
            except OSError:
                continue
    return _digest([sys.version, *states])


def _state(path: str, latest: int | None = None) -> str | None:
    """What tells whether a file, or a folder with what gradlint reads of it, is still the same.

    None if something of it changed later than `latest`.
    """
    try:
        entries = os.scandir(path)
    except NotADirectoryError:  # of the path, or of what it is in: `.git` is a file in a work tree of its own
        try:
            return store.stamp(os.stat(path), latest)
        except OSError:
            return "absent"
    except OSError:
        return "absent"
    lines = []
    with entries:
        for entry in entries:
            name = entry.name
            if name.endswith(_SUFFIXES) or name in SETTINGS or marks.PROGRAM.fullmatch(name):
                try:
                    stamp = store.stamp(entry.stat(), latest)
                except OSError:
                    stamp = "broken"
                if stamp is None:
                    return None
                lines.append(f"{name} {stamp}")
            elif entry.is_dir(follow_symlinks=False) and name not in ("__pycache__", store.FOLDER):
                lines.append(f"{name}/")
    lines.sort()
    return _digest(lines)


def _told(tape: list[object]) -> bool:
    """Print what was printed; whether it has that form."""
    parts = [(part[0], part[1]) for part in tape if isinstance(part, list) and len(part) == 2]
    if len(parts) != len(tape) or not all(number in (1, 2) and isinstance(text, str) for number, text in parts):
        return False
    if any(stream is None for stream in (sys.stdout, sys.stderr)):
        return False
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a test's own stream raises
    for number, text in parts:
        (sys.stdout if number == 1 else sys.stderr).write(text)
    sys.stdout.flush()
    return True


def _digest(parts: list[str]) -> str:
    from hashlib import blake2b

    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
