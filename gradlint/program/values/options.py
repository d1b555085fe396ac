"""Options of command lines: their defaults, their choices, and that a user may choose."""

from __future__ import annotations

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Files
from gradlint.program.scopes import Scope
from gradlint.program.values.objects import NONE, Const, Func, Made, Option, Value, ValueSet
from gradlint.program.values.stores import Stores
from gradlint.vocabulary import Vocabulary


class Options(Stores):
    """Finds what a command line may set."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        super().__init__(files, vocabulary)
        self._exposes: dict[Scope, bool] = {}

    def _option(self, value: Made, name: str) -> ValueSet:
        """The values of an option that a command line parser defines: its default and its choices."""
        if not isinstance(value.of, Lib) or not self.vocabulary.is_options(value.of.path):
            return NONE
        out: set[Value] = set()
        listed = False
        for call, where in self._definitions(name, value):
            default = call.arg(None, "default")
            if default is not None:
                out |= self.of(default, where)
            action = call.arg(None, "action")
            if isinstance(action, s.Constant) and action.value in ("store_true", "store_false"):
                out |= {Const(True), Const(False)}
                listed = True
            choices = call.arg(None, "choices")
            if choices is not None:
                out |= {v for v in self.elements(self.of(choices, where)) if isinstance(v, Const)}
                listed = True
        out.add(Option(name, listed))
        return frozenset(out | {v for v in self._put_among(value, name) if not isinstance(v, Const)})

    def _definitions(self, name: str, options: Made) -> list[tuple[s.Call, Scope]]:
        """The calls that define an option: those of the file that parses it, else those of the project."""
        flags = {f"--{name}", f"--{name.replace('_', '-')}", f"-{name}", name}
        out: list[tuple[s.Call, Scope]] = []
        for module in self.files.mentioning("add_argument", name):
            for call, where in module.calls.get("add_argument", ()):
                texts = {a.value.value for a in call.args if not a.keyword and isinstance(a.value, s.Constant)}
                dest = call.arg(None, "dest")
                named = isinstance(dest, s.Constant) and dest.value == name
                if named or (texts & flags and dest is None):
                    out.append((call, where))
        home = options.scope.module if options.scope is not None else None
        return [x for x in out if x[1].module is home] or out

    def _put_among(self, options: Made, name: str) -> ValueSet:
        """What code puts among the options: `args.model_class = Net`."""
        out: set[Value] = set()
        if options.scope is None:
            return NONE
        for module in self.files.naming(f".{name} =", near=options.scope.module, hints=()):
            for store in module.attribute_stores.get(name, ()):
                if any(isinstance(v, Made) and v.of == options.of for v in self.of(store.base, store.scope)):
                    out |= self.stored(store, None)
        return frozenset(out)

    def _exposed(self, scope: Scope) -> bool:
        """Whether a function's parameters are options of a command line: it is handed to a library that makes one."""
        known = self._exposes.get(scope)
        if known is None:
            known = self._exposes[scope] = any(
                isinstance(f, Lib) and f.path == name
                for name, _ in self.vocabulary.entries("exposes")
                for call, where in scope.module.calls.get(name.rpartition(".")[2], ())
                if call.args
                and any(isinstance(v, Func) and v.scope is scope for v in self.of(call.args[0].value, where))
                for f in self.of(call.func, where)
            )
        return known
