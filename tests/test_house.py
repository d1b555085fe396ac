"""The house rules: which part may import which, and that torch is imported by none that lints."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradlint import cli
from gradlint.config import toml_document
from tests.conftest import RNN_LOOP, ROOT

PACKAGE = ROOT / "gradlint"

# Each part may import those above it, and itself.
LAYERS = (
    ("records",),
    ("store", "stack", "marks", "replay", "progress", "measured"),
    ("finding", "fix.edits", "formats", "source", "schema", "config"),
    ("vocabulary",),
    ("program",),
    ("rule", "fix"),
    ("packs", "selection", "docs", "cache", "pool"),
    ("engine",),
    ("tree", "parts", "plan", "runner", "explain", "scaffold"),
    ("audit",),
    ("report", "console"),
    ("interactive",),
    ("session", "testing"),
    ("cli",),
    ("__main__",),
)
ONLY_MEASURE = "torch"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def layer_of(name: str) -> int:
    """The layer that lists the longest beginning of a module's name."""
    known = {part: index for index, layer in enumerate(LAYERS) for part in layer}
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if (prefix := ".".join(parts[:end])) in known:
            return known[prefix]
    raise AssertionError(f"gradlint.{name} belongs to no layer: name it in LAYERS")


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """The modules that a file imports, and whether only for its type annotations."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_only = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in typing_only) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are absolute"
            assert node.module is not None
            for alias in node.names:
                inner = PACKAGE.parent / Path(*node.module.split("."), alias.name)
                is_module = inner.with_suffix(".py").exists() or inner.is_dir()
                yield (f"{node.module}.{alias.name}" if is_module else node.module), node in typing_only


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_imports_run_one_way(file: Path) -> None:
    name = name_of(file)
    if not name or name.split(".")[0] == "measure":
        return
    for imported, typing_only in imports(file):
        if imported.startswith("gradlint.") and not typing_only:
            target = imported.removeprefix("gradlint.")
            assert layer_of(target) <= layer_of(name), f"gradlint.{name} imports {imported}, which is above it"


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_only_measure_imports_torch(file: Path) -> None:
    if file.relative_to(PACKAGE).parts[0] != "measure":
        found = {imported.split(".")[0] for imported, _ in imports(file)}
        assert not found & {ONLY_MEASURE}
        assert "gradlint.measure" not in {imported for imported, _ in imports(file)}


@pytest.mark.parametrize("file", sorted((ROOT / "rules").glob("*.py")), ids=lambda file: file.stem)
def test_rules_import_gradlint_alone(file: Path) -> None:
    for imported, _ in imports(file):
        first = imported.split(".")[0]
        assert first == "gradlint" or first in sys.stdlib_module_names, f"{file.name} imports {imported}"


@pytest.mark.parametrize(
    "file",
    sorted(f for part in ("gradlint", "rules", "tests") for f in (ROOT / part).rglob("*.py")),
    ids=lambda file: file.relative_to(ROOT).as_posix(),
)
def test_nothing_imports_the_rules_by_name(file: Path) -> None:
    """The loader names them `gradlint.rules.*`; a second name would make a second class of each."""
    if "fixtures" in file.relative_to(ROOT).parts:
        return
    for imported, _ in imports(file):
        assert imported.split(".")[:1] != ["rules"]
        assert not imported.startswith("gradlint.rules")


@pytest.mark.parametrize("file", [*modules(), *sorted((ROOT / "rules").glob("*.py"))], ids=lambda file: file.stem)
def test_modules_say_what_they_are(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    said = ast.get_docstring(tree)
    assert said, f"{file} does not open with a sentence"
    assert said.split("\n")[0].endswith((".", "?")), f"{file} opens with {said.splitlines()[0]!r}"
    assert "from __future__ import annotations" in text or len(tree.body) == 1


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_dataclasses_are_cheap(file: Path) -> None:
    """But for those that hold a user's code: nothing may change them, whatever the price."""
    if name_of(file) not in ("records", "source.source"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "dataclasses":
                assert "dataclass" not in {alias.name for alias in node.names}, "it comes from gradlint.records"


SCRIPT = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if {blocked} and name.split(".")[0] in ("torch", "numpy"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
from gradlint.cli import run
status = run({arguments})
print("torch" in sys.modules, "pygls" in sys.modules, "rich" in sys.modules, file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize("blocked", [True, False])
@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["train.py"], 1), (["--fix", "train.py"], 0), (["--help"], 0), (["rule", "--all"], 0), (["--version"], 0)],
)
def test_no_command_imports_torch(project: Path, arguments: list[str], status: int, blocked: bool) -> None:
    (project / "train.py").write_text(RNN_LOOP)
    # A torch that is there to be imported, whether or not the real one is installed.
    (project / "torch.py").write_text("loaded = True\n")
    script = SCRIPT.format(blocked=blocked, arguments=arguments)
    command = [sys.executable, "-c", script]
    environ = {"PYTHONPATH": f"{ROOT}:{project}"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == "False False False\n"
    assert done.returncode == status


def test_starting_is_light(project: Path) -> None:
    """What only some runs need is not imported by those that do not."""
    script = "import sys\nfrom gradlint.cli import run\nrun(['--version'])\nprint(sorted(sys.modules))"
    environ = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(ast.literal_eval(done.stdout.splitlines()[1]))
    assert not loaded & {
        "libcst",
        "rich",
        "pathspec",
        "tomllib",
        "tomli",
        "gradlint.runner",
        "gradlint.rule",
        "gradlint.source",
    }


def test_gradlint_passes_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert cli.run(["."]) == 0, capsys.readouterr()


def test_the_extra_and_the_group_for_developers_are_one_list() -> None:
    project = toml_document((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    described, groups = project["project"], project["dependency-groups"]
    assert isinstance(described, dict)
    assert isinstance(groups, dict)
    assert groups["dev"] == described["optional-dependencies"]["dev"]
