"""Gradients that are accumulated: where the boundary is, and whether the losses are averaged."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.places import holds
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update

_DEPTH = 4


def boundary(update: Update) -> bool:
    """Whether the step is taken every so many batches: under a condition with a remainder."""
    tests = (n.test for n in s.walk(update.scope.body, into=False) if isinstance(n, s.If) and holds(n, update.node))
    return any(isinstance(part, s.Binary) and part.op == "%" for test in tests for part in s.walk(test))


def averaged(update: Update, act: Act) -> bool:
    """Whether a loss is divided, or multiplied, on its way to its backward pass: by the number of micro-batches."""
    return act.operand is None or _scaled(update, act.operand, act.scope, _DEPTH)


def _scaled(update: Update, expr: s.Expr, scope: Scope, depth: int) -> bool:
    for node in s.walk(expr):
        if isinstance(node, s.Binary) and node.op in ("/", "*"):
            return True
        if isinstance(node, s.Name) and depth:
            found = update.program.flows.conditions.sources(node, scope)
            if any(_scaled(update, value, where, depth - 1) for value, where in found):
                return True
            home = scope.lookup(node.text)
            ops = [
                n.op
                for n in s.walk(scope.body, into=False)
                if isinstance(n, s.AugAssign) and s.text(n.target) == node.text
            ]
            if home is not None and any(op in ("/", "*") for op in ops):
                return True
    return False
