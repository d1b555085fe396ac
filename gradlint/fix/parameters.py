"""How the parameters that an optimizer updates are said where it steps."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.fix import sites
from gradlint.program import syntax as s
from gradlint.program.reach import networks_in, networks_of
from gradlint.program.scopes import Binding, Scope
from gradlint.program.updates import Update
from gradlint.program.values import Made, Values, ValueSet

_METHOD = "parameters"
_JOINS = ("list", "tuple", "chain", "filter", "iter")
_DEPTH = 4


def parameters_at(update: Update, scope: Scope, node: s.Node, optimizer: str) -> str:
    """The parameters of an update as code before a node can say them: by their networks, else by the optimizer."""
    said = networks_at(update, scope, node)
    if len(said) == 1:
        return f"{said[0]}.{_METHOD}()"
    named = _list_at(update, scope, node)
    if named is not None or not said:
        return named or of_groups(optimizer)
    joined = f"[{', '.join(f'*{each}.{_METHOD}()' for each in said)}]"
    return min(joined, of_groups(optimizer), key=len)


def of_groups(optimizer: str) -> str:
    """All parameters that an optimizer updates."""
    return f'[p for group in {optimizer}.param_groups for p in group["params"]]'


def networks_at(update: Update, scope: Scope, node: s.Node) -> list[str]:
    """The networks whose whole parameters an optimizer was built from, as code before a node can say them, or none."""
    found: set[tuple[str, ...]] = set()
    for optimizer in update.optimizers:
        if not isinstance(optimizer, Made) or optimizer.site is None or optimizer.scope is None:
            return []
        given = optimizer.site.args[0] if optimizer.site.args else None
        sources = _sources(given.value, optimizer.scope, _DEPTH) if given is not None and not given.star else None
        if not sources:
            return []
        said = [_said(update, source, optimizer.scope, scope, node) for source in sources]
        if None in said:
            return []
        found.add(tuple(each for each in said if each is not None))
    return list(found.pop()) if len(found) == 1 else []


def _list_at(update: Update, scope: Scope, node: s.Node) -> str | None:
    """The name of the list that the optimizer was built from, if code before a node can say it."""
    named: set[str] = set()
    for optimizer in update.optimizers:
        if not isinstance(optimizer, Made) or optimizer.site is None or optimizer.scope is None:
            return None
        given = optimizer.site.args[0].value if optimizer.site.args else None
        home = optimizer.scope
        if not isinstance(given, s.Name) or not sites.said_at(given, home, scope, node) or _grows(given.text, home):
            return None
        bindings = sites.reaching(given, home)
        if not bindings or not all(
            b.kind in ("value", "update") and not b.path and _is_list(b.value) for b in bindings
        ):
            return None
        named.add(given.text)
    return named.pop() if len(named) == 1 else None


def _is_list(expr: s.Expr | None) -> bool:
    """Whether an expression is a list of whole networks' parameters, which can be gone through again."""
    if isinstance(expr, s.Binary) and expr.op == "+":
        return _is_list(expr.left) and _is_list(expr.right)
    if isinstance(expr, s.Comprehension):
        return expr.kind == "list" and isinstance(expr.element, s.Name) and "parameters" in s.text(expr.clauses[0].iter)
    if isinstance(expr, s.Call) and s.dotted(expr.func) in ("list", "tuple") and len(expr.args) == 1:
        given = expr.args[0].value
        if isinstance(given, s.Call) and s.dotted(given.func) == "filter" and len(given.args) == 2:
            given = given.args[1].value
        return parameters_of(given) is not None
    return False


def parameters_of(expr: s.Expr) -> s.Expr | None:
    """`model` in `model.parameters()`."""
    if isinstance(expr, s.Call) and not expr.args and isinstance(expr.func, s.Attribute) and expr.func.attr == _METHOD:
        return expr.func.value
    return None


def _sources(expr: s.Expr, scope: Scope, depth: int) -> list[s.Expr] | None:
    """The networks all of whose parameters an expression holds; None if it may hold others, or only some."""
    network = parameters_of(expr)
    if network is not None:
        return [network]
    parts: list[s.Expr] | None = None
    if isinstance(expr, s.Call) and not any(a.keyword or a.star == "**" for a in expr.args):
        name = (s.dotted(expr.func) or "").rpartition(".")[2]
        if name in _JOINS:
            parts = [a.value for a in expr.args[1 if name == "filter" else 0 :]]
    elif isinstance(expr, s.Binary) and expr.op == "+":
        parts = [expr.left, expr.right]
    elif isinstance(expr, s.Sequence):
        parts = list(expr.items)
    elif isinstance(expr, s.Starred):
        parts = [expr.value]
    elif isinstance(expr, s.Mapping):
        parts = [v for k, v in expr.items if isinstance(k, s.Constant) and k.value == "params"]
    elif isinstance(expr, s.Comprehension) and len(expr.clauses) == 1:
        clause = expr.clauses[0]
        parts = [clause.iter] if s.text(expr.element) == s.text(clause.target) and _only_trained(clause) else None
    elif isinstance(expr, s.Name) and depth:
        bindings = sites.reaching(expr, scope)
        if (
            len(bindings) == 1
            and bindings[0].kind == "value"
            and not bindings[0].path
            and bindings[0].value is not None
        ):
            parts = [bindings[0].value] if scope.lookup(expr.text) is scope and not _grows(expr.text, scope) else None
    if not parts:
        return None
    inner = [_sources(part, scope, depth - isinstance(expr, s.Name)) for part in parts]
    return None if any(not each for each in inner) else [x for each in inner for x in each or ()]


def _only_trained(clause: s.Clause) -> bool:
    """Whether a comprehension leaves out frozen parameters at most, which have no gradients."""
    return all(isinstance(test, s.Attribute) and test.attr == "requires_grad" for test in clause.tests)


def _grows(name: str, scope: Scope) -> bool:
    return any(isinstance(c.func, s.Attribute) and s.text(c.func.value) == name for c in s.calls(scope.body))


# --- names ----------------------------------------------------------------------------------------


def _said(update: Update, network: s.Expr, home: Scope, scope: Scope, node: s.Node) -> str | None:
    """How code before a node says a network that the optimizer's scope has as an expression."""
    values = update.program.values
    wanted = networks_in(network, home, values)
    if sites.plain(network) and sites.said_at(network, home, scope, node):
        now = networks_of(_held(network, scope, node, values), values)
        if not wanted or not now or _identities(now) & _identities(wanted):
            return home.module.text(network)
    if not wanted:
        return None
    for text, held in _names(scope, node, values):
        if _identities(networks_of(held, values)) == _identities(wanted):
            return text
    return None


def _identities(networks: frozenset[Made]) -> set[object]:
    return {(n.of, n.site) for n in networks}


def _held(expr: s.Expr, scope: Scope, node: s.Node, values: Values) -> ValueSet:
    """What an expression that only says something holds at a node, wherever else it stands."""
    if isinstance(expr, s.Name):
        return values.name(expr.text, scope, None, node.id)
    if isinstance(expr, s.Attribute):
        held = _held(expr.value, scope, node, values)
        return frozenset(x for v in held for x in values.attribute(v, expr.attr))
    return frozenset()


def _names(scope: Scope, node: s.Node, values: Values) -> Iterator[tuple[str, ValueSet]]:
    """The names at a node that may be networks: what is in reach before it, and the instance's attributes."""
    here: Scope | None = scope
    while here is not None:
        if here.kind != "class":
            for name, bindings in here.bindings.items():
                if scope.lookup(name) is here and any(
                    _is_value(b) and (here is not scope or b.at < node.id) for b in bindings
                ):
                    yield name, values.name(name, scope, None, node.id)
        here = here.parent
    method = scope.function
    if method is None or method.owner is None or method.self_name is None:
        return
    for name in sorted({store.attr for inner in method.owner.walk() for store in inner.stores if store.attr}):
        held = values.name(method.self_name, scope, None, node.id)
        yield f"{method.self_name}.{name}", frozenset(x for v in held for x in values.attribute(v, name))


def _is_value(binding: Binding) -> bool:
    return binding.kind in ("param", "value")


def optimizer_at(update: Update, scope: Scope, node: s.Node) -> str | None:
    """The optimizer as code before a node says it; None if it has no name there."""
    optimizer = update.act.operand
    if optimizer is None or not sites.plain(optimizer):
        return None
    if scope is not update.scope and not sites.said_at(optimizer, update.scope, scope, node):
        return None
    return update.module.text(optimizer)
