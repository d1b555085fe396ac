"""Where the optimizer of an update is there to be handed to others, and how the code says it there."""

from __future__ import annotations

from gradlint.fix import sites
from gradlint.program import syntax as s
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Made
from gradlint.records import dataclass

_ELSEWHERE = "the optimizer is built in another file, `{}`"


@dataclass(frozen=True, slots=True)
class Built:
    """The statement after which an optimizer is there, and how the code there says it."""

    scope: Scope
    stmt: s.Stmt
    target: s.Expr


def built_at(update: Update) -> Built | str:
    """Where the optimizer of an update is there, whichever way it is built; the reason why that cannot be said."""
    mades = [v for v in update.optimizers if isinstance(v, Made) and v.site is not None and v.scope is not None]
    if not mades:
        return "the optimizer is built elsewhere"
    vocabulary, bases_of = update.program.values.vocabulary, update.program.values.bases_of
    if not all(any(vocabulary.role(path) == "optimizer" for path in bases_of(made)) for made in mades):
        return "the optimizer is of a class that PyTorch's schedulers do not take"
    home = mades[0].scope
    assert home is not None
    found = [_assigned(m, m.scope) for m in mades if m.scope is not None]
    targets = {s.text(target) for _, target in found if target is not None}
    refusal = None
    if home.module is not update.module:
        refusal = _ELSEWHERE.format(home.module.source.name)
    elif any(m.scope is not home for m in mades):
        refusal = "the optimizer is built in several functions"
    elif len(targets) != 1 or any(target is None for _, target in found):
        refusal = "the optimizer has no name of its own where it is built"
    if refusal is not None:
        return _received(update) or refusal
    stmt = _join([chain for chain, _ in found])
    target = found[0][1]
    if stmt is None or target is None:
        return "the optimizer is built in several places"
    if _is_repeated(found[0][0], update):
        return "the optimizer is built anew in a loop"
    return Built(home, stmt, target)


def _received(update: Update) -> Built | None:
    """The statement by which the function that steps, or its instance, gets the optimizer from who builds it."""
    optimizer = update.act.operand
    if optimizer is None or not sites.plain(optimizer):
        return None
    home = _constructor(update, optimizer) or update.scope
    named = [
        node
        for node in home.nodes
        if isinstance(node, s.Assign)
        and (home is not update.scope or node.id < update.node.id)
        and any(s.text(part) == s.text(optimizer) for target in node.targets for part in _parts(target))
    ]
    if len(named) != 1 or not isinstance(named[0].value, s.Call if home is update.scope else (s.Call, s.Name)):
        return None
    chain = sites.around(home, named[0])
    if not chain or chain[-1] is not named[0] or _is_repeated(chain, update):
        return None
    if any(not isinstance(x, s.With) and not sites.holds(x, update.node) for x in chain[:-1]):
        return None
    return Built(home, named[0], optimizer)


def _constructor(update: Update, optimizer: s.Expr) -> Scope | None:
    """The constructor in which an attribute of the instance is set, if that is the only place."""
    method = update.scope.function
    owner = method.owner if method is not None else None
    if owner is None or not isinstance(optimizer, s.Attribute) or s.text(optimizer.value) != update.scope.self_name:
        return None
    stores = [store for scope in owner.walk() for store in scope.stores if store.attr == optimizer.attr]
    home = stores[0].scope if len(stores) == 1 else None
    return home if home is not None and home.name == "__init__" and home.self_name == update.scope.self_name else None


def _parts(target: s.Expr) -> tuple[s.Expr, ...]:
    return target.items if isinstance(target, s.Sequence) else (target,)


def _is_repeated(chain: tuple[s.Stmt, ...], update: Update) -> bool:
    """Whether statements are in a loop that the step is not in."""
    return any(isinstance(x, (s.For, s.While)) for x in chain if not sites.holds(x, update.node))


def _assigned(made: Made, home: Scope) -> tuple[tuple[s.Stmt, ...], s.Expr | None]:
    """The statements around an optimizer's construction, and the name that it is given there."""
    assert made.site is not None
    chain = sites.around(home, made.site)
    stmt = chain[-1] if chain else None
    if (
        isinstance(stmt, s.Assign)
        and stmt.value is made.site
        and len(stmt.targets) == 1
        and sites.plain(stmt.targets[0])
    ):
        return chain, stmt.targets[0]
    return chain, None


def _join(chains: list[tuple[s.Stmt, ...]]) -> s.Stmt | None:
    """The statement after which one of several has run: itself, or the branches that hold them."""
    if len(chains) == 1:
        return chains[0][-1]
    depth = 0
    while all(len(c) > depth and c[depth] is chains[0][depth] for c in chains):
        depth += 1
    return chains[0][depth - 1] if depth and isinstance(chains[0][depth - 1], s.If) else None
