"""The process and its streams: no run ends with a traceback, whatever becomes of the pipes or of the code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

BUGS: Final = "https://github.com/gradlint/gradlint/issues"
FAILED: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

_AT_ONCE: Final = 1000  # lines
_CODE: Final = (".py", ".pyi", ".ipynb", ".toml")


# What this process has printed, by the number of the stream, if somebody wants to know.
tape: list[tuple[int, str]] | None = None


class OutputError(Exception):
    """The report could not be written: the disk is full, the terminal is gone."""


def out() -> TextIO:
    """Standard output, which takes every character and is there even where it was closed."""
    stream = sys.stdout or io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def write(lines: Iterable[str]) -> None:
    """Print lines. Raises OutputError where that fails, BrokenPipeError where nobody reads on."""
    stream = out()
    rest = iter(lines)
    while some := list(islice(rest, _AT_ONCE)):
        text = "\n".join([*some, ""])
        with _writing():
            stream.write(text)
        if tape is not None:
            tape.append((1, text))
    flush(stream)


def prompt(question: str) -> None:
    """Print a question, and stay on its line. Raises as `write` does."""
    stream = out()
    with _writing():
        stream.write(question)
    flush(stream)


def write_bytes(data: bytes) -> None:
    """Print bytes as they are. Raises as `write` does."""
    stream = out()
    flush(stream)
    with _writing():
        if isinstance(stream, io.TextIOWrapper):
            stream.buffer.write(data)
        else:
            stream.write(data.decode(errors="replace"))
    flush(stream)


def save(path: Path, lines: Iterable[str]) -> None:
    """Write lines to a file, at once or not at all. Raises OutputError where that fails, or would replace code."""
    if path.suffix in _CODE:
        raise OutputError(f"cannot write to {path}: a report does not go where code is kept")
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device, a pipe
            return
        try:
            with temporary.open("xb") as file:
                file.write(data)
            os.replace(temporary, os.path.realpath(path))
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}") from error


def read_bytes() -> bytes:
    """All of standard input; nothing where it is closed. Raises OSError where it cannot be read."""
    return sys.stdin.buffer.read() if sys.stdin is not None else b""


def flush(stream: TextIO) -> None:
    """Write what is still held back. Raises as `write` does."""
    with _writing():
        stream.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write to standard output: {error.strerror}") from error


def complain(line: str) -> None:
    """Print a line to standard error, if there is one."""
    stream = sys.stderr
    if stream is not None:
        try:
            print(line, file=stream, flush=True)
            if tape is not None:
                tape.append((2, f"{line}\n"))
        except (OSError, ValueError):
            return


def guarded(body: Callable[[], int]) -> int:
    """Run `body` and return its exit status, or that of what went wrong, said in one line."""
    try:
        return body()
    except KeyboardInterrupt:
        _forget_output()
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return PIPE_CLOSED
    except OutputError as error:
        _forget_output()
        complain(f"error: {error}")
        return FAILED
    except Exception as error:
        if os.environ.get("GRADLINT_TRACEBACK"):
            traceback.print_exc()
        complain(_bug(error))
        return FAILED


def _bug(error: Exception) -> str:
    package = Path(__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(package)] or list(frames)
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "an unknown place"
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"error: internal error at {place}: {said}; this is a bug in gradlint, "
        f"please report it at {BUGS} (GRADLINT_TRACEBACK=1 shows the traceback)"
    )


def _forget_output() -> None:
    """Let the interpreter's own flush at exit go nowhere, so that it does not fail once more."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        return
