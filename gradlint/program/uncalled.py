"""Functions that initialize what they are given, and that nothing in the project says the name of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Made, Values


def unused_initializer(module: Module, values: Values) -> Iterator[tuple[Scope, s.Call]]:
    """The functions of a script that write to weights of modules that they are given, but run nowhere; with a write.

    What a package offers may be for others to call.
    """
    if values.files.relative(1, "__init__", module.path) is not None:
        return
    for scope in module.scopes:
        if scope.kind == "function" and scope.owner is None and scope.parent is module.scope and scope.params:
            found = _unsaid(scope, values)
            if found is not None:
                yield scope, found


def unused_method(owner: Scope, values: Values) -> Iterator[tuple[Scope, s.Call]]:
    """The methods of a network of the project that write to weights of its layers, but run nowhere; with a write."""
    init = values.find_method(owner, "__init__")
    if init is None or not values.callers(init):  # nothing builds it: it is for others to use
        return
    if any(_calls_heirs(base, values) for base in values.library_bases(owner)):
        return
    for scope in owner.inner.values():
        dunder = scope.name.startswith("__") and scope.name.endswith("__")
        if scope.kind == "function" and not dunder and scope.name != "forward":
            found = _unsaid(scope, values)
            if found is not None:
                yield scope, found


def _calls_heirs(path: str, values: Values) -> bool:
    """Whether a library's class may call what its heirs define, as a layer calls its `reset_parameters`."""
    vocabulary = values.vocabulary
    if vocabulary.role(path) == "module":
        return len(vocabulary.lineage(path)) > 1
    return not vocabulary.is_inert(path)


def _unsaid(scope: Scope, values: Values) -> s.Call | None:
    """A write of a function to a weight, if nothing says the function's name."""
    calls = [] if scope.decorators else list(s.calls(scope.body))
    if _train(calls):
        return None
    found = next((call for call in calls if _writes(call, scope, values)), None)
    if found is None or any(_says(scope, module, values) for module in values.files.mentioning(scope.name)):
        return None
    return found


def _train(calls: Iterable[s.Call]) -> bool:
    """Whether a function does more than initialize: what nobody calls is then a whole training."""
    return any(isinstance(call.func, s.Attribute) and call.func.attr == "backward" for call in calls)


def _writes(call: s.Call, scope: Scope, values: Values) -> bool:
    """`nn.init.normal_(layer.weight)` or `layer.weight.data.normal_()`."""
    func = call.func
    if isinstance(func, s.Attribute) and func.attr.endswith("_"):
        owner = _owner(func.value)
        if owner is not None:
            return not _built_here(owner, scope, values)
    owner = _owner(call.args[0].value) if call.args else None
    return (
        owner is not None
        and not _built_here(owner, scope, values)
        and any(
            isinstance(f, Lib) and values.vocabulary.about("initializers", f.path) is not None
            for f in values.of(func, scope)
        )
    )


def _owner(expr: s.Expr) -> s.Expr | None:
    """The layer whose weight an expression is, or is a view of: `layer.weight.data`."""
    while isinstance(expr, s.Attribute):
        if expr.attr == "weight":
            return expr.value
        expr = expr.value
    return None


def _built_here(owner: s.Expr, scope: Scope, values: Values) -> bool:
    """Whether a layer is one that the function makes itself, not one that it is given."""
    held = values.of(owner, scope)
    return bool(held) and all(isinstance(v, Made) and v.scope is scope for v in held)


def _says(scope: Scope, module: Module, values: Values) -> bool:
    """Whether a file says the name of a function, outside of it."""
    own = {id(node) for node in s.walk(scope.body)}
    if any(id(node) not in own and _names(node, scope.name) for node in module.nodes):
        return True
    return any(
        isinstance(node, s.Attribute) and node.attr == scope.name and not _of_another(node, here, scope, values)
        for here in module.scopes
        for node in here.nodes
        if id(node) not in own
    )


def _names(node: s.Node, name: str) -> bool:
    if isinstance(node, s.Name):
        return node.text == name
    if isinstance(node, s.Constant):
        return isinstance(node.value, str) and name in re.findall(r"\w+", node.value)
    if isinstance(node, s.ImportFrom):
        return node.names is not None and any(name in pair for pair in node.names)
    return False


def _of_another(node: s.Attribute, here: Scope, scope: Scope, values: Values) -> bool:
    """Whether what has that name is a library's or another class's for certain."""
    held = values.of(node.value, here)
    if not held or scope.owner is None:
        return bool(held) and all(isinstance(v, Lib) for v in held)
    family = {scope.owner, *values.lineage(scope.owner), *values.heirs(scope.owner)}
    return all(
        isinstance(v, Made) and isinstance(v.of, Cls) and family.isdisjoint(values.lineage(v.of.scope)) for v in held
    )
