"""Edits made in a string."""

from __future__ import annotations

from collections.abc import Iterable

from gradlint.fix.edits import Edit


def spliced(text: str, edits: Iterable[Edit], offset: int = 0) -> str:
    """The text, which starts at an offset, with the edits made; they are in order and apart."""
    parts: list[str] = []
    at = 0
    for edit in edits:
        parts += text[at : edit.start - offset], edit.text
        at = edit.end - offset
    return "".join(parts) + text[at:]
