"""Networks that a project only loads and evaluates: they were trained elsewhere, whatever is drawn for them here."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.networks.core import World
from gradlint.program.networks.recipes import Link, enclosing_class, is_network_class
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Made


def served(world: World, cls: Scope, ready: tuple[str, ...], within: frozenset[Scope] = frozenset()) -> bool:
    """Whether a network has one of the methods `ready` called wherever the project builds it, and is not trained."""
    built = list(_constructions(world, cls)) if cls not in within else []
    return (
        bool(built)
        and not any(value.of == Cls(cls) for _, _, value in _asked(world, ("train", "parameters")))
        and all(_ready(world, site, ready, within | {cls}) for site in built)
    )


def _constructions(world: World, cls: Scope) -> Iterator[Link]:
    """The calls that construct a class or its heirs, also by a variable or a table that holds it."""
    init = world.values.find_method(cls, "__init__")
    if init is not None:
        yield from world.values.callers(init)
    for module in world.files.naming(cls.name, near=cls.module, hints=(cls.module.path.stem,)):
        for name, calls in module.calls.items():
            for call, where in calls if not name[:1].isupper() else ():
                if isinstance(call.func, (s.Name, s.Subscript)) and Cls(cls) in world.values.of(call.func, where):
                    yield call, where


def _ready(world: World, site: Link, ready: tuple[str, ...], within: frozenset[Scope]) -> bool:
    """The same of what is built at a place, or of the network that it becomes a part of."""
    built, where = site
    if "backward" in where.module.calls:
        return False
    given = set(tests(where.body, built))
    for call, there, value in _asked(world, ready):
        if value.site is built and (there is not where or given.issuperset(tests(there.body, call))):
            return True
    owner = enclosing_class(where)
    return owner is not None and is_network_class(world, owner) and served(world, owner, ready, within)


def _asked(world: World, methods: tuple[str, ...]) -> Iterator[tuple[s.Call, Scope, Made]]:
    """The calls of methods in the project, with what they may be called on."""
    for method in methods:
        for module in world.files.mentioning(f".{method}("):
            for call, where in module.calls.get(method, ()):
                if isinstance(call.func, s.Attribute):
                    for value in world.values.of(call.func.value, where):
                        if isinstance(value, Made):
                            yield call, where, value


def tests(body: s.Node, call: s.Call) -> list[s.Expr]:
    """The conditions under which a call stands."""
    for node in s.walk(body, into=False):
        if isinstance(node, s.If) and s.holds(node.then, call):
            return [node.test, *tests(node.then, call)]
    return []
