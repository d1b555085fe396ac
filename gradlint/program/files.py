"""One file as rules ask about it that need no update and no network: its expressions, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.updates import Program


@dataclass(frozen=True)
class File:
    """One file of the project."""

    program: Program
    module: Module

    def comparisons(self) -> Iterator[tuple[s.Compare, Scope]]:
        """Every comparison of the file, with the scope that it stands in."""
        for scope in self.module.scopes:
            for node in s.walk(scope.body, into=False):
                if isinstance(node, s.Compare):
                    yield node, scope

    def is_nan(self, expr: s.Expr, scope: Scope) -> bool:
        """Whether an expression is the constant NaN: `float("nan")`, `math.nan` and the like."""
        if isinstance(expr, s.Call) and s.dotted(expr.func) == "float" and len(expr.args) == 1:
            given = expr.args[0].value
            return isinstance(given, s.Constant) and isinstance(given.value, str) and given.value.lower() in _NAN
        if not isinstance(expr, (s.Name, s.Attribute)):
            return False
        held = self.program.values.of(expr, scope)
        about = self.program.values.vocabulary
        return bool(held) and all(isinstance(v, Lib) and about.entry("infinities", v.path) == "nan" for v in held)


_NAN = ("nan", "+nan", "-nan")
