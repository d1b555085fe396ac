"""Statements: the interpreter of networks as a whole."""

from __future__ import annotations

from collections.abc import Callable

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.networks.bearing import bears
from gradlint.program.networks.core import Raised
from gradlint.program.networks.evaluator import Evaluator
from gradlint.program.networks.frames import Frame
from gradlint.program.networks.objects import ClassRef, Container, Fn, Obj, Options, Param, Tensor, Unknown, Value
from gradlint.program.scopes import Binding
from gradlint.program.values import Cls, Const, Made

_TURNS = 16
_AGAIN = 3
_GROWING = frozenset(["append", "extend", "insert", "update", "setdefault", "add_module", "register_module"])


class Returned(Exception):  # noqa: N818 - no error
    """A function gives its value back."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Machine(Evaluator):
    """Runs constructors and forward passes, bounded in steps.

    Raises Cut when the budget is used up, and Raised when the code that is run raises.
    """

    def run_body(self, block: s.Block, frame: Frame) -> Value:
        try:
            self.block(block, frame)
        except Returned as done:
            return done.value
        return None

    def block(self, block: s.Block | None, frame: Frame) -> str | None:
        """Runs a suite; "break" or "continue" if it ends so."""
        for stmt in block.body if block is not None else ():
            ended = self.statement(stmt, frame)
            if ended is not None:
                return ended
        return None

    def statement(self, stmt: s.Stmt, frame: Frame) -> str | None:
        self.step()
        self.at = (frame.module, stmt)
        run = _STATEMENTS.get(stmt.__class__)
        return run(self, stmt, frame) if run is not None else None

    def _evaluated(self, stmt: s.Evaluate, frame: Frame) -> None:
        self.evaluate(stmt.value, frame)

    def _assigned(self, stmt: s.Assign, frame: Frame) -> None:
        if stmt.value is not None:
            value = self.evaluate(stmt.value, frame)
            for target in stmt.targets:
                self.assign(target, value, frame)

    def _if(self, stmt: s.If, frame: Frame) -> str | None:
        return self.block(stmt.then if self._taken(stmt, frame) else stmt.orelse, frame)

    def _return(self, stmt: s.Return, frame: Frame) -> None:
        raise Returned(self.evaluate(stmt.value, frame) if stmt.value is not None else None)

    def _raise(self, stmt: s.Raise, frame: Frame) -> None:
        raise Raised

    def _jump(self, stmt: s.Jump, frame: Frame) -> str | None:
        return stmt.kind if stmt.kind != "pass" else None

    def _with(self, stmt: s.With, frame: Frame) -> str | None:
        for item, name in stmt.items:
            value = self.evaluate(item, frame)
            if name is not None:
                self.assign(name, value, frame)
        return self.block(stmt.body, frame)

    def _function(self, stmt: s.Function, frame: Frame) -> None:
        frame.vars[stmt.name] = Fn(frame.scope.inner[stmt.id], frame)

    def _class(self, stmt: s.Class, frame: Frame) -> None:
        frame.vars[stmt.name] = ClassRef(frame.scope.inner[stmt.id], frame)

    def _import(self, stmt: s.Import | s.ImportFrom, frame: Frame) -> None:
        for binding in (b for bs in list(frame.scope.bindings.values()) for b in bs if b.node is stmt):
            frame.vars[binding.name] = self._bound_value(binding, frame)

    def _deleted(self, stmt: s.Delete, frame: Frame) -> None:
        for target in stmt.targets:
            self._delete(target, frame)

    def _match(self, stmt: s.Match, frame: Frame) -> str | None:
        self.evaluate(stmt.subject, frame)
        for case in stmt.cases:
            if self.decide(hash(("case", str(frame.module.path), case.id))):
                return self.block(case.body, frame)
        return None

    def _taken(self, stmt: s.If, frame: Frame) -> bool:
        """Which branch of an `if` runs; one that would initialize layers is a choice even if a setting excludes it."""
        self.beside = self.phase == "run" and not self.bears(stmt, frame)
        try:
            value = self.evaluate(stmt.test, frame)
            taken = self.truth(value, _expected(stmt))
        finally:
            self.beside = False
        if taken or self.phase != "build" or isinstance(value, Unknown) or isinstance(stmt.test, s.Constant):
            return taken
        if frame.scope.owner is not None and self.switchable(stmt):
            params = {p.name for p in frame.scope.params}
            if all(n.text in params for n in s.walk(stmt.test) if isinstance(n, s.Name)):
                return self.decide(hash(("switch", str(frame.module.path), stmt.id)))
        return taken

    def bears(self, stmt: s.If, frame: Frame) -> bool:
        """Whether the layers that run may hang on an `if`."""
        known = self.world.bearing.get(stmt)
        if known is None:
            known = self.world.bearing[stmt] = bears(stmt, frame.scope, self.world)
        return known

    def switchable(self, stmt: s.If) -> bool:
        """Whether the branch of an option initializes layers."""
        known = self.world.switches.get(stmt)
        if known is None:
            known = self.world.switches[stmt] = self._switches(stmt)
        return known

    def _switches(self, stmt: s.If) -> bool:
        if any(isinstance(n, s.Call) for n in s.walk(stmt.test)):
            return False
        words = self.world.library.words("switches")
        tests = {n.text for n in s.walk(stmt.test) if isinstance(n, s.Name)}
        names = tests | {
            n.attr if isinstance(n, s.Attribute) else n.text
            for n in s.walk(stmt.then)
            if isinstance(n, (s.Attribute, s.Name))
        }
        return bool(tests) and any(word in name for word in words for name in names)

    # --- loops ----------------------------------------------------------------------------------

    def _for(self, stmt: s.For, frame: Frame) -> str | None:
        again = 0  # turns that ran no layer for the first time
        for item in self.iterate(self.evaluate(stmt.iter, frame)):
            self.step()
            clock, layers = self.clock, len(self.order)
            self.assign(stmt.target, item, frame)
            if self.block(stmt.body, frame) == "break":
                return None
            again = again + 1 if self.clock > clock and len(self.order) == layers else 0
            if again == _AGAIN and self.phase == "run" and not _counts(stmt):
                break  # a recurrence, or the steps of a sampler
        return self.block(stmt.orelse, frame)

    def _while(self, stmt: s.While, frame: Frame) -> str | None:
        for _ in range(_TURNS):
            value = self.evaluate(stmt.test, frame)
            known = not isinstance(value, (Unknown, Tensor))
            if known and not self.truth(value):
                break
            if self.block(stmt.body, frame) == "break" or not known:
                break
        return None

    def _try(self, stmt: s.Try, frame: Frame) -> str | None:
        try:
            ended = self.block(stmt.body, frame)
            if ended is None:
                ended = self.block(stmt.orelse, frame)
        except Raised:
            if not stmt.handlers:
                raise
            ended = self.block(stmt.handlers[0].body, frame)
        return self.block(stmt.final, frame) or ended

    # --- assignments ----------------------------------------------------------------------------

    def assign(self, target: s.Expr, value: Value, frame: Frame) -> None:
        if isinstance(target, s.Name):
            self._name(target.text, value, frame)
        elif isinstance(target, s.Attribute):
            self.store(self.evaluate(target.value, frame), target.attr, value)
        elif isinstance(target, s.Subscript):
            self.store_item(self.evaluate(target.value, frame), self.evaluate(target.index, frame), value)
        elif isinstance(target, s.Sequence):
            self._unpack(target.items, value, frame)
        elif isinstance(target, s.Starred):
            self.assign(target.value, value, frame)

    def _name(self, name: str, value: Value, frame: Frame) -> None:
        if name not in frame.scope.outer_names:
            frame.vars[name] = value
            return
        here = frame.parent
        while here is not None and name not in here.vars and here.parent is not None:
            here = here.parent
        (here or frame).vars[name] = value

    def _unpack(self, targets: tuple[s.Expr, ...], value: Value, frame: Frame) -> None:
        if isinstance(value, (Unknown, Tensor)) or not isinstance(
            value, (list, tuple, range, dict, Container, Obj, str)
        ):
            for index, target in enumerate(targets):
                self.assign(target, self.element(value, index), frame)
            return
        items = self.iterate(value)
        star = next((i for i, t in enumerate(targets) if isinstance(t, s.Starred)), None)
        if star is not None:
            behind = len(targets) - star - 1
            middle = items[star : len(items) - behind]
            items = [*items[:star], middle, *items[len(items) - behind :]]
        for index, target in enumerate(targets):
            self.assign(target, items[index] if index < len(items) else self.unknown("unpack", index), frame)

    def _update(self, stmt: s.AugAssign, frame: Frame) -> None:
        left = self.evaluate(stmt.target, frame)
        right = self.evaluate(stmt.value, frame)
        if isinstance(left, list) and stmt.op == "+":
            left.extend(self.iterate(right))
            return
        if isinstance(left, Param):
            self.mark(left)
            return
        held = left.container if isinstance(left, Obj) else left
        if isinstance(held, Container) and stmt.op == "+":
            self.extend(held, right)
            return
        self.assign(stmt.target, self.arithmetic(stmt.op, left, right), frame)

    def _delete(self, target: s.Expr, frame: Frame) -> None:
        if isinstance(target, s.Name):
            frame.vars.pop(target.text, None)
        elif isinstance(target, s.Attribute):
            value = self.evaluate(target.value, frame)
            if isinstance(value, Obj):
                value.attrs.pop(target.attr, None)
        elif isinstance(target, s.Subscript):
            value, index = self.evaluate(target.value, frame), self.evaluate(target.index, frame)
            held = value.container if isinstance(value, Obj) else value
            if isinstance(held, Container):
                names = list(held.items)
                if isinstance(index, int) and -len(names) <= index < len(names):
                    index = names[index]
                held.items.pop(str(index), None)
            elif isinstance(value, (list, dict)) and isinstance(index, (int, str)):
                try:
                    del value[index]  # type: ignore[arg-type]
                except (KeyError, IndexError):
                    raise Raised from None

    # --- code that is not run -------------------------------------------------------------------

    def grow(self, binding: Binding, frame: Frame, at: int | None) -> None:
        """Runs what code that is not run as a whole does to a list or module between its binding and a use."""
        if at is None and frame.scope.kind != "module":
            return
        body = _suite(frame.scope.body, binding)
        for stmt in body:
            if stmt.id <= binding.at or (at is not None and stmt.id > at):
                continue
            if not _changes(stmt, binding.name) or (at is not None and any(n.id == at for n in s.walk(stmt))):
                continue
            held = dict(frame.vars)
            frame.vars[binding.name] = frame.found[binding]
            try:
                self.statement(stmt, frame)
            except (Raised, Returned):
                pass
            finally:
                frame.vars.clear()
                frame.vars.update(held)

    def option(self, name: str) -> Value:
        """The default of a command line option that the project defines."""
        for call, scope in self.world.options.get(name, ())[:1]:
            default = call.arg(None, "default")
            action = call.arg(None, "action")
            if default is not None:
                return self.evaluate(default, self.lazy_frame(scope))
            if isinstance(action, s.Constant) and action.value in ("store_true", "store_false"):
                return action.value == "store_false"
        return self.unknown("option", name)

    def settle(self, expr: s.Expr, frame: Frame, found: Unknown) -> Value:
        """A name of code that is not run, by all that it may hold: one constant, or options."""
        values = self.world.values.of(expr, frame.scope)
        for value in values:
            library = value.of.path if isinstance(value, Made) and isinstance(value.of, Lib) else None
            if library is not None and self.world.library.options(library):
                return Options(library)
        known = [v for v in values if not (isinstance(v, Const) and v.value is None)]
        only = known[0] if len(known) == 1 else None
        return only.value if isinstance(only, Const) else found

    def subject(self, expr: s.Expr, frame: Frame) -> Value | None:
        """The network in question, where an expression outside of it may hold it."""
        for value in self.world.values.of(expr, frame.scope):
            if isinstance(value, Made):
                for subject in self.subjects:
                    if any(self.holds(v, subject) for v in self.world.given(value)):
                        return subject
        return None

    def holds(self, value: Made, subject: Obj | Container) -> bool:
        """Whether an instance that the project makes may be the network in question."""
        if isinstance(subject, Container):
            return subject.site is not None and value.site is subject.site.node
        if not isinstance(value.of, Cls):
            return False
        lineage = self.world.values.lineage
        return value.of.scope in lineage(subject.cls) or subject.cls in lineage(value.of.scope)


_STATEMENTS: dict[type[s.Node], Callable[..., str | None]] = {
    s.Evaluate: Machine._evaluated,
    s.Assign: Machine._assigned,
    s.If: Machine._if,
    s.Return: Machine._return,
    s.For: Machine._for,
    s.AugAssign: Machine._update,
    s.Jump: Machine._jump,
    s.With: Machine._with,
    s.While: Machine._while,
    s.Try: Machine._try,
    s.Raise: Machine._raise,
    s.Function: Machine._function,
    s.Class: Machine._class,
    s.Import: Machine._import,
    s.ImportFrom: Machine._import,
    s.Delete: Machine._deleted,
    s.Match: Machine._match,
}


def _expected(stmt: s.If) -> bool | None:
    """How an `if` is taken that would end in a `raise` otherwise."""
    if stmt.orelse is not None and isinstance(stmt.orelse.body[-1], s.Raise):
        return True
    return False if stmt.then.body and isinstance(stmt.then.body[-1], s.Raise) else None


def _counts(stmt: s.For) -> bool:
    """Whether a loop does something else in some of its turns."""
    names = {n.text for n in s.walk(stmt.target) if isinstance(n, s.Name)}
    tests = (n.test for n in s.walk(stmt.body) if isinstance(n, (s.If, s.Conditional)))
    return any(isinstance(n, s.Name) and n.text in names for test in tests for n in s.walk(test))


def _suite(body: s.Node, binding: Binding) -> tuple[s.Stmt, ...]:
    """The statements of the block that a binding stands in."""
    for node in s.walk(body, into=False):
        if isinstance(node, s.Block) and node.id == binding.block[0]:
            return node.body
    return ()


def _changes(stmt: s.Stmt, name: str) -> bool:
    """Whether a statement changes what a name holds: `name.append(…)`, `name += …`, `name[…] = …`."""
    if isinstance(stmt, (s.Function, s.Class)):
        return False
    for node in s.walk(stmt, into=False):
        if isinstance(node, s.Call) and isinstance(node.func, s.Attribute) and node.func.attr in _GROWING:
            if isinstance(node.func.value, s.Name) and node.func.value.text == name:
                return True
        elif isinstance(node, s.AugAssign) and isinstance(node.target, s.Name) and node.target.text == name:
            return True
        elif isinstance(node, s.Assign):
            for target in node.targets:
                if isinstance(target, s.Subscript) and isinstance(target.value, s.Name) and target.value.text == name:
                    return True
    return False
