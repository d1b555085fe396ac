"""Which networks an expression reaches: the ones whose parameters an optimizer or a clip is given."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.scopes import Scope
from gradlint.program.values import Bound, Cls, Context, Items, Made, Many, Partial, Table, Value, Values, ValueSet

_DEPTH = 6


def is_network(value: Value, values: Values) -> bool:
    """Whether a value is an instance of a module class, the project's or a library's."""
    if not isinstance(value, Made) or (isinstance(value.of, Lib) and value.receiver is not None):
        return False  # what a method of something gives is not the thing itself
    vocabulary = values.vocabulary
    return any(
        vocabulary.role(path) in ("module", "model")
        or vocabulary.about("recurrent", path) is True
        or vocabulary.about("transformers", path) is True
        for path in values.bases_of(value)
    )


def networks_in(expr: s.Expr, scope: Scope, values: Values, context: Context | None = None) -> frozenset[Made]:
    """The networks that an expression holds or takes parameters from.

    `model.parameters()`, `filter(…, net.parameters())`, `[{"params": backbone}, …]`, `group_parameters(model)`:
    what the values say, else what the networks among the expression's own parts are.
    """
    found = networks_of(values.of(expr, scope, context), values)
    return found or _inside(expr, scope, values, context, _DEPTH)


def networks_of(held: ValueSet, values: Values, depth: int = _DEPTH) -> frozenset[Made]:
    """The networks among values, inside containers, and behind what was taken from a network."""
    out: set[Made] = set()
    if depth == 0:
        return frozenset()
    for value in held:
        if isinstance(value, Made) and is_network(value, values):
            out.add(value)
        elif isinstance(value, Made) and value.receiver is not None:
            out |= networks_of(frozenset([value.receiver]), values, depth - 1)
        elif (
            isinstance(value, Made) and isinstance(value.of, Lib) and value.site is not None and value.scope is not None
        ):
            if values.vocabulary.entry("collects", value.of.path) is not None:
                for arg in value.site.args:
                    out |= networks_of(values.of(arg.value, value.scope, value.context), values, depth - 1)
        elif isinstance(value, Bound):
            out |= networks_of(frozenset([value.receiver]), values, depth - 1)
        elif isinstance(value, Items):
            for part in value.parts:
                out |= networks_of(part, values, depth - 1)
        elif isinstance(value, Many):
            out |= networks_of(value.element, values, depth - 1)
        elif isinstance(value, Table):
            for _, part in value.items:
                out |= networks_of(part, values, depth - 1)
    return frozenset(out)


def _inside(expr: s.Expr, scope: Scope, values: Values, context: Context | None, depth: int) -> frozenset[Made]:
    if depth == 0:
        return frozenset()
    out: set[Made] = set()
    parts: list[s.Expr] = []
    if isinstance(expr, s.Call):
        parts = [a.value for a in expr.args]
        if isinstance(expr.func, s.Attribute):
            parts.append(expr.func.value)
    elif isinstance(expr, s.Comprehension):
        parts = [c.iter for c in expr.clauses]
    elif isinstance(expr, s.Sequence):
        parts = list(expr.items)
    elif isinstance(expr, s.Mapping):
        parts = [v for _, v in expr.items]
    elif isinstance(expr, s.Binary):
        parts = [expr.left, expr.right]
    elif isinstance(expr, (s.Starred, s.Subscript, s.Attribute)):
        parts = [expr.value]
    elif isinstance(expr, s.Name):
        home = scope.lookup(expr.text)
        if home is not None:
            for binding in home.reaching(expr.text, expr.id if home is scope else None):
                if binding.value is not None and binding.kind in ("value", "element", "update"):
                    out |= networks_in_part(binding.value, home, values, context, depth - 1)
        return frozenset(out)
    for part in parts:
        out |= networks_in_part(part, scope, values, context, depth - 1)
    return frozenset(out)


def networks_in_part(
    expr: s.Expr, scope: Scope, values: Values, context: Context | None, depth: int
) -> frozenset[Made]:
    found = networks_of(values.of(expr, scope, context), values)
    return found or _inside(expr, scope, values, context, depth)


def trained_by(optimizer: Value, values: Values) -> frozenset[Made]:
    """The networks whose parameters an optimizer was built from."""
    if not isinstance(optimizer, Made) or optimizer.site is None or optimizer.scope is None:
        return frozenset()
    if isinstance(optimizer.of, Cls):
        return _wrapped(optimizer, values)
    out: set[Made] = set()
    for arg in optimizer.site.args[:3]:
        if arg.keyword in (None, "params", "parameters", "model_params"):
            out |= networks_in(arg.value, optimizer.scope, values, optimizer.context)
            if out and not arg.star:
                break
    return frozenset(out)


def groups_of(optimizer: Value, values: Values) -> list[frozenset[Made]]:
    """The networks of each part of what an optimizer was given: what stands for one part may be one of several."""
    if not isinstance(optimizer, Made) or optimizer.site is None or optimizer.scope is None:
        return []
    given = optimizer.site.arg(0, "params")
    return [g for g in _groups(given, optimizer.scope, values, optimizer.context, _DEPTH) if g] if given else []


def _groups(
    expr: s.Expr, scope: Scope, values: Values, context: Context | None, depth: int
) -> Iterator[frozenset[Made]]:
    parts: list[s.Expr] = []
    if isinstance(expr, s.Call):
        library = any(isinstance(v, Lib) for v in values.of(expr.func, scope, context))
        builtin = isinstance(expr.func, s.Name) and scope.lookup(expr.func.text) is None
        parts = [a.value for a in expr.args] if library or builtin else []
    elif isinstance(expr, s.Sequence):
        parts = list(expr.items)
    elif isinstance(expr, s.Mapping):
        parts = [v for _, v in expr.items]
    elif isinstance(expr, s.Binary):
        parts = [expr.left, expr.right]
    elif isinstance(expr, s.Starred):
        parts = [expr.value]
    elif isinstance(expr, s.Name) and (home := scope.lookup(expr.text)) is not None:
        reaching = home.reaching(expr.text, expr.id if home is scope else None)
        if len([b for b in reaching if b.kind == "value"]) == 1 and all(
            b.kind in ("value", "update") for b in reaching
        ):
            for binding in reaching:
                if binding.value is not None and not binding.path and depth:
                    yield from _groups(binding.value, home, values, context, depth - 1)
            return
    if not parts or not depth:
        yield networks_in(expr, scope, values, context)
    for part in parts if depth else ():
        yield from _groups(part, scope, values, context, depth - 1)


def only_tensors(optimizer: Value, values: Values) -> bool:
    """Whether an optimizer was built from tensors that the code makes, and from nothing else: `[log_alpha]`.

    What a file was read into may be anything.
    """
    if not isinstance(optimizer, Made) or optimizer.site is None or optimizer.scope is None:
        return False
    given = optimizer.site.arg(0)
    held = values.of(given, optimizer.scope, optimizer.context) if given is not None else frozenset()
    tensors = values.elements(held) or held
    return bool(tensors) and all(
        isinstance(v, Made) and isinstance(v.of, Lib) and not _is_read(v.of) and not networks_of(frozenset([v]), values)
        for v in tensors
    )


def _is_read(library: Lib) -> bool:
    return "load" in library.path.split(".")


def _wrapped(optimizer: Made, values: Values) -> frozenset[Made]:
    """The networks given to a project class that is, or holds, an optimizer."""
    assert optimizer.site is not None
    assert optimizer.scope is not None
    out: set[Made] = set()
    for arg in optimizer.site.args:
        held = values.of(arg.value, optimizer.scope, optimizer.context)
        inner = networks_of(held, values)
        out |= inner or networks_in(arg.value, optimizer.scope, values, optimizer.context)
        for value in held:
            if isinstance(value, Made) and any(
                values.vocabulary.role(b) == "optimizer" for b in values.bases_of(value)
            ):
                out |= trained_by(value, values)
    return frozenset(out)


def same_network(a: Made, b: Made, values: Values) -> bool:
    """Whether two networks may share parameters: the same one, or one made inside the other."""
    if isinstance(a, Partial) or isinstance(b, Partial):
        return True
    if a.of == b.of and (a.site is None or b.site is None or a.site is b.site):
        return True
    if _stands_for(a, b, values) or _stands_for(b, a, values):
        return True
    return _inside_of(a, b, values) or _inside_of(b, a, values)


def _stands_for(told: Made, made: Made, values: Values) -> bool:
    """Whether code says only what class a network is of, and another is of it: `def train(net: nn.Module)`."""
    if told.site is not None:
        return False
    if isinstance(told.of, Cls):
        return isinstance(made.of, Cls) and told.of.scope in values.lineage(made.of.scope)
    plain = values.vocabulary.entry("plain_bases", told.of.path) is True  # which any network is of
    return plain or told.of.path in values.bases_of(made)


def _inside_of(part: Made, whole: Made, values: Values) -> bool:
    """Whether `part` is built by a method of the class of `whole`, or given to it when it is made."""
    if isinstance(whole.of, Cls):
        lineage = set(values.lineage(whole.of.scope))
        if part.scope is not None:
            method = part.scope.function
            if method is not None and method.owner is not None and method.owner in lineage:
                return True
    if whole.site is not None and whole.scope is not None:
        for arg in whole.site.args:
            if any(
                isinstance(v, Made) and v.of == part.of and v.site is part.site
                for v in values.of(arg.value, whole.scope, whole.context)
            ):
                return True
    return False


def name_of(network: Made) -> str:
    """What the class of a network is called."""
    return network.of.scope.name if isinstance(network.of, Cls) else network.of.path.rpartition(".")[2]
