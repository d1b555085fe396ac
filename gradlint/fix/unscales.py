"""Fixes that take the scale away from gradients before they are clipped."""

from __future__ import annotations

from itertools import pairwise

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Fix, Safety
from gradlint.program import syntax as s
from gradlint.program.flow import Act, every
from gradlint.program.gradients import Clip
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.records import dataclass

_TITLE = "Unscale the gradients before they are clipped"
_DEPTH = 4
_MICRO_BATCHES = "the gradients are clipped on every micro-batch and stepped on some only: clip them next to the step"


@dataclass(frozen=True, slots=True)
class _Site:
    """The statement that the unscaling goes before, with those around it, outermost first."""

    scope: Scope
    chain: tuple[s.Stmt, ...]

    @property
    def stmt(self) -> s.Stmt:
        return self.chain[-1]


def clip_in_file(update: Update, clip: Clip) -> s.Node:
    """The clip as the file of the update has it: itself, the call that leads to it, or else the step."""
    if clip.act.scope.module is update.module:
        return clip.act.node
    return update.call_to(clip.act, _DEPTH) or update.node


def unscale_before(update: Update, clip: Clip) -> Fix | str:
    """The update's gradients unscaled before a clip; the reason why they cannot be."""
    optimizer, scaler = update.act.operand, update.act.receiver
    if optimizer is None or scaler is None or not sites.plain(optimizer) or not sites.plain(scaler):
        return "the optimizer or its gradient scaler has no name where it steps"
    site = _site(update, clip)
    if isinstance(site, str):
        return site
    for expr in (scaler, optimizer):
        if _loop(update, expr, site) is None and not sites.said_at(expr, update.scope, site.scope, site.stmt):
            return f"`{update.module.text(expr)}` has no name where the gradients are clipped"
    later = _unscaled_later(update, site, optimizer)
    if isinstance(later, str):
        return later
    if later is not None:
        moved = verbs.move_statement_before(site.scope.module, later, site.stmt)
        return Fix(_TITLE, Safety.SAFE, moved) if moved else "what unscales the gradients later cannot be moved"
    lines = _lines(update, site, optimizer, scaler)
    if isinstance(lines, str):
        return lines
    put = verbs.insert_before(site.scope.module, site.stmt, lines)
    return Fix(_TITLE, Safety.SAFE, put) if put else "the clip shares its line with code that cannot be parted from it"


def _lines(update: Update, site: _Site, optimizer: s.Expr, scaler: s.Expr) -> list[str] | str:
    """The unscaling, for each optimizer of a loop over several, and only where the step is taken."""
    text = update.module.text
    lines = [f"{text(scaler)}.unscale_({text(optimizer)})"]
    loop = _loop(update, optimizer, site)
    if loop is not None:
        if not sites.plain(loop.iter) or not sites.said_at(loop.iter, update.scope, site.scope, site.stmt):
            return "what the loop over the optimizers iterates has no name where the gradients are clipped"
        lines = [f"for {text(loop.target)} in {text(loop.iter)}:", *_indented(lines)]
    if site.scope is not update.scope:
        return lines
    tests = _tests(update, site)
    if isinstance(tests, str):
        return tests
    for test in reversed(tests):
        lines = [f"if {test}:", *_indented(lines)]
    return lines


def _loop(update: Update, expr: s.Expr, site: _Site) -> s.For | None:
    """The loop over several optimizers that the step is in and the clip is not."""
    if site.scope is not update.scope or not isinstance(expr, s.Name):
        return None
    return sites.loop_of(expr.text, update.scope, update.node, site.stmt)


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


# --- where ----------------------------------------------------------------------------------------


def _site(update: Update, clip: Clip) -> _Site | str:
    """Where to unscale for a clip, and for those on the same way, since it may be done once only."""
    site = _own_site(update, clip.act)
    if isinstance(site, str):
        return site
    for other in update.scaled_clips:
        if other is clip:
            continue
        beside = _own_site(update, other.act)
        if isinstance(beside, _Site) and beside.scope is site.scope:
            site = _earlier(site, beside)
    return site


def _own_site(update: Update, act: Act) -> _Site | str:
    if act.scope is update.scope:
        scope, node = act.scope, act.node
    else:
        call = update.call_to(act, _DEPTH)
        if call is not None:
            scope, node = update.scope, call
        elif act.scope.module is not update.module:
            return f"the gradients are clipped in another file, `{act.scope.module.source.name}`"
        else:
            scope, node = act.scope, act.node
    chain = sites.around(scope, node)
    if not chain or sites.is_header(chain[-1], node):
        return "the clip is part of an expression"
    for index, stmt in enumerate(chain):
        # A loop over parameters clips each: once before it is enough, and the most that there may be.
        if isinstance(stmt, (s.For, s.While)) and sites.holds(stmt.body, node) and not _steps_in(update, scope, stmt):
            return _Site(scope, chain[: index + 1])
    return _Site(scope, chain)


def _steps_in(update: Update, scope: Scope, stmt: s.Stmt) -> bool:
    return scope is update.scope and sites.holds(stmt, update.node)


def _earlier(one: _Site, other: _Site) -> _Site:
    """Where both can be served at once: before the earlier, out of what only one is in; `one` if only one can run."""
    index = sites.parted(one.chain, other.chain)
    if index is None:
        return one
    if index == min(len(one.chain), len(other.chain)):
        return one if len(one.chain) <= len(other.chain) else other
    first = min(one, other, key=lambda site: site.chain[index].id)
    return _Site(one.scope, first.chain[: index + 1])


# --- when -----------------------------------------------------------------------------------------


def _unscaled_later(update: Update, site: _Site, optimizer: s.Expr) -> s.Stmt | str | None:
    """The statement that unscales the same gradients after the clip, which is to be moved; why it cannot be."""
    for item in every(update.program.flows.of(site.scope)):
        if not isinstance(item, Act) or item.does != "unscale" or item.node.id < site.stmt.id:
            continue
        if item.operand is None or s.text(item.operand) != s.text(optimizer):
            continue
        if site.scope is update.scope and item.node.id > update.node.id:
            continue
        chain = sites.around(site.scope, item.node)
        above = chain[:-1]
        if isinstance(chain[-1], s.Evaluate) and above == site.chain[: len(above)]:
            return chain[-1]
        return "the gradients are unscaled in another branch, after they are clipped"
    return None


def _tests(update: Update, site: _Site) -> list[str] | str:
    """What must hold at the clip for the step to be taken; why that cannot be said."""
    program = update.program
    chain = sites.around(update.scope, update.node)
    updates = [i for i in every(program.flows.of(update.scope)) if isinstance(i, Act) and i.does == "update"]
    jumps = (n for n in update.scope.nodes if isinstance(n, s.Jump) and n.kind == "continue")
    if any(site.stmt.id < n.id < update.node.id for n in jumps):
        return "a batch that is skipped after the clip would leave the scaler without its update"
    tests = []
    for outer, inner in pairwise(chain):
        if outer in site.chain or not isinstance(outer, s.If):
            continue
        if not program.flows.conditions.config(outer.test, update.scope):
            if updates and not any(sites.holds(outer, act.node) for act in updates):
                continue
            return _MICRO_BATCHES
        if not sites.said_at(outer.test, update.scope, site.scope, site.stmt):
            return "whether the step is taken is not known where the gradients are clipped"
        text = update.module.text(outer.test)
        if "\n" in text or "\r" in text:
            return "the condition of the step goes over several lines"
        tests.append(text if any(x is inner for x in outer.then.body) else f"not ({text})")
    return tests
