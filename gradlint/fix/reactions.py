"""Fixes that make a test for NaN or infinity count: it stops the run, and it does so before the step."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.collectives import agreed
from gradlint.program.conditions import Conditions
from gradlint.program.flow import Act
from gradlint.program.places import loops_around
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update

_EXITS = ("exit", "_exit", "quit", "abort")


def react(update: Update, act: Act, late: bool) -> Fix | str:
    """A test that raises, put before the step if it is late; the reason why that cannot be."""
    chain = sites.around(act.scope, act.node)
    stmt = chain[-1] if chain else None
    if not isinstance(stmt, (s.If, s.Assert)) or not sites.holds(stmt.test, act.node):
        return "the test is part of an expression"
    beside = next((a for a in (update.act, *update.backwards) if a.scope is act.scope), None)
    shared = sites.around(act.scope, beside.node) if beside is not None else ()
    config = update.program.flows.conditions.config
    for outer in (x for x in chain[:-1] if x not in shared):
        if not isinstance(outer, (s.With, s.For)) and not (isinstance(outer, s.If) and config(outer.test, act.scope)):
            return "the test is made on a condition: not every batch would be tested"
    what = "gradients" if act.about_gradients and not act.names & update.losses else "loss"
    more: tuple[Edit, ...] | None = ()
    if isinstance(stmt, s.If) and not any(_leaves(arm) for arm in (stmt.then, stmt.orelse)):
        bad = _bad_when(stmt.test, act.scope, update.program.flows.conditions)
        arm = stmt.then if bad else stmt.orelse
        if bad is None or arm is None:
            return "no branch of the test is about values that are not finite, and nothing else"
        more = verbs.append_to_block(update.module, arm, [f'raise FloatingPointError("non-finite {what}")'])
    if more is None:
        return sites.SHARED_LINE
    if not late:
        return Fix(f"Raise on non-finite {what}", Safety.UNSAFE, more)
    target = _target(update, act, stmt)
    if isinstance(target, str):
        return target
    edits = verbs.move_statement_before(update.module, stmt, target, within=more)
    return Fix("Make the test before the step", Safety.UNSAFE, edits) if edits else sites.SHARED_LINE


def _bad_when(test: s.Expr, scope: Scope, conditions: Conditions) -> bool | None:
    """Which outcome of a test says that something is not finite, and says nothing else."""
    if isinstance(test, s.Unary) and test.op == "not":
        inner = _bad_when(test.value, scope, conditions)
        return None if inner is None else not inner
    if isinstance(test, s.Boolean):
        sides = {_bad_when(part, scope, conditions) for part in (test.left, test.right)}
        bad = sides.pop() if len(sides) == 1 else None
        return bad if bad is (test.op == "or") else None
    finite = conditions.finite(test, scope)
    return finite.bad_when if finite is not None else None


def _leaves(arm: s.Block | None) -> bool:
    """Whether a branch ends the iteration, the function or the run."""
    last = arm.body[-1] if arm is not None else None
    if isinstance(last, s.Evaluate) and isinstance(last.value, s.Call):
        return s.last_name(last.value.func) in _EXITS
    return isinstance(last, (s.Raise, s.Return)) or (isinstance(last, s.Jump) and last.kind != "pass")


# --- a test that comes too late -------------------------------------------------------------------


def _target(update: Update, act: Act, stmt: s.Stmt) -> s.Stmt | str:
    """The statement that a test is to stand before: the backward pass, else the step; why there is none."""
    if act.scope is not update.scope:
        return "the test and the step stand in different functions"
    jumps = [n for n in s.walk(stmt, into=False) if isinstance(n, (s.Return, s.Jump)) and _kind(n) != "pass"]
    if jumps and update.distributed and not agreed(act):
        return "a process that leaves this batch out alone would leave the others waiting for its gradients"
    if loops_around(act.scope, stmt) != loops_around(act.scope, update.node):
        return "the test stands outside of the loop that the step is in"
    block = sites.block_of(act.scope, stmt)
    missing = ""
    for node in _places(update, act):
        target = next((x for x in sites.around(act.scope, node) if block is not None and x in block.body), None)
        if block is None or target is None or target.id >= stmt.id:
            return "the test stands in another branch than the step"
        missing = _computed(block.body[block.body.index(target) : block.body.index(stmt)], stmt)
        if missing:
            continue
        if node is update.node and any(_kind(n) == "continue" for n in jumps):
            return "a batch that is left out between the backward pass and the step leaves its gradients behind"
        return target
    return f"the test needs `{missing}`, which is computed after the step"


def _places(update: Update, act: Act) -> Iterator[s.Node]:
    backwards = update.backwards
    if not act.about_gradients and backwards and all(b.scope is act.scope for b in backwards):
        yield min((b.node for b in backwards), key=lambda node: node.id)
    yield update.node


def _kind(node: s.Node) -> str:
    return node.kind if isinstance(node, s.Jump) else "return"


def _computed(between: tuple[s.Stmt, ...], stmt: s.Stmt) -> str:
    """What a statement reads that other statements give a value; "" if there is nothing."""
    read = {s.text(n) for n in s.walk(stmt) if isinstance(n, (s.Name, s.Attribute, s.Subscript))}
    return min((name for x in between for name in _given(x) if name in read), default="")


def _given(stmt: s.Stmt) -> Iterator[str]:
    for node in s.walk(stmt, into=False):
        targets: tuple[s.Expr | None, ...] = ()
        if isinstance(node, s.Assign):
            targets = node.targets
        elif isinstance(node, (s.AugAssign, s.For, s.Walrus)):
            targets = (node.target,)
        elif isinstance(node, s.With):
            targets = tuple(name for _, name in node.items)
        for target in targets:
            yield from (s.text(n) for n in s.walk(target)) if target is not None else ()
