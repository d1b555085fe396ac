"""Calls: which of them do something to gradients, by what is known of their functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradlint.program import syntax as s
from gradlint.program.flow.items import Act, Invoke, Item, Leave
from gradlint.program.flow.manual import Manual, unpartial
from gradlint.program.names import Lib
from gradlint.program.reach import networks_in
from gradlint.program.values import NOTHING, Bound, Cls, Func, Made, Partial, Unknown, Value, ValueSet
from gradlint.vocabulary import Event

_TARGETS = 8  # of how many functions, and instances, that a call may run each is followed


class Calls(Manual):
    """Makes items of calls."""

    def call(self, call: s.Call) -> Iterator[Item]:
        method = call.func.attr if isinstance(call.func, s.Attribute) else None
        functions = self.values.of(call.func, self.scope)
        projects = self._projects(functions)
        act = self._library_act(call, functions)
        if act is None and method is not None and isinstance(call.func, s.Attribute) and not projects:
            act = self._unresolved_act(call, call.func, functions)
        if act is not None:
            yield from self._closures(call)
            yield act
            if act.does == "exit":
                yield Leave("exit")
            return
        manual = self._manual_call(call)
        if manual is not None:
            yield manual
            return
        if not projects and functions <= NOTHING and any(_takes_parameters(a.value) for a in call.args):
            projects = self.flows.clipper()
        unique = tuple({f.scope: f for f in projects}.values())
        if unique:
            yield Invoke(call, self.scope, unique[:_TARGETS])
            return
        yield from self._closures(call)
        built = frozenset(f for f in functions if isinstance(f, Lib) and self.vocabulary.role(f.path) == "optimizer")
        if built:
            yield Act("new", call, self.scope, optimizers=frozenset(Made(f, call, self.scope) for f in built))

    def _projects(self, functions: ValueSet) -> tuple[Func, ...]:
        """The project's functions among what is called, and the methods that calling an instance runs."""
        plain: list[Func] = []
        methods: list[Func] = []
        for value in functions:
            function = unpartial(value)
            if isinstance(function, Func):
                plain.append(function)
            elif (
                isinstance(value, Made)
                and len(functions) <= _TARGETS
                and (method := self._called_method(value)) is not None
            ):
                methods.append(method)
        return (*plain, *methods)

    def _called_method(self, instance: Made) -> Func | None:
        """What calling an instance runs; a module's forward pass only where its file tests for non-finite values."""
        method = self.values.method(instance, "__call__")
        if method is not None:
            return method
        forward = self.values.method(instance, "forward")
        return forward if forward is not None and self.flows.asks_finite(forward.scope.module) else None

    def _closures(self, call: s.Call) -> Iterator[Item]:
        """Project functions handed to a library call that may run them: `optimizer.step(closure)`."""
        for arg in call.args:
            if self._may_be_function(arg.value):
                held = self.values.of(arg.value, self.scope)
                found = tuple({f.scope: f for f in held if isinstance(f, Func) and f.scope is not self.scope}.values())
                if found and all(f.scope.module is self.scope.module for f in found):
                    yield Invoke(s.Call(call.id, arg.value, ()), self.scope, found[:4])

    def _may_be_function(self, expr: s.Expr) -> bool:
        if isinstance(expr, s.Lambda):
            return True
        name = expr.text if isinstance(expr, s.Name) else expr.attr if isinstance(expr, s.Attribute) else None
        return name in self.scope.module.functions

    def _library_act(self, call: s.Call, functions: ValueSet) -> Act | None:
        for function in functions:
            path, owner = self._path(function)
            if path is None:
                continue
            event = self.vocabulary.event(path)
            if event is not None:
                return self._act(call, event, owner)
        return None

    def _path(self, function: Value) -> tuple[str | None, ValueSet]:
        """The library symbol that is called, with the object that it is a method of."""
        if isinstance(function, Partial):
            function = function.function
        if isinstance(function, Lib):
            return function.path, frozenset()
        if isinstance(function, Bound):
            for base in self.values.bases_of(function.receiver):
                if self.vocabulary.event(f"{base}.{function.name}") is not None:
                    return f"{base}.{function.name}", frozenset([function.receiver])
        if isinstance(function, Func) and function.receiver is not None:  # a library's method, overridden
            for base in self.values.bases_of(function.receiver):
                event = self.vocabulary.event(f"{base}.{function.scope.name}")
                if event is not None and event.does in ("step", "zero"):
                    return f"{base}.{function.scope.name}", frozenset([function.receiver])
        if isinstance(function, Made) and isinstance(function.of, Lib):
            return f"{function.of.path}.__call__", frozenset([function])
        if isinstance(function, Cls):  # a class of the project that inherits a framework's training
            for base in self.values.library_bases(function.scope):
                event = self.vocabulary.event(base)
                if event is not None and event.does == "implicit":
                    return base, frozenset()
        return None, frozenset()

    def _unresolved_act(self, call: s.Call, func: s.Attribute, functions: ValueSet) -> Act | None:
        """A method of an object whose class cannot be found, judged by what else the code calls on it."""
        if func.attr == "backward":
            event = self.vocabulary.event("torch.Tensor.backward")
            held = self.values.of(func.value, self.scope)
            if event is not None and not any(isinstance(v, Func) for v in functions):
                named = self._event_of_owner(held, func.attr)
                act = self._act(call, named or event, held)
                return act if named is not None or act is None else self._of_engine(act, call, func.value)
        if functions and not all(isinstance(f, (Unknown, Bound)) for f in functions):
            return None
        held = self.values.of(func.value, self.scope)
        if any(self.vocabulary.role(base) for v in held for base in self.values.bases_of(v)):
            return None
        duck = self.vocabulary.ducks(self._methods_on(func.value))
        if duck is None and func.attr == "step" and not call.args and self._steps_first(call, func):
            duck = self.vocabulary.optimizer
        if duck is None:
            return None
        event = self.vocabulary.event(f"{duck}.{func.attr}")
        return self._act(call, event, held) if event is not None else None

    def _of_engine(self, act: Act, call: s.Call, receiver: s.Expr) -> Act:
        """`engine.backward(loss)`: what nothing here computes is given the loss, and is not it."""
        loss = call.arg(None, "loss")
        if loss is None:
            if len(call.args) != 1 or call.args[0].keyword or call.args[0].star:
                return act
            home = self.scope.lookup(receiver.text) if isinstance(receiver, s.Name) else None
            if home is not None and any(b.kind != "param" for b in home.bindings[s.text(receiver)]):
                return act
            loss = call.args[0].value
        names = self.conditions.texts(loss) | self.conditions.light(loss, self.scope)
        return replace(act, operand=loss, names=names)

    def _steps_first(self, call: s.Call, func: s.Attribute) -> bool:
        """Whether this is the first unresolved `.step()` after a backward pass, and nothing known steps there."""
        own = [c for c, where in self.scope.module.calls.get("step", ()) if where is self.scope]
        for other in own:
            for value in self.values.of(other.func, self.scope):
                path, _ = self._path(value)
                event = self.vocabulary.event(path) if path else None
                if event is not None and event.does == "step":
                    return False
        starts = [c.id for c, where in self.scope.module.calls.get("backward", ()) if where is self.scope]
        last = max((start for start in starts if start < call.id), default=None)
        if last is None:
            return False
        later = min((c for c in own if c.id > last and not c.args), key=lambda c: c.id)
        return s.text(later.func) == s.text(func)

    def _event_of_owner(self, held: ValueSet, attr: str) -> Event | None:
        for value in held:
            for base in self.values.bases_of(value):
                found = self.vocabulary.event(f"{base}.{attr}")
                if found is not None:
                    return found
        return None

    def _methods_on(self, receiver: s.Expr) -> frozenset[str]:
        return self.conditions.methods_on(receiver, self.scope)

    def _act(self, call: s.Call, event: Event, owner: ValueSet) -> Act | None:
        receiver = call.func.value if isinstance(call.func, s.Attribute) else None

        def operand(name: str) -> s.Expr | None:
            place = event.operands.get(name)
            if place is None:
                return None
            if place.keyword == "self":
                return receiver
            return call.arg(place.position, place.keyword)

        optimizer = operand("optimizer")
        optimizers: ValueSet = frozenset()
        if optimizer is not None:
            optimizers = self.values.of(optimizer, self.scope)
            optimizers |= self.values.elements(optimizers)
        parameters = operand("parameters") or operand("model")
        networks = networks_in(parameters, self.scope, self.values) if parameters is not None else frozenset()
        loss = operand("loss") or operand("subject")
        if (
            event.does == "step"
            and isinstance(call.func, s.Attribute)
            and call.func.attr == "step"
            and optimizer is None
        ):
            return None
        names: frozenset[str] = frozenset()
        if loss is not None:
            names = self.conditions.texts(loss) | self.conditions.light(loss, self.scope)
            if event.does == "backward":
                names |= self.conditions.summands(loss, self.scope)
        return Act(
            event.does,
            call,
            self.scope,
            event,
            loss or optimizer or parameters or operand("subject"),
            receiver,
            optimizers,
            networks,
            owner,
            names,
            operand("bound"),
        )


def _takes_parameters(expr: s.Expr) -> bool:
    """Whether an argument is what `.parameters()` of something gives."""
    return isinstance(expr, s.Call) and isinstance(expr.func, s.Attribute) and expr.func.attr.endswith("parameters")
