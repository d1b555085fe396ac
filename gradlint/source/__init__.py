"""Files as gradlint sees them: characters, rows and columns, notebook cells."""

from __future__ import annotations

from gradlint.source.place import Place, Position
from gradlint.source.source import Cell, Source, SourceError, from_bytes, from_text, read

__all__ = ["Cell", "Place", "Position", "Source", "SourceError", "from_bytes", "from_text", "read"]
