"""The forward pass of a network: which of its methods are run, and with what."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.networks.core import Raised
from gradlint.program.networks.machine import Machine
from gradlint.program.networks.objects import Container, Fn, Layer, Obj, Tensor, Value, layers_in, modules_in
from gradlint.program.networks.tensors import tensors
from gradlint.program.scopes import Scope

_METHODS = 12

Root = Obj | Container


def forward(machine: Machine, root: Root) -> None:
    """Runs a network: its `forward`, else the methods that use its layers, else the sequences it holds."""
    machine.begin()
    node = s.Call(0, s.Unread(0), ())
    if isinstance(root, Container):
        given = machine.call(root, [Tensor()], {}, node, machine.module_frame(_scope(root)))
        machine.outputs.extend(tensors([given]))
        return
    values = machine.world.values
    found = values.find_method(root.cls, "forward") or values.find_method(root.cls, "__call__")
    if found is not None:
        try:
            _call(machine, root, found)
        except Raised:
            if machine.clock == 0:
                machine.runs.clear()
            else:
                raise
    elif root.container is not None or root.layer is not None:
        given = machine.call(root, [Tensor()], {}, node, machine.module_frame(root.cls))
        machine.outputs.extend(tensors([given]))
    left = {layer for layer in weights(root) if not layer.runs}
    if left:
        _others(machine, root, found, left)


def _others(machine: Machine, root: Obj, forward: Scope | None, left: set[Layer]) -> None:
    """The methods beside `forward`, and the sequences, for the layers that it does not run."""
    kept = list(machine.runs)
    methods = {
        name: binding
        for cls in machine.world.values.lineage(root.cls)
        for name, bindings in cls.bindings.items()
        for binding in bindings[-1:]
        if binding.kind == "function" and not name.startswith("__") and cls.inner[binding.node.id] is not forward
    }
    count = 0
    for name in methods:
        scope = machine.world.values.find_method(root.cls, name)
        if scope is None or scope.static or scope.decorators or count >= _METHODS or not _uses_instance(scope):
            continue
        count += 1
        if not any(not layer.runs for layer in left):
            break
        built = dict(root.attrs)
        try:
            _call(machine, root, scope)
        except Raised:
            continue
        finally:  # a method that builds the network anew takes nothing away from what has run
            root.attrs.clear()
            root.attrs.update(built)
    for inner in modules_in(root):
        if isinstance(inner, Container) and inner.kind == "sequence":
            own = [x for x in layers_in(inner) if x.role == "weight"]
            if own and not any(x.runs for x in own):
                try:
                    machine.call(inner, [Tensor()], {}, s.Call(0, s.Unread(0), ()), machine.module_frame(root.cls))
                except Raised:
                    continue
    fresh = [r for r in machine.runs[len(kept) :] if all(link.layer in left for link in r)]
    machine.runs[:] = [*kept, *fresh]


def _call(machine: Machine, root: Obj, scope: Scope) -> None:
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    for index, param in enumerate(scope.params[1:]):
        if param.star == "*":
            args.append(Tensor())
        elif param.star:
            continue
        elif param.default is None:
            if param.keyword_only:
                kwargs[param.name] = Tensor()
            else:
                args.append(Tensor())
        elif isinstance(param.default, s.Constant) and param.default.value is None:
            unknown = machine.unknown("given", str(scope.module.path), scope.node.id, index)
            kwargs[param.name] = unknown
    given = machine.call_function(Fn(scope, machine.module_frame(scope), root, True), args, kwargs)
    machine.outputs.extend(tensors([given]))


def _uses_instance(scope: Scope) -> bool:
    name = scope.self_name
    return any(
        isinstance(n, s.Call)
        and isinstance(n.func, (s.Attribute, s.Subscript))
        and isinstance(n.func.value, (s.Name, s.Attribute))
        and (s.dotted(n.func.value) or "").partition(".")[0] == name
        for n in s.walk(scope.body)
    ) or any(isinstance(n, s.For) and (s.dotted(n.iter) or "").partition(".")[0] == name for n in s.walk(scope.body))


def weights(root: Root) -> list[Layer]:
    return [x for x in layers_in(root) if x.role == "weight"]


def _scope(root: Container) -> Scope:
    assert root.site is not None
    return root.site.module.scope
