"""A file is replaced at once or not at all, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import gradlint.fix.write
from gradlint.finding import Problem
from gradlint.fix.write import WriteError, write

OLD = b"optimizer.step()\r\n" * 500
NEW = b"clip()\r\n" + OLD

NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("train.py")
    path.write_bytes(OLD)
    return path


def refused(path: Path, before: bytes = OLD, after: bytes = NEW) -> Problem:
    with pytest.raises(WriteError) as caught:
        write(path, before, after)
    assert str(caught.value) == caught.value.problem.message
    return caught.value.problem


def in_child(work: Callable[[], None]) -> int:
    """Run something in a process of its own; gives its wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def test_the_new_bytes_replace_the_old(file: Path) -> None:
    write(file, OLD, NEW)
    assert file.read_bytes() == NEW
    assert os.listdir() == ["train.py"]


def test_nothing_new_writes_nothing(file: Path) -> None:
    before = file.stat()
    write(file, OLD, OLD)
    write(Path("missing.py"), b"x", b"x")
    assert file.stat() == before


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o755, 0o664, 0o200, 0o4755])
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)
    write(file, OLD, NEW)
    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_the_owner_stays(file: Path) -> None:
    os.chown(file, 1234, 2345)
    file.chmod(0o4751)
    write(file, OLD, NEW)
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)
    assert stat.S_IMODE(file.stat().st_mode) == 0o4751


def test_an_owner_that_cannot_stay_does_not_stop_the_fix(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def refuse(descriptor: int, owner: int, group: int) -> None:
        asked.append((owner, group))
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    write(file, OLD, NEW)
    status = file.stat()
    assert asked == [(status.st_uid, status.st_gid), (-1, status.st_gid)]
    assert file.read_bytes() == NEW


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes are Linux's")
def test_extended_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.origin", b"there")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    write(file, OLD, NEW)
    assert os.getxattr(file, "user.origin") == b"there"


def test_links_stay_and_lead_to_the_new_bytes(file: Path) -> None:
    os.mkdir("links")
    os.symlink("../train.py", "links/middle.py")
    os.symlink("links/middle.py", "link.py")
    write(Path("link.py"), OLD, NEW)
    assert os.readlink("link.py") == "links/middle.py"
    assert os.readlink("links/middle.py") == "../train.py"
    assert not file.is_symlink()
    assert file.read_bytes() == NEW
    assert sorted(os.listdir()) == ["link.py", "links", "train.py"]


def test_a_file_that_was_changed_is_not_overwritten(file: Path) -> None:
    file.write_bytes(b"by someone else\n")
    message = "was changed by another program in the meantime, so it is not fixed"
    assert refused(file) == Problem(message, "train.py")
    assert file.read_bytes() == b"by someone else\n"
    assert os.listdir() == ["train.py"]


def test_a_file_that_changes_during_the_write_is_not_overwritten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        file.write_bytes(b"by someone else\n")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    assert refused(file).message.startswith("was changed by another program")
    assert file.read_bytes() == b"by someone else\n"
    assert os.listdir() == ["train.py"]


def test_what_is_gone_or_no_file_is_refused(file: Path) -> None:
    assert refused(Path("missing.py")).message == "cannot be written: No such file or directory"
    assert refused(Path("none/missing.py")).message == "cannot be written: No such file or directory"
    os.mkdir("folder.py")
    assert refused(Path("folder.py")).message == "is not a regular file, so it is not fixed"
    os.symlink("missing.py", "dangling.py")
    assert refused(Path("dangling.py")).message == "cannot be written: No such file or directory"


def test_what_another_wrote_alike_is_no_trouble(file: Path) -> None:
    file.write_bytes(NEW)
    before = file.stat()
    write(file, OLD, NEW)
    assert file.stat() == before
    assert os.listdir() == ["train.py"]


def test_hard_links_are_not_parted(file: Path) -> None:
    os.link("train.py", "same.py")
    assert refused(file) == Problem("is one file under 2 names (hard links), so it is not fixed", "train.py")
    assert file.read_bytes() == OLD
    assert file.samefile("same.py")
    os.unlink("same.py")
    write(file, OLD, NEW)
    assert file.read_bytes() == NEW


def test_a_read_only_file_is_refused_even_to_root(file: Path) -> None:
    file.chmod(0o444)
    assert refused(file) == Problem("is read-only, so it is not fixed", "train.py")
    assert file.read_bytes() == OLD
    assert stat.S_IMODE(file.stat().st_mode) == 0o444


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file where any user can get to it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = Path(directory, "train.py")
        path.write_bytes(OLD)
        yield path


def as_nobody(work: Callable[[], None]) -> None:
    def without_rights() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        work()

    assert in_child(without_rights) == 0


def test_a_read_only_directory_is_a_clear_error(shared: Path) -> None:
    shared.chmod(0o666)
    if os.getuid() != 0:
        shared.parent.chmod(0o555)

    def work() -> None:
        assert refused(shared).message == "cannot be written: Permission denied"

    as_nobody(work)
    assert shared.read_bytes() == OLD
    assert os.listdir(shared.parent) == ["train.py"]
    shared.parent.chmod(0o755)


@pytest.mark.skipif(os.getuid() != 0, reason="needs a file of someone else")
def test_a_file_of_someone_else_is_a_clear_error(shared: Path) -> None:
    shared.parent.chmod(0o777)

    def work() -> None:
        assert refused(shared).message == "is read-only, so it is not fixed"

    as_nobody(work)
    assert shared.read_bytes() == OLD


def test_a_full_disk_leaves_the_file_as_it_was(file: Path) -> None:
    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(OLD) // 2, len(OLD) // 2))
        assert refused(file).message == "cannot be written: File too large"

    assert in_child(work) == 0
    assert file.read_bytes() == OLD
    assert os.listdir() == ["train.py"]


@pytest.mark.parametrize("name", ["open", "fsync", "fchmod", "replace", "stat"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_whatever_fails_the_file_is_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fail)
        problem = refused(file)
    assert problem == Problem(f"cannot be written: {os.strerror(code)}", "train.py")
    assert file.read_bytes() == OLD
    assert os.listdir() == ["train.py"]


@pytest.mark.parametrize("name", ["fsync", "fchmod", "replace"])
def test_an_interrupt_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, name, interrupt)
        with pytest.raises(KeyboardInterrupt):
            write(file, OLD, NEW)
    assert file.read_bytes() == OLD
    assert os.listdir() == ["train.py"]


def test_a_disk_that_cannot_sync_directories_is_no_obstacle(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    write(file, OLD, NEW)
    assert file.read_bytes() == NEW


def test_without_locks_each_writer_has_a_name_of_its_own(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("gradlint.fix.write.fcntl.flock", unsupported)
    Path(".gradlint.tmp").write_bytes(b"of a process that has the lock")
    write(file, OLD, NEW)
    assert file.read_bytes() == NEW
    assert Path(".gradlint.tmp").read_bytes() == b"of a process that has the lock"
    assert sorted(os.listdir()) == [".gradlint.tmp", "train.py"]


def test_a_link_where_the_temporary_file_goes_is_not_followed(file: Path) -> None:
    Path("precious").write_bytes(b"precious")
    os.symlink("precious", ".gradlint.tmp")
    write(file, OLD, NEW)
    assert Path("precious").read_bytes() == b"precious"
    assert sorted(os.listdir()) == ["precious", "train.py"]


def test_killed_at_any_line_it_leaves_the_old_or_the_new_file(file: Path) -> None:
    """Kill a process that writes before its first line, its second, and so on, until it is done before that."""
    outcomes: list[bytes] = []
    code = gradlint.fix.write.__file__

    def killed_at(line: int) -> int:
        left = line

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename != code:
                return None
            if event in ("line", "return"):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        def work() -> None:
            sys.settrace(trace)
            write(file, OLD, NEW)

        return in_child(work)

    for line in range(10_000):
        status = killed_at(line)
        outcomes.append(file.read_bytes())
        assert set(os.listdir()) <= {"train.py", ".gradlint.tmp"}
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        # The next run finds no trouble, and clears away what was left.
        write(file, outcomes[-1], b"next")
        assert os.listdir() == ["train.py"]
        write(file, b"next", OLD)
    assert set(outcomes) == {OLD, NEW}
    assert outcomes.index(NEW) > 30
    assert outcomes[outcomes.index(NEW) :].count(OLD) == 0
    assert os.listdir() == ["train.py"]


def test_killed_at_any_time_it_leaves_the_old_or_the_new_file(file: Path) -> None:
    def work() -> None:
        before, after = OLD, NEW
        while True:
            write(file, before, after)
            before, after = after, before

    wait = random.Random(0)
    for _ in range(25):
        file.unlink()
        file.write_bytes(OLD)
        pid = os.fork()
        if pid == 0:
            work()
            os._exit(1)
        time.sleep(wait.uniform(0.0, 0.02))
        os.kill(pid, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        assert file.read_bytes() in (OLD, NEW)


def test_processes_that_fix_one_file_at_once_lose_nothing(file: Path) -> None:
    file.write_bytes(b"")
    Path("other.py").write_bytes(b"")

    def add_lines(writer: int) -> None:
        for count in range(20):
            for path in (file, Path("other.py")):
                while True:
                    before = path.read_bytes()
                    try:
                        write(path, before, before + f"{writer} {count}\n".encode())
                        break
                    except WriteError as error:
                        if not error.problem.message.startswith("was changed by another program"):
                            raise

    children = []
    for writer in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                add_lines(writer)
            except BaseException as error:
                sys.stderr.write(f"{error!r}\n")
                os._exit(1)
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    wanted = sorted(f"{writer} {count}" for writer in range(4) for count in range(20))
    assert sorted(file.read_text().splitlines()) == wanted
    assert sorted(Path("other.py").read_text().splitlines()) == wanted
    assert sorted(os.listdir()) == ["other.py", "train.py"]
