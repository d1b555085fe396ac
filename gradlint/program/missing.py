"""Names that nothing binds, attributes that nothing sets, functions that a library does not have: to use one raises."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.flow import Act, Invoke, every
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.updates import Program, Update
from gradlint.program.values import Cls, Values
from gradlint.records import dataclass

_DYNAMIC = frozenset(["exec", "eval", "globals", "locals"])  # by these names come into being unseen
_DYNAMIC_ATTRIBUTES = frozenset(["setattr", "__dict__", "__getattr__", "__getattribute__", "__setattr__"])
_ASKS = "parameters"  # `parameters()`, `named_parameters()`


@dataclass(frozen=True, slots=True)
class Broken:
    """A clip that raises: `part` is what does not exist, `has` where the library has the function that is meant."""

    call: s.Call
    part: s.Expr
    has: str | None = None


def broken_clips(update: Update) -> Iterator[Broken]:
    """The clips in the function of the step that cannot run."""
    program, scope = update.program, update.scope
    for call in s.calls(scope.body, into=False):
        has = _elsewhere(call, scope, program.values)
        if has is not None:
            yield Broken(call, call.func, has)
    items = (item for item in every(program.flows.of(scope)) if isinstance(item, Act | Invoke))
    clips = {item.node: None for item in items if _clips(item, program)}
    for node in clips:
        if isinstance(node, s.Call):
            for part in _owners(node):
                if _unbound(part, scope) or _unset(part, scope, program.values):
                    yield Broken(node, part)
                    break


def _clips(item: Act | Invoke, program: Program) -> bool:
    if isinstance(item, Act):
        return item.does == "clip" and item.event is not None
    return any(act.does == "clip" for target in item.targets for act in program.flows.acts(target.scope))


def _elsewhere(call: s.Call, scope: Scope, values: Values) -> str | None:
    """Where a library has a function that is asked for in a module that has none of the name."""
    if not isinstance(call.func, (s.Name, s.Attribute)):
        return None
    for value in values.of(call.func, scope):
        found = values.vocabulary.entry("misplaced", value.path) if isinstance(value, Lib) else None
        if isinstance(found, str):
            return found
    return None


def _owners(call: s.Call) -> Iterator[s.Expr]:
    """What a clip is given, as a name, or asked for its parameters."""
    for arg in call.args:
        given = arg.value
        if isinstance(given, s.Call) and isinstance(given.func, s.Attribute) and given.func.attr.endswith(_ASKS):
            if isinstance(given.func.value, s.Name):
                yield given.func
            given = given.func.value
            if isinstance(given, s.Attribute):
                yield given
        if isinstance(given, s.Name):
            yield given


def _unbound(expr: s.Expr, scope: Scope) -> bool:
    """Whether a name is bound nowhere that its use can see."""
    if not isinstance(expr, s.Name) or scope.lookup(expr.text) is not None or hasattr(builtins, expr.text):
        return False
    module = scope.module
    dynamic = any(isinstance(c.func, s.Name) for name in _DYNAMIC for c, _ in module.calls.get(name, ()))
    return not (module.source.is_notebook or dynamic) and not any(
        inner.star_imports or expr.text in inner.outer_names or any(isinstance(n, s.Match) for n in s.walk(inner.body))
        for inner in module.scopes
    )


def _unset(expr: s.Expr, scope: Scope, values: Values) -> bool:
    """Whether an attribute of the instance is set by nothing in the project, and can come from no base class."""
    if not isinstance(expr, s.Attribute) or not isinstance(expr.value, s.Name):
        return False
    owner = scope.owner
    if owner is None or expr.value.text != scope.self_name or len(scope.bindings[expr.value.text]) != 1:
        return False
    family = dict.fromkeys(x for heir in (owner, *values.heirs(owner)) for x in values.lineage(heir))
    for here in family:
        named = here.node.bases if isinstance(here.node, s.Class) else ()
        bases = [a.value for a in named if s.text(a.value) != "object"]
        known = [
            b for b in values.bases(here) if isinstance(b, Cls) or (_plain(b, values) and not expr.attr.endswith(_ASKS))
        ]
        hidden = not _DYNAMIC_ATTRIBUTES.isdisjoint({*here.module.words, *here.bindings})
        if len(known) < len(bases) or hidden or here.module.source.is_notebook or expr.attr in here.bindings:
            return False
    return not any(_sets(module, expr.attr) for module in values.files.mentioning(expr.attr))


def _plain(base: object, values: Values) -> bool:
    """Whether a library's base class holds no networks of its own."""
    return isinstance(base, Lib) and values.vocabulary.entry("plain_bases", base.path) is True


def _sets(module: Module, attr: str) -> bool:
    text = module.source.text
    return bool(module.attribute_stores.get(attr)) or f'"{attr}"' in text or f"'{attr}'" in text
