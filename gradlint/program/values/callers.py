"""Callers: the calls in a project that may run a function."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Files
from gradlint.program.scopes import Scope
from gradlint.program.values.containers import Containers
from gradlint.program.values.core import Search
from gradlint.program.values.objects import Bound, Cls, Func, Made, Partial, Value
from gradlint.vocabulary import Runner, Vocabulary

_CALLERS = 24
_NAMES = 6  # under how many other names the calls of a function or class are looked for


class Callers(Containers):
    """Finds the calls of a function."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        super().__init__(files, vocabulary)
        self._callers: dict[object, list[tuple[s.Call, Scope]]] = {}

    def callers(self, scope: Scope) -> list[tuple[s.Call, Scope]]:
        """The calls in the project that may call a function, with the scopes that they stand in."""
        known = self._callers.get(scope)
        if known is None:
            return self._found(scope)
        search = self._searches.get(scope)
        if search is not None and search.seen is None:
            search.seen, search.since = len(known), len(self._journal)
        return known

    def _found(self, scope: Scope) -> list[tuple[s.Call, Scope]]:
        """The same, looked for; what was found out meanwhile with some of them alone is forgotten."""
        found = self._callers[scope] = []
        search = self._searches[scope] = Search()
        try:
            self._search(scope, found)
        finally:
            del self._searches[scope]
        if search.seen is not None and search.seen < len(found):
            for key in self._journal[search.since :]:
                for memory in (self._memo, self._provisional, self._callers):
                    memory.pop(key, None)
        if self._searches:
            self._journal.append(scope)
        else:
            self._journal.clear()
        return found

    def _search(self, scope: Scope, out: list[tuple[s.Call, Scope]]) -> None:
        if scope.kind == "lambda":
            return
        owner = scope.owner
        if owner is not None and scope.name in ("__init__", "__new__"):
            wanted: Scope = owner
            names = [owner.name, "__init__", *(x.name for x in self._heirs(owner))]
        elif owner is not None and scope.name == "__call__":
            out.extend(self._instance_calls(scope, owner))
            return
        elif owner is not None and scope.name == "forward":
            return
        else:
            wanted, names = scope, [scope.name]
        path = scope.module.path
        hints: tuple[str, ...] = (path.stem if path.stem != "__init__" else path.parent.name,)
        if owner is not None:
            above = (here.name for here in self.lineage(owner) if here is not owner and scope.name in here.bindings)
            hints = (owner.name, *above, *hints)
        for name in dict.fromkeys(names):
            for module in self.files.naming(f"{name}(", near=scope.module, hints=hints):
                for call, where in module.calls.get(name, ()):
                    if self._may_call(call, where, wanted, scope):
                        out.append((call, where))
                if len(out) >= _CALLERS:
                    break
        if owner is None or wanted is owner:
            out.extend(self._renamed(wanted, scope))
        out.extend(self._indirect(scope))
        out.extend(self._decorations(scope))

    def _renamed(self, wanted: Scope, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """The calls under other names, or out of a dict: `from nets import Deep as Net`, `NETS[name](…)`."""
        names = [wanted.name]
        near, path = wanted.module, wanted.module.path
        hints: tuple[str, ...] = (path.stem if path.stem != "__init__" else path.parent.name,)
        for name in names:
            texts = (f"{name} as ", f": {name}", f"= {name}", f".{name} if ", f"else {name}", f".{name}\n")
            for module in self.files.naming(*texts, near=near, hints=hints):
                names += sorted(module.other_names.get(name, frozenset()) - set(names))
            hints = (hints[0], *names[1:])
            if len(names) > _NAMES:
                break
        for name in names[1 : _NAMES + 1]:
            for module in self.files.naming(f"{name}(", f"{name}[", f"{name}.get(", near=near, hints=hints):
                held = (x for x in module.calls.get("", ()) if _taken_from(x[0].func) == name)
                for call, where in (*module.calls.get(name, ()), *held):
                    if self._may_call(call, where, wanted, scope):
                        yield call, where

    def callers_on(self, scope: Scope, receiver: Value | None) -> Iterator[tuple[s.Call, Scope]]:
        """The calls that may run a method on an instance: what a sibling of its class is given says nothing of it."""
        of = receiver.of.scope if isinstance(receiver, Made) and isinstance(receiver.of, Cls) else None
        for call, where in self.callers(scope):
            if of is None or of is scope.owner or self._may_be_on(of, call, where, scope):
                yield call, where

    def _may_be_on(self, of: Scope, call: s.Call, where: Scope, method: Scope) -> bool:
        """Whether a call of a base class's method may be on an instance of one of its heirs."""
        func = call.func
        if isinstance(func, s.Attribute) and isinstance(func.value, s.Call) and s.dotted(func.value.func) == "super":
            function = where.function
            return function is None or function.owner is None or self._related(of, function.owner)
        told = False
        for value in self.of(func, where):
            if isinstance(value, Cls):
                told = True
                inside = where.function
                open_ended = isinstance(func, s.Name) and inside is not None and inside.self_name == func.text
                if of in self.lineage(value.scope) or (open_ended and value.scope in self.lineage(of)):
                    return True
            elif isinstance(value, Func) and isinstance(value.receiver, Made) and isinstance(value.receiver.of, Cls):
                told = True
                if self._related(of, value.receiver.of.scope):
                    return True
        return not told

    def _related(self, one: Scope, other: Scope) -> bool:
        return one in self.lineage(other) or other in self.lineage(one)

    def _may_call(self, call: s.Call, where: Scope, wanted: Scope, scope: Scope) -> bool:
        func = call.func
        if isinstance(func, s.Attribute) and func.attr == "__init__" and scope.name == "__init__":
            held, cls = self.of(func.value, where), Cls(wanted)
            if isinstance(func.value, s.Call) and s.dotted(func.value.func) == "super":
                return any(isinstance(v, Made) and v.of == cls for v in held)
            return cls in held
        for value in self.of(func, where):
            if isinstance(value, Cls) and scope.name in ("__init__", "__new__"):
                found = self.find_method(value.scope, scope.name)
                if found is scope:
                    return True
            elif isinstance(value, Func) and value.scope is scope:
                return True
            elif isinstance(value, Partial):
                inner = value.function
                if isinstance(inner, Func) and inner.scope is scope:
                    return True
        return False

    def _instance_calls(self, method: Scope, owner: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """The calls of instances of a class, in the files that name the class."""
        for module in self.files.naming(owner.name, near=owner.module, hints=(owner.module.path.stem,)):
            for calls in module.calls.values():
                for call, where in calls:
                    if isinstance(call.func, (s.Name, s.Attribute)) and any(
                        isinstance(v, Made)
                        and isinstance(v.of, Cls)
                        and self.find_method(v.of.scope, "__call__") is method
                        for v in self.of(call.func, where)
                    ):
                        yield call, where

    def _indirect(self, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """Calls through a library that runs the function: `mp.spawn(main, args=(…))`, `fabric.launch(main, …)`."""
        for name, runner in self.vocabulary.runners().items():
            for module in self.files.mentioning(name.rpartition(".")[2], scope.name):
                for call, where in module.calls.get(name.rpartition(".")[2], ()):
                    if not any(self._stands_for(f, name) for f in self.of(call.func, where)):
                        continue
                    target = call.arg(runner.function.position, runner.function.keyword)
                    if target is None or not any(
                        isinstance(f, Func) and f.scope is scope for f in self.of(target, where)
                    ):
                        continue
                    yield s.Call(call.id, target, (*_put_before(call, runner), *_handed_on(call, runner))), where

    def _stands_for(self, value: Value, name: str) -> bool:
        """Whether a value is a library's function, or a method of one of its objects, by its full name."""
        if isinstance(value, Lib):
            return value.path == name
        owner, _, method = name.rpartition(".")
        return isinstance(value, Bound) and value.name == method and owner in self.bases_of(value.receiver)

    def _decorations(self, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """What a function decorates, as calls: `@register("name")` over a class calls what `register` gives."""
        maker = scope.parent.function if scope.parent is not None else None
        named = maker or scope
        if not any(isinstance(stmt.value, s.Name) for stmt in scope.returns):
            return  # it does not give back what it decorates
        for module in self.files.decorating(named.name):
            for call, where in module.decorations:
                func = call.func.func if isinstance(call.func, s.Call) else call.func
                name = s.last_name(func)
                if name == named.name and isinstance(call.func, s.Call) is (maker is not None):
                    if any(isinstance(v, Func) and v.scope is scope for v in self.of(call.func, where)):
                        yield call, where

    def _constructions(self, scope: Scope) -> Iterator[tuple[s.Call, Scope]]:
        """The calls of a class by its name."""
        for module in self.files.naming(f"{scope.name}(", near=scope.module, hints=(scope.module.path.stem,)):
            for call, where in module.calls.get(scope.name, ()):
                if Cls(scope) in self.of(call.func, where):
                    yield call, where


def _put_before(call: s.Call, runner: Runner) -> tuple[s.Arg, ...]:
    """What a library gives a function that it runs before what it was told to give it."""
    if runner.owner and isinstance(call.func, s.Attribute):
        return (s.Arg(call.id, call.func.value, None, ""),)
    return tuple(s.Arg(call.id, s.Unread(call.id), None, "") for _ in range(runner.lead))


def _handed_on(call: s.Call, runner: Runner) -> tuple[s.Arg, ...]:
    """What a library is told to give a function that it runs: a tuple, or all that follows the function."""
    if runner.args is None:
        target = call.arg(runner.function.position, runner.function.keyword)
        return tuple(a for a in call.args if a.value is not target)
    given = call.arg(runner.args.position, runner.args.keyword)
    parts = given.items if isinstance(given, s.Sequence) else ()
    return tuple(s.Arg(p.id, p, None, "") for p in parts)


def _taken_from(func: s.Expr) -> str:
    """What goes by a name that a called value is taken out of: `NETS[kind]`, `NETS.get(kind)`."""
    if isinstance(func, s.Call) and isinstance(func.func, s.Attribute) and func.func.attr == "get":
        func = func.func.value
    return s.last_name(s.container(func))
