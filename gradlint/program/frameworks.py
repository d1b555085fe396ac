"""The schedule that a framework's own training loop follows, by the arguments or the configuration that it is given."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.optimizers import Cause, is_zero, short
from gradlint.program.rising import says_warmup
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Const, Made, Table, Value, Values, ValueSet
from gradlint.vocabulary import Plain, operand


class Frameworks:
    """Reads settings that stand for a schedule."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def schedules(self, call: s.Call, scope: Scope) -> bool:
        """Whether a framework's loop takes its schedule from settings, rather than from the network that it trains."""
        events = (self.values.vocabulary.event(p) for f in self.values.of(call.func, scope) for p in self._paths(f))
        return any(event is not None and "args" in event.operands for event in events)

    def settings(self, call: s.Call, scope: Scope) -> tuple[Made, ...] | None:
        """The settings objects that a framework's loop is built with; None where they cannot be known."""
        given = self._operand(call, scope, "args")
        if given is None:
            return ()
        held = self.values.of(given, scope)
        mades = tuple(v for v in held if isinstance(v, Made) and self.about(v) is not None and v.site is not None)
        return mades if mades and len(mades) == len(held) else None

    def scheduled(self, call: s.Call, scope: Scope) -> ValueSet:
        """The optimizers that a framework's loop is given ready, with their schedules."""
        given = self._operand(call, scope, "optimizers")
        return self.values.elements(self.values.of(given, scope)) if given is not None else frozenset()

    def _operand(self, call: s.Call, scope: Scope, name: str) -> s.Expr | None:
        for function in self.values.of(call.func, scope):
            for path in self._paths(function):
                event = self.values.vocabulary.event(path)
                place = event.operands.get(name) if event is not None else None
                if place is None and event is not None and name in event.facts:
                    place = operand(event.facts[name])
                if place is not None:
                    return call.arg(place.position, place.keyword)
        return None

    def _paths(self, function: Value) -> tuple[str, ...]:
        if isinstance(function, Lib):
            return tuple(self.values.vocabulary.lineage(function.path))
        return self.values.library_bases(function.scope) if isinstance(function, Cls) else ()

    def about(self, settings: Made) -> dict[str, Plain] | None:
        """What the vocabulary says of a settings class."""
        for path in self.values.bases_of(settings):
            found = self.values.vocabulary.about("training_arguments", path)
            if isinstance(found, dict):
                return found
        return None

    def warmup(self, settings: Made) -> Cause | None:
        """What the settings say of a warmup: its cause if they say something, None if they leave it out."""
        about = self.about(settings)
        if about is None or settings.site is None or settings.scope is None:
            return None
        names = about.get("warmup")
        wanted = {str(n) for n in names} if isinstance(names, list) else set()
        cause = Cause(settings.scope.module, settings.site, f"`{_name(settings)}`", None, settings.scope, settings)
        for keyword, values in self.given(settings.site, settings.scope):
            if keyword is None:
                return cause
            if keyword in wanted and is_zero(values) is not True:
                return Cause(cause.module, cause.node, f"`{keyword}`", True, cause.scope, settings)
        if self._set_later(settings, wanted):
            return Cause(cause.module, cause.node, cause.what, True, cause.scope, settings)
        return None

    def number(self, settings: Made, name: str, default: str) -> float | None:
        """A number of the settings, or its default."""
        about = self.about(settings) or {}
        if settings.site is None or settings.scope is None:
            return None
        fallback = about.get(default)
        for keyword, values in self.given(settings.site, settings.scope):
            if keyword is None:
                return None
            if keyword == about.get(name):
                numbers = [v.value for v in values if isinstance(v, Const) and isinstance(v.value, (int, float))]
                return float(numbers[0]) if len(numbers) == 1 == len(values) else None
        return float(fallback) if isinstance(fallback, (int, float)) else None

    def given(self, call: s.Call, scope: Scope) -> Iterator[tuple[str | None, ValueSet]]:
        """The keywords of a call with their values, `**` opened; a keyword of None stands for what cannot be known."""
        for arg in call.args:
            if arg.keyword is not None:
                yield arg.keyword, self.values.of(arg.value, scope)
            elif arg.star == "**":
                held = self.values.of(arg.value, scope)
                if not held or not all(isinstance(v, Table) for v in held):
                    yield None, held
                for value in held:
                    for key, values in value.items if isinstance(value, Table) else ():
                        yield key if isinstance(key, str) else None, values

    def _set_later(self, settings: Made, names: set[str]) -> bool:
        """Whether the code sets a warmup on the settings object."""
        assert settings.scope is not None
        stores = settings.scope.module.attribute_stores
        return any(
            (v.of, v.site) == (settings.of, settings.site)
            for name in names
            for store in stores.get(name, ())
            for v in self.values.of(store.base, store.scope)
            if isinstance(v, Made)
        )

    def configured(self, engine: Made) -> Cause | None:
        """What an engine's configuration says of its schedule; None where that is nothing."""
        if not isinstance(engine.of, Lib) or engine.site is None or engine.scope is None:
            return None
        about = self.values.vocabulary.entry("engine_configuration", engine.of.path)
        if not isinstance(about, dict):
            return None
        unknown = Cause(engine.scope.module, engine.site, f"`{short(engine.of.path)}`", None, engine.scope)
        keys = about.get("config")
        given = [
            x for k in (keys if isinstance(keys, list) else ()) if (x := engine.site.arg(None, str(k))) is not None
        ]
        held = frozenset(v for x in given for v in self.values.of(x, engine.scope))
        if not held or not all(isinstance(v, Table) for v in held):
            return unknown
        kinds = [k for v in held for k in self._kinds(v, about)]
        if kinds and any(says_warmup(k) or k in _strings(about.get("warms")) for k in kinds):
            return Cause(unknown.module, unknown.node, "the engine's scheduler", True, unknown.scope)
        return None

    def _kinds(self, config: Value, about: dict[str, Plain]) -> Iterator[str]:
        for value in _entries(config, about.get("schedule")):
            for kind in _entries(value, about.get("kind")):
                if isinstance(kind, Const) and isinstance(kind.value, str):
                    yield kind.value


def _entries(table: Value, key: Plain | None) -> Iterator[Value]:
    for name, values in table.items if isinstance(table, Table) else ():
        if name == key:
            yield from values


def _strings(found: Plain | None) -> set[str]:
    return {str(x) for x in found} if isinstance(found, list) else set()


def _name(made: Made) -> str:
    return made.of.scope.name if isinstance(made.of, Cls) else short(made.of.path)
