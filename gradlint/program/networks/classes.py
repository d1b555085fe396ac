"""Classes and functions of the project: attributes, instances, calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Member, member
from gradlint.program.networks.core import NATIVE, Pkg, Raised
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.library import Library
from gradlint.program.networks.objects import (
    Applied,
    ClassRef,
    Container,
    Fn,
    Layer,
    LibRef,
    Method,
    Obj,
    Options,
    Param,
    Partial,
    Site,
    Super,
    Tensor,
    Unknown,
    Value,
    hashable,
)
from gradlint.program.networks.tensors import tensors
from gradlint.program.scopes import Scope

_DEEPEST = 40
_MOST = 300


class Classes(Library):
    """What the project's own classes and functions do."""

    # --- attributes -----------------------------------------------------------------------------

    def attribute(self, value: Value, name: str) -> Value:
        found = _ATTRIBUTES.get(value.__class__)
        return found(self, value, name) if found is not None else self.unknown("attribute", value, name)

    def _library_attribute(self, value: LibRef, name: str) -> Value:
        return LibRef(self.world.library.canonical(f"{value.path}.{name}"))

    def _layer_attribute(self, value: Layer, name: str) -> Value:
        return self._module_attribute(value, value, name)

    def _container_attribute(self, value: Container, name: str) -> Value:
        return value.items[name] if name in value.items else self._module_attribute(value, None, name)

    def _parameter_attribute(self, value: Param, name: str) -> Value:
        known = self.world.library.word("parameter_attributes", name)
        return value if known == "self" else self._of_parameter(value, name, known)

    def _tensor_attribute(self, value: Tensor, name: str) -> Value:
        does = self.world.library.method(name)
        return self.passed(value) if does is not None and does.get("attribute") else Method(value, name)

    def _option(self, value: Options, name: str) -> Value:
        return self.option(name)

    def _unknown_attribute(self, value: Unknown, name: str) -> Value:
        return self.option(name) if name in self.world.options else self.unknown("attribute", value, name)

    def _of_parameter(self, param: Param, name: str, word: str | None) -> Value:
        if word == "dimensions":
            return self.plain_method(param, name, [], {})
        if word == "shape":
            count = self.plain_method(param, "dim", [], {})
            if isinstance(count, int):
                return [self.unknown("size", param, i) for i in range(count)]
            return self.unknown("shape", param)
        return Method(param, name)

    def _module_attribute(self, value: Value, layer: Layer | None, name: str) -> Value:
        """An attribute that a library defines for its modules."""
        word = self.world.library.word("module_methods", name)
        if layer is not None:
            found = self.layer_attribute(layer, name, value)
            if found is not None or (name == "bias" and layer.role == "weight"):
                return found
        if word in ("registered", "own parameters", "own names"):
            return self.walked(value, word)
        if name == "__class__":
            return self.kind_of(value)
        if word is not None or layer is None or name == "forward":
            return Method(value, name)
        return self.unknown("attribute", value, name)

    def _object_attribute(self, obj: Obj, name: str) -> Value:
        if name in obj.attrs:
            return obj.attrs[name]
        found = self._find(obj.cls, name)
        if found is not None:
            return self._bound(found[0], found[1], name, obj)
        if name == "__dict__":
            return obj.attrs
        if name == "__class__":
            return ClassRef(obj.cls)
        if obj.container is not None and name in obj.container.items:
            return obj.container.items[name]
        if obj.modular:
            known = self._module_attribute(obj, obj.layer, name)
            if not isinstance(known, Unknown):
                return known
        return self.unknown("attribute", obj, name)

    def _find(self, cls: Scope, name: str, after: Scope | None = None) -> tuple[Scope, Scope] | None:
        """Where a class gets an attribute from: the class of its lineage that binds it."""
        lineage = list(self.world.values.lineage(cls))
        if after is not None and after in lineage:
            lineage = lineage[lineage.index(after) + 1 :]
        for here in lineage:
            if here.bindings.get(name):
                return here, here
        return None

    def _bound(self, home: Scope, _: Scope, name: str, receiver: Value) -> Value:
        """A class attribute, bound to an instance if it is a method."""
        binding = home.bindings[name][-1]
        if binding.kind == "function":
            scope = home.inner[binding.node.id]
            frame = self._around(home)
            if scope.static:
                return Fn(scope, frame)
            if "classmethod" in scope.decorators:
                return Fn(scope, frame, ClassRef(receiver.cls) if isinstance(receiver, Obj) else receiver, True)
            fn = Fn(scope, frame, receiver, True)
            if any(d.rpartition(".")[2] in ("property", "cached_property") for d in scope.decorators):
                return self.call_function(fn, [], {})
            return fn
        return self._class_value(home, name)

    def _class_value(self, home: Scope, name: str) -> Value:
        key = (home, name)
        if key not in self.globals:
            self.globals[key] = self.unknown("recursive", name)
            frame = Frame(home, self._around(home), lazy=True)
            self.globals[key] = self.lazy(name, frame, None)
        return self.globals[key]

    def _around(self, scope: Scope) -> Frame:
        """The frame that code in a class body sees."""
        return self.module_frame(scope)

    def _class_attribute(self, value: ClassRef, name: str) -> Value:
        found = self._find(value.scope, name)
        if found is None:
            if name in ("__name__", "__qualname__"):
                return value.scope.name
            return Method(value, name) if name == "__init__" else self.unknown("attribute", value, name)
        binding = found[0].bindings[name][-1]
        if binding.kind == "function":
            scope = found[0].inner[binding.node.id]
            if "classmethod" in scope.decorators:
                return Fn(scope, self._around(found[0]), value, True)
            return Fn(scope, self._around(found[0]))
        return self._class_value(found[0], name)

    def _super_attribute(self, value: Super, name: str) -> Value:
        cls = (
            value.obj.cls
            if isinstance(value.obj, Obj)
            else value.obj.scope
            if isinstance(value.obj, ClassRef)
            else None
        )
        if cls is None:
            return self.unknown("super", name)
        found = self._find(cls, name, value.after)
        if found is not None:
            return self._bound(found[0], found[1], name, value.obj)
        return Method(value, name)

    def _member(self, value: Pkg, name: str) -> Value:
        found = member(self.world.files, value.path, name)
        if found is None:
            return self.unknown("member", str(value.path), name)
        if isinstance(found, Member):
            return self.global_value(found.name, found.module.scope)
        return self.meaning(found)

    # --- stores ---------------------------------------------------------------------------------

    def store(self, value: Value, name: str, item: Value) -> None:
        """`value.name = item`."""
        if isinstance(value, Obj):
            value.attrs[name] = item
        elif isinstance(value, Container):
            value.items[name] = item
        elif isinstance(value, Layer):
            if name == "weight":
                self.mark(Param(value, name))
            value.attrs[name] = item
        elif isinstance(value, Param):
            word = self.world.library.word("parameter_attributes", name)
            if word == "freeze":
                self.freeze(value, item is False)
            elif word == "self":
                self.mark(value)
        if isinstance(value, Obj) and value.layer is not None and name == "weight":
            self.mark(Param(value.layer, name))

    def store_item(self, value: Value, index: Value, item: Value) -> None:
        """`value[index] = item`."""
        if isinstance(value, Param):
            self.mark(value)
        held = value.container if isinstance(value, Obj) else value
        if isinstance(held, Container):
            held.items[str(index)] = item
        elif isinstance(value, dict):
            if hashable(index):
                value[index] = item
        elif isinstance(value, list) and isinstance(index, int) and -len(value) <= index < len(value):
            value[index] = item

    # --- calls ----------------------------------------------------------------------------------

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        self.step()
        called = _CALLS.get(function.__class__)
        if called is not None:
            return called(self, function, args, kwargs, at, frame)
        inputs = list(tensors([*args, *kwargs.values()]))
        return self.broken(inputs) if inputs else self.unknown("call", function, *args)

    def _library(self, ref: LibRef, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        return self.library_call(ref.path, args, kwargs, at, frame)

    def _own(self, fn: Fn, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        return self.call_function(fn, args, kwargs)

    def _constructed(
        self, cls: ClassRef, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame
    ) -> Value:
        return self.instance(cls, args, kwargs, Site(frame.module, at))

    def _layer(self, layer: Layer, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        return self.run_layer(layer, args, kwargs)

    def _items(self, held: Container, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        return self.run_container(held, args, at, frame)

    def _partly(self, part: Applied, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        return self.call(part.function, [*part.args, *args], {**part.kwargs, **kwargs}, at, frame)

    def _method(self, method: Method, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        receiver, name = method.receiver, method.name
        if isinstance(receiver, Tensor):
            facts = self.world.library.method(name)
            if facts is None:
                return self.broken([receiver, *tensors([*args, *kwargs.values()])])
            return self.flows(facts, [receiver, *args], kwargs)
        if isinstance(receiver, Super):
            return self._super_method(receiver, name, args, kwargs, at, frame)
        if isinstance(receiver, ClassRef):
            return self._base_init(receiver.scope, args[0], args[1:], kwargs, at, frame) if args else None
        if name == "forward" and isinstance(receiver, (Layer, Container, Obj)):
            return self.call(receiver, args, kwargs, at, frame)
        if isinstance(receiver, (Layer, Container, Obj)):
            return self.module_method(receiver, name, args, kwargs, at, frame)
        if isinstance(receiver, (Param, *NATIVE)):
            return self.plain_method(receiver, name, args, kwargs)
        inputs = list(tensors([*args, *kwargs.values()]))
        return self.broken(inputs) if inputs else self.unknown("method", receiver, name, *args)

    def _super_method(
        self, value: Super, name: str, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame
    ) -> Value:
        """A method that the library base of a class defines."""
        obj = value.obj
        if not isinstance(obj, Obj):
            return self.unknown("super", name)
        if name == "__init__":
            return self._base_init(value.after, obj, args, kwargs, at, frame)
        if name in ("forward", "__call__"):
            return self._run_base(obj, args, kwargs, at, frame)
        return self.module_method(obj, name, args, kwargs, at, frame)

    def _base_init(
        self, after: Scope, obj: Value, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame
    ) -> Value:
        """`super().__init__(…)` that ends in a library."""
        if not isinstance(obj, Obj):
            return None
        if obj.container is not None:
            self.fill(obj.container, args, kwargs)
        elif obj.layer is not None:
            obj.layer.args, obj.layer.kwargs = tuple(args), kwargs
            self._reset(obj)
        return None

    def _reset(self, obj: Obj) -> None:
        """A layer class of the project that has its own initialization runs it when it is built."""
        for name in self.world.library.words("layer_resets"):
            method = self.world.values.find_method(obj.cls, name)
            if method is not None:
                self.call_function(Fn(method, None, obj, True), [], {})

    def run_object(self, obj: Obj, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        for name in ("__call__", "forward"):
            found = self._find(obj.cls, name)
            if found is not None and found[0].bindings[name][-1].kind == "function":
                return self.call(self._bound(found[0], found[1], name, obj), args, kwargs, at, frame)
        return self._run_base(obj, args, kwargs, at, frame)

    def _run_base(self, obj: Obj, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        if obj.layer is not None:
            return self.run_layer(obj.layer, args, kwargs)
        if obj.container is not None:
            return self.run_container(obj.container, args, at, frame)
        inputs = list(tensors([*args, *kwargs.values()]))
        return self.broken(inputs) if inputs or obj.modular else self.unknown("call", obj, *args)

    # --- instances ------------------------------------------------------------------------------

    def instance(self, cls: ClassRef, args: list[Value], kwargs: dict[str, Value], site: Site | None) -> Value:
        """A new instance of a project class."""
        obj = Obj(cls.scope, site, len(self.objects), self.makers)
        self.objects.append(obj)
        if len(self.objects) > 20 * _MOST:
            self.step(1000)
        self._inherit(obj, site)
        found = self._find(cls.scope, "__init__")
        if found is not None and found[0].bindings["__init__"][-1].kind == "function":
            fn = self._bound(found[0], found[1], "__init__", obj)
            assert isinstance(fn, Fn)
            self.call_function(Fn(fn.scope, cls.frame or fn.frame, obj, True), args, kwargs)
        elif obj.container is not None:
            self.fill(obj.container, args, kwargs)
        elif obj.layer is not None:
            obj.layer.args, obj.layer.kwargs = tuple(args), kwargs
            self._reset(obj)
        else:
            self._fields(obj, args, kwargs)
        return obj

    def _inherit(self, obj: Obj, site: Site | None) -> None:
        """What an instance is by its library bases."""
        library = self.world.library
        for here in self.world.values.lineage(obj.cls):
            for base in self.world.values.bases(here):
                if not isinstance(base, Lib):
                    continue
                facts = library.layer(base.path)
                if facts is None:
                    obj.opaque = obj.opaque or not library.inert(base.path)
                    continue
                obj.modular = True
                role = facts.get("role")
                if role == "container" and obj.container is None:
                    obj.container = Container(str(facts.get("kind", "list")), base.path, {}, site, self.makers)
                elif role == "weight" and obj.layer is None:
                    obj.layer = Layer(base.path, facts, site, (), {}, (*self.makers, obj), self.home)
                    self.layers.append(obj.layer)
                elif role not in ("container", "module", "weight"):
                    obj.opaque = True

    def _fields(self, obj: Obj, args: Sequence[Value], kwargs: dict[str, Value]) -> None:
        """The fields of a class that writes no constructor: those of a dataclass or a named tuple."""
        names = [
            b[0].name
            for here in reversed(list(self.world.values.lineage(obj.cls)))
            for b in here.bindings.values()
            if b[0].kind == "value"
        ]
        obj.attrs.update(dict(zip(names, args, strict=False)))
        obj.attrs.update(kwargs)

    # --- functions ------------------------------------------------------------------------------

    def call_function(self, fn: Fn, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """Runs a function of the project."""
        scope = fn.scope
        if self.depth >= _DEEPEST:
            inputs = list(tensors([*args, *kwargs.values()]))
            return self.broken(inputs) if inputs else self.unknown("deep", fn)
        frame = Frame(scope, fn.frame or self.module_frame(scope), receiver=fn.receiver)
        self.bind(frame, [fn.receiver, *args] if fn.bound else args, kwargs)
        obj = fn.receiver if isinstance(fn.receiver, Obj) and scope.owner is not None else None
        if obj is not None and scope.owner is not None and self.phase == "build":
            self.building.append((obj, scope.owner))
        self.depth += 1
        try:
            if isinstance(scope.node, s.Lambda):
                return self.evaluate(scope.node.body, frame)
            assert isinstance(scope.node, s.Function)
            result = self.run_body(scope.node.body, frame)
        finally:
            self.depth -= 1
            if obj is not None and self.building and self.building[-1][0] is obj:
                self.building.pop()
        if scope.yields:
            return frame.yields
        return result

    def bind(self, frame: Frame, args: Sequence[Value], kwargs: dict[str, Value]) -> None:
        """The arguments of a call, or the defaults, as the names of its parameters."""
        given = dict(kwargs)
        spread = given.pop("**", None)
        at, count = 0, len(args)
        for param in frame.scope.params:
            if param.star == "*":
                frame.vars[param.name] = tuple(args[at:])
                at = count
            elif param.star == "**":
                frame.vars[param.name] = given
            elif at < count and not param.keyword_only:
                frame.vars[param.name] = self._usual(args[at], param, frame)
                at += 1
                given.pop(param.name, None)
            elif param.name in given:
                frame.vars[param.name] = self._usual(given.pop(param.name), param, frame)
            elif spread is not None:
                frame.vars[param.name] = self._usual(self.unknown("spread", spread, param.name), param, frame)
            elif param.default is not None and frame.parent is not None:
                frame.vars[param.name] = self.evaluate(param.default, frame.parent)
            else:
                frame.vars[param.name] = self.unknown("parameter", str(frame.module.path), param.id)

    def _usual(self, value: Value, param: s.Param, frame: Frame) -> Value:
        """A size that a constructor is given and that cannot be told is taken as its default."""
        if not isinstance(value, Unknown):
            return value
        if isinstance(param.default, (s.Constant, s.Sequence)) and frame.scope.name == "__init__":
            usual = self.evaluate(param.default, frame.parent or frame)
            if isinstance(usual, (int, float, list, tuple)) and not isinstance(usual, bool):
                return usual
        return value

    # --- containers -----------------------------------------------------------------------------

    def iterate(self, value: Value) -> list[Value]:
        """What a loop over a value sees; one unknown element where that cannot be told."""
        if isinstance(value, (list, tuple, set, range, str)):
            if len(value) > _MOST:
                self.step(_MOST)
            return list(value)[:_MOST]
        if isinstance(value, dict):
            return list(value)
        held = value.container if isinstance(value, Obj) else value
        if isinstance(held, Container):
            return list(held.items) if held.kind == "dict" else list(held.items.values())
        if isinstance(value, Obj):
            found = self._find(value.cls, "__iter__")
            if found is not None:
                made = self.call_function(
                    Fn(found[0].inner[found[0].bindings["__iter__"][-1].node.id], None, value, True), [], {}
                )
                return self.iterate(made) if not isinstance(made, Obj) else [self.unknown("element", value)]
        return [self.element(value)]

    def element(self, value: Value, index: int = 0) -> Value:
        return self.passed(value) if isinstance(value, Tensor) else self.unknown("element", value, index)

    def item(self, value: Value, index: Value) -> Value:
        """`value[index]`."""
        if isinstance(value, Tensor):
            return self.passed(value)
        if isinstance(value, Param):
            return value
        if isinstance(value, Partial) and isinstance(index, slice):
            return value
        if isinstance(value, (list, tuple, str, range)) and isinstance(index, (int, slice)):
            try:
                found: object = value[index]
            except (IndexError, ValueError):
                if isinstance(value, Partial):
                    return self.unknown("item", value, index)
                raise Raised from None
            except TypeError:
                return self.unknown("item", value, index)
            return list(found) if isinstance(found, range) else found
        if isinstance(value, dict) and hashable(index):
            if index in value:
                return value[index]
            if isinstance(index, Unknown) or any(isinstance(k, Unknown) for k in value):
                return self.unknown("item", value, index)
            raise Raised
        held = value.container if isinstance(value, Obj) else value
        if isinstance(held, Container):
            return self._contained(held, index)
        if isinstance(value, Obj):
            method = self.world.values.find_method(value.cls, "__getitem__")
            if method is not None:
                return self.call_function(Fn(method, None, value, True), [index], {})
        if isinstance(value, LibRef):
            return value
        if isinstance(value, (Options, Obj)) and isinstance(index, str):
            return self.attribute(value, index)
        return self.unknown("item", value, index)

    def _contained(self, held: Container, index: Value) -> Value:
        if isinstance(index, str):
            if index in held.items:
                return held.items[index]
            return self.unknown("item", str(held.path), index)
        values = list(held.items.values())
        if isinstance(index, int):
            if -len(values) <= index < len(values):
                return values[index]
            raise Raised
        if isinstance(index, slice):
            try:
                kept = list(held.items.items())[index]
            except TypeError:
                return self.unknown("item", str(held.path), index)
            return Container(held.kind, held.path, dict(kept), held.site, held.makers)
        return self.unknown("item", str(held.path), index)

    # --- what the later layers of the interpreter do --------------------------------------------

    def run_body(self, block: s.Block, frame: Frame) -> Value:
        raise NotImplementedError

    def lazy(self, name: str, frame: Frame, at: int | None) -> Value:
        raise NotImplementedError

    def global_value(self, name: str, scope: Scope) -> Value:
        raise NotImplementedError

    def option(self, name: str) -> Value:
        raise NotImplementedError


_ATTRIBUTES: dict[type, Callable[..., Value]] = {
    Obj: Classes._object_attribute,
    LibRef: Classes._library_attribute,
    Pkg: Classes._member,
    ClassRef: Classes._class_attribute,
    Super: Classes._super_attribute,
    Layer: Classes._layer_attribute,
    Container: Classes._container_attribute,
    Param: Classes._parameter_attribute,
    Tensor: Classes._tensor_attribute,
    Options: Classes._option,
    Unknown: Classes._unknown_attribute,
    **dict.fromkeys((*NATIVE, Partial), lambda _, value, name: Method(value, name)),
}
_CALLS: dict[type, Callable[..., Value]] = {
    LibRef: Classes._library,
    Fn: Classes._own,
    ClassRef: Classes._constructed,
    Layer: Classes._layer,
    Container: Classes._items,
    Obj: Classes.run_object,
    Applied: Classes._partly,
    Method: Classes._method,
}
