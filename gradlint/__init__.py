"""gradlint finds and fixes the hazards in PyTorch training code that cost training runs.

This is what rule authors import. The names load when first used, so that the command starts fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradlint.finding import Finding, Level, Related
    from gradlint.fix.edits import Edit, Fix, Safety
    from gradlint.program.files import File
    from gradlint.program.networks import Network
    from gradlint.program.updates import Update
    from gradlint.rule import Rule

__version__ = "0.1.0"

_HOMES = {
    "Edit": "gradlint.fix.edits",
    "File": "gradlint.program.files",
    "Finding": "gradlint.finding",
    "Fix": "gradlint.fix.edits",
    "Level": "gradlint.finding",
    "Network": "gradlint.program.networks",
    "Related": "gradlint.finding",
    "Rule": "gradlint.rule",
    "Safety": "gradlint.fix.edits",
    "Update": "gradlint.program.updates",
}

__all__ = ["Edit", "File", "Finding", "Fix", "Level", "Network", "Related", "Rule", "Safety", "Update", "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module `gradlint` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
