"""What a rule says of itself: its docstring, read by its headings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Final, TypeAlias

from gradlint import __version__
from gradlint.config import kebab
from gradlint.records import dataclass
from gradlint.rule import Rule
from gradlint.schema import toml, words
from gradlint.selection import options_of

HOME: Final = "https://github.com/gradlint/gradlint"
WHAT, WHY, EXAMPLE = "What it does", "Why is this bad?", "Example"
FIX_SAFETY, OPTIONS, REFERENCES = "Fix safety", "Options", "References"
REQUIRED: Final = (WHAT, WHY, EXAMPLE)
HEADINGS: Final = (*REQUIRED, FIX_SAFETY, OPTIONS, REFERENCES)
USE_INSTEAD: Final = "Use instead:"

_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Page:
    """A rule's docstring: Markdown, its sections by heading, and the two pieces of code under `Example`."""

    markdown: str
    sections: Mapping[str, str]
    example: str | None
    instead: str | None

    @property
    def summary(self) -> str:
        """What the rule does, in its first sentence."""
        first = self.sections.get(WHAT, "").split("\n\n")[0].replace("\n", " ")
        return re.split(r"(?<=\.)\s", first, maxsplit=1)[0]


def page(rule: type[Rule]) -> Page:
    """The page of a rule."""
    markdown = inspect.cleandoc(rule.__doc__ or "")
    parts = _HEADING.split(markdown)
    sections = {heading.strip(): body.strip() for heading, body in zip(parts[1::2], parts[2::2], strict=True)}
    bad, _, good = sections.get(EXAMPLE, "").partition(USE_INSTEAD)
    return Page(markdown, sections, _code(bad), _code(good))


def url(rule: type[Rule]) -> str | None:
    """Where the page of a built-in rule is; None for a rule of another pack."""
    package, _, module = rule.__module__.rpartition(".")
    return f"{HOME}/blob/v{__version__}/rules/{module}.py" if package == "gradlint.rules" else None


def as_markdown(rule: type[Rule]) -> str:
    """The page of a rule, with what its class says above it."""
    on = "in preview" if rule.preview else "on by default" if rule.default else "off by default"
    lines = [f"# {rule.code} {rule.name}", "", f"{rule.level.value.capitalize()}, {on}."]
    if url(rule) is not None:
        lines += ["", f"Measured: {_measured(rule)}."]
    lines += ["", page(rule).markdown]
    options = [
        f"- `{kebab(name)}`: {words(hint)}; {toml(getattr(rule, name, None))} by default."
        for name, hint in options_of(rule).items()
    ]
    if options:
        lines += ["", f"## Settings in `[tool.gradlint.rules.{rule.name}]`", "", *options]
    return "\n".join(lines)


def as_data(rule: type[Rule]) -> dict[str, Json]:
    """The page of a rule in plain data."""
    shown = page(rule)
    options: dict[str, Json] = {
        kebab(name): {"type": words(hint), "default": _plain(getattr(rule, name, None))}
        for name, hint in options_of(rule).items()
    }
    return {
        "code": rule.code,
        "name": rule.name,
        "level": rule.level.value,
        "default": rule.default,
        "preview": rule.preview,
        "measured": _counts(rule),
        "summary": shown.summary,
        "explanation": shown.markdown,
        "example": shown.example,
        "instead": shown.instead,
        "options": options,
        "url": url(rule),
    }


def table(rules: Iterable[type[Rule]]) -> Iterator[str]:
    """The rules as a Markdown table."""
    yield "| code | name | level | what it finds |"
    yield "| --- | --- | --- | --- |"
    for rule in rules:
        off = ", preview" if rule.preview else "" if rule.default else ", off by default"
        level = f"{rule.level.value}{off}"
        file = f"rules/{rule.name.replace('-', '_')}.py"
        yield f"| {rule.code} | [{rule.name}]({file}) | {level} | {page(rule).summary} |"


def _measured(rule: type[Rule]) -> str:
    from gradlint.measured import ENOUGH, NOTHING, RIGHT, measures  # a lint run needs the address of a page alone

    found = measures().get(rule.code, NOTHING)
    wanted = f"a rule leaves preview with {ENOUGH} judged, {RIGHT:.0%} of them true"
    return f"{found} ({wanted})" if rule.preview else str(found)


def _counts(rule: type[Rule]) -> dict[str, Json] | None:
    """What was measured of a built-in rule, in plain data."""
    from gradlint.measured import NOTHING, measures

    if url(rule) is None:
        return None
    found = measures().get(rule.code, NOTHING)
    return {**asdict(found), "precision": found.precision}


def _code(text: str) -> str | None:
    found = _FENCE.search(text)
    return found[1] if found else None


def _plain(value: object) -> Json:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return str(value)
