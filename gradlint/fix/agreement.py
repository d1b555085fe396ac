"""Fixes that let the processes of a program decide alike: a flag has one value in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update

_FLAGS = {"MAX": ("nonfinite", "is_nonfinite", "loss_is_nonfinite"), "MIN": ("finite", "is_finite", "loss_is_finite")}
_NOWHERE = "the processes cannot agree on skipping a batch here"


def agreement(
    update: Update, scope: Scope, node: s.Node, value: str, edits: set[Edit], op: Literal["MAX", "MIN"] = "MAX"
) -> tuple[str, list[str]] | str:
    """A flag, and the lines that give it the largest or least of what the processes say; the edits get the imports."""
    vocabulary = update.program.values.vocabulary
    apart = vocabulary.entry("fixes", "apart")
    for name in apart if isinstance(apart, list) else ():
        if any(str(name) in module.source.code for module in update.modules):
            return f"the processes may be those of `{name}`, which PyTorch's own means do not reach"
    said = verbs.import_name(scope.module, str(vocabulary.entry("fixes", "distributed")), scope, node)
    flag = sites.free_name(scope, _FLAGS[op])
    if said is None or flag is None:
        return _NOWHERE
    edits.update(said[0])
    distributed = said[1]
    return flag, [
        f"{flag} = {value}",
        f"if {distributed}.is_available() and {distributed}.is_initialized():",
        f"    {distributed}.all_reduce({flag}, op={distributed}.ReduceOp.{op})",
    ]


def skip_together(update: Update, tests: Sequence[Act], tensor: s.Expr | None) -> Fix | str:
    """The tests by which a batch is skipped answered alike in all processes; the reason why they cannot be.

    They must be parts of one condition. `tensor` is on the device of the processes' gradients.
    """
    test = tests[0]
    chain, module = sites.around(test.scope, test.node), test.scope.module
    stmt = chain[-1] if chain else None
    if not isinstance(stmt, s.If) or not sites.holds(stmt.test, test.node):
        return "the test is part of a longer statement"
    if not all(sites.holds(stmt.test, other.node) for other in tests):
        return "several conditions skip the batch: make them one"
    loop = max((at for at, x in enumerate(chain) if isinstance(x, (s.For, s.While))), default=-1)
    if any(not isinstance(x, s.With) for x in chain[loop + 1 : -1]):
        return "not all processes may come to this test, and those that do would wait for the others"
    if _skips(stmt.then) is _skips(stmt.orelse):
        return "the batch is skipped on both ways, or further down"
    if not isinstance(tensor, s.Name) or not sites.said_at(tensor, test.scope, test.scope, test.node):
        return "the loss has no name before the test"
    edits: set[Edit] = set()
    tensors = verbs.import_name(
        module, str(update.program.values.vocabulary.entry("fixes", "tensor")), test.scope, test.node
    )
    if tensors is None:
        return _NOWHERE
    edits.update(tensors[0])
    value = f"{tensors[1]}(float({module.text(stmt.test)}), device={tensor.text}.device)"
    made = agreement(update, test.scope, test.node, value, edits, "MAX" if _skips(stmt.then) else "MIN")
    if isinstance(made, str):
        return made
    flag, lines = made
    put, asked = verbs.insert_before(module, stmt, lines), verbs.replace(module, stmt.test, f"{flag}.item()")
    if put is None or asked is None:
        return "the test shares its line with code that cannot be parted from it"
    title = "Skip the batch in all processes, or in none"
    return Fix(title, Safety.UNSAFE, tuple(sorted(edits.union(put, asked))))


def _skips(block: s.Block | None) -> bool:
    """Whether a block ends with leaving the batch."""
    last = block.body[-1] if block is not None else None
    return isinstance(last, s.Return) or (isinstance(last, s.Jump) and last.kind != "pass")
