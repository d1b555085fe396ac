"""Making networks by their recipes."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program.networks.core import Raised
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.objects import ClassRef, Container, Fn, LibRef, Obj, Unknown, Value
from gradlint.program.networks.recipes import Recipe, enclosing_class
from gradlint.program.scopes import Scope

_INSTANCES = 3

_CHANGING = (list, dict, set, Obj, Container)

Root = Obj | Container


def made(machine: Machine, recipe: Recipe, target: Scope | None) -> list[Root]:
    """What a recipe makes: instances of the target class, or sequences if there is none."""
    if target is None:
        return list(_sequences(machine, recipe))
    return list(_instances(machine, recipe, target))


def harvest(machine: Machine, recipe: Recipe, target: Scope | None) -> list[Root]:
    """What a recipe makes, where the instance that holds it has been made."""
    call = recipe.calls[-1][0]
    unfinished = {id(obj) for obj in machine.makers}
    found: list[Root] = []
    for root in machine.containers if target is None else machine.objects:
        if root.site is None or root.site.node is not call or id(root) in unfinished:
            continue
        if target is None or (isinstance(root, Obj) and target in machine.world.values.lineage(root.cls)):
            found.append(root)
    return found[:_INSTANCES]


def outermost(recipe: Recipe, target: Scope | None) -> tuple[Recipe, Scope | None]:
    """The recipe of the instance that holds all the others on the way to a network."""
    while recipe.owner is not None:
        recipe, target = recipe.owner, owner_class(recipe)
    return recipe, target


def shorter(recipe: Recipe, target: Scope | None) -> Iterator[Recipe]:
    """A recipe, then the same with ever less of what leads to it, the rest made with its defaults."""
    yield recipe
    chain = [recipe]
    while chain[-1].owner is not None:
        chain.append(chain[-1].owner)
    for index in range(len(chain) - 1, 0, -1):
        cut: Recipe = Recipe((), None, owner_class(chain[index - 1]))
        if chain[index].calls:
            for inner in reversed(chain[:index]):
                cut = Recipe(inner.calls, cut, inner.made)
            yield cut
    if recipe.calls and target is not None:
        yield Recipe(made=target)
    elif len(recipe.calls) > 1:
        yield Recipe(recipe.calls[-1:])


def given(machine: Machine, recipe: Recipe) -> tuple[Value, ...] | None:
    """What the calls before the last of a recipe give its function, if two that give the same make the same network.

    They do where all of it is plain or unknown, and nothing was made on the way.
    """
    frame: Frame | None = _frame_of(machine, recipe, None)
    shape = _Shape()
    parts: list[Value] = []
    while frame is not None and frame.scope.kind != "module":
        parts += [(name, shape.of(value)) for name, value in frame.vars.items()]
        frame = frame.parent
    met = [*machine.globals.values(), *(v for f in machine.modules.values() for v in f.found.values())]
    if shape.open or machine.objects or machine.containers or any(isinstance(v, _CHANGING) for v in met):
        return None
    return tuple(parts)


class _Shape:
    """Values by what can be told of them: which unknown one is does not matter, but where it comes again."""

    def __init__(self) -> None:
        self.open = False  # there was a value of which this does not tell enough
        self._unknown: dict[int, int] = {}

    def of(self, value: Value) -> Value:
        if isinstance(value, Unknown):
            return "?", self._unknown.setdefault(value.key, len(self._unknown)), value.negated
        if isinstance(value, (bool, int, float, str, type(None))):
            return value.__class__.__name__, value
        if isinstance(value, (list, tuple)):
            return value.__class__.__name__, *map(self.of, value)
        if isinstance(value, dict):
            return "dict", *((self.of(k), self.of(v)) for k, v in value.items())
        if isinstance(value, LibRef):
            return "library", value.path
        self.open = True
        return None


def _instances(machine: Machine, recipe: Recipe, cls: Scope) -> list[Root]:
    if not recipe.calls:
        target = recipe.made or cls
        machine.instance(ClassRef(target, machine.lazy_frame(target.parent or target)), [], {}, None)
        return [machine.objects[0]]
    owner = _instances(machine, recipe.owner, owner_class(recipe)) if recipe.owner is not None else []
    found = harvest(machine, recipe, cls)
    if not found and owner and machine.strict:
        raise Raised
    return found or aside(machine, recipe, cls, owner[0] if owner else None)


def aside(machine: Machine, recipe: Recipe, target: Scope | None, owner: Value) -> list[Root]:
    """What the last call of a recipe gives on its own, without the code around it."""
    call = recipe.calls[-1][0]
    value = machine.evaluate(call, _frame_of(machine, recipe, owner))
    if target is None and isinstance(value, Container):
        return [value]
    if target is not None and isinstance(value, Obj) and target in machine.world.values.lineage(value.cls):
        return [value]
    return harvest(machine, recipe, target)


def owner_class(recipe: Recipe) -> Scope:
    """The class in whose code the first call of a recipe stands."""
    owner = enclosing_class(recipe.calls[0][1])
    assert owner is not None
    return owner


def _frame_of(machine: Machine, recipe: Recipe, owner: Value) -> Frame:
    """The frame in which the last call of a recipe stands, its function's parameters given by the calls before."""
    frame: Frame | None = None
    for index, (_, where) in enumerate(recipe.calls):
        if index == 0:
            frame = machine.lazy_frame(where)
            _receive(frame, owner)
            continue
        assert frame is not None
        args, kwargs = machine.arguments(recipe.calls[index - 1][0], frame)
        inner = machine.lazy_frame(where)
        home = inner
        while home.scope is not where.function and home.parent is not None:
            home = home.parent
        if home.scope is where.function:
            machine.bind(home, args, kwargs)
        frame = inner
    assert frame is not None
    return frame


def _receive(frame: Frame, owner: Value) -> None:
    here: Frame | None = frame
    while here is not None and owner is not None:
        if here.scope.self_name is not None:
            here.vars[here.scope.self_name] = owner
            here.receiver = owner
        here = here.parent


def _sequences(machine: Machine, recipe: Recipe) -> list[Root]:
    """Sequences: by running the function that makes them, else on their own."""
    where = recipe.calls[-1][1]
    owner = _instances(machine, recipe.owner, owner_class(recipe)) if recipe.owner is not None else []
    found = harvest(machine, recipe, None)
    function = where.function
    if not found and function is not None and (len(recipe.calls) > 1 or function.owner is None):
        args: list[Value] = []
        kwargs: dict[str, Value] = {}
        if len(recipe.calls) > 1:
            outer = _frame_of(machine, Recipe(recipe.calls[:-1], recipe.owner), owner[0] if owner else None)
            args, kwargs = machine.arguments(recipe.calls[-2][0], outer)
        machine.call_function(Fn(function, machine.lazy_frame(function.parent or function)), args, kwargs)
        found = harvest(machine, recipe, None)
    return found or aside(machine, recipe, None, owner[0] if owner else None)
