"""Calls of functions that the project did not write: libraries by their vocabulary, Python's own by what they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from gradlint.program import syntax as s
from gradlint.program.networks.core import NATIVE, Raised
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.modules import Modules, dimensions
from gradlint.program.networks.objects import (
    Applied,
    ClassRef,
    Container,
    Draw,
    Fn,
    Layer,
    LibRef,
    Obj,
    Options,
    Param,
    Super,
    Tensor,
    Unknown,
    Value,
    hashable,
    layer_of,
    module_like,
)
from gradlint.program.networks.tensors import tensors

_MOST = 512
_TEXT = frozenset(["capitalize", "count", "endswith", "find", "format", "index", "isdigit", "join", "lower", "lstrip"])
_MORE_TEXT = frozenset(["partition", "replace", "rfind", "rpartition", "rsplit", "rstrip", "split", "startswith"])
_TEXT |= _MORE_TEXT | {"strip", "title", "upper"}
_LISTS = frozenset(["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse"])
_DICTS = frozenset(["clear", "copy", "get", "items", "keys", "pop", "setdefault", "update", "values"])
_NUMERIC: dict[str, Callable[..., object]] = {
    "abs": abs,
    "bool": bool,
    "divmod": divmod,
    "float": float,
    "int": int,
    "pow": pow,
    "round": round,
    "str": str,
    "slice": slice,
}


class Library(Modules):
    """What is called by the name of a library."""

    def library_call(self, path: str, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        facts = self.world.library
        if path.startswith("builtins."):
            return self.builtin(path.partition(".")[2], args, kwargs, at, frame)
        flow = facts.flow(path)
        if flow is not None:
            return self._flow(flow, args, kwargs, at, frame)
        if facts.initializes(path):
            given = args[0] if args else next(iter(kwargs.values()), None)
            self.mark(given, Draw(path, tuple(args[1:]), kwargs))
            return given
        passed = facts.given(path)
        if isinstance(passed, int) and passed < len(args):
            return args[passed]
        if facts.layer(path) is not None:
            return self.made(path, args, kwargs, at, frame)
        if facts.options(path):
            return Options(path)
        plain = self._plain(path, args, kwargs)
        if plain is not None:
            return plain
        inputs = list(tensors([*args, *kwargs.values()]))
        if inputs:
            return self.broken(inputs)
        self._suspect(path, args)
        return self.unknown("call", path, *args)

    def _suspect(self, path: str, args: list[Value]) -> None:
        """A function of a library that may be an initializer, by its name."""
        name = path.rpartition(".")[2]
        if self.phase != "run" and any(word in name for word in self.world.library.words("switches")):
            for value in args:
                if isinstance(value, Param):
                    self.mark(value)
                elif module_like(value):
                    self.mark_all(value)

    def _flow(self, facts: object, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        assert isinstance(facts, dict)
        does = facts.get("does")
        if does == "normalize layer":
            for layer in filter(None, map(layer_of, [*args, *kwargs.values()])):
                layer.normalized, layer.computed = True, facts.get("computed") is True
            return args[0] if args else None
        if does == "call" and args:
            return self.call(args[0], args[1:], {}, at, frame)
        if does == "instance" and args:
            return self.call(args[0], [], {}, at, frame)
        if does == "namespace":
            made = Obj(frame.module.scope, None, len(self.objects))
            made.attrs.update(kwargs)
            if args and isinstance(args[0], dict):
                made.attrs.update({str(k): v for k, v in args[0].items()})
            return made
        return self.flows(facts, args, kwargs)

    def _plain(self, path: str, args: list[Value], kwargs: dict[str, Value]) -> Value | None:
        """Functions of Python's standard library, and those that compute numbers."""
        if path == "functools.partial" and args:
            return Applied(args[0], tuple(args[1:]), kwargs)
        if path in ("copy.deepcopy", "copy.copy") and args:
            return self.copied(args[0], {})
        if path in ("collections.OrderedDict", "collections.defaultdict"):
            return self._dict(args, kwargs)
        if path == "itertools.chain" and all(isinstance(a, (list, tuple)) for a in args):
            return [v for a in args if isinstance(a, (list, tuple)) for v in a]
        if path == "itertools.pairwise" and args and isinstance(args[0], (list, tuple)):
            return list(zip(args[0], args[0][1:], strict=False))
        name = self.world.library.word("arithmetic", path)
        if name is not None and all(isinstance(a, (int, float)) for a in args):
            try:
                found: object = getattr(math, name)(*args)
            except (ArithmeticError, ValueError, TypeError):
                return None
            return found
        return None

    # --- copies ---------------------------------------------------------------------------------

    def copied(self, value: Value, done: dict[int, Value]) -> Value:
        """A deep copy: a copied layer is another layer."""
        if id(value) in done:
            return done[id(value)]
        self.step()
        if isinstance(value, Layer):
            layer = Layer(value.path, value.facts, value.site, value.args, value.kwargs, self.makers or value.makers)
            layer.home = value.home
            self.layers.append(layer)
            layer.initializer, layer.draws = value.initializer, list(value.draws)
            layer.computed, layer.lost = value.computed, value.lost
            layer.initialized, layer.normalized, layer.frozen = value.initialized, value.normalized, value.frozen
            done[id(value)] = layer
            return layer
        if isinstance(value, Container):
            container = Container(value.kind, value.path, {}, value.site, self.makers or value.makers)
            done[id(value)] = container
            self.containers.append(container)
            container.items.update({k: self.copied(v, done) for k, v in value.items.items()})
            return container
        if isinstance(value, Obj):
            made = Obj(value.cls, value.site, len(self.objects), self.makers or value.makers)
            made.modular, made.opaque = value.modular, value.opaque
            done[id(value)] = made
            self.objects.append(made)
            made.attrs.update({k: self.copied(v, done) for k, v in value.attrs.items()})
            for name in ("layer", "container"):
                held = getattr(value, name)
                setattr(made, name, None if held is None else self.copied(held, done))
            return made
        if isinstance(value, list):
            return [self.copied(v, done) for v in value]
        if isinstance(value, tuple):
            return tuple(self.copied(v, done) for v in value)
        if isinstance(value, dict):
            return {k: self.copied(v, done) for k, v in value.items()}
        return value

    # --- Python's own ---------------------------------------------------------------------------

    def builtin(self, name: str, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        if name in ("isinstance", "issubclass") and len(args) == 2:
            return self._is_instance(args[0], args[1])
        if name == "getattr" and len(args) >= 2:
            return self._getattr(args)
        if name == "hasattr" and len(args) == 2 and isinstance(args[1], str):
            return self.has(args[0], args[1])
        if name == "setattr" and len(args) == 3 and isinstance(args[1], str):
            self.store(args[0], args[1], args[2])
            return None
        if name == "super":
            return self._super(args, frame)
        if name == "type" and len(args) == 1:
            return self.kind_of(args[0])
        if name in ("list", "tuple", "set", "sorted", "reversed", "iter", "frozenset"):
            return self._collected(name, args)
        if name in ("enumerate", "zip", "range", "map", "filter"):
            return self._iterated(name, args, kwargs, at, frame)
        if name in ("len", "sum", "min", "max", "any", "all"):
            return self._folded(name, args, kwargs)
        if name == "next" and args:
            items = self.iterate(args[0])
            return items[0] if items else self.unknown("next", args[0])
        if name == "dict":
            return self._dict(args, kwargs)
        if name == "vars" and args and isinstance(args[0], Obj):
            return args[0].attrs
        if name == "callable" and args:
            return not isinstance(args[0], NATIVE) if not isinstance(args[0], Unknown) else self.unknown(name, *args)
        if name in _NUMERIC and args and all(isinstance(a, (int, float, str, type(None))) for a in args):
            try:
                return _NUMERIC[name](*args)
            except (ArithmeticError, ValueError, TypeError):
                return self.unknown(name, *args)
        if name.endswith(("Error", "Exception", "Warning", "Exit", "Interrupt")):
            return LibRef(f"builtins.{name}")
        return self.broken(tensors(args)) if list(tensors(args)) else self.unknown(name, *args)

    def _dict(self, args: list[Value], kwargs: dict[str, Value]) -> Value:
        out: dict[Value, Value] = {}
        for arg in args:
            if isinstance(arg, dict):
                out.update(arg)
            elif isinstance(arg, (list, tuple)):
                out.update({p[0]: p[1] for p in arg if isinstance(p, (list, tuple)) and len(p) == 2 and hashable(p[0])})
        out.update(kwargs)
        return out

    def _collected(self, name: str, args: list[Value]) -> Value:
        if not args:
            return [] if name == "list" else () if name == "tuple" else set()
        if isinstance(args[0], (Unknown, Tensor)):
            return args[0]
        items = self.iterate(args[0])
        if name == "tuple":
            return tuple(items)
        if name == "reversed":
            return items[::-1]
        if name in ("set", "frozenset"):
            return {v for v in items if hashable(v)}
        if name == "sorted":
            try:
                return sorted(items)  # type: ignore[type-var]
            except TypeError:
                return items
        return items

    def _iterated(self, name: str, args: list[Value], kwargs: dict[str, Value], at: s.Call, frame: Frame) -> Value:
        if name == "range":
            whole = [a for a in args if isinstance(a, int)]
            if whole and len(whole) == len(args):
                try:
                    return range(*whole)
                except (ValueError, TypeError):
                    raise Raised from None
            return self.unknown("range", *args)
        if name == "enumerate" and args:
            start = args[1] if len(args) > 1 else kwargs.get("start", 0)
            if isinstance(args[0], (Unknown, Tensor)):
                return [(self.unknown("index", args[0]), self.element(args[0]))]
            lead = start if isinstance(start, int) else 0
            return [(i + lead, v) for i, v in enumerate(self.iterate(args[0]))]
        if name == "zip" and args:
            known = [self.iterate(a) for a in args if not isinstance(a, (Unknown, Tensor))]
            count = min((len(k) for k in known), default=1)
            columns = [
                [self.element(a, i) for i in range(count)] if isinstance(a, (Unknown, Tensor)) else self.iterate(a)
                for a in args
            ]
            return list(zip(*columns, strict=False))
        if name in ("map", "filter") and len(args) >= 2 and not isinstance(args[1], (Unknown, Tensor)):
            columns = [self.iterate(a) for a in args[1:]]
            rows = zip(*columns, strict=False)
            if name == "map":
                return [self.call(args[0], list(row), {}, at, frame) for row in rows]
            return [
                row[0] for row in rows if args[0] is None or self.truth(self.call(args[0], [row[0]], {}, at, frame))
            ]
        return self.unknown(name, *args)

    def _folded(self, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if name == "len" and args:
            if isinstance(args[0], (Container, Obj, range)) or (isinstance(args[0], NATIVE) and not _scalar(args[0])):
                return len(self.iterate(args[0]))
            return self.unknown("len", args[0])
        if list(tensors(args)):
            return self.broken(tensors(args))
        items = self.iterate(args[0]) if len(args) == 1 and not isinstance(args[0], Unknown) else list(args)
        if name in ("any", "all"):
            return any(self.truth(v) for v in items) if name == "any" else all(self.truth(v) for v in items)
        if items and "key" not in kwargs and all(isinstance(v, (int, float)) for v in items):
            numbers = [v for v in items if isinstance(v, (int, float))]
            return sum(numbers) if name == "sum" else min(numbers) if name == "min" else max(numbers)
        return self.unknown(name, *args)

    def _getattr(self, args: list[Value]) -> Value:
        if not isinstance(args[1], str):
            return self.unknown("getattr", *args[:2])
        if len(args) > 2 and self.has(args[0], args[1]) is False:
            return args[2]
        found = self.attribute(args[0], args[1])
        if len(args) > 2 and isinstance(found, Unknown) and not isinstance(args[0], Unknown):
            return args[2]
        return found

    def has(self, value: Value, name: str) -> Value:
        """Whether something has an attribute, as far as it can be told."""
        if isinstance(value, (Unknown, LibRef, Tensor)):
            return self.unknown("has", value, name)
        if isinstance(value, Layer):
            known = self.layer_attribute(value, name, value)
            if value.role in ("weight", "activation", "pass", "normalization"):
                return known is not None or (name == "bias" and value.role == "weight")
            return known is not None or self.unknown("has", value, name)
        if isinstance(value, Container):
            return name in value.items
        if isinstance(value, Obj):
            return not isinstance(self.attribute(value, name), Unknown) or name in value.attrs
        return hasattr(value, name) if isinstance(value, NATIVE) else self.unknown("has", value, name)

    def _is_instance(self, value: Value, kinds: Value) -> Value:
        options = kinds if isinstance(kinds, (tuple, list)) else (kinds,)
        verdicts = [self._instance_of(value, kind) for kind in options]
        if any(v is True for v in verdicts):
            return True
        return False if all(v is False for v in verdicts) else self.unknown("isinstance", value, *options)

    def _instance_of(self, value: Value, kind: Value) -> bool | None:
        library = self.world.library
        if isinstance(value, LibRef) and isinstance(kind, LibRef):
            return library.is_a(value.path, kind.path)
        if isinstance(value, ClassRef):
            value = Obj(value.scope, None, 0)
        if isinstance(value, (Layer, Container)):
            return isinstance(kind, LibRef) and library.is_a(value.path, kind.path)
        if isinstance(value, Obj):
            if isinstance(kind, ClassRef):
                return kind.scope in self.world.values.lineage(value.cls)
            bases = self.world.values.library_bases(value.cls)
            return isinstance(kind, LibRef) and any(library.is_a(b, kind.path) for b in bases)
        if isinstance(kind, LibRef) and isinstance(value, NATIVE):
            name = kind.path.rpartition(".")[2]
            names = {c.__name__ for c in type(value).__mro__}
            return name in names or (name in ("Sequence", "Iterable") and isinstance(value, (list, tuple)))
        if isinstance(value, Tensor) and isinstance(kind, LibRef):
            return False if kind.path in ("builtins.list", "builtins.tuple", "builtins.dict") else None
        if isinstance(value, Param) and isinstance(kind, LibRef):
            return None
        return False if isinstance(value, Fn) else None

    def _super(self, args: list[Value], frame: Frame) -> Value:
        defining = frame.defining
        if len(args) >= 2 and isinstance(args[0], ClassRef):
            return Super(args[1], args[0].scope)
        here: Frame | None = frame
        while here is not None and here.receiver is None:
            here = here.parent
        if defining is None or here is None:
            return self.unknown("super")
        return Super(here.receiver, defining)

    # --- methods of plain values ----------------------------------------------------------------

    def plain_method(self, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        """A method of a number, a text, a list, a dict, a parameter or a tensor."""
        if isinstance(receiver, Param):
            return self._param_method(receiver, name, args, kwargs)
        if isinstance(receiver, str) and name in _TEXT:
            plain = all(isinstance(a, (int, str, float)) for a in [*args, *kwargs.values()])
            if name == "join" and args and isinstance(args[0], (list, tuple)):
                plain = all(isinstance(v, str) for v in args[0])
            return self._native(receiver, name, args, kwargs) if plain else self.unknown("text", receiver, name, *args)
        if isinstance(receiver, list) and name in _LISTS:
            if name == "extend" and args:
                args = [self.iterate(args[0])]
            if len(receiver) > _MOST:
                return None
            return self._native(receiver, name, args, kwargs)
        if isinstance(receiver, dict) and name in _DICTS:
            if args and not hashable(args[0]) and name != "update":
                return self.unknown("item", *args)
            if name == "update":
                given = self._dict(args, kwargs)
                assert isinstance(given, dict)
                receiver.update(given)
                return None
            if name in ("get", "pop") and args and isinstance(args[0], Unknown) and args[0] not in receiver:
                return self.unknown("item", args[0])
            found = self._native(receiver, name, args, kwargs)
            return list(found) if name in ("items", "keys", "values") and isinstance(found, Iterable) else found
        if isinstance(receiver, (tuple, set)) and name in ("index", "count", "add", "update"):
            return self._native(receiver, name, args, kwargs)
        return self.unknown("method", receiver, name, *args)

    def _native(self, receiver: object, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
        try:
            found: object = getattr(receiver, name)(*args, **kwargs)
        except (KeyError, IndexError, ValueError):
            if any(isinstance(a, Unknown) for a in args):
                return self.unknown("item", *args)
            raise Raised from None
        except (TypeError, AttributeError):
            return self.unknown("method", name, *args)
        return found

    def _param_method(self, param: Param, name: str, args: list[Value], kwargs: Mapping[str, Value]) -> Value:
        word = self.world.library.word("parameter_methods", name)
        if word == "freeze":
            self.freeze(param, not (args and args[0] is True) and bool(args))
            return param
        if word == "dimensions":
            known = dimensions(param)
            return known if known is not None else self.unknown("dimensions", param)
        if word == "harmless":
            return param
        if word == "parts":
            return [param]
        if name.endswith("_") and not name.startswith("_"):
            # Outside a network, a soft update or a clamp of its weights is none of its initialization.
            if not self.subjects or self.world.library.vocabulary.entry("outside", name) is not None:
                self.mark(param, Draw(name, tuple(args), kwargs))
            return param
        return self.unknown("parameter", param, name, *args)

    # --- what the later layers of the interpreter do --------------------------------------------

    def iterate(self, value: Value) -> list[Value]:
        raise NotImplementedError

    def element(self, value: Value, index: int = 0) -> Value:
        raise NotImplementedError

    def store(self, value: Value, name: str, item: Value) -> None:
        raise NotImplementedError


def _scalar(value: Value) -> bool:
    return isinstance(value, (int, float, type(None)))
