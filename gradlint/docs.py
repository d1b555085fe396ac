"""What a rule says of itself: the headings and examples of its docstring, and its page."""

from __future__ import annotations

from gradlint import __version__

HOME = "https://github.com/gradlint/gradlint"


def url(name: str) -> str:
    """The page of the built-in rule `name`."""
    return f"{HOME}/blob/v{__version__}/rules/{name.replace('-', '_')}.py"
