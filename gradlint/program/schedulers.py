"""The learning rate schedulers that a project builds, and which of them warm up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.optimizers import Cause, Keys, Optimizers, short, warm_names
from gradlint.program.project import Module
from gradlint.program.rising import Rising
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Const, Func, Made, Option, Partial
from gradlint.vocabulary import Plain, operand

CALLEES = re.compile(r"LR|[Ss]chedul|[Ww]arm|[Aa]nneal|[Cc]ycl|lr_lambda")
_CALLED = re.compile(CALLEES.pattern.encode())


class Schedulers:
    """Finds the constructions of schedulers."""

    def __init__(self, optimizers: Optimizers, rising: Rising) -> None:
        self.optimizers = optimizers
        self.values = optimizers.values
        self.rising = rising
        self._constructed: list[tuple[Keys, Cause]] | None = None
        self._own_classes: frozenset[str] | None = None

    def all(self) -> list[tuple[Keys, Cause]]:
        """Every scheduler that the project builds, with the optimizers that it is given, none where that is unclear."""
        if self._constructed is None:
            self._constructed = []
            found: dict[int, tuple[Keys, Cause]] = {}
            for module in dict.fromkeys(self._modules()):
                self._in_module(module, found)
            self._constructed = list(found.values())
        return self._constructed

    def _modules(self) -> Iterator[Module]:
        """The files that may build a scheduler."""
        files = self.values.files
        yield from files.calling(_CALLED)
        for word in ("lr_scheduler", *sorted(self._subclasses())):
            yield from files.mentioning(word)

    def _in_module(self, module: Module, found: dict[int, tuple[Keys, Cause]]) -> None:
        for name, calls in module.calls.items():
            if not (CALLEES.search(name) or name == "" or name in self._subclasses()):
                continue
            for call, scope in calls:
                if id(call) not in found and call.args:
                    hit = self._construction(call, scope)
                    if hit is not None:
                        found[id(call)] = hit

    def _subclasses(self) -> frozenset[str]:
        """The names of the project's own scheduler classes."""
        if self._own_classes is None:
            self._own_classes = frozenset(
                scope.name
                for word in ("get_lr", "_LRScheduler", "LRScheduler")
                for module in self.values.files.mentioning(word)
                for scope in module.scopes
                if isinstance(scope.node, s.Class)
                and ("get_lr" in scope.bindings or any(CALLEES.search(s.text(b.value)) for b in scope.node.bases))
            )
        return self._own_classes

    def _construction(self, call: s.Call, scope: Scope) -> tuple[Keys, Cause] | None:
        for function in self.values.of(call.func, scope):
            if isinstance(function, Partial):
                function = function.function
            if isinstance(function, Lib):
                about = self.values.vocabulary.about("schedules", function.path)
                if isinstance(about, dict):
                    return self._library(function, about, call, scope)
            elif isinstance(function, Cls):
                hit = self._project_class(function, call, scope)
                if hit is not None:
                    return hit
        return None

    def _library(self, function: Lib, about: dict[str, Plain], call: s.Call, scope: Scope) -> tuple[Keys, Cause] | None:
        place = operand(about.get("optimizer", 0))
        given = call.arg(place.position, place.keyword)
        keys = self.optimizers.held(given, scope) if given is not None else self.optimizers.among(call, scope)
        if not keys and (given is None or self.values.of(given, scope)):
            return None
        warms = self._warms(about, call, scope)
        if warms and is_idle(call, scope):
            warms = False
        made = Made(function, call, scope)
        return keys, Cause(scope.module, call, f"`{short(function.path)}`", warms, scope, made)

    def _warms(self, about: dict[str, Plain], call: s.Call, scope: Scope) -> bool | None:
        if "kind" in about:
            by_name = self._by_name(about, call, scope)
            if by_name is not True:
                return by_name
        if "count" in about:
            return self.optimizers.counts(about, call, scope)
        if "factor" in about:
            return self._factor(about, call, scope)
        if "function" in about:
            return self._function(about, call, scope)
        warms = about.get("warms")
        return warms if isinstance(warms, bool) else False

    def _given(self, about: dict[str, Plain], key: str, call: s.Call) -> s.Expr | None:
        place = operand(about[key])
        return call.arg(place.position, place.keyword)

    def _by_name(self, about: dict[str, Plain], call: s.Call, scope: Scope) -> bool | None:
        """A scheduler picked by name: True if some name can warm."""
        given = self._given(about, "kind", call)
        never = about.get("never")
        if given is None or not isinstance(never, list):
            return None
        held = self.values.of(given, scope)
        names = {v.value for v in held if isinstance(v, Const)}
        open_choice = len(names) <= 1 and any(isinstance(v, Option) for v in held)  # a default, and no list of choices
        return not names or open_choice or bool(names - set(map(str, never)))

    def _factor(self, about: dict[str, Plain], call: s.Call, scope: Scope) -> bool | None:
        given = self._given(about, "factor", call)
        if given is None:
            return None if any(a.star for a in call.args) else False  # a third, for five steps
        numbers = [v.value for v in self.values.of(given, scope) if isinstance(v, Const)]
        plain = [n for n in numbers if isinstance(n, (int, float))]
        return not plain or any(n < 1 for n in plain)

    def _function(self, about: dict[str, Plain], call: s.Call, scope: Scope) -> bool | None:
        given = self._given(about, "function", call)
        if given is None:
            return None
        held = self.values.of(given, scope)
        held |= self.values.elements(held)
        functions = [
            v for v in held if isinstance(v, (Func, Partial)) or (isinstance(v, Made) and isinstance(v.of, Cls))
        ]
        if not functions:
            return None
        shapes = [self.rising.function(f) for f in functions]
        if any(shape.rises for shape in shapes):
            return True
        return False if all(shape.known for shape in shapes) else None

    def _project_class(self, cls: Cls, call: s.Call, scope: Scope) -> tuple[Keys, Cause] | None:
        """A scheduler class of the project."""
        paths = self.values.library_bases(cls.scope)
        is_scheduler = any(self.values.vocabulary.role(p) == "scheduler" for p in paths)
        if not is_scheduler and self.values.find_method(cls.scope, "get_lr") is None:
            return None
        keys = self.optimizers.among(call, scope)
        if not keys and (not call.args or self.values.of(call.args[0].value, scope)):
            return None
        warms: bool | None = self._class_warms(cls, paths, call, scope)
        made = Made(cls, call, scope)
        return keys, Cause(scope.module, call, f"`{cls.scope.name}`", warms, scope, made)

    def _class_warms(self, cls: Cls, paths: tuple[str, ...], call: s.Call, scope: Scope) -> bool | None:
        for owner in self.values.lineage(cls.scope):
            if next(warm_names(owner.node), None) is not None:
                return True
        for path in paths:
            about = self.values.vocabulary.about("schedules", path)
            if isinstance(about, dict) and about.get("warms") is True:
                return True
        known = True
        for name in ("get_lr", "_get_closed_form_lr", "step"):
            method = self.values.find_method(cls.scope, name)
            if method is not None:
                shape = self.rising.method(Func(method, Made(cls, call, scope)))
                if shape.rises:
                    return True
                known = known and shape.known
        return False if known else None


def is_idle(call: s.Call, scope: Scope) -> bool:
    """Whether what a call builds is put under a name of which at most fields are read, or under none."""
    bound = {name: bs for name, bs in scope.bindings.items() if any(b.value is call for b in bs)}
    if not bound:
        return any(isinstance(n, s.Evaluate) and n.value is call for n in scope.nodes)
    nodes = list(s.walk(scope.body))
    idle = {id(b.node) for bindings in bound.values() for b in bindings}
    called = {id(n.func) for n in nodes if isinstance(n, s.Call)}
    idle |= {id(n.value) for n in nodes if isinstance(n, s.Attribute) and id(n) not in called}
    return all(id(n) in idle for n in nodes if isinstance(n, s.Name) and n.text in bound)
