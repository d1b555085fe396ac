"""The flow of each function, made when first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from gradlint.program.conditions import Conditions
from gradlint.program.flow.items import Act, Flow, every
from gradlint.program.flow.lowering import Lowering
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Func, Made, Values
from gradlint.records import dataclass


@dataclass(slots=True)
class Lowered:
    """Remembers the flow of each function."""

    values: Values
    conditions: Conditions = field(init=False)
    _memo: dict[Scope, Flow] = field(default_factory=dict)
    _clipper: tuple[Func, ...] | None = None
    _asking: dict[Module, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.values)

    def of(self, scope: Scope) -> Flow:
        known = self._memo.get(scope)
        if known is None:
            self._memo[scope] = ()
            known = self._memo[scope] = Lowering(self, scope).flow(scope.body)
        return known

    def acts(self, scope: Scope) -> Iterator[Act]:
        """The events of a function, in the order of the code."""
        return (item for item in every(self.of(scope)) if isinstance(item, Act))

    def asks_finite(self, module: Module) -> bool:
        """Whether a file tests anything for non-finite values."""
        known = self._asking.get(module)
        if known is None:
            entry = self.values.vocabulary.entry
            known = self._asking[module] = any(entry("nonfinite_names", word) for word in module.words)
        return known

    def clipper(self) -> tuple[Func, ...]:
        """The project's one callable class that clips what it is given, for a callee that only a config file names."""
        if self._clipper is None:
            self._clipper = ()
            found: list[Func] = []
            for module in self.values.files.mentioning("def __call__"):
                if not any(self.values.vocabulary.entry("clip_names", word) for word in module.words):
                    continue
                found += [
                    Func(scope, Made(Cls(scope.owner)))
                    for scope in module.scopes
                    if scope.name == "__call__"
                    and scope.owner is not None
                    and any(isinstance(i, Act) and i.does == "clip" for i in every(self.of(scope)))
                ]
            self._clipper = tuple(found) if len(found) == 1 else ()
        return self._clipper
