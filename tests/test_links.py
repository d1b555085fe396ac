"""Proves which files of a project are analysed together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from gradlint.source.links import components, imports_of

BY_NAME = "module = importlib.import_module(name)"

CASES: dict[str, tuple[Mapping[str, str], list[list[str]]]] = {
    "files that no import connects are apart": (
        {"a.py": "", "b.py": ""},
        [["a.py"], ["b.py"]],
    ),
    "a name that is computed may mean any file of the project": (
        {"a.py": "", "tools/run.py": BY_NAME, "models/net.py": ""},
        [["a.py", "models/net.py", "tools/run.py"]],
    ),
    "or any file of a program in it": (
        {"a.py": "", "one/requirements.txt": "torch", "one/run.py": BY_NAME, "one/models/net.py": ""},
        [["a.py"], ["one/models/net.py", "one/run.py"]],
    ),
    "whose requirements and scripts may lie in different folders": (
        {"a.py": "", "one/environment.yml": "", "one/tools/run.py": BY_NAME, "one/net.py": ""},
        [["a.py"], ["one/net.py", "one/tools/run.py"]],
    ),
    "unless the program needs what lies outside of it": (
        {"a.py": "", "lib/net.py": "", "one/requirements.txt": "", "one/run.py": f"import lib.net\n{BY_NAME}"},
        [["a.py", "lib/net.py", "one/run.py"]],
    ),
    "or above it": (
        {"net.py": "", "b.py": "", "one/requirements.txt": "", "one/run.py": f"from .. import net\n{BY_NAME}"},
        [["b.py", "net.py", "one/run.py"]],
    ),
    "what lies above is imported before what lies elsewhere": (
        {"one/utils.py": "", "one/tools/run.py": "import utils", "two/utils.py": ""},
        [["one/tools/run.py", "one/utils.py"], ["two/utils.py"]],
    ),
    "the path may lead elsewhere": (
        {"run.py": "import net", "lib/net.py": "", "old/net.py": ""},
        [["lib/net.py", "old/net.py", "run.py"]],
    ),
    "to no namesake of a standard module": (
        {"run.py": "import random", "lib/random.py": ""},
        [["lib/random.py"], ["run.py"]],
    ),
    "unless it lies beside or above": (
        {"random.py": "", "lib/run.py": "import random"},
        [["lib/run.py", "random.py"]],
    ),
    "no file imports itself": (
        {"one/net.py": "import net", "two/net.py": ""},
        [["one/net.py", "two/net.py"]],
    ),
}


@pytest.mark.parametrize(("files", "wanted"), CASES.values(), ids=CASES.keys())
def test_files_that_imports_connect(files: Mapping[str, str], wanted: list[list[str]], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    paths = sorted(map(str, tmp_path.rglob("*.py")))
    groups = components(tmp_path, paths, lambda path: imports_of(Path(path).read_bytes(), is_notebook=False))
    assert [[Path(path).relative_to(tmp_path).as_posix() for path in group] for group in groups] == wanted
