"""One file as rules ask about it that need no update and no network: its expressions, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.losses import Losses
from gradlint.program.names import Lib, imported
from gradlint.program.project import Module
from gradlint.program.ranges import Ranges, Singular
from gradlint.program.scopes import Scope
from gradlint.program.updates import Program
from gradlint.program.wrapped import Wrapped, unscaled_wrappers
from gradlint.records import dataclass


@dataclass(frozen=True)
class File:
    """One file of the project."""

    program: Program
    module: Module

    def comparisons(self) -> Iterator[tuple[s.Compare, Scope]]:
        """Every comparison of the file, with the scope that it stands in."""
        for scope in self.module.scopes:
            for node in scope.nodes:
                if isinstance(node, s.Compare):
                    yield node, scope

    def spelled(self, expr: s.Expr, scope: Scope) -> str | None:
        """The full name of a library's symbol as the code spells it, be it an old one; None if it is none."""
        dotted = s.dotted(expr)
        top, _, rest = (dotted or "").partition(".")
        home = scope.lookup(top)
        bindings = home.bindings.get(top, []) if home is not None else []
        if len(bindings) != 1 or not isinstance(bindings[0].node, (s.Import, s.ImportFrom)):
            return None
        found = imported(self.program.values.files, self.module, bindings[0].node, top)
        return (f"{found.path}.{rest}" if rest else found.path) if isinstance(found, Lib) else None

    def singular_operations(self) -> Iterator[Singular]:
        """The operations on the way to a loss whose operand reaches a point where they are singular."""
        ranges = Ranges(self.program.values)
        nodes = ((n, scope) for scope in self.module.scopes for n in scope.nodes)
        found = [(x, w) for n, w in nodes if isinstance(n, s.Binary | s.Call) and (x := ranges.singular(n, w))]
        if not found:  # most files: what leads to a loss need not be followed
            return
        losses = Losses.of(self.program)
        on_path = {(node.id, scope) for node, scope in losses.expressions(self.module)}
        for each, scope in found:
            if (each.node.id, scope) in on_path and losses.learned(each.operand, scope):
                yield each

    def unscaled_wrappers(self) -> Iterator[Wrapped]:
        """The calls that unscale an optimizer's wrapper where the wrapper steps what it wraps."""
        return unscaled_wrappers(self.module, self.program.flows)

    def calls(self) -> Iterator[tuple[s.Call, Scope]]:
        """Every call of the file, with the scope that it stands in."""
        for found in self.module.calls.values():
            yield from found

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
