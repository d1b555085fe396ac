"""The github format: workflow commands, which GitHub Actions shows as annotations of the code."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.finding import Finding, Level
from gradlint.runner import Summary

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}


def render(summary: Summary) -> Iterator[str]:
    """One workflow command a finding."""
    return map(_command, summary.findings)


def _command(finding: Finding) -> str:
    place = finding.place
    properties = {"title": f"{finding.code} {finding.name}", "file": place.path}
    message = finding.message
    if place.cell is not None:
        # An annotation points into the notebook's JSON, whose rows are not the cell's.
        message = f"cell {place.cell + 1}, row {place.start.row}: {message}"
    else:
        properties["line"] = str(place.start.row)
        properties["endLine"] = str(place.end.row)
        if place.start.row == place.end.row:
            properties["col"] = str(place.start.column)
            properties["endColumn"] = str(place.end.column)
    if finding.help:
        message += f"\n{finding.help}"
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{_COMMANDS[finding.level]} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
