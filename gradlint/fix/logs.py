"""Fixes that log the norm of the gradients, where the code logs its loss."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradlint.fix import sites, verbs
from gradlint.fix.clips import measure_before
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.names import Lib
from gradlint.program.updates import Update
from gradlint.records import dataclass

_NAME = "grad_norm"
_FORMS = ("mapping", "value", "line")  # as they are preferred
_INNER = (s.For, s.While, s.Function, s.Class)


@dataclass(frozen=True, slots=True)
class _Log:
    """A statement that logs the loss, with the form of what it takes."""

    form: str
    stmt: s.Evaluate
    call: s.Call


def log_norm(update: Update) -> Fix | str:
    """The norm that the update's clip returns logged, or that of a clip which bounds nothing; or why it cannot be."""
    operand = update.act.operand
    if operand is None or not sites.plain(operand):
        return "the optimizer has no name where it steps"
    name = sites.free_name(update.scope, [_NAME if update.alone else f"{s.last_name(operand)}_{_NAME}".lstrip("_")])
    if name is None:
        return f"the name `{_NAME}` is taken"
    clips = [act for act, _ in update.events("clip")]
    if len(clips) > 1:
        return "the gradients are clipped in several places"
    measured = _kept(update, clips[0], name) if clips else measure_before(update, name)
    if isinstance(measured, str):
        return measured
    log = _log(update, clips[0].node if clips else update.node)
    if log is None:
        return "no loss is logged where the norm would be known"
    edits = _logged(update, log, name)
    if edits is None:
        return "what logs the loss cannot be added to"
    return Fix("Log the norm of the gradients", Safety.SAFE, tuple(sorted({*measured, *edits})))


def _kept(update: Update, clip: Act, name: str) -> tuple[Edit, ...] | str:
    """What a clip returns given to a name."""
    stmt = (sites.around(clip.scope, clip.node) or (None,))[-1]
    if clip.scope is not update.scope or not isinstance(stmt, s.Evaluate) or stmt.value is not clip.node:
        return "the clip is no statement of the function that steps"
    if clip.fact.get("style") != "norm":
        return "the clip is not by the norm, so it does not tell it"
    states = dict(update.events("clip"))[clip]
    if any(state.scaled and not state.unscaled for state in states):
        return "the clip's gradients are scaled, so their norm is as well"
    start = update.module.span(stmt)[0]
    return (Edit(start, start, f"{name} = "),) if update.module.faithful else "the file cannot be edited"


def _log(update: Update, node: s.Node) -> _Log | None:
    """The best of what logs the loss once wherever a node has run before."""
    found = list(_logs(update, node))
    return min(found, key=lambda log: _FORMS.index(log.form), default=None)


def _logs(update: Update, node: s.Node) -> Iterator[_Log]:
    chain = sites.around(update.scope, node)
    outer = len(chain) - 1
    while outer and isinstance(chain[outer - 1], s.With):
        outer -= 1
    block = sites.block_of(update.scope, chain[outer])
    assert block is not None
    later = (stmt for stmt in block.body if stmt.id > chain[outer].id)
    for stmt in later:
        for inner in _statements(stmt):
            if isinstance(inner, s.Evaluate) and isinstance(inner.value, s.Call):
                form = _form(update, inner.value)
                if form is not None and "loss" in s.text(inner.value).lower():
                    yield _Log(form, inner, inner.value)


def _statements(stmt: s.Stmt) -> Iterator[s.Stmt]:
    """A statement and those in it that run no more often."""
    yield stmt
    if not isinstance(stmt, _INNER):
        for part in s.children(stmt):
            for inner in part.body if isinstance(part, s.Block) else ():
                yield from _statements(inner)


def _form(update: Update, call: s.Call) -> str | None:
    """What a call that logs takes, if it is given nothing that changes that."""
    values = update.program.values
    paths = [v.path for v in values.of(call.func, update.scope) if isinstance(v, Lib)]
    forms = [values.vocabulary.entry("logs", key) for key in (*paths, s.last_name(call.func))]
    form = next((str(each) for each in forms if each is not None), None)
    if not call.args or any(a.star for a in call.args) or call.args[0].keyword is not None:
        return None
    first = call.args[0].value
    if form == "line":
        return form if all(a.keyword is None for a in call.args) else None
    if form == "value":
        return form if len(call.args) > 1 and call.args[1].keyword is None and sites.plain(call.func) else None
    return form if isinstance(first, s.Mapping) and first.items else None


def _logged(update: Update, log: _Log, name: str) -> tuple[Edit, ...] | None:
    module, said = update.module, update.module.text
    func, first = said(log.call.func), log.call.args[0].value
    if log.form == "line":
        return verbs.insert_after(module, log.stmt, [f'{func}(f"{name}: {{float({name}):.4g}}")'])
    tag = _beside(first if log.form == "value" else _key(first), name)
    if log.form == "value":
        if any(_moves(n) for arg in log.call.args[2:] for n in s.walk(arg)):
            return None
        rest = "".join(f", {said(arg)}" for arg in log.call.args[2:])
        return verbs.insert_after(module, log.stmt, [f'{func}("{tag}", float({name}){rest})'])
    assert isinstance(first, s.Mapping)
    return verbs.add_item(module, first, f'"{tag}": float({name})')


def _moves(node: s.Node) -> bool:
    """Whether an expression is not the same a second time: `next(steps)`."""
    return isinstance(node, (s.Walrus, s.Await, s.Yield)) or (isinstance(node, s.Call) and s.text(node.func) == "next")


def _key(mapping: s.Expr) -> s.Expr | None:
    keys = [key for key, _ in mapping.items] if isinstance(mapping, s.Mapping) else []
    return next((k for k in keys if isinstance(k, s.Constant) and "loss" in str(k.value).lower()), None)


def _beside(tag: s.Expr | None, name: str) -> str:
    """The name in the group of another: `train/grad_norm` beside `train/loss`; a group of losses is none."""
    text = tag.value if isinstance(tag, s.Constant) and isinstance(tag.value, str) else ""
    group = text.rpartition("/")[0]
    return f"{group}/{name}" if re.fullmatch(r"[\w/ -]+", group) and "loss" not in group.lower() else name
