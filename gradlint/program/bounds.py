"""Clips that a call switches off: a function that does nothing to gradients but clip them is given None for a bound."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.flow import Act, Attempt, Branch, Choice, Flow, Flows, Invoke, Loop, arguments, every
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update


def switched_off(update: Update) -> Iterator[s.Call]:
    """The calls on the way to a step, in its file, that ask for a clip and say with None that there is to be none."""
    flows = update.program.flows
    near = {act.scope: None for act in (*update.arrivals, update.act) if act.scope.module is update.module}
    for scope in near:
        for item in every(flows.of(scope)):
            if isinstance(item, Invoke) and _leads_to(item, update):
                if item.targets and all(_idle(item, target.scope, flows) for target in item.targets):
                    yield item.node


def _leads_to(item: Invoke, update: Update) -> bool:
    """Whether the step is the next one after a call, or the only one there is."""
    acts = update.program.flows.acts(item.scope)
    later = [act.node for act in acts if act.does == "step" and act.node.id > item.node.id]
    return min(later, key=lambda node: node.id) is update.node if later else update.alone


def _idle(item: Invoke, function: Scope, flows: Flows) -> bool:
    acts = list(flows.acts(function))
    if not any(act.does == "clip" for act in acts) or any(act.does not in ("clip", "test") for act in acts):
        return False
    given = arguments(item.node, function)
    return any(_nothing(value) and not _reached(flows.of(function), param) for param, value in given)


def _nothing(value: s.Expr) -> bool:
    return isinstance(value, s.Constant) and value.value is None


def _reached(flow: Flow, param: str) -> bool:
    """Whether a flow still clips where a parameter is None."""
    for item in flow:
        if isinstance(item, Act):
            if item.does == "clip":
                return True
        elif isinstance(item, Branch):
            asked = item.leaf.key[1]
            ways = [item.then] if asked == f"({param} is None)" else [item.then, item.orelse]
            if any(_reached(way, param) for way in (ways if asked != param else [item.orelse])):
                return True
        elif isinstance(item, Loop | Choice | Attempt):
            if any(_reached(way, param) for way in _ways(item)):
                return True
    return False


def _ways(item: Loop | Choice | Attempt) -> tuple[Flow, ...]:
    if isinstance(item, Loop):
        return item.body, item.orelse
    if isinstance(item, Choice):
        return item.ways
    return item.body, *item.handlers, item.orelse, item.final
