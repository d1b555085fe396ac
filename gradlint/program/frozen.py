"""Which networks the code freezes, so that no update changes them."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.scopes import Scope
from gradlint.program.truth import truth
from gradlint.program.values import Cls, Const, Func, Made, Value, Values, argument_position

Key = tuple[Cls | Lib, s.Call | None]
_FLAG, _CALL = "requires_grad", "requires_grad_"
_HOPS = 6


class Frozen:
    """The networks whose parameters the project switches off, everywhere and for good."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._keys: frozenset[Key] | None = None
        self._here: dict[Scope, frozenset[Value]] = {}

    def holds(self, made: Made) -> bool:
        """Whether a network is frozen as a whole, or all but for a few named parameters."""
        if self._keys is None:
            self._keys = frozenset()
            self._keys = self._find()
        return (made.of, made.site) in self._keys

    def holds_in(self, made: Made, scope: Scope) -> bool:
        """Whether one function freezes a network that others get from the same place and train."""
        known = self._here.get(scope)
        if known is None:
            known = self._here[scope] = frozenset(self._frozen_in(scope))
        return made in known

    def _frozen_in(self, scope: Scope) -> Iterator[Value]:
        if not isinstance(scope.body, s.Block):
            return
        for stmt, guards in _guarded(scope.body, ()):
            for target, value in _switches(stmt):
                off = value is not None and self.values.of(value, scope) == frozenset([Const(False)])
                if not off or not self._always(guards, target, scope):
                    continue
                for binding in scope.bindings.get(target.text, ()) if isinstance(target, s.Name) else ():
                    call = binding.value
                    if binding.kind == "element" and isinstance(call, s.Call) and isinstance(call.func, s.Attribute):
                        yield from self.values.of(call.func.value, scope)

    def _find(self) -> frozenset[Key]:
        frozen: set[Key] = set()
        trained: set[Key] = set()
        for module in self.values.files.mentioning(_FLAG):
            for scope in module.scopes:
                if scope.kind != "class" and isinstance(scope.body, s.Block):
                    for stmt, guards in _guarded(scope.body, ()):
                        self._statement(stmt, guards, scope, frozen, trained)
        frozen.update(self._unrecorded())
        return frozenset(frozen - trained)

    def _unrecorded(self) -> Iterator[Key]:
        """The parts of networks that are only ever run where no gradients are recorded."""
        for name, _ in self.values.vocabulary.entries("unrecorded"):
            for module in self.values.files.mentioning(name.rpartition(".")[2]):
                for owner in (scope for scope in module.scopes if scope.kind == "class"):
                    methods = [m for m in owner.inner.values() if m.kind == "function" and m.self_name is not None]
                    inside: set[str] = set()
                    outside: set[str] = set()
                    for method in methods:
                        self._runs(method, name, inside, outside)
                    for attr in sorted(inside - outside):
                        for store in self.values.self_stores(owner, attr):
                            if store.value is not None:
                                yield from self._made(store.value, store.scope, _HOPS)

    def _runs(self, method: Scope, name: str, inside: set[str], outside: set[str]) -> None:
        """Adds the attributes of the instance that a method calls inside such regions, and outside of them."""
        nodes = list(s.walk(method.body))
        regions = [
            node
            for node in nodes
            if isinstance(node, s.With)
            and any(isinstance(i, s.Call) and Lib(name) in self.values.of(i.func, method) for i, _ in node.items)
        ]
        held = {call for region in regions for call in s.calls(region.body)}
        for node in nodes:
            func = node.func if isinstance(node, s.Call) else None
            if isinstance(func, s.Attribute) and isinstance(func.value, s.Name) and func.value.text == method.self_name:
                (inside if node in held else outside).add(func.attr)

    def _statement(
        self, stmt: s.Stmt, guards: tuple[tuple[s.Expr, bool], ...], scope: Scope, frozen: set[Key], trained: set[Key]
    ) -> None:
        for target, value in _switches(stmt):
            flags = self.values.of(value, scope) if value is not None else frozenset([Const(True)])
            switched_on = not flags or any(f != Const(False) for f in flags)
            parameters = self._parameters(target, scope)
            if switched_on:
                if all(f in (Const(True), Const(False)) for f in flags):
                    trained.update(parameters)
            elif self._always(guards, target, scope):
                frozen.update(parameters)
            elif isinstance(target, s.Name) and len(guards) == 1 and guards[0][1]:
                frozen.update(self._picked(target, guards[0][0], scope))

    def _parameters(self, target: s.Expr, scope: Scope) -> Iterator[Key]:
        """The networks whose parameters `p` of `p.requires_grad` are, or that `net.requires_grad_()` is called on."""
        if isinstance(target, s.Name):
            home = scope.lookup(target.text)
            bindings = home.reaching(target.text, target.id if home is scope else None) if home is not None else []
            looped = [b.value for b in bindings if b.kind == "element" and b.value is not None]
            if looped:
                yield from (key for value in looped for key in self._holders(value, scope))
                return
        yield from self._made(target, scope, _HOPS)

    def _picked(self, target: s.Name, test: s.Expr, scope: Scope) -> Iterator[Key]:
        """The parts that a test on the parameters' names picks: `if name.startswith("encoder")`."""
        names = _siblings(target, scope)
        picked = _named(test, names)
        home = scope.lookup(target.text)
        for binding in home.bindings.get(target.text, ()) if home is not None and picked is not None else ():
            call = binding.value
            if binding.kind == "element" and isinstance(call, s.Call) and isinstance(call.func, s.Attribute):
                yield from self._made(s.Attribute(call.id, call.func.value, picked or ""), scope, _HOPS)

    def _holders(self, parameters: s.Expr, scope: Scope) -> Iterator[Key]:
        """The networks of `a.parameters()`, `chain(a.parameters(), b.parameters())`."""
        if isinstance(parameters, s.Call):
            if isinstance(parameters.func, s.Attribute) and not parameters.args:
                yield from self._made(parameters.func.value, scope, _HOPS)
            for arg in parameters.args:
                yield from self._holders(arg.value, scope)

    def _made(self, expr: s.Expr, scope: Scope, hops: int) -> Iterator[Key]:
        """The networks that an expression holds and nothing else does: no copies, nothing built by a shared helper."""
        if hops == 0:
            return
        if isinstance(expr, s.Name):
            home = scope.lookup(expr.text)
            for binding in home.reaching(expr.text, expr.id if home is scope else None) if home is not None else ():
                if binding.kind == "param" and isinstance(binding.node, s.Param) and home is not None:
                    for call, where in self.values.callers(home):
                        bound = home.owner is not None and not home.static
                        given = call.arg(argument_position(home, binding.node, bound=bound), binding.name)
                        if given is not None:
                            yield from self._made(given, where, hops - 1)
                elif binding.value is not None and home is not None and not binding.path:
                    yield from self._made(binding.value, home, hops - 1)
        elif isinstance(expr, s.Attribute):
            for holder in self.values.of(expr.value, scope):
                if isinstance(holder, Made) and isinstance(holder.of, Cls):
                    for owner in self.values.lineage(holder.of.scope):
                        for store in self.values.self_stores(owner, expr.attr):
                            if store.value is not None:
                                yield from self._made(store.value, store.scope, hops - 1)
        elif isinstance(expr, s.Call):
            yield from self._built(expr, scope, hops)

    def _built(self, call: s.Call, scope: Scope, hops: int) -> Iterator[Key]:
        made = [v for v in self.values.of(call, scope) if isinstance(v, Made)]
        if any(v.site is call for v in made):
            yield from ((v.of, v.site) for v in made)
            return
        func = call.func
        if isinstance(func, s.Attribute) and set(made) & self.values.of(func.value, scope):
            yield from self._made(func.value, scope, hops - 1)  # `net.to(device)`
        elif any(isinstance(f, Func) and len(self.values.callers(f.scope)) == 1 for f in self.values.of(func, scope)):
            yield from ((v.of, v.site) for v in made)

    def _always(self, guards: tuple[tuple[s.Expr, bool], ...], target: s.Expr, scope: Scope) -> bool:
        """Whether what the statement stands under is always so, or leaves out only some parameters by name."""
        looped = {target.text} if isinstance(target, s.Name) else set()
        looped |= _siblings(target, scope)
        for test, taken in guards:
            if any(isinstance(n, s.Name) and n.text in looped for n in s.walk(test)):
                if _excludes(test) is not taken:
                    return False
            elif truth(self.values, test, scope, None) is not taken:
                return False
        return True


def _switches(stmt: s.Stmt) -> Iterator[tuple[s.Expr, s.Expr | None]]:
    """`p.requires_grad = value` and `x.requires_grad_(value)` in a statement: what is switched, and the value."""
    if isinstance(stmt, s.Assign):
        for target in stmt.targets:
            if isinstance(target, s.Attribute) and target.attr == _FLAG:
                yield target.value, stmt.value
    elif isinstance(stmt, s.Evaluate):
        for call in s.calls(stmt.value, into=False):
            if isinstance(call.func, s.Attribute) and call.func.attr == _CALL:
                yield call.func.value, call.arg(0, _FLAG)


def _siblings(target: s.Expr, scope: Scope) -> set[str]:
    """The other variables of the loop that gives the parameter: `for name, p in net.named_parameters()`."""
    if not isinstance(target, s.Name):
        return set()
    for node in scope.nodes:
        if isinstance(node, s.For):
            names = {n.text for n in s.walk(node.target) if isinstance(n, s.Name)}
            if target.text in names:
                return names
    return set()


def _named(test: s.Expr, names: set[str]) -> str | None:
    """The attribute whose parameters a test on their names picks."""
    text: s.Expr | None = None
    if isinstance(test, s.Call) and isinstance(test.func, s.Attribute) and test.func.attr == "startswith":
        if isinstance(test.func.value, s.Name) and test.func.value.text in names:
            text = test.arg(0)
    elif isinstance(test, s.Compare) and test.ops == ("in",):
        if isinstance(test.rights[0], s.Name) and test.rights[0].text in names:
            text = test.left
    if isinstance(text, s.Constant) and isinstance(text.value, str):
        return text.value.rstrip(".")
    return None


def _excludes(test: s.Expr) -> bool | None:
    """True if a test on a name leaves some names out (`not in`), False if it picks some; None for another test."""
    if isinstance(test, s.Unary) and test.op == "not":
        inner = _excludes(test.value)
        return None if inner is None else not inner
    if isinstance(test, s.Compare) and len(test.ops) == 1:
        if test.ops[0] in ("not in", "!="):
            return True
        return False if test.ops[0] in ("in", "==") else None
    if isinstance(test, s.Call) and isinstance(test.func, (s.Attribute, s.Name)):
        return False
    if isinstance(test, s.Boolean):
        left, right = _excludes(test.left), _excludes(test.right)
        return left if left is right else None
    return None


def _guarded(
    block: s.Block, guards: tuple[tuple[s.Expr, bool], ...]
) -> Iterator[tuple[s.Stmt, tuple[tuple[s.Expr, bool], ...]]]:
    """Each statement of a function with the tests under which it runs."""
    for stmt in block.body:
        yield stmt, guards
        if isinstance(stmt, s.If):
            yield from _guarded(stmt.then, (*guards, (stmt.test, True)))
            if stmt.orelse is not None:
                yield from _guarded(stmt.orelse, (*guards, (stmt.test, False)))
        elif isinstance(stmt, (s.For, s.While, s.With, s.Try)):
            yield from _guarded(stmt.body, guards)
