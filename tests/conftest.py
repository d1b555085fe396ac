"""What the tests share: a project to work in, and gradlint run there as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from gradlint import cli

ROOT = Path(__file__).parent.parent

RNN_LOOP = """\
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(32, 64)
        self.head = nn.Linear(64, 8)

    def forward(self, inputs):
        hidden, _ = self.rnn(inputs)
        return self.head(hidden)


def train(batches):
    model = Tagger()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for inputs, targets in batches:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        if not torch.isfinite(loss):
            raise FloatingPointError("the loss is not finite")
        loss.backward()
        optimizer.step()
"""
"""A loop with one hazard, GL101 at `optimizer.step()` in row 25, which has a safe fix."""


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Gradlint = Callable[..., Done]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and the current directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "GRADLINT_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def gradlint(project: Path, capsys: pytest.CaptureFixture[str]) -> Gradlint:
    """Run gradlint in the project, in this process."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        status = cli.run(list(arguments))
        return Done(status, *capsys.readouterr())

    return run


def process(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start gradlint in a process of its own, in the current directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "gradlint", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
