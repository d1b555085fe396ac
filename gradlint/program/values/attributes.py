"""Attributes: of instances, classes, modules and libraries."""

from __future__ import annotations

from pathlib import Path

from gradlint.program.names import Lib, Package, member
from gradlint.program.scopes import Scope
from gradlint.program.values.classes import is_abstract
from gradlint.program.values.objects import (
    NONE,
    NOTHING,
    Bound,
    Cls,
    Const,
    Func,
    Items,
    Made,
    Many,
    Option,
    Table,
    Unknown,
    Value,
    ValueSet,
)
from gradlint.program.values.options import Options


class Attributes(Options):
    """Finds what an attribute may hold."""

    def attribute(self, value: Value, name: str) -> ValueSet:
        """What `value.name` may hold."""
        if isinstance(value, Lib):
            if name == "__dict__":
                return frozenset([value])
            return self._library(f"{value.path}.{name}")
        if isinstance(value, Func) and name == "__name__":
            return frozenset([Const(value.scope.name)])
        if isinstance(value, Package):
            if name == "__dict__":
                return frozenset([value])
            carried = self._carried(value.path, name)
            if carried is not None:
                return frozenset([carried])
            found = member(self.files, value.path, name)
            return self.meaning(found) if found is not None else self._of_namesake(value, name)
        if isinstance(value, Cls):
            if name == "__name__":
                return frozenset([Const(value.scope.name)])
            held = self._class_attribute(value.scope, name, None)
            return self._members(held, name) if self._enumerates(value.scope) else held
        if isinstance(value, Const) and name == "value":  # a member of an enumeration stands for its constant
            return frozenset([value])
        if isinstance(value, Made):
            return self._guarded(("a", self._number(value), name), self._instance_attribute, value, name)
        if isinstance(value, Table):
            hit = [v for k, v in value.items if k == name]
            return self._union(hit) if hit else frozenset([Bound(value, name)])
        if isinstance(value, (Items, Many, Const)):
            return frozenset([Bound(value, name)])
        if isinstance(value, (Unknown, Option)):
            return NONE
        if isinstance(value, Bound):
            return frozenset([Bound(value, name)])
        return NONE

    def _members(self, held: ValueSet, name: str) -> ValueSet:
        """Members of an enumeration: each has its value, and its name."""
        return frozenset(
            v
            if isinstance(v, Const) or (isinstance(v, Func) and v.receiver is not None)
            else Table((("value", frozenset([v])), ("name", frozenset([Const(name)]))))
            for v in held
        )

    def _class_attribute(self, scope: Scope, name: str, receiver: Value | None) -> ValueSet:
        for here in self.lineage(scope):
            bindings = here.bindings.get(name)
            if not bindings:
                continue
            out: set[Value] = set()
            for binding in bindings:
                for value in self.binding(binding, here, None):
                    if isinstance(value, Func) and value.scope.owner is here and receiver is not None:
                        if any(d.rpartition(".")[2] in ("property", "cached_property") for d in value.scope.decorators):
                            context = self.context(value.scope, (), receiver, 1)
                            out |= self.returned(Func(value.scope, receiver), context)
                        elif value.scope.static:
                            out.add(value)
                        elif is_abstract(value.scope) and isinstance(receiver, Made) and receiver.site is None:
                            out |= {Func(method, Made(Cls(heir))) for heir, method in self._overriding(scope, name)}
                        else:
                            out.add(Func(value.scope, receiver))
                    elif (
                        isinstance(value, Func)
                        and value.scope.owner is here
                        and "classmethod" in value.scope.decorators
                    ):
                        out.add(Func(value.scope, Cls(scope)))
                    else:
                        out.add(value)
                        if isinstance(value, Table):
                            out |= self._put_under(here, name, None, None)
            return frozenset(out)
        return NONE

    def _instance_attribute(self, value: Made, name: str) -> ValueSet:
        if isinstance(value.of, Lib):
            options = self._option(value, name)
            if options:
                return options
            if self.vocabulary.wrapped_attribute(name) and value.receiver is not None:
                return frozenset([value.receiver])
            if (
                self.vocabulary.entry("namespaces", value.of.path)
                and value.site is not None
                and value.scope is not None
            ):
                given = value.site.arg(None, name)
                if given is not None:
                    return self.of(given, value.scope, value.context)
            return self._held_under(value, name) or frozenset([Bound(value, name)])
        out: set[Value] = set()
        for here in self.lineage(value.of.scope):
            for store in self.self_stores(here, name):
                out |= self.stored(store, self._constructed(value, store.scope))
        if out <= NOTHING:
            out |= self._outside_stores(value.of.scope, name, exact=value.site is not None)
        out |= self._class_attribute(value.of.scope, name, value) | self._field(value, name)
        if out <= NOTHING:
            out |= self._set_by_name(value, name)
        if out <= NOTHING and value.site is None:
            for heir in self._heirs(value.of.scope):
                for store in self.self_stores(heir, name):
                    out |= self.stored(store, None)
                out |= self._class_attribute(heir, name, Made(Cls(heir)))
        out |= self._taken_whole(value, name) if not out else NONE
        if not out:
            if self.vocabulary.wrapped_attribute(name):
                return frozenset([value])
            if self.library_bases(value.of.scope):
                return frozenset([Bound(value, name)])
        return frozenset(out)

    def _field(self, value: Made, name: str) -> ValueSet:
        """What a class that writes no constructor is given for a field: a dataclass, a named tuple."""
        if not isinstance(value.of, Cls):
            return NONE
        fields = self._fields(value.of.scope)
        if name not in fields or self.find_method(value.of.scope, "__init__") is not None:
            return NONE
        if value.site is None or value.scope is None:
            given = [(call.arg(fields.index(name), name), where) for call, where in self._constructions(value.of.scope)]
            return self._union(self.of(expr, where) for expr, where in given if expr is not None)
        expr = value.site.arg(fields.index(name), name)
        return self.of(expr, value.scope, value.context) if expr is not None else NONE

    def _taken_whole(self, value: Made, name: str) -> ValueSet:
        """What the keyword arguments of a constructor say of an attribute, where all are stored by their names."""
        assert isinstance(value.of, Cls)
        init = self.find_method(value.of.scope, "__init__")
        if init is None or not any(p.star == "**" for p in init.params):
            return NONE
        spelled = ("setattr", "update")
        if not any(where is init for word in spelled for _, where in init.module.calls.get(word, ())):
            return NONE
        if value.site is not None and value.scope is not None:
            made = [(value.site, value.scope, value.context)]
        else:
            made = [(call, where, None) for call, where in self.callers(init)]
        given = ((call.arg(None, name), where, context) for call, where, context in made)
        return self._union(self.of(x, where, context) for x, where, context in given if x is not None)

    def _held_under(self, value: Made, key: str) -> ValueSet:
        """What a library's container holds under a name."""
        if not isinstance(value.of, Lib) or value.site is None or value.scope is None:
            return NONE
        if not self.vocabulary.is_container(value.of.path):
            return NONE
        held = self._union(self.of(a.value, value.scope, value.context) for a in value.site.args)
        return self._union(part for v in held if isinstance(v, Table) for k, part in v.items if k == key)

    def _carried(self, path: Path, name: str) -> Lib | None:
        """A symbol that the vocabulary knows, in a library's sources that the project carries."""
        parts = self.files.name_of(path).split(".")
        folders = len(parts) if path.stem == "__init__" else len(parts) - 1
        for start in reversed(range(folders)):
            if parts[start] in self.vocabulary.libraries:
                known = self.vocabulary.canonical(".".join([*parts[start:], name]))
                if self.vocabulary.knows(known):
                    return Lib(known)
        return None

    def _of_namesake(self, package: Package, name: str) -> ValueSet:
        """What a file named for a library does not have is the library's."""
        top = package.path.parent.name if package.path.stem == "__init__" else package.path.stem
        if not self.vocabulary.is_library(top):
            return NONE
        return self._library(f"{top}.{name}")
