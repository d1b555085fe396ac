"""What a condition asks: whether a value is finite, or a choice of the configuration, under one normal form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.reach import is_network
from gradlint.program.scopes import Binding, Scope
from gradlint.program.values import Bound, Const, Func, Made, Unknown, Values
from gradlint.records import dataclass

Subject = tuple[s.Expr, Scope]  # what is tested, and where it stands

_DEPTH = 4
_NONFINITE = ("nan", "inf", "infinity")
_OPPOSITE = {"is not": "is", "!=": "==", "not in": "in"}


@dataclass(frozen=True, slots=True)
class Finite:
    """A test for non-finite values.

    `bad_when` is the outcome that means "not finite", None if it cannot be told; `subjects` are the names
    that are tested; `gradients` says that gradients or their norm are tested.
    """

    bad_when: bool | None
    subjects: frozenset[str]
    gradients: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition without `and`, `or`, `not`; equal keys are equal conditions.

    `flipped`: the code asks for the opposite of the key. `config`: it does not change while the function trains.
    `names` are what it reads; an assignment to one of them makes it a new condition.
    """

    key: tuple[Scope, str]
    flipped: bool
    config: bool
    names: frozenset[str]
    finite: Finite | None
    constant: bool | None


class Conditions:
    """Reads conditions; all questions are about one scope's expressions."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.vocabulary = values.vocabulary
        self._methods: dict[Module, dict[str, set[str]]] = {}
        self._subjects: dict[tuple[s.Node, Scope, int], tuple[Subject, ...]] = {}
        self._lights: dict[tuple[s.Node, Scope, int], frozenset[str]] = {}

    def leaf(self, test: s.Expr, scope: Scope) -> Leaf:
        flipped = False
        text = s.text(test)
        if isinstance(test, s.Compare) and len(test.ops) == 1 and test.ops[0] in _OPPOSITE:
            flipped = True
            text = f"({s.text(test.left)} {_OPPOSITE[test.ops[0]]} {s.text(test.rights[0])})"
        finite = self.finite(test, scope)
        if finite is not None and flipped and finite.bad_when is not None:
            finite = Finite(not finite.bad_when, finite.subjects, finite.gradients)
        names = frozenset(s.text(n) for n in s.walk(test) if isinstance(n, (s.Name, s.Attribute, s.Subscript)))
        constant = bool(test.value) if isinstance(test, s.Constant) else None
        if _asks_for_gradient(test):
            constant = False
        return Leaf((_home(scope, text), text), flipped, self.config(test, scope), names, finite, constant)

    # --- finite tests -------------------------------------------------------------------------

    def finite(self, expr: s.Expr, scope: Scope, depth: int = _DEPTH) -> Finite | None:
        """Whether the expression tests something for NaN or infinity."""
        subjects = self._predicates(expr, scope, depth)
        if not subjects:
            return None
        names: set[str] = set()
        gradients = False
        for subject, where in subjects:
            names |= self.light(subject, where)
            names |= self._ancestors(subject, where)
            gradients = gradients or self.from_norm(subject, where)
        return Finite(self._polarity(expr, scope, depth), frozenset(names), gradients)

    def _predicates(self, expr: s.Node, scope: Scope, depth: int) -> tuple[Subject, ...]:
        """What an expression, or what its names were computed from, tests for non-finite values."""
        key = (expr, scope, depth)
        known = self._subjects.get(key)
        if known is None:
            known = self._subjects[key] = tuple(self._tests(expr, scope, depth))
        return known

    def _tests(self, expr: s.Node, scope: Scope, depth: int) -> Iterator[Subject]:
        for node in s.walk(expr):
            if isinstance(node, s.Call):
                tested = self._tested(node, scope)
                if tested is not None:
                    yield tested, scope
                elif depth > 0:
                    yield from self._inside_function(node, scope, depth)
            elif isinstance(node, s.Compare) and len(node.ops) == 1:
                if (node.ops[0] in ("!=", "==") and s.text(node.left) == s.text(node.rights[0])) or self.infinite(
                    node.rights[0], scope
                ):
                    yield node.left, scope
                elif (spelled := _spelled_out(node)) is not None:
                    yield spelled, scope
            elif isinstance(node, s.Name) and depth > 0:
                for value, where in self.sources(node, scope):
                    yield from self._predicates(value, where, depth - 1)

    def _tested(self, call: s.Call, scope: Scope) -> s.Expr | None:
        """What a call tests for non-finite values, if that is what it does."""
        func = call.func
        kind = self.vocabulary.entry("nonfinite_names", s.last_name(func))
        if not kind:
            return None
        functions = self.values.of(func, scope)
        if any(isinstance(f, Lib) and self.vocabulary.entry("nonfinite", f.path) is not None for f in functions):
            return call.args[0].value if call.args else None
        if any(isinstance(f, Func) for f in functions):
            return None
        if kind == "overflow":
            return call
        if functions and all(isinstance(f, Lib) for f in functions):
            return call.args[0].value if call.args else None  # what an unknown library's does is told by its name
        return func.value if isinstance(func, s.Attribute) else None

    def _inside_function(self, call: s.Call, scope: Scope, depth: int) -> tuple[Subject, ...]:
        """A project function that tests its arguments: what it is given is tested."""
        func = call.func
        if not isinstance(func, (s.Name, s.Attribute)):
            return ()
        for value in self.values.of(func, scope):
            if not isinstance(value, Func) or value.scope is scope:
                continue
            inner = self._inner_tests(value.scope, depth)
            if inner:
                given = tuple((a.value, scope) for a in call.args)
                return (*given, *inner) if any(self.from_norm(subject, where) for subject, where in inner) else given
        return ()

    def _inner_tests(self, function: Scope, depth: int) -> list[Subject]:
        out: list[Subject] = []
        for stmt in function.returns:
            if stmt.value is not None:
                out += self._predicates(stmt.value, function, depth - 2)
        if not out and function.returns and depth > 1:
            for node in function.nodes:
                if isinstance(node, s.If):
                    out += self._predicates(node.test, function, 0)
        return out

    def _polarity(self, expr: s.Expr, scope: Scope, depth: int) -> bool | None:
        """What the expression's truth says: True, it is not finite; False, it is; None, unclear."""
        if isinstance(expr, s.Unary) and expr.op in ("not", "~"):
            inner = self._polarity(expr.value, scope, depth)
            return None if inner is None else not inner
        if isinstance(expr, s.Call):
            return self._call_polarity(expr, scope, depth)
        if isinstance(expr, s.Compare) and len(expr.ops) == 1:
            return self._compare_polarity(expr, scope, depth)
        if isinstance(expr, (s.Boolean, s.Binary)):
            sides = {self._polarity(p, scope, depth) for p in (expr.left, expr.right)} - {None}
            return sides.pop() if len(sides) == 1 else None
        if isinstance(expr, s.Comprehension):
            return self._polarity(expr.element, scope, depth)
        if isinstance(expr, (s.Attribute, s.Subscript)):  # `(loss != loss).data`, `torch.isnan(losses)[0]`
            return self._polarity(expr.value, scope, depth)
        if isinstance(expr, s.Name) and depth > 0:
            answers = {self._polarity(v, w, depth - 1) for v, w in self.sources(expr, scope)}
            return answers.pop() if len(answers) == 1 else None
        return None

    def _call_polarity(self, call: s.Call, scope: Scope, depth: int) -> bool | None:
        func = call.func
        if self._tested(call, scope) is not None:
            name = s.last_name(func)
            return self.vocabulary.entry("nonfinite_names", name) != "good"
        if isinstance(func, s.Attribute) and not call.args:
            return self._polarity(func.value, scope, depth)
        if len(call.args) >= 1:
            return self._polarity(call.args[0].value, scope, depth)
        return None

    def _compare_polarity(self, expr: s.Compare, scope: Scope, depth: int) -> bool | None:
        op, right = expr.ops[0], expr.rights[0]
        if s.text(expr.left) == s.text(right):
            return op == "!="
        if self.infinite(right, scope):
            return op in ("==", "in", ">=", "is")
        if _spelled_out(expr) is not None:
            return op in ("==", "in")
        inner = self._polarity(expr.left, scope, depth)
        if inner is None or not isinstance(right, s.Constant):
            return None
        if (op in ("==", "is") and not right.value) or (op == "<" and right.value in (1, 0.5)):
            return not inner
        if (op in ("!=", "is not", ">") and not right.value) or (op in ("==", "is", ">=") and right.value in (True, 1)):
            return inner
        return None

    def infinite(self, expr: s.Expr, scope: Scope) -> bool:
        parts = expr.items if isinstance(expr, s.Sequence) else (expr,)
        for part in parts:
            if isinstance(part, s.Call) and s.dotted(part.func) == "float" and part.args:
                text = part.args[0].value
                if isinstance(text, s.Constant) and isinstance(text.value, str) and "inf" in text.value.lower():
                    return True
            if isinstance(part, (s.Name, s.Attribute)):
                for value in self.values.of(part, scope):
                    if isinstance(value, Lib) and self.vocabulary.entry("infinities", value.path) is not None:
                        return True
        return False

    # --- where values come from ---------------------------------------------------------------

    def light(self, expr: s.Expr | None, scope: Scope, depth: int = _DEPTH) -> frozenset[str]:
        """The names that a value is computed from by arithmetic, reductions and the like, not by a network."""
        if expr is None or depth == 0:
            return frozenset()
        key = (expr, scope, depth)
        known = self._lights.get(key)
        if known is None:
            known = self._lights[key] = frozenset(self._light(expr, scope, depth))
        return known

    def _light(self, expr: s.Expr, scope: Scope, depth: int) -> set[str]:
        out: set[str] = set()
        if isinstance(expr, (s.Name, s.Attribute)):
            out |= self.texts(expr)
            if isinstance(expr, s.Attribute):
                out |= self._holder(expr.value, scope)
        elif isinstance(expr, s.Subscript):
            out |= self.texts(expr) | self.light(expr.value, scope, depth)
        elif isinstance(expr, s.Call):
            if isinstance(expr.func, s.Attribute) and isinstance(expr.func.value, s.Name):
                out |= self._holder(expr.func.value, scope)
            elif isinstance(expr.func, s.Attribute):
                out |= self.light(expr.func.value, scope, depth)
            positional = [a for a in expr.args if not a.keyword]
            if len(positional) == 1 and not self._is_network(expr.func, scope):
                out |= self.light(positional[0].value, scope, depth - 1)
        elif isinstance(expr, (s.Binary, s.Boolean)):
            out |= self.light(expr.left, scope, depth) | self.light(expr.right, scope, depth)
        elif isinstance(expr, s.Compare):
            out |= self.light(expr.left, scope, depth)
        elif isinstance(expr, (s.Unary, s.Starred, s.Await)):
            out |= self.light(expr.value, scope, depth)
        elif isinstance(expr, s.Conditional):
            out |= self.light(expr.then, scope, depth) | self.light(expr.orelse, scope, depth)
        elif isinstance(expr, s.Sequence):
            for item in expr.items:
                out |= self.light(item, scope, depth)
        elif isinstance(expr, s.Comprehension):
            out |= self.light(expr.element, scope, depth)
            for clause in expr.clauses:
                out |= self.light(clause.iter, scope, depth)
        return out

    def _holder(self, expr: s.Expr, scope: Scope) -> frozenset[str]:
        """The texts of what an attribute is taken from: a loss of `loss.data`, but no module."""
        if isinstance(expr, s.Name):
            home = scope.lookup(expr.text)
            bound = home.bindings.get(expr.text, ()) if home is not None else ()
            if any(b.kind == "import" for b in bound):
                return frozenset()
        return self.texts(expr)

    def _is_network(self, called: s.Expr, scope: Scope) -> bool:
        """Whether what is called is a network, or what a function is given to call: its result is something new."""
        held = self.values.of(called, scope)
        if any(is_network(v, self.values) for v in held):
            return True
        return bool(held) and all(isinstance(v, (Made, Unknown)) for v in held)

    def texts(self, expr: s.Expr) -> frozenset[str]:
        """A name's own text, and that of what it is an item of."""
        if isinstance(expr, s.Subscript):
            return frozenset([s.text(expr)]) | self.texts(expr.value)
        if isinstance(expr, (s.Name, s.Attribute)):
            return frozenset([s.text(expr)])
        return frozenset()

    def _ancestors(self, expr: s.Expr, scope: Scope, depth: int = _DEPTH) -> frozenset[str]:
        """The names that the tested value was computed from: `value = loss.item()` tests `loss`."""
        out: set[str] = set()
        if depth == 0:
            return frozenset()
        for node in s.walk(expr):
            if isinstance(node, s.Name):
                for value, where in self.sources(node, scope):
                    if where is scope:
                        out |= self.light(value, scope) | self._ancestors(value, scope, depth - 1)
        return frozenset(out)

    def summands(self, expr: s.Expr, scope: Scope, depth: int = _DEPTH) -> frozenset[str]:
        """The names that a loss is computed from by arithmetic and library functions, up to what a network gives."""
        out: set[str] = set()
        named = self.light(expr, scope) if depth else frozenset()
        for node in s.walk(expr):
            if isinstance(node, s.Name) and node.text in named:
                for value, where in self.sources(node, scope):
                    if where is scope and all(self._is_arithmetic(call, scope) for call in s.calls(value)):
                        out |= self.light(value, scope) | self.summands(value, scope, depth - 1)
        return frozenset(out)

    def _is_arithmetic(self, call: s.Call, scope: Scope) -> bool:
        """Whether a call computes with what it is given: a reduction, a library's function, a builtin."""
        if isinstance(call.func, s.Attribute) and not call.args:
            return True
        if isinstance(call.func, s.Name) and scope.lookup(call.func.text) is None:
            return True
        held = self.values.of(call.func, scope)
        return bool(held) and all(isinstance(v, Lib) for v in held)

    def sources(self, name: s.Name, scope: Scope) -> list[tuple[s.Expr, Scope]]:
        """What a local name was assigned, or updated with."""
        home = scope.lookup(name.text)
        if home is None or home.kind == "class":
            return []
        out: list[tuple[s.Expr, Scope]] = []
        bindings = home.reaching(name.text, name.id if home is scope else None, 6)[:6]
        assigned = (b.value for b in bindings if b.kind in ("value", "update", "element"))
        put = (x.value for x in home.module.item_stores.get(name.text, ()) if x.scope is home)
        out += [(value, home) for value in (*assigned, *put) if value is not None]
        for call, where in scope.module.calls.get("update", ()):
            if where is home and isinstance(call.func, s.Attribute) and s.text(call.func.value) == name.text:
                out.extend((a.value, home) for a in call.args)
        return out

    def from_norm(self, expr: s.Expr, scope: Scope, depth: int = _DEPTH) -> bool:
        """Whether a value is a gradient, a norm of gradients, or computed from one."""
        if depth == 0:
            return False
        for node in s.walk(expr):
            if isinstance(node, s.Attribute) and node.attr == "grad":
                return True
            if isinstance(node, s.Call):
                if self.vocabulary.entry("nonfinite_names", s.last_name(node.func)) == "overflow":
                    return True
                for value in self.values.of(node.func, scope):
                    path = self._path(value)
                    event = self.vocabulary.event(path) if path else None
                    if event is not None and event.does == "clip":
                        return True
                    if isinstance(value, Func) and self._reads_gradients(value.scope):
                        return True
            if isinstance(node, s.Name):
                for value_expr, where in self.sources(node, scope):
                    if self.from_norm(value_expr, where, depth - 1):
                        return True
                home = scope.lookup(node.text)
                if home is not None and self._is_gradient_list(node.text, home):
                    return True
        return False

    def _is_gradient_list(self, name: str, home: Scope) -> bool:
        return any(
            isinstance(b.value, s.Expr)
            and any(isinstance(n, s.Attribute) and n.attr == "grad" for n in s.walk(b.value))
            for b in home.bindings.get(name, [])
        )

    def _reads_gradients(self, scope: Scope) -> bool:
        return any(isinstance(n, s.Attribute) and n.attr == "grad" for n in s.walk(scope.body)) or any(
            name.startswith("clip_grad") for name in (s.text(c.func).rpartition(".")[2] for c in s.calls(scope.body))
        )

    def _path(self, value: object) -> str | None:
        if isinstance(value, Lib):
            return value.path
        if isinstance(value, Bound):
            for base in self.values.bases_of(value.receiver):
                if self.vocabulary.event(f"{base}.{value.name}") is not None:
                    return f"{base}.{value.name}"
        return None

    # --- configuration ------------------------------------------------------------------------

    def config(self, test: s.Expr, scope: Scope, depth: int = 3) -> bool:
        """Whether a condition is settled before training: it reads only what the training does not change."""
        # `config` in `config.train.clip`: what is asked is a field of an object, not the object itself.
        holders = {n.value.id for n in s.walk(test) if isinstance(n, s.Attribute)}
        tables = {n.value.id for n in s.walk(test) if isinstance(n, s.Subscript) and _is_name(n.index)}
        for node in s.walk(test):
            if isinstance(node, s.Binary) and node.op == "%":
                return False
            if isinstance(node, s.Call) and not self._computes(node, scope):
                return False
            if isinstance(node, s.Name) and not self._settled(
                node, scope, depth, held=node.id in holders, table=node.id in tables
            ):
                return False
            if isinstance(node, s.Attribute) and isinstance(node.value, s.Name) and self._changes(node, scope):
                return False
        return True

    def _computes(self, call: s.Call, scope: Scope) -> bool:
        """Whether what a call gives depends on its arguments alone: `len(x)`, `exists(x)` of the project or unseen."""
        name = s.dotted(call.func)
        if name is None:
            return False
        if self.vocabulary.entry("pure", name.rpartition(".")[2]) is not None:
            return True
        if not isinstance(call.func, s.Name) or all(isinstance(a.value, s.Constant) for a in call.args):
            return False
        return all(
            self._is_formula(v.scope)
            if isinstance(v, Func)
            else isinstance(v, Lib) and not self.vocabulary.knows(v.path)
            for v in self.values.of(call.func, scope)
        )

    def _is_formula(self, function: Scope) -> bool:
        """Whether a function does nothing but return what it computes of its parameters by pure calls."""
        params = {p.name for p in function.params}
        body = function.body.body if isinstance(function.body, s.Block) else (function.body,)
        return all(
            isinstance(stmt, s.Return)
            and stmt.value is not None
            and all(
                (not isinstance(n, s.Name) or n.text in params or function.lookup(n.text) is None)
                and (not isinstance(n, s.Call) or self.vocabulary.entry("pure", s.last_name(n.func)) is not None)
                for n in s.walk(stmt.value)
            )
            for stmt in body
            if not (isinstance(stmt, s.Evaluate) and isinstance(stmt.value, s.Constant))
        )

    def _settled(self, name: s.Name, scope: Scope, depth: int, *, held: bool = False, table: bool = False) -> bool:
        """Whether a name keeps its value while the code around trains.

        `held` for the object behind a field, `table` for what an entry is taken from by its name.
        """
        home = scope.lookup(name.text)
        if home is None:
            return True
        bindings = home.reaching(name.text, name.id if home is scope else None)
        if any(b.loop is not None and _varies(b) for b in bindings):
            return False
        for binding in bindings:
            if binding.kind == "param" and home.kind == "function" and home.self_name != name.text and depth > 0:
                if not held and not self._settled_argument(home, binding, depth, table=table):
                    return False
            elif binding.kind == "value" and isinstance(binding.value, s.Call) and depth > 0 and not held:
                if home.kind == "function" and not self.config(binding.value, home, depth - 1):
                    if not (table and self._is_read(binding.value, home, depth)):
                        return False
        return True

    def _is_read(self, call: s.Call, scope: Scope, depth: int) -> bool:
        """Whether a function, which is no network, gives something by settings alone: `load_config(args.config)`."""
        fields = {n.value.id for n in s.walk(call) if isinstance(n, s.Attribute)}
        given = [n for a in call.args for n in s.walk(a.value) if isinstance(n, s.Name)]
        return not any(isinstance(v, (Made, Unknown)) for v in self.values.of(call.func, scope)) and all(
            self._settled(n, scope, depth - 1, held=n.id in fields) for n in given
        )

    def _settled_argument(self, function: Scope, binding: Binding, depth: int, *, table: bool = False) -> bool:
        """Whether every caller passes something that it does not change while it loops."""
        param = binding.node
        if not isinstance(param, s.Param):
            return True
        for call, where in self.values.callers(function)[:4]:
            given = call.arg(None, param.name)
            if given is None:
                index = [p.name for p in function.params].index(param.name)
                if function.owner is not None and not function.static:
                    index -= 1
                given = call.arg(index) if index >= 0 else None
            if isinstance(given, s.Name) and not self._settled(given, where, depth - 1, table=table):
                return False
        return True

    def _changes(self, attribute: s.Attribute, scope: Scope) -> bool:
        """Whether an attribute of `self` is assigned outside `__init__`, to something that is no constant of setup."""
        method = scope.function
        while method is not None and method.owner is None:
            method = method.parent.function if method.parent else None
        if method is None or not isinstance(attribute.value, s.Name) or attribute.value.text != method.self_name:
            return False
        assert method.owner is not None
        stores = [x for x in self.values.self_stores(method.owner, attribute.attr) if x.scope.name != "__init__"]
        return any(x.kind == "update" or (x.scope is method and len(stores) > 0) for x in stores)

    def methods_on(self, receiver: s.Expr, scope: Scope) -> frozenset[str]:
        """The methods that the file calls, and the attributes that it reads, on what is written the same way."""
        module = scope.module
        table = self._methods.get(module)
        if table is None:
            table = self._methods[module] = defaultdict(set)
            for node in module.nodes:
                if isinstance(node, s.Attribute):
                    table[s.text(node.value)].add(node.attr)
        return frozenset(table.get(s.text(receiver), ()))


def instance_name(scope: Scope) -> str | None:
    """What the method around a piece of code calls its instance."""
    method = scope.function
    while method is not None and method.self_name is None and method.parent is not None:
        method = method.parent.function
    return method.self_name if method is not None else None


def _spelled_out(test: s.Compare) -> s.Expr | None:
    """What is tested for NaN or infinity by how it is written: `loss` of `str(loss) == "nan"`, `"nan" in str(loss)`."""
    left, right = test.left, test.rights[0]
    if test.ops[0] not in ("==", "!=", "in", "not in"):
        return None
    written, texts = (right, left) if isinstance(left, s.Constant) else (left, right)
    if not isinstance(written, s.Call) or s.dotted(written.func) not in ("str", "repr") or len(written.args) != 1:
        return None
    parts = texts.items if isinstance(texts, s.Sequence) else (texts,)
    named = (p.value.lower() for p in parts if isinstance(p, s.Constant) and isinstance(p.value, str))
    return written.args[0].value if any(name.lstrip("+-") in _NONFINITE for name in named) else None


def _asks_for_gradient(test: s.Expr) -> bool:
    """Whether a condition is that a parameter has no gradient (or, turned round, that it has): what learns has."""
    if not isinstance(test, s.Compare) or test.ops[0] not in ("is", "is not"):
        return False
    right = test.rights[0]
    return isinstance(right, s.Constant) and right.value is None and s.text(test.left).endswith(".grad")


def _is_name(index: s.Expr) -> bool:
    """Whether an entry is taken out of a table by its name: `config["fp16"]`."""
    return isinstance(index, s.Constant) and isinstance(index.value, str)


def _home(scope: Scope, text: str) -> Scope:
    """Conditions on `self` are one in all methods of the class; others are the function's own."""
    method = scope.function
    if method is not None and method.owner is not None and method.self_name is not None:
        if text.lstrip("(").startswith(f"{method.self_name}."):
            return method.owner
    return scope


def _varies(binding: Binding) -> bool:
    return not isinstance(binding.value, s.Constant) or binding.kind != "value"


def constant_truth(expr: s.Expr | None) -> bool | None:
    """What a literal is worth as a condition."""
    if isinstance(expr, s.Constant) and isinstance(expr.value, (bool, type(None))):
        return bool(expr.value)
    return None


__all__ = ["Conditions", "Const", "Finite", "Leaf", "Made", "constant_truth"]
