"""The hooks, run by the real pre-commit in a repository of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RNN_LOOP, ROOT

SHIPPED = ("gradlint", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, apart from the settings of whoever runs the tests."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{role}_NAME": "tests", f"GIT_{role}_EMAIL": "tests@example.org"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def committed(folder: Path) -> str:
    """Make a folder a repository with one commit of all that is in it, and return that commit."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=All")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pre-commit keeps its environments."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A repository with what is in the working tree, and its commit."""
    folder = tmp_path_factory.mktemp("hooks") / "gradlint"
    folder.mkdir()
    for name in SHIPPED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, folder / name)
    return folder, committed(folder)


@pytest.fixture
def user(project: Path, hooks: tuple[Path, str]) -> Path:
    """A user's repository that has the hooks, in the order in which a person would meet them."""
    repository, revision = hooks
    shutil.rmtree(project / ".git")
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {repository.as_posix()}\n  rev: {revision}\n  hooks:\n"
        "  - id: gradlint\n  - id: gradlint-fix\n"
    )
    (project / "train.py").write_text(RNN_LOOP)
    (project / "other.py").write_text("print('no training here')\n")
    (project / "notes.txt").write_text("import torch; loss.backward(); optimizer.step()\n")
    committed(project)
    return project


@pytest.fixture
def pre_commit(user: Path, home: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHON"))}
        environ |= {"PRE_COMMIT_HOME": str(home), "PRE_COMMIT_COLOR": "never"}
        command = [sys.executable, "-m", "pre_commit", *arguments]
        return subprocess.run(command, cwd=user, env=environ, capture_output=True, text=True, check=False, timeout=600)

    return run


def test_the_hook_reports(pre_commit: Run, user: Path) -> None:
    done = pre_commit("run", "gradlint", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "- hook id: gradlint\n- exit code: 1\n" in done.stdout
    assert "warning GL101 unclipped-recurrent-update: " in done.stdout
    assert (user / "train.py").read_text() == RNN_LOOP


def test_the_fixing_hook_fixes(pre_commit: Run, user: Path) -> None:
    done = pre_commit("run", "gradlint-fix", "--all-files")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "- files were modified by this hook" in done.stdout
    assert "clip_grad_norm_" in (user / "train.py").read_text()
    git(user, "add", "--all")
    done = pre_commit("run", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Passed") == 2


def test_the_hook_honours_excludes(pre_commit: Run, user: Path) -> None:
    (user / "gradlint.toml").write_text('exclude = ["train.py"]\n')
    done = pre_commit("run", "gradlint", "--all-files")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hooks_environment_is_small(pre_commit: Run, home: Path) -> None:
    pre_commit("install-hooks")
    folders = {path.name.lower() for path in home.rglob("site-packages/*")}
    assert "gradlint" in folders
    assert not folders & {"torch", "numpy", "pydantic"}
