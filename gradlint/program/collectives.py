"""Whether what a process decides on is the same in all processes."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.flow import Act


def agreed(act: Act) -> bool:
    """Whether the names that a test asks about went through a collective before, by the way such calls are named."""
    names = act.names | {s.text(n) for n in s.walk(act.node) if isinstance(n, s.Name)}
    for node in s.calls(act.scope.body):
        before = node.id <= act.node.id or any(n is node for n in s.walk(act.node))
        if before and is_collective(s.last_name(node.func)) and any(_reads(a.value, names) for a in node.args):
            return True
    return False


def is_collective(name: str) -> bool:
    """Whether a function, by its name, makes something of what all processes have."""
    return any(word in name for word in _COLLECTIVES)


_COLLECTIVES = ("reduce", "gather", "broadcast")


def _reads(expr: s.Expr, names: frozenset[str]) -> bool:
    return any(isinstance(n, (s.Name, s.Attribute)) and s.text(n) in names for n in s.walk(expr))
