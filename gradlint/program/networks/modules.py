"""What a library's module class gives its instances: containers, walks over submodules, parameters, wrappers."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.objects import (
    ClassRef,
    Container,
    Draw,
    Layer,
    LibRef,
    Obj,
    Param,
    Site,
    Tensor,
    Unknown,
    Value,
    layer_of,
    layers_in,
    module_like,
    modules_in,
    submodules,
    walk_modules,
)
from gradlint.program.networks.tensors import Tensors, number, tensors


class Modules(Tensors):
    """Layers and containers: how they are made, run, walked over and initialized."""

    # --- making ---------------------------------------------------------------------------------

    def made(self, path: str, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        """What calling a library's module class gives."""
        facts = self.world.library.layer(path) or {}
        site = Site(frame.module, at)
        if facts.get("role") == "container":
            container = Container(str(facts.get("kind", "list")), path, {}, site, self.makers)
            self.fill(container, args, kwargs)
            self.containers.append(container)
            return container
        if facts.get("role") == "parameter":
            return Param(None, "parameter")
        home = frame.defining or self.home
        layer = Layer(path, facts, site, tuple(args), kwargs, self.makers, home)
        self.layers.append(layer)
        return layer

    def fill(self, container: Container, args: list[Value], kwargs: dict[str, Value]) -> None:
        """The items that a container is built from."""
        if container.kind == "sequence":
            if len(args) == 1 and isinstance(args[0], dict):
                container.items.update({str(k): v for k, v in args[0].items()})
                return
            for arg in args:
                container.push(arg)
            return
        given = args[0] if args else next(iter(kwargs.values()), None)
        self.extend(container, given)

    def extend(self, container: Container, given: Value) -> None:
        if given is None:
            return
        if isinstance(given, Container):
            given = dict(given.items) if container.kind == "dict" else list(given.items.values())
        if isinstance(given, dict) and container.kind == "dict":
            container.items.update({str(k): v for k, v in given.items()})
        elif isinstance(given, (list, tuple)):
            for item in given:
                if container.kind == "dict" and isinstance(item, (tuple, list)) and len(item) == 2:
                    container.items[str(item[0])] = item[1]
                else:
                    container.push(item)
        elif given is not None:
            container.push(self.unknown("items", given))

    # --- running --------------------------------------------------------------------------------

    def run_layer(self, layer: Layer, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """The forward pass of a library module."""
        inputs = list(tensors([*args, *kwargs.values()]))
        value = args[0] if args else next(iter(kwargs.values()), None)
        role = layer.role
        if role == "weight":
            return self.weighed(layer, inputs[0] if inputs else value)
        layer.runs += 1
        given = inputs[0] if inputs else Tensor()
        if role == "activation":
            slope = number(layer.fact("slope"))
            return self.activated(given, str(layer.facts.get("nonlinearity", "relu")), slope)
        if role == "pass":
            return self.passed(given)
        return self.broken(inputs)

    def run_container(self, container: Container, args: list[Value], at: s.Call, frame: Frame) -> Value:
        if container.kind != "sequence":
            return self.broken(tensors(args))
        value: Value = args[0] if args else Tensor()
        for item in list(container.items.values()):
            self.step()
            value = self.call(item, [value], {}, at, frame)
        return value

    # --- methods --------------------------------------------------------------------------------

    def module_method(
        self, value: Value, name: str, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame
    ) -> Value:
        """A call of a method that the library defines for modules."""
        word = self.world.library.word("module_methods", name)
        first = args[0] if args else next(iter(kwargs.values()), None)
        if word == "self":
            return value
        if word == "freeze":
            if first is False or kwargs.get("requires_grad") is False:
                self.freeze(value, True)
            return value
        if word == "apply" and len(args) + len(kwargs) == 1:  # with more, it is another library's
            if isinstance(first, Unknown):
                self.mark_all(value)
            outer, self.applying = self.applying, (frame.module, at)
            try:
                for inner in modules_in(value):
                    self.call(first, [inner], {}, at, frame)
            finally:
                self.applying = outer
            return value
        if word == "load":
            return self.loaded(value, args, at, frame)
        if word == "add" and len(args) > 1 and isinstance(args[0], str):
            self.register(value, args[0], args[1])
            return None
        if word == "buffer" and args and isinstance(args[0], str):
            self.register(value, args[0], self.unknown("buffer", value, args[0]))
            return None
        held = value.container if isinstance(value, Obj) else value
        if isinstance(held, Container) and word in ("append", "extend", "insert", "keys", "values", "items", "pop"):
            return self._container_method(held, word, args)
        walked = self.walked(value, word)
        return walked if walked is not None else self.unknown("method", value, name, *args)

    def walked(self, value: Value, word: str | None) -> Value | None:
        """The walks over a module: its submodules and its parameters, in order."""
        if word == "modules":
            return modules_in(value)
        if word == "named modules":
            return list(walk_modules(value))
        if word == "children":
            return list(submodules(value).values())
        if word == "named children":
            return list(submodules(value).items())
        if word == "registered":
            return submodules(value)
        if word == "parameters":
            return [p for _, p in parameters(value)]
        if word == "named parameters":
            return [(n, p) for n, p in parameters(value)]
        if word == "state":
            return dict(parameters(value))
        if word == "own parameters":
            return {n: p for n, p in parameters(value) if "." not in n}
        if word == "own names":
            return [n for n, _ in parameters(value) if "." not in n]
        return None

    def _container_method(self, container: Container, word: str, args: list[Value]) -> Value:
        if word == "append" and args:
            container.push(args[0])
            return container
        if word == "extend" and args:
            self.extend(container, args[0])
            return container
        if word == "insert" and len(args) > 1:
            values = list(container.items.values())
            values.insert(args[0] if isinstance(args[0], int) else 0, args[1])
            container.items = {str(i): v for i, v in enumerate(values)}
            return None
        if word == "pop" and args:
            return container.items.pop(str(args[0]), None)
        if word == "keys":
            return list(container.items)
        if word == "values":
            return list(container.items.values())
        return list(container.items.items())

    def register(self, value: Value, name: str, item: Value) -> None:
        if isinstance(value, Container):
            value.items[name] = item
        elif isinstance(value, Obj) and value.container is not None and module_like(item):
            value.container.items[name] = item
        elif isinstance(value, (Obj, Layer)):
            value.attrs[name] = item

    # --- initialization -------------------------------------------------------------------------

    def mark(self, value: Value, draw: Draw | None = None) -> None:
        """A write to a parameter: its layer no longer has the default initialization, if it is the weight.

        While the network is built the last write counts; of those from outside it is not known which one runs.
        """
        if isinstance(value, Param) and value.layer is not None and not value.name.startswith("bias"):
            value.layer.initialized, value.layer.initializer = True, self.at
            if value.layer.computed and value.name == "weight":
                value.layer.lost = self.applying or self.at
            value.layer.draws = [*(value.layer.draws if self.phase == "outside" else ()), draw]
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.mark(item)

    def mark_all(self, value: Value) -> None:
        for layer in layers_in(value):
            layer.initialized, layer.initializer = True, self.at
            layer.draws.append(None)

    def freeze(self, value: Value, frozen: bool) -> None:
        if isinstance(value, Param) and value.layer is not None and value.name != "bias":
            value.layer.frozen = frozen
        elif module_like(value):
            for layer in layers_in(value):
                layer.frozen = frozen

    def loaded(self, value: Value, args: list[Value], at: s.Call, frame: Frame) -> Value:
        """Weights that a network's own constructor loads are no default initialization any more."""
        if self.phase == "build" and self.building and self.building[-1][0].modular:
            self.mark_all(value)
        return self.unknown("loaded", value)

    # --- what a module holds --------------------------------------------------------------------

    def layer_attribute(self, layer: Layer, name: str, owner: Value) -> Value | None:
        """An attribute of a library module; None if it is not known."""
        if name in layer.attrs:
            return layer.attrs[name]
        if name == "weight" and layer.role in ("weight", "normalization"):
            return layer.attrs.setdefault(name, Param(layer, name))
        if name == "bias" and layer.role in ("weight", "normalization"):
            return None if layer.fact("bias") is False else layer.attrs.setdefault(name, Param(layer, name))
        if layer.role == "recurrent" and name.startswith(("weight_", "bias_")):
            return layer.attrs.setdefault(name, Param(layer, name))
        named = layer.facts.get("parameters")
        if isinstance(named, list) and name in named:
            found = layer.argument(named.index(name), name, self.unknown("argument", layer, name))
            return found
        return None

    def kind_of(self, value: Value) -> Value:
        """The class of an instance."""
        if isinstance(value, Layer) and self.phase == "outside":  # the network has run once, as far as is known
            return LibRef(str(value.facts.get("lazy") or value.path))
        if isinstance(value, (Layer, Container)):
            return LibRef(value.path)
        if isinstance(value, Obj):
            return ClassRef(value.cls)
        return self.unknown("type", value)


def parameters(value: Value) -> Iterator[tuple[str, Param]]:
    """The parameters of a module's layers, with their dotted names; those of unknown layers too."""
    for name, inner in walk_modules(value):
        layer = layer_of(inner)
        lead = f"{name}." if name else ""
        if layer is None:
            continue
        if layer.role in ("weight", "normalization"):
            for part in ("weight", "bias"):
                if part == "bias" and layer.fact("bias") is False:
                    continue
                if part == "weight" and layer.computed:  # it is none: it is computed from those that are
                    yield lead + "weight_v", Param(layer, "weight_v")
                    continue
                held = layer.attrs.get(part)
                yield lead + part, held if isinstance(held, Param) else Param(layer, part)
        elif layer.role == "recurrent":
            for part in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
                yield lead + part, Param(layer, part)


def dimensions(param: Param) -> int | None:
    """How many dimensions a parameter has."""
    if param.layer is None:
        return None
    if param.name.startswith("bias") or param.layer.role == "normalization":
        return 1
    known = param.layer.facts.get("dimensions")
    return known if isinstance(known, int) else 2 if param.layer.role == "recurrent" else None
