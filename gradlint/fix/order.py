"""Fixes that put the calls around a step in order: what clips before it, what clears and updates after it."""

from __future__ import annotations

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update

_NAMELESS = "the optimizer or its gradient scaler has no name where it steps"
_IN_EXPRESSION = "the step is part of an expression"
_APART = "the call and the step stand in different functions"


def before_step(update: Update, act: Act, title: str, safety: Safety = Safety.SAFE) -> Fix | str:
    """The statement of an event moved to directly before the step; the reason why it cannot be.

    Gradients that a scaler has scaled are unscaled first.
    """
    moved, step = _statement(act.scope, act.node), _statement(update.scope, update.node)
    if moved is None or step is None:
        return _IN_EXPRESSION
    if act.scope is not update.scope:
        return _APART
    above = sites.around(update.scope, update.node)
    if any(not isinstance(x, (s.For, s.With)) for x in sites.around(act.scope, act.node)[:-1] if x not in above):
        return "it is done on a condition, which the step is not under"
    optimizer, scaler = update.act.operand, update.act.receiver
    lines = []
    if update.kind == "scaler" and not all(state.unscaled for state in update.trained):
        if optimizer is None or scaler is None or not sites.plain(optimizer) or not sites.plain(scaler):
            return _NAMELESS
        lines.append(f"{update.module.text(scaler)}.unscale_({update.module.text(optimizer)})")
    edits = verbs.move_statement_before(update.module, moved, step, lines)
    return Fix(title, safety, edits) if edits else sites.SHARED_LINE


def after_step(update: Update, method: str, title: str) -> Fix | str:
    """A method of what steps called directly after the step: `zero_grad` of the optimizer, `update` of the scaler."""
    owner = update.act.receiver if method == "update" else update.act.operand
    step = _statement(update.scope, update.node)
    if step is None:
        return _IN_EXPRESSION
    if owner is None or not sites.plain(owner):
        return _NAMELESS
    edits = verbs.insert_after(update.module, step, [f"{update.module.text(owner)}.{method}()"])
    return Fix(title, Safety.SAFE, edits) if edits else sites.SHARED_LINE


def without(act: Act, title: str) -> Fix | str:
    """The statement of an event taken out."""
    stmt = _statement(act.scope, act.node)
    if stmt is None or not isinstance(stmt, s.Evaluate) or stmt.value is not act.node:
        return "the call is part of an expression"
    edits = verbs.delete_statement(act.scope.module, stmt)
    return Fix(title, Safety.SAFE, edits) if edits else sites.SHARED_LINE


def step_through(update: Update, scaler: s.Expr, home: Scope) -> Fix | str:
    """The step taken by the gradient scaler, which is updated after it where nothing does so yet."""
    optimizer, step = update.act.operand, _statement(update.scope, update.node)
    if step is None or optimizer is None or not isinstance(update.node, s.Call) or update.node.args:
        return _IN_EXPRESSION
    if not sites.plain(optimizer) or not sites.plain(scaler) or not sites.said_at(scaler, home, update.scope, step):
        return _NAMELESS
    name = home.module.text(scaler)
    edits = verbs.replace(update.module, update.node, f"{name}.step({update.module.text(optimizer)})")
    if edits and not any(a.does == "update" for a in update.program.flows.acts(update.scope)):
        behind = verbs.insert_after(update.module, step, [f"{name}.update()"])
        edits = _joined(edits, behind) if behind else None
    return Fix("Step through the gradient scaler", Safety.SAFE, edits) if edits else sites.SHARED_LINE


def scheduler_after_step(update: Update, call: s.Call, scope: Scope) -> Fix | str:
    """A scheduler's step moved behind the optimizer's: directly, or to the end of the loop around both."""
    moved, step = _statement(scope, call), _statement(update.scope, update.node)
    if moved is None or step is None or not isinstance(moved, s.Evaluate) or call.args:
        return "the scheduler's step is part of an expression, or is given an epoch"
    if scope is not update.scope:
        return _APART
    block = _block_of(scope, moved)
    out = verbs.delete_statement(update.module, moved)
    if block is None or out is None:
        return sites.SHARED_LINE
    text = update.module.text(moved)
    if any(x is step for x in block.body):
        put = verbs.insert_after(update.module, step, [text])
    elif any(sites.holds(x, update.node) for x in block.body) and not _jumps(block):
        put = verbs.append_to_block(update.module, block, [text])
    else:
        return "the loop may be left before its end"
    edits = _joined(out, put) if put else None
    return Fix("Step the scheduler after the optimizer", Safety.SAFE, edits) if edits else sites.SHARED_LINE


def _joined(one: tuple[Edit, ...], other: tuple[Edit, ...]) -> tuple[Edit, ...]:
    return tuple(sorted({*one, *other}))


def _statement(scope: Scope, node: s.Node) -> s.Stmt | None:
    """The simple statement that a node stands in."""
    chain = sites.around(scope, node)
    if not chain or not isinstance(chain[-1], (s.Evaluate, s.Assign, s.AugAssign)):
        return None
    return chain[-1]


def _block_of(scope: Scope, stmt: s.Stmt) -> s.Block | None:
    blocks = (n for n in scope.nodes if isinstance(n, s.Block))
    return next((b for b in blocks if any(x is stmt for x in b.body)), None)


def _jumps(block: s.Block) -> bool:
    """Whether the loop that a block is of may be left or started over before its end."""
    for stmt in block.body:
        if isinstance(stmt, s.Return) or (isinstance(stmt, s.Jump) and stmt.kind != "pass"):
            return True
        inner = (part.body if isinstance(part, s.Handler) else part for part in s.children(stmt))
        if not isinstance(stmt, (s.For, s.While, s.Function, s.Class)):
            if any(isinstance(part, s.Block) and _jumps(part) for part in inner):
                return True
        elif any(isinstance(n, s.Return) for n in s.walk(stmt, into=False)):
            return True
    return False
