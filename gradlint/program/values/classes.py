"""Classes: what they inherit, which classes inherit from them, and where a method is written."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Files
from gradlint.program.scopes import Scope
from gradlint.program.values.core import Core
from gradlint.program.values.objects import Cls, Func, Made, Value
from gradlint.vocabulary import Vocabulary

_HEIRS = 24


class Classes(Core):
    """Finds the bases, heirs and methods of classes."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        super().__init__(files, vocabulary)
        self._bases: dict[Scope, tuple[Cls | Lib, ...]] = {}
        self._lineages: dict[Scope, tuple[Scope, ...]] = {}
        self._open = 0  # how many classes' bases are being looked for
        self._descendants: dict[Scope, tuple[Scope, ...]] = {}

    def bases(self, scope: Scope) -> tuple[Cls | Lib, ...]:
        known = self._bases.get(scope)
        if known is None:
            self._bases[scope] = ()
            self._open += 1
            found: list[Cls | Lib] = []
            if isinstance(scope.node, s.Class) and scope.parent is not None:
                for arg in scope.node.bases:
                    if arg.keyword is None:
                        found.extend(
                            v for v in self.of(arg.value, scope.parent) if isinstance(v, (Cls, Lib)) and v != Cls(scope)
                        )
            known = self._bases[scope] = tuple(found)
            self._open -= 1
        return known

    def lineage(self, scope: Scope) -> tuple[Scope, ...]:
        """A class and its project base classes, nearest first."""
        known = self._lineages.get(scope)
        if known is not None:
            return known
        seen: dict[Scope, None] = {}
        queue = [scope]
        while queue:
            here = queue.pop(0)
            if here not in seen:
                seen[here] = None
                queue.extend(b.scope for b in self.bases(here) if isinstance(b, Cls))
        found = tuple(seen)
        if not self._open:  # a base class that is being looked for is missing in it
            self._lineages[scope] = found
        return found

    def library_bases(self, scope: Scope) -> tuple[str, ...]:
        """The library classes that a project class inherits from."""
        return tuple(b.path for here in self.lineage(scope) for b in self.bases(here) if isinstance(b, Lib))

    def bases_of(self, value: Value) -> tuple[str, ...]:
        """The library classes that a value is an instance of."""
        if isinstance(value, Made):
            return (value.of.path,) if isinstance(value.of, Lib) else self.library_bases(value.of.scope)
        return ()

    def library(self, value: Value) -> str | None:
        bases = self.bases_of(value)
        return bases[0] if bases else None

    def find_method(self, scope: Scope, name: str) -> Scope | None:
        for here in self.lineage(scope):
            for binding in reversed(here.bindings.get(name, [])):
                if binding.kind == "function":
                    return here.inner[binding.node.id]
        return None

    def method(self, instance: Made, name: str) -> Func | None:
        if not isinstance(instance.of, Cls):
            return None
        found = self.find_method(instance.of.scope, name)
        return Func(found, instance) if found is not None else None

    def heirs(self, owner: Scope) -> tuple[Scope, ...]:
        """The classes of the project that inherit from a class, directly or not."""
        known = self._descendants.get(owner)
        if known is None:
            found: dict[Scope, None] = {}
            queue = [owner]
            while queue and len(found) < _HEIRS:
                for heir in self._heirs(queue.pop(0)):
                    if heir not in found and heir is not owner and owner in self.lineage(heir):
                        found[heir] = None
                        queue.append(heir)
            known = self._descendants[owner] = tuple(found)
        return known

    def _heirs(self, owner: Scope) -> Iterator[Scope]:
        """Classes of the project that inherit from a class directly, and construct it under their own name."""
        texts = (f"({owner.name}", f".{owner.name})", f", {owner.name})")
        for module in self.files.naming(*texts, near=owner.module, hints=(owner.module.path.stem,)):
            for scope in module.scopes:
                if scope.kind == "class" and scope is not owner and isinstance(scope.node, s.Class):
                    if any((s.dotted(b.value) or "").rpartition(".")[2] == owner.name for b in scope.node.bases):
                        yield scope

    def _overriding(self, owner: Scope, name: str) -> Iterator[tuple[Scope, Scope]]:
        """The methods that heirs of a class write in place of one that it leaves open."""
        for heir in self.heirs(owner):
            method = self.find_method(heir, name)
            if method is not None and not is_abstract(method):
                yield heir, method

    def _fields(self, scope: Scope) -> tuple[str, ...]:
        """The annotated names of a class, those of its base classes first."""
        return tuple(name for here in reversed(self.lineage(scope)) for name in here.annotated)

    def _enumerates(self, scope: Scope) -> bool:
        return any(base.startswith("enum.") for base in self.library_bases(scope))


def is_abstract(method: Scope) -> bool:
    """Whether a method leaves its work to the heirs of its class: it does nothing, or raises that it is missing."""
    if any(d.rpartition(".")[2] == "abstractmethod" for d in method.decorators):
        return True
    if not isinstance(method.body, s.Block):
        return False
    rest = [x for x in method.body.body if not (isinstance(x, s.Evaluate) and isinstance(x.value, s.Constant))]
    return all(
        (isinstance(x, s.Raise) and "NotImplemented" in s.text(x.value))
        if isinstance(x, s.Raise) and x.value is not None
        else isinstance(x, s.Jump) and x.kind == "pass"
        for x in rest
    )
