"""Networks whose parameters and gradients a wrapper parts over the processes."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.scopes import Scope
from gradlint.program.values import Values


def sharding(network: s.Expr, where: Scope, values: Values) -> str | None:
    """How the wrapper of a network, as a function of the file calls it, clips its gradients; None if there is none."""
    for calls in where.module.calls.values():
        for call, scope in calls:
            form = _form(call.func, scope, values) if call.args else None
            if form and any(_same(target, scope, network, where) for target in _targets(call, scope.body)):
                return form
    return None


def _same(one: s.Expr, here: Scope, other: s.Expr, there: Scope) -> bool:
    """Whether two expressions say one thing: the same name of one scope, or the same attribute of one instance."""
    if s.text(one) != s.text(other):
        return False
    if isinstance(one, s.Name):
        return here.lookup(one.text) is there.lookup(one.text)
    return here.owner is not None and here.owner is there.owner


def _form(func: s.Expr, scope: Scope, values: Values) -> str | None:
    for value in values.of(func, scope):
        if isinstance(value, Lib):
            for path, form in values.vocabulary.entries("shards"):
                if values.vocabulary.canonical(value.path) == path and isinstance(form, str) and form:
                    return form
    return None


def _targets(call: s.Call, body: s.Node) -> tuple[s.Expr, ...]:
    """What an assignment of the call's result sets."""
    for node in s.walk(body, into=False):
        if isinstance(node, s.Assign) and node.value is call:
            return node.targets
    return ()
