"""gradlint finds and fixes the hazards in PyTorch training code that cost training runs."""

from __future__ import annotations

__version__ = "0.1.0"
