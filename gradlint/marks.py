"""The names by which a folder shows that it is a project, or holds a program of its own."""

from __future__ import annotations

import re
from typing import Final

ROOT: Final = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
# A folder with such a file holds a program, which a person installs and runs apart from others.
PROGRAM: Final = re.compile(
    r"pyproject\.toml|setup\.(?:py|cfg)|(?:\w+[-_])?requirements(?:[-_]\w+)*\.(?:txt|in)|environment\.ya?ml|Pipfile|\.git"
)
