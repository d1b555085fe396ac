"""Where the interpreter keeps the names of a running function."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gradlint.program.networks.objects import Value
from gradlint.program.scopes import Binding, Scope
from gradlint.records import dataclass

if TYPE_CHECKING:
    from gradlint.program.project import Module


@dataclass(slots=True, eq=False)
class Frame:
    """The names of one call, or of a module.

    A `lazy` frame is of code that is not run: its names are evaluated from their bindings when they are read.
    """

    scope: Scope
    parent: Frame | None = None
    vars: dict[str, Value] = field(default_factory=dict)
    receiver: Value = None
    lazy: bool = False
    found: dict[Binding, Value] = field(default_factory=dict)
    known: dict[str, Value] = field(default_factory=dict)  # what its names are, wherever they are read
    yields: list[Value] = field(default_factory=list)

    @property
    def module(self) -> Module:
        return self.scope.module

    @property
    def defining(self) -> Scope | None:
        """The class whose method this frame runs, functions inside the method included."""
        here: Frame | None = self
        while here is not None:
            if here.scope.owner is not None:
                return here.scope.owner
            here = here.parent
        return None
