"""One file's bytes replaced at once, or not at all."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from gradlint.finding import Problem
from gradlint.source.source import display

if sys.platform != "win32":
    import fcntl

# Ends in no suffix that is linted. Only the process that holds the directory's lock writes it, so that one which was
# killed leaves nothing behind that the next does not clear away.
_TEMPORARY = ".gradlint.tmp"


class WriteError(Exception):
    """A file that could not be replaced and is as it was; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem.message


def write(path: Path, before: bytes, after: bytes) -> None:
    """Replace what a file holds; whoever reads it, and whenever this is killed, finds the old bytes or the new.

    A link stays one, to the file that is replaced. Mode, owner and extended attributes are kept where they can be.

    Raises WriteError, and leaves the file as it is, if it holds anything else than `before` by now (but for `after`,
    which another gradlint has written), is read-only, has hard links, or there is no room.
    """
    if before == after:
        return
    target = os.path.realpath(path)
    try:
        with _locked(os.path.dirname(target)) as is_alone:
            _replace(path, target, before, after, is_alone)
    except OSError as error:
        raise WriteError(Problem(f"cannot be written: {error.strerror or error}", display(path))) from None


def _replace(path: Path, target: str, before: bytes, after: bytes, is_alone: bool) -> None:
    status = os.stat(target)
    if not stat.S_ISREG(status.st_mode):
        raise _refusal(path, "is not a regular file, so it is not fixed")
    # The directory would allow it, and to root all files are writable; but what is marked is not to be touched.
    if not status.st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(target, os.W_OK):
        raise _refusal(path, "is read-only, so it is not fixed")
    if status.st_nlink > 1:
        raise _refusal(path, f"is one file under {status.st_nlink} names (hard links), so it is not fixed")
    name = _TEMPORARY if is_alone else f".gradlint-{uuid4().hex}.tmp"
    temporary = os.path.join(os.path.dirname(target), name)
    if is_alone:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, stat.S_IRUSR | stat.S_IWUSR)
    try:
        with open(descriptor, "wb") as file:
            file.write(after)
            file.flush()
            _dress(descriptor, target, status)
            os.fsync(descriptor)
        # As late as can be: another program does not ask for the lock.
        with open(target, "rb") as file:
            found = file.read()
        if found == after:
            os.unlink(temporary)
            return
        if found != before:
            raise _refusal(path, "was changed by another program in the meantime, so it is not fixed")
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_directory(os.path.dirname(target))


def _dress(descriptor: int, target: str, status: os.stat_result) -> None:
    """Give a new file what the old one has besides its bytes, as far as this process may."""
    if sys.platform != "win32":
        if sys.platform == "linux":
            with suppress(OSError):
                for attribute in os.listxattr(target):
                    with suppress(OSError):
                        os.setxattr(descriptor, attribute, os.getxattr(target, attribute))
        for owner, group in ((status.st_uid, status.st_gid), (-1, status.st_gid)):
            with suppress(OSError):
                os.fchown(descriptor, owner, group)
                break
        # After the owner, a change of which takes away the bits that run a program as its owner.
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


@contextmanager
def _locked(directory: str) -> Iterator[bool]:
    """Keep other gradlints from the files of a directory; gives whether that was possible.

    The lock is the directory's own: a file's would go with the file when it is replaced, and a lock file would be
    left behind. It ends with the process, whatever ends that.
    """
    if sys.platform == "win32":
        yield False
    else:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                is_alone = True
            except OSError:  # some network file systems
                is_alone = False
            yield is_alone
        finally:
            os.close(descriptor)


def _sync_directory(directory: str) -> None:
    """Have the new name on the disk; what cannot do that has done what it can."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refusal(path: Path, message: str) -> WriteError:
    return WriteError(Problem(message, display(path)))
