"""Fixes that scale a loss which was computed in float16."""

from __future__ import annotations

from gradlint.fix import sites, verbs
from gradlint.fix.bounds import imported
from gradlint.fix.clips import sharded
from gradlint.fix.construction import built_at
from gradlint.fix.edits import Edit, Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.flow import Act
from gradlint.program.precision import halved
from gradlint.program.updates import Update
from gradlint.records import dataclass

_NAMES = ("scaler", "grad_scaler", "loss_scaler")
_ELSEWHERE = "the loss, its backward pass, the clip and the step are not all in one function"


def scale_loss(update: Update, autocast: s.Call) -> Fix | str:
    """A gradient scaler beside the optimizer, for all backward passes and steps of the function that steps.

    Returns the reason where there can be none; `autocast` is the call that says on which device float16 is used.
    """
    acts = [a for a in update.program.flows.acts(update.scope) if a.scope is update.scope]
    passes, steps = ([a for a in acts if a.does == does] for does in ("backward", "step"))
    refusal = _refusal(update, passes, steps)
    if refusal is not None:
        return refusal
    edits: set[Edit] = set()
    built = _built(update, _device(autocast), edits)
    if isinstance(built, str):
        return built
    name, optimizer = built.scaler, built.optimizer
    for act in passes:
        wrapped = verbs.wrap(update.module, act.operand, f"{name}.scale(", ")") if act.operand is not None else None
        if wrapped is None:
            return "the loss cannot be wrapped"
        edits.update(wrapped)
    for act in steps:
        stmt = sites.around(update.scope, act.node)[-1]
        called = verbs.replace(update.module, act.node, f"{name}.step({optimizer})")
        behind = verbs.insert_after(update.module, stmt, [f"{name}.update()"])
        if called is None or behind is None:
            return sites.SHARED_LINE
        edits.update({*called, *behind})
        clip = _first_clip(update, act, acts)
        if isinstance(clip, str):
            return clip
        if clip is not None:
            before = verbs.insert_before(update.module, clip, [f"{name}.unscale_({optimizer})"])
            if before is None:
                return sites.SHARED_LINE
            edits.update(before)
    return Fix("Scale the loss", Safety.UNSAFE, tuple(sorted(edits)))


def _refusal(update: Update, passes: list[Act], steps: list[Act]) -> str | None:
    """Why scaled gradients would be wrong here."""
    if any(True for _ in halved(update, perhaps=True)):
        return "the parameters can be float16 themselves, which a gradient scaler does not take"
    if sharded(update):
        return "the gradients may be sharded over processes, which a plain gradient scaler does not know of"
    if not update.alone:
        return "several optimizers step here: a scaler is updated once for all of them"
    optimizer = update.act.operand
    if optimizer is None or not sites.plain(optimizer):
        return "the optimizer has no name where it steps"
    beside = (a for other in update.beside if other.scope is not update.scope for a in other.backwards)
    events = (a for does in ("clip", "test") for a, _ in update.events(does) if does == "clip" or a.about_gradients)
    if any(a.scope is not update.scope for a in (*update.backwards, *events)):
        return _ELSEWHERE
    if any(a.scope is update.scope for a in beside):
        return _ELSEWHERE
    for act in (*passes, *steps):
        chain = sites.around(update.scope, act.node)
        if not isinstance(act.node, s.Call) or not isinstance(chain[-1], s.Evaluate) or chain[-1].value is not act.node:
            return "the backward pass or the step is part of an expression"
        if act.does == "step" and (act.node.args or act.operand is None or s.text(act.operand) != s.text(optimizer)):
            return "the step is given a closure, which a gradient scaler does not take"
        if act.does == "backward" and act.operand is not act.receiver:
            return "the backward pass is not the loss's own"
    if any(isinstance(n, s.Attribute) and n.attr == "grad" for n in update.scope.nodes):
        return "the gradients are read before the step: they would have to be unscaled there"
    return None


def _device(autocast: s.Call) -> str:
    """What the scaler is told, where the device is written out and not its default."""
    texts = [a.value.value for a in autocast.args if isinstance(a.value, s.Constant) and isinstance(a.value.value, str)]
    kind = texts[0].partition(":")[0] if texts else "cuda"
    return "" if kind == "cuda" else f'"{kind}"'


@dataclass(frozen=True, slots=True)
class _Built:
    """How the code says both where it steps."""

    scaler: str
    optimizer: str


def _built(update: Update, device: str, edits: set[Edit]) -> _Built | str:
    """The scaler, which is built once, right behind the optimizer; why it cannot be."""
    optimizer, built = update.act.operand, built_at(update)
    assert optimizer is not None
    if isinstance(built, str):
        return built
    home, target = built.scope, built.target
    if s.text(target) != s.text(optimizer) or not sites.said_at(target, home, update.scope, update.node):
        return "the optimizer has another name where it steps: the scaler would have none"
    short = next((n for n in _NAMES if n not in update.module.words), None)
    dotted = str(update.program.values.vocabulary.entry("fixes", "scaler"))
    called = imported(dotted, home, built.stmt, edits)
    if called is None or short is None:
        return "there is no place for an import, or no name for the scaler is free"
    owner = f"{update.module.text(target.value)}." if isinstance(target, s.Attribute) else ""
    put = verbs.insert_after(update.module, built.stmt, [f"{owner}{short} = {called}({device})"])
    edits.update(put or ())
    return _Built(f"{owner}{short}", update.module.text(target)) if put else sites.SHARED_LINE


def _first_clip(update: Update, step: Act, acts: list[Act]) -> s.Stmt | str | None:
    """The statement of the step's block before which the gradients are to be unscaled, since it clips them."""
    clips = [a for a in acts if a.does == "clip"]
    block = sites.block_of(update.scope, sites.around(update.scope, step.node)[-1])
    assert block is not None
    before = [x for x in block.body if x.id < step.node.id and any(sites.holds(x, a.node) for a in clips)]
    outside = [a for a in clips if not any(sites.holds(x, a.node) for x in block.body)]
    if any(not _other_way(update, a, step) for a in outside):
        return "the gradients are clipped in another branch than they are stepped in"
    return before[0] if before else None


def _other_way(update: Update, clip: Act, step: Act) -> bool:
    """Whether a clip and a step are on ways of which only one is taken."""
    return sites.parted(sites.around(update.scope, clip.node), sites.around(update.scope, step.node)) is None
