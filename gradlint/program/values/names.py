"""Names: what their bindings, imports and parameters give them."""

from __future__ import annotations

import builtins

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Meaning, Member, Package, imported, starred
from gradlint.program.project import Files, Module
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values.attributes import Attributes
from gradlint.program.values.objects import (
    NONE,
    NOTHING,
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
        self._known_definitions: dict[tuple[Scope, str], ValueSet | None] = {}

    def _at_hand(self, expr: s.Expr, scope: Scope, context: Context | None) -> ValueSet | None:
        """What an expression holds for which nothing has to be searched: a constant, a definition, `self`."""
        if isinstance(expr, s.Constant):
            return frozenset([Const(expr.value)])
        if not isinstance(expr, s.Name):
            return None
        name = expr.text
        home = scope.lookup(name)
        if home is None or home.kind == "module":
            return self._definition(home or scope.module.scope, name)
        found = home.bindings[name]
        if home.self_name != name or len(found) > 1 or not isinstance(found[0].node, s.Param):
            return None
        return self.parameter(home, found[0].node, _within(context, home))

    def _definition(self, scope: Scope, name: str) -> ValueSet | None:
        """What a module's name holds that has one definition: an import, a class or a function, or is built in."""
        key = (scope, name)
        if key not in self._known_definitions:
            self._known_definitions[key] = None  # imports may go round in a circle
            self._known_definitions[key] = self._defined(scope, name)
        return self._known_definitions[key]

    def _defined(self, scope: Scope, name: str) -> ValueSet | None:
        found = scope.bindings.get(name)
        if not found:
            return self.name(name, scope, None, None) if not scope.star_imports else None
        if len(found) > 1 or found[0].kind not in ("import", "class", "function"):
            return None
        node = found[0].node
        if isinstance(node, s.Import | s.ImportFrom) and self._known_symbol(node, name) is None:
            meaning = self.imported(node, name, scope.module)
            if isinstance(meaning, Member):
                return self._definition(meaning.module.scope, meaning.name)
        return self.binding(found[0], scope, None)

    def name(self, name: str, scope: Scope, context: Context | None, at: int | None) -> ValueSet:
        home = scope.lookup(name)
        if home is None:
            found = starred(self.files, scope.module.scope, name)
            built_in = hasattr(builtins, name)
            if found is not None and not (
                built_in and isinstance(found, Lib) and not self.vocabulary.knows(self.vocabulary.canonical(found.path))
            ):
                stray = isinstance(found, Lib) and self.vocabulary.is_library(name)
                return self.meaning(Lib(name) if stray else found)
            return frozenset([Lib(f"builtins.{name}")]) if built_in else NONE
        use = at if home is scope or home.function is scope.function else None
        context = _within(context, home)
        bindings = home.reaching(name, use)
        if len(bindings) == 1:
            return self.ranked(self.binding(bindings[0], home, context))
        return self._union([self.binding(b, home, context) for b in bindings])

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
            values = self._items(values, index)
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
            return self._library(found.path)
        if isinstance(found, Package):
            return frozenset([found])
        scope = found.module.scope
        return self._guarded(("m", scope, found.name), self.name, found.name, scope, None, None)

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
        if out <= NOTHING:
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


def _within(context: Context | None, scope: Scope) -> Context | None:
    """The call of a function among those around: a nested function sees the names of the one that it stands in."""
    while context is not None and context.scope is not scope:
        context = context.parent
    return context
