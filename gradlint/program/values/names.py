"""Names: what their bindings, imports and parameters give them."""

from __future__ import annotations

import builtins

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Meaning, Package, imported, starred
from gradlint.program.project import Files, Module
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values.attributes import Attributes
from gradlint.program.values.objects import (
    NONE,
    Cls,
    Const,
    Context,
    Func,
    Items,
    Made,
    Many,
    Option,
    Unknown,
    Value,
    ValueSet,
)
from gradlint.vocabulary import Vocabulary


class Names(Attributes):
    """Finds what a name may hold."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        super().__init__(files, vocabulary)
        self._imported: dict[tuple[s.Node, str], Meaning] = {}

    def name(self, name: str, scope: Scope, context: Context | None, at: int | None) -> ValueSet:
        home = scope.lookup(name)
        if home is None:
            found = starred(self.files, scope.module.scope, name)
            if found is not None:
                stray = isinstance(found, Lib) and self.vocabulary.is_library(name)
                return self.meaning(Lib(name) if stray else found)
            return frozenset([Lib(f"builtins.{name}")]) if hasattr(builtins, name) else NONE
        use = at if home is scope or home.function is scope.function else None
        while context is not None and context.scope is not home:
            context = context.parent
        return self._union(self.binding(b, home, context) for b in home.reaching(name, use))

    def binding(self, binding: Binding, scope: Scope, context: Context | None) -> ValueSet:
        """What one binding gives its name."""
        node = binding.node
        if binding.kind == "function" or binding.kind == "class":
            inner = scope.inner.get(node.id)
            if inner is None:  # `global name` in a function, which then defines it
                inner = next(x for x in scope.module.scopes if x.node is node)
            if binding.kind == "class":
                return frozenset([Cls(inner)])
            return frozenset([Func(inner, None, context)])
        if binding.kind == "import" and isinstance(node, s.Import | s.ImportFrom):
            known = self._known_symbol(node, binding.name)
            if known is not None:
                return frozenset([known])
            return self.meaning(self.imported(node, binding.name, scope.module))
        if binding.kind == "param" and isinstance(node, s.Param):
            return self.parameter(scope, node, context)
        if binding.value is None:
            return NONE
        if binding.kind == "update":
            values = self.of(binding.value, scope, context)
            grown = frozenset(Many(self.elements(frozenset([v]))) for v in values if isinstance(v, (Items, Many)))
            return grown
        values = self.of(binding.value, scope, context)
        if binding.kind == "element":
            values = self.elements(values)
        elif binding.kind == "enter":
            values = self._entered(values)
        for index in binding.path:
            values = self._union(self._item(v, frozenset([Const(index)])) for v in values)
        return values | self._grown(binding, scope, context)

    def imported(self, node: s.Import | s.ImportFrom, name: str, module: Module) -> Meaning:
        """What an import binds a name to."""
        key = (node, name)
        known = self._imported.get(key)
        if known is None:
            known = self._imported[key] = imported(self.files, module, node, name)
        return known

    def _known_symbol(self, node: s.Import | s.ImportFrom, name: str) -> Lib | None:
        """A symbol that the vocabulary knows keeps its meaning in the library's own repository too."""
        if isinstance(node, s.Import) or node.level:
            return None
        original = next((n for n, alias in node.names or () if (alias or n) == name), name)
        path = self.vocabulary.canonical(f"{node.module}.{original}")
        return Lib(path) if self.vocabulary.knows(path) else None

    def meaning(self, found: Meaning) -> ValueSet:
        if isinstance(found, Lib):
            return frozenset([Lib(self.vocabulary.canonical(found.path))])
        if isinstance(found, Package):
            return frozenset([found])
        return self._guarded(
            ("m", found.module.path, found.name), lambda: self.name(found.name, found.module.scope, None, None)
        )

    def parameter(self, scope: Scope, param: s.Param, context: Context | None) -> ValueSet:
        """A parameter's values: of this call if there is one, else of all calls in the project and its default."""
        if context is not None and context.scope is scope:
            given = context.get(param.name)
            if given is not None:
                return given
        if scope.self_name == param.name and scope.owner is not None:
            if context is not None and context.scope is scope and context.receiver is not None:
                return frozenset([context.receiver])
            if "classmethod" in scope.decorators or scope.name == "__new__":
                return frozenset([Cls(scope.owner)])
            return frozenset([Made(Cls(scope.owner))])
        out: set[Value] = set()
        if param.default is not None and scope.parent is not None:
            out |= self.of(param.default, scope.parent, None)
            if self._exposed(scope):
                out.add(Option(param.name))
        if context is None or context.scope is not scope or context.partial:
            receiver = context.receiver if context is not None and context.scope is scope else None
            for call, where in self.callers_on(scope, receiver):
                out |= self._argument(call, where, None, scope, param)
        if not [v for v in out if v != Const(None)]:
            if param.annotation is not None:
                out |= self._annotated(param.annotation, scope)
            out.add(Unknown(scope, param.name))
        return frozenset(out)

    def _annotated(self, annotation: s.Expr, scope: Scope) -> ValueSet:
        if isinstance(annotation, s.Constant) and isinstance(annotation.value, str):
            parts = annotation.value.split(".")
            if not all(p.isidentifier() for p in parts):
                return NONE
            node: s.Expr = s.Name(0, parts[0])
            for part in parts[1:]:
                node = s.Attribute(0, node, part)
            values = self.name(parts[0], scope.module.scope, None, None)
            for part in parts[1:]:
                values = self._union(self.attribute(v, part) for v in values)
        elif isinstance(annotation, s.Subscript):  # Optional[X], list[X]
            inner = annotation.index
            parts_of = inner.items if isinstance(inner, s.Sequence) else (inner,)
            return self._union(self._annotated(p, scope) for p in parts_of)
        elif isinstance(annotation, s.Binary) and annotation.op == "|":
            return self._annotated(annotation.left, scope) | self._annotated(annotation.right, scope)
        else:
            values = self.of(annotation, scope.parent or scope, None)
        out: set[Value] = set()
        for value in values:
            if isinstance(value, Cls) or (
                isinstance(value, Lib) and not value.path.startswith(("builtins.", "typing."))
            ):
                out.add(Made(value))
        return frozenset(out)
