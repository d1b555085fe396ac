"""Which rules run: selectors by code, prefix, name, and the rules' own options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, TypeAlias, get_origin, get_type_hints

from gradlint.config import Settings, SettingsError, kebab
from gradlint.rule import Rule
from gradlint.schema import WrongTypeError, convert, nearest

ALL = "ALL"
DEFAULT = "DEFAULT"
_OWN = 100  # the weight of a rule's own code or name
RuleType: TypeAlias = type[Rule]


def options_of(rule: RuleType) -> Mapping[str, object]:
    """The options of a rule with their types: its annotated class attributes."""
    hints = get_type_hints(rule, include_extras=True)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar and not name.startswith("_")}


class UnknownRuleError(Exception):
    """No rule has this code or name; the message has the nearest spelling."""


def find_rule(word: str, rules: Iterable[RuleType]) -> RuleType:
    """The rule with the code or name `word`. Raises UnknownRuleError."""
    by_key = {key: rule for rule in rules for key in (rule.code, rule.name)}
    found = by_key.get(word) or by_key.get(word.upper()) or by_key.get(word.lower())
    if found is None:
        raise UnknownRuleError(f"unknown rule `{word}`{nearest(word, by_key)}")
    return found


def checked(settings: Settings, rules: Sequence[RuleType]) -> Settings:
    """`settings` with every selector and rule option checked, and options under the rules' names.

    Raises SettingsError for an unknown rule or option and for an option of the wrong type.
    """
    config = settings.config
    for name in ("select", "extend_select", "ignore"):
        _check_selectors(getattr(config, name), rules, settings.origins.get(name))
    for selectors in config.per_file_ignores.values():
        _check_selectors(selectors, rules, settings.origins.get("per_file_ignores"))
    origin = settings.origins.get("rules")
    typed: dict[str, Mapping[str, object]] = {}
    for word, table in config.rules.items():
        try:
            rule = find_rule(word, rules)
        except UnknownRuleError as error:
            raise SettingsError(f"{error} (in `rules`)", origin) from error
        typed[rule.name] = {**typed.get(rule.name, {}), **_options(rule, word, table, origin)}
    return replace(settings, config=replace(config, rules=typed))


def selected(settings: Settings, rules: Iterable[RuleType]) -> tuple[RuleType, ...]:
    """The rules that run under these settings; a more specific selector wins, and `ignore` wins a tie.

    A rule in preview runs with the setting `preview`, or where its own code or name is selected.
    """
    config = settings.config
    chosen = (*config.select, *config.extend_select)
    ready = (rule for rule in rules if config.preview or not rule.preview or _weight(rule, chosen) == _OWN)
    return tuple(rule for rule in ready if _weight(rule, chosen) > _weight(rule, config.ignore))


def matches(rule: RuleType, selectors: Iterable[str]) -> bool:
    """Whether one of the selectors means this rule."""
    return _weight(rule, selectors) > 0


def _weight(rule: RuleType, selectors: Iterable[str]) -> int:
    """How specific the most specific selector of this rule is; 0 where none means it."""
    return max((_specific(rule, selector) for selector in selectors), default=0)


def _specific(rule: RuleType, selector: str) -> int:
    if selector in (rule.code, rule.name):
        return _OWN
    if selector == ALL or (selector == DEFAULT and rule.default):
        return 1
    return 1 + len(selector) if rule.code.startswith(selector) else 0


def _check_selectors(selectors: Iterable[str], rules: Sequence[RuleType], origin: str | None) -> None:
    for selector in selectors:
        known = selector in (ALL, DEFAULT) or any(_specific(rule, selector) for rule in rules)
        if not selector or not known:
            every = [ALL, DEFAULT, *(key for rule in rules for key in (rule.code, rule.name))]
            raise SettingsError(f"unknown rule `{selector}`{nearest(selector, every)}", origin)


def _options(rule: RuleType, word: str, table: Mapping[str, object], origin: str | None) -> dict[str, object]:
    known = {kebab(name): name for name in options_of(rule)}
    typed = {}
    for key, value in table.items():
        if key not in known:
            raise SettingsError(f"unknown option `{key}` of the rule `{word}`{nearest(key, known)}", origin)
        try:
            typed[known[key]] = convert(value, options_of(rule)[known[key]])
        except WrongTypeError as error:
            raise SettingsError(error.about(f"rules.{word}.{key}"), origin) from error
    return typed
