"""How fast gradlint is, beside bare parsing and other linters: python tests/benchmarks/speed.py [FOLDER]

On a generated tree, and on FOLDER (clones, packages) if there is one, it runs each tool in turn for several rounds, so
that a machine that is slow for a while is slow for all of them, and prints medians, the median of the ratios within
each round, and peak memory. The other tools are installed into environments of their own under --tools.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OTHERS = {
    "torchfix": ("torchfix", ["torchfix", "--select=ALL", "."]),
    "fixit": ("fixit", ["fixit", "--quiet", "lint", "."]),
    "flake8": ("flake8", ["flake8", "--exit-zero", "."]),
    "ruff": ("ruff", ["ruff", "check", "--no-cache", "--exit-zero", "--quiet", "."]),
}
PARSE = """
import gc, sys
gc.disable()
from pathlib import Path
import libcst
from gradlint.source.discover import discover
from gradlint.source.gate import trains
for path in map(Path, discover([Path()])[0]):
    data = path.read_bytes()
    if path.suffix == ".py" and trains(data):
        try:
            libcst.parse_module(data)
        except Exception:
            continue
"""
TRAINS = """
import torch
from torch import nn


class Net{0}(nn.Module):
    def __init__(self, width={0}):
        super().__init__()
        self.rnn = nn.LSTM(width, 64)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, inputs):
        hidden, _ = self.rnn(inputs)
        return self.head(hidden)


def train(batches, args):
    model = Net{0}()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    for epoch in range(args.epochs):
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            if args.clip:
                nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            optimizer.step()
        scheduler.step()
"""
PLAIN = '''
"""Module {0}."""


class Record{0}:
    def __init__(self, name, items=()):
        self.name = name
        self.items = list(items)

    def total(self, factor={0}):
        return sum(item * factor for item in self.items if item is not None)
'''


@dataclass(frozen=True)
class Spent:
    """What one run of a command took."""

    seconds: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="clones or packages to run on too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", type=Path, help="where other tools are, or are installed; none of them without it")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[100, 1000, 10_000], help="files of the generated trees"
    )
    given = parser.parse_args()
    others = installed(given.tools) if given.tools else {}
    with tempfile.TemporaryDirectory() as scratch:
        startup(Path(scratch), given.rounds)
        for size in given.sizes:
            tree = generated(Path(scratch) / f"tree-{size}", size)
            compare(f"{size} generated files, one in ten trains", tree, others, given.rounds)
        if given.folder:
            compare(str(given.folder.name), given.folder.resolve(), others, given.rounds)


def startup(scratch: Path, rounds: int) -> None:
    """Small runs, as multiples of starting Python."""
    folder = generated(scratch / "one", 1)
    python = [sys.executable, "-c", "pass"]
    libcst = [sys.executable, "-c", "import libcst"]
    own = [sys.executable, "-m", "gradlint"]
    time.sleep(0.3)
    table(
        "starting, beside `python -c pass`",
        {
            "python -c pass": lambda: spent(python, folder),
            "import libcst": lambda: spent(libcst, folder),
            "gradlint --version": lambda: spent([*own, "--version"], folder),
            "one file, cold": lambda: spent([*own, "--no-cache", "."], folder),
            "one file, warm": lambda: spent([*own, "."], folder),
        },
        rounds,
        warm=[lambda: spent([*own, "."], folder)],
    )


def compare(title: str, tree: Path, others: Mapping[str, Sequence[str]], rounds: int) -> None:
    own = [sys.executable, "-m", "gradlint"]
    edited = next(path for path in sorted(tree.rglob("*.py")) if b".backward(" in path.read_bytes())
    before = edited.read_bytes()
    cache = Path(tempfile.mkdtemp())
    kept = {"GRADLINT_CACHE_DIR": str(cache)}

    def edit() -> Spent:
        edited.write_bytes(before + f"# {time.time()}\n".encode())
        return spent([*own, "."], tree, kept)

    def warm() -> Spent:
        spent([*own, "."], tree, kept)
        return spent([*own, "."], tree, kept)

    rows: dict[str, Callable[[], Spent]] = {
        "gradlint, cold, one process": lambda: spent([*own, "--no-cache", "--jobs", "1", "."], tree),
        "gradlint, cold": lambda: spent([*own, "--no-cache", "."], tree),
        "gradlint, warm": warm,
        "gradlint, one file edited": edit,
        "libcst, the same files": lambda: spent([sys.executable, "-c", PARSE], tree),
        "python -c pass": lambda: spent([sys.executable, "-c", "pass"], tree),
        **{name: _run_of(command, tree) for name, command in others.items()},
    }
    try:
        time.sleep(0.3)
        table(title, rows, rounds, warm=[warm])
    finally:
        edited.write_bytes(before)
        shutil.rmtree(cache)


def _run_of(command: Sequence[str], tree: Path) -> Callable[[], Spent]:
    return lambda: spent(command, tree)


def table(
    title: str, rows: Mapping[str, Callable[[], Spent]], rounds: int, warm: Sequence[Callable[[], Spent]] = ()
) -> None:
    """Run all rows in turn and print them, each beside the first row of the same round."""
    for first in warm:
        first()
    found: dict[str, list[Spent]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, row in rows.items():
            found[name].append(row())
    base = next(iter(found.values()))
    print(f"\n{title}\n{'':32}{'seconds':>10}{'ratio':>9}{'MB':>7}")
    for name, runs in found.items():
        ratio = statistics.median(run.seconds / other.seconds for run, other in zip(runs, base, strict=True))
        seconds = statistics.median(run.seconds for run in runs)
        print(f"{name:32}{seconds:10.3f}{ratio:9.2f}{max(run.megabytes for run in runs):7.0f}", flush=True)


def spent(command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None) -> Spent:
    """Run a command in a folder to its end, whatever it says."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return Spent(time.perf_counter() - start, usage.ru_maxrss / scale)


def generated(folder: Path, size: int) -> Path:
    """A tree of files in packages of fifty, one in ten of which trains a network."""
    for number in range(size):
        package = folder / f"package_{number // 50}"
        package.mkdir(parents=True, exist_ok=True)
        text = TRAINS if number % 10 == 0 else PLAIN
        (package / f"module_{number}.py").write_text(text.format(number + 1))
    (folder / ".git").mkdir(exist_ok=True)
    return folder


def installed(tools: Path) -> dict[str, Sequence[str]]:
    """The commands of the other tools, each from an environment of its own."""
    out: dict[str, Sequence[str]] = {}
    for name, (package, command) in OTHERS.items():
        home = tools.resolve() / name
        if not home.exists():
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            subprocess.run([home / "bin" / "pip", "install", "--quiet", package], check=True)
        out[name] = [str(home / "bin" / command[0]), *command[1:]]
    return out


if __name__ == "__main__":
    main()
