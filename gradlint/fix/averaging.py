"""Fixes that average what is accumulated: a loss divided by the number of micro-batches."""

from __future__ import annotations

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Fix, Safety
from gradlint.fix.guards import argument, before_scaling
from gradlint.program import syntax as s
from gradlint.program.accumulation import boundaries, moves_by_one
from gradlint.program.flow import Act
from gradlint.program.places import loops_around
from gradlint.program.updates import Update
from gradlint.program.values import Made

_TIGHT = (s.Name, s.Attribute, s.Subscript, s.Call)
_COUNT = (s.Name, s.Attribute, s.Subscript, s.Constant, s.Binary)


def average(update: Update, act: Act) -> Fix | str:
    """The loss of a backward pass divided by the number of micro-batches; the reason why it cannot be."""
    count = _count(update, act)
    if not isinstance(count, s.Node):
        return count
    said = update.module.text(count) if not isinstance(count, s.Binary) else f"({update.module.text(count)})"
    loss = before_scaling(update, act) or argument(act) or act.operand
    if loss is None or isinstance(loss, s.Sequence):
        return "the backward pass takes no loss, or several"
    if not isinstance(loss, _TIGHT):
        edits = verbs.wrap(update.module, loss, "(", f") / {said}")
    elif loss is act.receiver:
        edits = verbs.wrap(update.module, loss, "(", f" / {said})")
    else:
        edits = verbs.wrap(update.module, loss, "", f" / {said}")
    return Fix(f"Divide the loss by `{said}`", Safety.UNSAFE, edits) if edits else "the loss cannot be edited"


def _count(update: Update, act: Act) -> s.Expr | str:
    """The number of micro-batches that make a step; the reason why the code does not say it."""
    found = list(boundaries(update))
    if len({s.text(each.remainder) for each in found}) != 1 or not found[0].at_one:
        return "the step is not taken at one certain remainder"
    stmt, counter, count = found[0].stmt, found[0].remainder.left, found[0].remainder.right
    loops = loops_around(update.scope, act.node)
    if not loops:
        return "the loop over the micro-batches is in another function"
    if loops_around(update.scope, stmt)[-1:] != loops[-1:]:
        return "the backward pass and the step are in different loops"
    if not moves_by_one(counter, loops[-1]):
        return f"`{update.module.text(counter)}` does not count the rounds of this loop"
    if not all(isinstance(n, _COUNT) for n in s.walk(count)):
        return "the number of micro-batches is computed where the step is taken"
    names = sites.names_in(count)
    if any(sites.holds(loops[-1], b.node) for name in names for b in update.scope.bindings.get(name, ())):
        return "the number of micro-batches changes from one to the next"
    if _is_in_construction(count, update):
        return "the optimizer is built by the number of micro-batches, as if losses were summed"
    return count


def _is_in_construction(count: s.Expr, update: Update) -> bool:
    """Whether the optimizer is built with the number, under this name or as an attribute of another object."""
    said = {s.text(count), s.last_name(count)} - {""}
    built = (v.site for v in update.optimizers if isinstance(v, Made) and v.site is not None)
    parts = (n for site in built for n in s.walk(site) if isinstance(n, _COUNT))
    return any(not said.isdisjoint((s.text(n), s.last_name(n))) for n in parts)
