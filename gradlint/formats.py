"""What reports and pages can look like; apart from what makes them, so that the command line starts fast."""

from __future__ import annotations

from typing import Literal, TypeAlias

ReportFormat: TypeAlias = Literal["full", "concise", "json", "github"]
PageFormat: TypeAlias = Literal["text", "json", "markdown"]
ExplainFormat: TypeAlias = Literal["text", "json"]
AuditFormat: TypeAlias = Literal["text", "json", "html"]
