"""The code of an entry in a folder of its own: from a clone, which stays as it is, or from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.ecosystem.manifest import Entry

# Data sets and weights, which say nothing about the code.
LARGEST: Final = 20_000_000

# A clone may lack blobs: that is no reason to fetch them, nor to ask anyone for a password.
_ENVIRON: Final = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
_FILE_MODES: Final = (b"100644", b"100755")


class CheckoutError(Exception):
    """The code is not to be had; the message says why."""


@contextmanager
def checked_out(entry: Entry, clones: Path) -> Iterator[Path]:
    """A folder with the code of an entry, gone afterwards. Raises CheckoutError.

    Args:
        clones: a folder of clones, `owner+name` or `owner/name`, and of source packages, `name-version.tar.gz`.
    """
    with tempfile.TemporaryDirectory(prefix="gradlint-") as name:
        tree = Path(name).resolve() / "tree"
        tree.mkdir()
        if entry.is_package:
            _unpack(_archive(entry, clones, Path(name)), tree)
        else:
            _write_tree(clone_of(entry.name, clones), entry.version, tree)
        (tree / ".git").mkdir(exist_ok=True)  # where the project begins, as in a real checkout
        yield tree


def clone_of(name: str, clones: Path) -> Path:
    """The clone of `owner/name`. Raises CheckoutError."""
    for folder in (clones / name.replace("/", "+"), clones / name):
        if folder.is_dir():
            return folder
    raise CheckoutError(f"no clone in {clones}: git clone https://github.com/{name} {clones / name.replace('/', '+')}")


def head_of(clone: Path) -> str:
    """The commit that a clone has checked out. Raises CheckoutError."""
    return _git(clone, "rev-parse", "--verify", "HEAD^{commit}").decode().strip()


def _write_tree(clone: Path, commit: str, tree: Path) -> None:
    """Write the files of a commit that git has and that are not large; links are left out, as gradlint would."""
    files: dict[str, list[str]] = {}
    for line in filter(None, _git(clone, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")):
        meta, _, path = line.partition(b"\t")
        mode, kind, blob = meta.split()
        if kind == b"blob" and mode in _FILE_MODES:
            files.setdefault(blob.decode(), []).append(os.fsdecode(path))
    checked = _git(clone, "cat-file", "--batch-check", given=_lines(files)).decode().splitlines()
    # "OID blob SIZE", or "OID missing"
    there = [fields[0] for line in checked if len(fields := line.split()) == 3 and int(fields[2]) <= LARGEST]
    stream = _git(clone, "cat-file", "--batch", given=_lines(there))
    at = 0
    for oid in there:
        begin = stream.index(b"\n", at) + 1
        end = begin + int(stream[at:begin].split()[2])
        for name in files[oid]:
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(stream[begin:end])
        at = end + 1


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def _git(clone: Path, *arguments: str, given: bytes = b"") -> bytes:
    # safe.directory: a folder of clones often belongs to whoever made it
    command = ["git", "-c", "safe.directory=*", "-C", str(clone), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, env={**os.environ, **_ENVIRON})
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise CheckoutError(f"git {arguments[0]} in {clone}: {said[-1]}")
    return done.stdout


def _archive(entry: Entry, clones: Path, scratch: Path) -> Path:
    """The source package: one that lies among the clones, else as PyPI has it."""
    for suffix in (".tar.gz", ".zip"):
        if (kept := clones / f"{entry.name}-{entry.version}{suffix}").is_file():
            return kept
    folder = scratch / "download"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--dest", str(folder), f"{entry.name}=={entry.version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if done.returncode or not files:
        said = done.stderr.strip().splitlines() or ["pip wrote nothing"]
        raise CheckoutError(f"pip download {entry.name}=={entry.version}: {said[-1]}")
    return files[0]


def _unpack(archive: Path, tree: Path) -> None:
    """Unpack the regular files of a source package without the folder around them; nothing lands outside `tree`."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for name in bundle.namelist():
                if (target := _inside(tree, name)) and not name.endswith("/"):
                    target.write_bytes(bundle.read(name))
        return
    with tarfile.open(archive) as bundle:
        for member in bundle:
            if member.isfile() and (content := bundle.extractfile(member)) and (target := _inside(tree, member.name)):
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)


def _inside(tree: Path, name: str) -> Path | None:
    parts = Path(name).parts[1:]
    if not parts or ".." in parts or Path(name).is_absolute():
        return None
    target = tree.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
