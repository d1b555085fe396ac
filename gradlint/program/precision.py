"""Which parts of a program compute in float16: regions of autocast, networks that are made half."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.choices import apart
from gradlint.program.names import Lib
from gradlint.program.reach import is_network, networks_in
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Bound, Made, Partial, Values
from gradlint.vocabulary import Plain, operand


def half_regions(update: Update) -> Iterator[tuple[s.Call, Scope]]:
    """The float16 autocasts under which the losses of an update are computed."""
    values = update.program.values
    yield from ((call, scope) for call, scope in autocasts(update) if _is_half(call, scope, values))


def autocasts(update: Update) -> Iterator[tuple[s.Call, Scope]]:
    """The autocasts, of any precision, under which the losses of an update are computed."""
    values, conditions = update.program.values, update.program.flows.conditions
    for scope in {act.scope: None for act in update.backwards}:
        backwards = [act.node for act in update.backwards if act.scope is scope]
        for node in scope.nodes:
            if isinstance(node, s.With) and _computes(update, node, scope):
                for item, _ in node.items:
                    if not all(apart(item, node, scope, conditions) for node in backwards):
                        yield from _built(item, scope, values)


def _built(expr: s.Expr, scope: Scope, values: Values) -> Iterator[tuple[s.Call, Scope]]:
    """The calls that make an autocast of an expression: itself, that of its name, or of what it calls in part."""
    if isinstance(expr, s.Call):
        for called in values.of(expr.func, scope):
            if _autocast(called, values):
                yield expr, scope
            elif isinstance(called, Partial) and _autocast(called.function, values):
                yield called.site, called.scope
    else:
        for value in values.of(expr, scope):
            if isinstance(value, Made) and value.site and value.scope and _autocast(value.of, values):
                yield value.site, value.scope


def halved(update: Update, perhaps: bool = False) -> Iterator[tuple[s.Call, Scope]]:
    """The calls that make float16 of the parameters of an update's networks, or `perhaps` another precision."""
    values = update.program.values
    for module in dict.fromkeys([update.module, *(act.scope.module for act in update.backwards)]):
        for name in ("half", "to"):
            for call, scope in module.calls.get(name, ()):
                if not isinstance(call.func, s.Attribute):
                    continue
                given = [a.value for a in call.args]
                half = (
                    name == "half"
                    if not given
                    else name == "to" and any(_half(g, scope, values, perhaps) for g in given)
                )
                networks = networks_in(call.func.value, scope, values) if half else frozenset()
                bound = any(
                    isinstance(v, Bound) and is_network(v.receiver, values) for v in values.of(call.func, scope)
                )
                if (
                    bound
                    and not _passing(call, scope, values)
                    and any(_same(n, m) for n in networks for m in update.networks)
                ):
                    yield call, scope


def _passing(call: s.Call, scope: Scope, values: Values) -> bool:
    """Whether the network itself is not left in float16: `model.half().float()`, `deepcopy(model).half()`."""
    outer = {id(n.func.value): n.func.attr for n in s.calls(scope.body) if isinstance(n.func, s.Attribute)}
    if outer.get(id(call)) in ("float", "bfloat16", "double"):
        return True
    base = call.func
    while isinstance(base, s.Attribute) and isinstance(base.value, s.Call):
        base = base.value.func
        called = (v for v in values.of(base, scope) if isinstance(v, Lib))
        if any(values.vocabulary.role(v.path) not in ("module", "model") for v in called):
            return True  # what a library's function gives is another
    return False


def _same(one: Made, other: Made) -> bool:
    return one.of == other.of and one.site is other.site


def _computes(update: Update, region: s.With, scope: Scope) -> bool:
    """Whether a loss, or what a network gives, is computed in a region."""
    values = update.program.values
    for node in s.walk(region.body, into=False):
        if isinstance(node, s.Assign) and any(isinstance(t, s.Name) and t.text in update.losses for t in node.targets):
            return True
        if isinstance(node, s.Call) and any(is_network(v, values) for v in values.of(node.func, scope)):
            return True
    return False


def _is_half(call: s.Call, scope: Scope, values: Values) -> bool:
    held = (v.function if isinstance(v, Partial) else v for v in values.of(call.func, scope))
    about = next((a for v in held if (a := _autocast(v, values))), None)
    if about is None:
        return False
    device, dtype, enabled = (_given(call, about, key) for key in ("device", "dtype", "enabled"))
    if isinstance(enabled, s.Constant) and enabled.value is False:
        return False
    if dtype is not None:  # a precision that can be chosen is taken to be
        return any(_is_float16(value, values) for value in values.of(dtype, scope))
    named = device.value if isinstance(device, s.Constant) else None
    if isinstance(named, bool):  # the older `torch.cuda.amp.autocast(enabled)`
        return named
    on_cuda = device is None or (isinstance(named, str) and named.partition(":")[0] == "cuda")
    return on_cuda and about.get("cuda") == "float16"


def _autocast(value: object, values: Values) -> dict[str, Plain] | None:
    found = values.vocabulary.entry("autocasts", value.path) if isinstance(value, Lib) else None
    return found if isinstance(found, dict) else None


def _given(call: s.Call, about: dict[str, Plain], key: str) -> s.Expr | None:
    place = operand(about.get(key))
    return call.arg(place.position, place.keyword)


def _half(expr: s.Expr, scope: Scope, values: Values, perhaps: bool) -> bool:
    known = [_is_float16(value, values) for value in values.of(expr, scope)]
    return any(known) if perhaps else bool(known) and all(known)


def _is_float16(value: object, values: Values) -> bool:
    return isinstance(value, Lib) and values.vocabulary.entry("halves", value.path) is not None
