"""Stores: what code puts into attributes, and appends to containers, after they are made."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.project import Files
from gradlint.program.scopes import Binding, Scope, Store
from gradlint.program.spelling import agree, told
from gradlint.program.values.contexts import Contexts
from gradlint.program.values.objects import NONE, Cls, Const, Context, Items, Made, Many, Table, Value, ValueSet
from gradlint.vocabulary import Vocabulary


class Stores(Contexts):
    """Finds what is assigned to attributes and items."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        super().__init__(files, vocabulary)
        self._stores: dict[Scope, dict[str, list[Store]]] = {}
        self._assignments: dict[tuple[Scope, str], tuple[Store, ...]] = {}

    def self_stores(self, owner: Scope, name: str) -> list[Store]:
        """The assignments to `self.name` in a class's own methods."""
        return self._stored_names(owner).get(name, [])

    def _stored_names(self, owner: Scope) -> dict[str, list[Store]]:
        index = self._stores.get(owner)
        if index is None:
            index = self._stores[owner] = {}
            for scope in owner.walk():
                for store in scope.stores:
                    if store.attr is not None and isinstance(store.base, s.Name) and scope.function is not None:
                        if store.base.text == _receiver_name(scope.function):
                            index.setdefault(store.attr, []).append(store)
        return index

    def stored(self, store: Store, context: Context | None) -> ValueSet:
        """What an assignment to an attribute or item gives it."""
        if store.value is None:
            return NONE
        values = self.of(store.value, store.scope, context)
        if store.kind == "element":
            values = self.elements(values)
        elif store.kind == "update":
            return frozenset(Many(self.elements(frozenset([v]))) for v in values if isinstance(v, (Items, Many)))
        elif store.kind == "enter":
            values = self._entered(values)
        for index in store.path:
            values = self._items(values, index)
        if isinstance(store.base, s.Name) and store.attr is not None:
            values |= self._grown_attribute(store, context)
        return values

    def _entries(
        self, store: Store, context: Context | None, home: Scope | None
    ) -> Iterator[tuple[ValueSet, ValueSet]]:
        """The keys and values that an assignment to an item puts in place, of each call that leads to it."""
        ways: list[Context | None] = [context if store.scope is home else self._alike(context, store.scope)]
        function = store.scope.function
        if store.value is not None and function is not None and function is not home and function.params:
            ways = [*self._entered_by_decoration(function)] or [*self._entered_from_decoration(function)] or ways
        instance = _receiver(context)
        for way in ways:
            other = _receiver(way)
            if instance is not None and other is not None and instance.site is not other.site:
                continue  # what was put into another instance of the class
            if store.value is not None:
                key = self.of(store.key, store.scope, way) if store.key is not None else NONE
                yield key, self.stored(store, way)

    def _alike(self, context: Context | None, method: Scope) -> Context | None:
        """The context of another method of the class on the instance that a context is of."""
        receiver = context.receiver if context is not None else None
        if (
            isinstance(receiver, Made)
            and isinstance(receiver.of, Cls)
            and method.owner in self.lineage(receiver.of.scope)
        ):
            return self._constructed(receiver, method)
        return None

    def _grown(self, binding: Binding, scope: Scope, context: Context | None) -> ValueSet:
        """What is appended to a list, or put into a dict, after its binding."""
        if not isinstance(binding.value, (s.Sequence, s.Mapping, s.Call, s.Comprehension)) or binding.path:
            return NONE
        if isinstance(binding.value, s.Call) and not isinstance(binding.value.func, s.Name):
            if binding.value.args and not all(_is_empty(arg.value) for arg in binding.value.args):
                return NONE
        out: set[Value] = set()
        for method in ("append", "extend", "insert", "add"):
            for call, where in scope.module.calls.get(method, ()):
                func = call.func
                if not (isinstance(func, s.Attribute) and isinstance(func.value, s.Name) and call.args):
                    continue
                if func.value.text == binding.name and where.lookup(binding.name) is scope:
                    added = self.of(call.args[-1].value, where, context if where is scope else None)
                    out |= {Many(self.elements(added) if method == "extend" else added)}
        for store in scope.module.item_stores.get(binding.name, ()):
            if store.scope.lookup(binding.name) is scope:
                for keys, held in self._entries(store, context, scope):
                    out |= _put(keys, held)
        return frozenset(out)

    def _grown_attribute(self, store: Store, context: Context | None) -> ValueSet:
        """What is appended to `self.x`, or put under a key of it, anywhere in the class."""
        if not isinstance(store.value, (s.Sequence, s.Mapping, s.Call, s.Comprehension)):
            return NONE
        if isinstance(store.value, s.Call) and len(store.value.args) > 1:
            return NONE
        method = store.scope.function
        owner = method.owner if method is not None else None
        if owner is None or store.attr is None:
            return NONE
        out: set[Value] = set()
        for name in ("append", "extend", "insert", "add_module"):
            for call, where in owner.module.calls.get(name, ()):
                func = call.func
                if not (isinstance(func, s.Attribute) and isinstance(func.value, s.Attribute) and call.args):
                    continue
                if func.value.attr != store.attr or where.function is None or where.function.owner is not owner:
                    continue
                way = context if where is store.scope else self._alike(context, where)
                added = self.of(call.args[-1].value, where, way)
                out.add(Many(self.elements(added) if name == "extend" else added))
        return frozenset(out) | self._put_under(owner, store.attr, store.scope, context)

    def _put_under(self, owner: Scope, name: str, inside: Scope | None, context: Context | None) -> ValueSet:
        """What code of a class puts under the keys of an attribute; `context` is of the code `inside`."""
        out: set[Value] = set()
        for scope in owner.walk():
            for store in scope.stores:
                base, outer = store.base, []
                while isinstance(base, s.Subscript):  # self.x["kind"][name] = …
                    outer.append(base.index)
                    base = base.value
                if store.attr is not None or store.value is None or not isinstance(base, s.Attribute):
                    continue
                if base.attr != name:
                    continue
                put = {v for keys, held in self._entries(store, context, inside) for v in _put(keys, held)}
                for index in outer:
                    put = _put(self.of(index, scope), frozenset(put))
                out |= put
        return frozenset(out)

    def _outside_stores(self, owner: Scope, name: str, *, exact: bool) -> ValueSet:
        """What code outside a class assigns to an attribute of its instances; `exact`: not of those of its heirs."""
        out: set[Value] = set()
        for store in self._assigned(owner, name):
            if any(
                isinstance(v, Made)
                and isinstance(v.of, Cls)
                and (v.of.scope is owner if exact else owner in self.lineage(v.of.scope))
                for v in self.of(store.base, store.scope)
            ):
                out |= self.stored(store, None)
        return frozenset(out)

    def _assigned(self, owner: Scope, name: str) -> tuple[Store, ...]:
        """The assignments to an attribute of this name of anything, in files that may know a class."""
        key = (owner, name)
        known = self._assignments.get(key)
        if known is None:
            modules = self.files.naming(f".{name}", near=owner.module, hints=(owner.name,))
            stores = (store for module in modules for store in module.attribute_stores.get(name, ()))
            known = tuple(store for store in stores if isinstance(store.base, (s.Name, s.Attribute)))
            self._assignments[key] = known
        return known

    def _set_by_name(self, instance: Made, text: str) -> ValueSet:
        """What `setattr(self, …, value)` in an instance's class puts under a name."""
        assert isinstance(instance.of, Cls)
        out: set[Value] = set()
        for here in self.lineage(instance.of.scope):
            for call, where in here.module.calls.get("setattr", ()):
                method = where.function
                if len(call.args) != 3 or method is None or method.owner is not here:
                    continue
                target = call.args[0].value
                if isinstance(target, s.Name) and target.text == method.self_name:
                    context = self._constructed(instance, where)
                    names = self.spelled(call.args[1].value, where, context)
                    if any(agree(name, text) and told(name) for name in names):
                        out |= self.of(call.args[2].value, where, context)
        return frozenset(out)


def _receiver(context: Context | None) -> Made | None:
    """The one instance whose method a context is in, nested functions included."""
    while context is not None:
        if isinstance(context.receiver, Made) and context.receiver.site is not None:
            return context.receiver
        context = context.parent
    return None


def _is_empty(expr: s.Expr) -> bool:
    """Whether an argument gives nothing to begin with: `nn.ModuleList([])`."""
    return isinstance(expr, s.Sequence) and not expr.items


def _receiver_name(method: Scope) -> str | None:
    """What the method around a scope calls its instance, nested functions included."""
    scope: Scope | None = method
    while scope is not None:
        if scope.owner is not None:
            return scope.self_name
        scope = scope.parent.function if scope.parent is not None else None
    return None


def _put(keys: ValueSet, held: ValueSet) -> set[Value]:
    """A container that holds values under keys, and one that is only iterated."""
    names = [v for v in keys if isinstance(v, Const) and v.value is not None] or [Const(None)]
    table = Table(tuple((k.value, held) for k in names))
    return {table} if all(isinstance(k.value, str) for k in names) else {table, Many(held)}
