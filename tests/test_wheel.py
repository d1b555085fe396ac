"""What is shipped is what is here: the wheel, built and installed, does what the checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from gradlint import __version__
from tests.conftest import ROOT

EXAMPLE = ROOT / "fixtures" / "examples" / "train_lstm.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (file,) = built.glob("*.whl")
    return file


def test_the_wheel_holds_the_package_and_the_rules(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gradlint").rglob("*.py")}
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gradlint").rglob("*.toml")}
    rules = {f"gradlint/rules/{path.name}" for path in (ROOT / "rules").glob("*.py")}
    assert data, "the vocabulary is data"
    assert modules | data | rules | {"gradlint/py.typed"} <= names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"gradlint", f"gradlint-{__version__}.dist-info"}


def test_the_sdist_holds_what_tests_need(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"rules/unclipped_recurrent_update.py", "tests/test_wheel.py", "README.md", "LICENSE"} <= names
    assert any(name.startswith("fixtures/rules/") for name in names)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nothing but the wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *install], check=True, timeout=300)
    purelib = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    # Behind the environment's own folder, so that the gradlint in it comes first.
    (Path(purelib) / "borrowed.pth").write_text("\n".join(borrowed))
    return python


def run(python: Path | str, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(python), *arguments],
        env={**environ, **({"PYTHONPATH": path} if path else {})},
        cwd=Path(python).parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_installed_one_is_run(python: Path) -> None:
    place = run(python, "-c", "import gradlint; print(gradlint.__file__)").stdout.strip()
    assert Path(place).is_relative_to(python.parent.parent)


@pytest.mark.parametrize(
    "arguments",
    [
        ["rule", "--all"],
        ["rule", "--all", "--output-format", "json"],
        ["--isolated", "--output-format", "json", str(EXAMPLE)],
        ["--version"],
    ],
    ids=" ".join,
)
def test_the_installed_one_does_what_the_checkout_does(python: Path, arguments: list[str]) -> None:
    installed = run(python, "-m", "gradlint", *arguments)
    checkout = run(sys.executable, "-m", "gradlint", *arguments, path=str(ROOT))
    assert installed.stdout
    assert (installed.returncode, installed.stdout, installed.stderr) == (
        checkout.returncode,
        checkout.stdout,
        checkout.stderr,
    )


def test_there_is_a_command(python: Path) -> None:
    command = python.with_name("gradlint.exe" if sys.platform == "win32" else "gradlint")
    assert run(command, "--version").stdout == f"gradlint {__version__}\n"
