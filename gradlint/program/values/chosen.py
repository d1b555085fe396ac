"""What code picks by a text: with `getattr`, `eval` and `import_module`, where the text may be known in part."""

from __future__ import annotations

import re

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Package, starred_modules
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.spelling import agree, told
from gradlint.program.values.core import WIDE
from gradlint.program.values.names import Names
from gradlint.program.values.objects import NONE, Cls, Const, Context, Func, Made, Option, Spelled, Value, ValueSet


class Chosen(Names):
    """Finds what a computed name may mean."""

    def _getattr(self, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        names = [v.value for v in self.of(call.args[1].value, scope, context) if isinstance(v, Const)]
        out: set[Value] = set()
        bases = self.of(call.args[0].value, scope, context)
        modules = [base for base in bases if isinstance(base, Package)]
        lacking = _lacking(call, scope) if modules else ()
        for base in bases:
            if any(isinstance(base, Package) and self.attribute(base, name) for name in lacking):
                continue
            if isinstance(base, Lib):
                out |= self._picked(base, names)
            for name in names:
                if isinstance(name, str):
                    out |= self.attribute(base, name)
            if isinstance(base, Package) and not self._named(call.args[1].value, scope, context):
                out |= self._own(base) if len(modules) > 1 else self._anything_in(base)
            if isinstance(base, Lib) and not names:
                start, end = self._known_ends(call.args[1].value, scope, context)
                out |= {Lib(path) for path in self.vocabulary.spelled(f"{base.path}.{start}", end) if start or end}
            elif not names:
                for text in sorted(self.spelled(call.args[1].value, scope, context)):
                    out |= self._spelled_attribute(base, text)
        if len(call.args) > 2:
            out |= self.of(call.args[2].value, scope, context)
        return frozenset(out)

    def _spelled_attribute(self, base: Value, text: str) -> ValueSet:
        """What an object may hold under a name of which a part is not known."""
        if not told(text):
            return NONE
        if isinstance(base, Lib):
            below = f"{base.path}."
            paths = (path for path, _ in self.vocabulary.entries("events") if path.startswith(below))
            return frozenset(Lib(path) for path in paths if agree(path[len(below) :], text))
        if isinstance(base, Made) and isinstance(base.of, Cls):
            names = {
                name
                for here in self.lineage(base.of.scope)
                for name in (*here.bindings, *self._stored_names(here))
                if agree(name, text)
            }
            held = self._union([*(self.attribute(base, name) for name in sorted(names)), self._set_by_name(base, text)])
            # Numbered layers are one after the other, not one layer that is run again.
            return frozenset(v for v in held if not any(self.vocabulary.role(b) == "module" for b in self.bases_of(v)))
        return NONE

    def _evaluated(self, texts: ValueSet, scope: Scope, context: Context | None) -> ValueSet:
        """What `eval` makes of names, and of calls of classes by name: `eval(args.model)`, `eval("nets.Small()")`."""
        out: set[Value] = set()
        for text in texts:
            if not (isinstance(text, Const) and isinstance(text.value, str)):
                continue
            dotted, called, _ = text.value.strip().partition("(")
            parts = dotted.split(".")
            if not all(part.isidentifier() for part in parts):
                continue
            values = self.name(parts[0], scope, context, None)
            for part in parts[1:]:
                values = self._union(self.attribute(v, part) for v in values)
            out |= {Made(v) for v in values if isinstance(v, Cls)} if called else values
        return frozenset(out)

    def _own(self, package: Package) -> ValueSet:
        """What one of several modules offers: what it defines, if a class is among that; its imports are its parts."""
        module = self._module(package)
        defined = _defined(module.scope) if module is not None else NONE
        return defined if any(isinstance(v, Cls) for v in defined) else self._anything_in(package)

    def _module(self, package: Package) -> Module | None:
        path = package.path / "__init__.py" if package.path.is_dir() else package.path
        return self.files.load(path) if path.is_file() else None

    def _anything_in(self, package: Package) -> ValueSet:
        """The classes and functions that a module offers, those that it imports from the project too."""
        module = self._module(package)
        if module is None:
            return NONE
        scope = module.scope
        out: set[Value] = set(_defined(scope))
        offered = [name for name, found in scope.bindings.items() if any(b.kind == "import" for b in found)]
        offered += [name for home in starred_modules(self.files, scope) for name in home.scope.bindings]
        for name in offered:
            out |= {v for v in self.name(name, scope, None, None) if isinstance(v, (Cls, Func))}
        return frozenset(out)

    def _import_module(self, call: s.Call, scope: Scope, context: Context | None) -> ValueSet:
        expr = call.args[0].value
        values = self.of(expr, scope, context)
        found = self._modules_called(values, scope)
        if self._named(expr, scope, context):
            return found
        ends = [self._known_ends(expr, scope, context)]
        ends += [(v.text.partition("*")[0], v.text.rpartition("*")[2]) for v in values if isinstance(v, Spelled)]
        return self._union([found, *(self._modules_like(start, end) for start, end in ends)])

    def _modules_like(self, start: str, end: str) -> ValueSet:
        """The modules that a name may mean of which only the start or the end is known: `"models." + args.model`."""
        if not start.strip(".") and not end:
            return NONE
        folder, _, stem = start.lstrip(".").rpartition(".")
        pattern = re.compile(
            rf"(?:^|\.){re.escape(folder + '.' if folder else '')}{re.escape(stem)}[^.]+{re.escape(end)}$"
        )
        paths = [p for p in self.files.paths if p.suffix == ".py" and pattern.search(self.files.name_of(p))]
        return frozenset(Package(p) for p in paths[:WIDE])

    def _modules_called(self, names: ValueSet, scope: Scope) -> ValueSet:
        out: set[Value] = set()
        for value in names:
            if isinstance(value, Const) and isinstance(value.value, str):
                dotted = value.value.lstrip(".")
                found = self.files.find(dotted, scope.module.path)
                out.add(Package(found) if found is not None else Lib(dotted))
        return frozenset(out)

    def _loaded_module(self, key: s.Expr, names: ValueSet, scope: Scope) -> ValueSet:
        """`sys.modules[…]`: the module itself by `__name__`, another by what it is called."""
        if isinstance(key, s.Name) and key.text == "__name__":
            return frozenset([Package(scope.module.path)])
        return self._modules_called(names, scope)

    def _named(self, expr: s.Expr, scope: Scope, context: Context | None) -> bool:
        """Whether all that a name can be is known; what the user chooses is, where the code lists the choices."""
        values = self.of(expr, scope, context)
        return any(isinstance(v, Const) for v in values) and not self._chosen(expr, scope, context)

    def _chosen(self, expr: s.Expr, scope: Scope, context: Context | None) -> bool:
        return any(
            isinstance(v, Option) and not v.listed
            for part in s.walk(expr)
            if isinstance(part, (s.Name, s.Attribute, s.Subscript))
            for v in self.of(part, scope, context)
        )

    def _known_ends(self, expr: s.Expr, scope: Scope, context: Context | None) -> tuple[str, str]:
        """How a text starts and ends of which a part is not known."""
        if isinstance(expr, s.Name):
            home = scope.lookup(expr.text)
            bound = home.reaching(expr.text, expr.id if home is scope else None) if home is not None else []
            if len(bound) == 1 and bound[0].kind == "value" and bound[0].value is not None and home is not None:
                return self._known_ends(bound[0].value, home, context)
            return "", ""
        if isinstance(expr, s.Binary) and expr.op == "+":
            first, last = (self._text(side, scope, context) for side in (expr.left, expr.right))
            start = first if first is not None else self._known_ends(expr.left, scope, context)[0]
            return start, last if last is not None else self._known_ends(expr.right, scope, context)[1]
        if isinstance(expr, s.Format) and expr.parts:
            first, last = (self._text(part, scope, context) for part in (expr.parts[0], expr.parts[-1]))
            return first or "", last or ""
        template = ""
        if isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and expr.func.attr == "format":
            template = re.sub(r"\{[^}]*\}", "\0", self._text(expr.func.value, scope, context) or "")
        elif isinstance(expr, s.Binary) and expr.op == "%":
            template = (self._text(expr.left, scope, context) or "").replace("%s", "\0")
        return template.partition("\0")[0], template.rpartition("\0")[2]

    def _text(self, expr: s.Expr, scope: Scope, context: Context | None) -> str | None:
        texts = [v.value for v in self.of(expr, scope, context) if isinstance(v, Const) and isinstance(v.value, str)]
        return texts[0] if len(texts) == 1 and not self._chosen(expr, scope, context) else None


def _defined(scope: Scope) -> ValueSet:
    """The classes and functions that a module defines."""
    return frozenset(Cls(x) if x.kind == "class" else Func(x) for x in scope.inner.values() if x.kind != "lambda")


def _lacking(call: s.Call, scope: Scope) -> list[str]:
    """What a module does not have where code asks it for something else: `if hasattr(module, "Net"): … else: …`."""
    asked = s.text(call.args[0].value)
    return [
        name.value
        for stmt in scope.nodes
        if isinstance(stmt, (s.If, s.Conditional)) and isinstance(stmt.test, s.Call)
        if s.dotted(stmt.test.func) == "hasattr"
        and len(stmt.test.args) == 2
        and s.text(stmt.test.args[0].value) == asked
        if isinstance(name := stmt.test.args[1].value, s.Constant) and isinstance(name.value, str)
        if stmt.orelse is not None and s.holds(stmt.orelse, call)
    ]
