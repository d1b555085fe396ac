"""At what pace a warmup moves on: how long it takes, where it starts, and how often its scheduler is stepped."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.optimizers import Cause
from gradlint.program.places import loops_around
from gradlint.program.schedulers import is_idle
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Const, Func, Values
from gradlint.records import dataclass
from gradlint.vocabulary import Plain, operand

_CALLERS = 3  # through how many functions the loop is looked for that the optimizer steps in
_NAMES = 5  # through how many names a length is followed
_THROUGH = ("float", "int", "round", "max", "min", "abs")

Loop = s.For | s.While


@dataclass(frozen=True, slots=True)
class Round:
    """That a scheduler is stepped once where its optimizer is several times: in `loop`, not in those `inside` of it."""

    call: s.Call
    scope: Scope
    loop: Loop
    inside: tuple[tuple[Loop, Scope], ...]


@dataclass(frozen=True, slots=True)
class Warmup:
    """A warmup of one update's learning rate.

    `length` is the number of steps it takes and `first` what the rate is multiplied by before the first, where the
    code fixes them; `told` are the expressions, each with its scope, that say how long it takes, `function` the one
    that it follows, if it does; `idle`: nothing steps it.
    """

    cause: Cause
    length: int | None
    first: float | None
    told: tuple[tuple[s.Expr, Scope], ...]
    function: Scope | None
    idle: bool

    def counts(self, found: Round, values: Values) -> str | None:
        """What its length counts that the loops inside of a round go through; None if that does not show."""
        for expr, scope in self.told:
            for sized, where in _sized(expr, scope, _NAMES):
                for loop, home in found.inside:
                    if isinstance(loop, s.For) and any(
                        _same(sized, where, part, home, values)
                        for part in s.walk(loop.iter)
                        if isinstance(part, (s.Name, s.Attribute))
                    ):
                        return s.text(sized)
        return None


def warmups(update: Update) -> Iterator[Warmup]:
    """The warmups of libraries, or by a function, that an update's learning rate is given."""
    values = update.program.values
    for cause in update.schedule.causes:
        made = cause.made
        if made is None or not isinstance(made.of, Lib) or made.site is None or made.scope is None:
            continue
        idle = is_idle(made.site, made.scope)
        about = values.vocabulary.about("rises", made.of.path)
        if not isinstance(about, dict) or not (cause.warms or idle):
            continue
        if "function" in about:
            found = _by_function(about, made.site, made.scope, values)
        else:
            found = _by_arguments(about, made.site, made.scope, values)
        if found is not None:
            yield Warmup(cause, *found, idle)


def epochwise(warmup: Warmup, values: Values) -> bool:
    """Whether a warmup is handed to a framework that steps it once an epoch, in words that say nothing else."""
    made = warmup.cause.made
    function = made.scope.function if made is not None and made.scope is not None else None
    words = values.vocabulary.entry("epochwise", function.name) if function is not None else None
    if function is None or not isinstance(words, (list, tuple)):
        return False
    said = [node.value for node in s.walk(function.body) if isinstance(node, s.Constant)]
    said += [arg.keyword for call in s.calls(function.body) for arg in call.args]
    return not any(word in said for word in words)


def rounds(update: Update, cause: Cause) -> list[Round]:
    """Where a warmup is stepped, if each of its steps is one for several of the optimizer's."""
    found: list[Round] = []
    assert cause.made is not None
    for call, scope in update.program.schedules.moved(cause):
        here = None if call.args else _round(update, call, scope)
        if here is None:
            return []
        found.append(here)
    return found


def times(loop: Loop, scope: Scope, values: Values) -> int | None:
    """How often a loop over `range` runs, where the code fixes it."""
    call = loop.iter if isinstance(loop, s.For) else None
    while isinstance(call, s.Call) and s.last_name(call.func) not in ("range", "trange") and call.args:
        call = call.args[0].value
    if not isinstance(call, s.Call) or not 1 <= len(call.args) <= 2:
        return None
    ends = [number(arg.value, scope, values) for arg in call.args]
    last, start = ends[-1], ends[0] if len(ends) == 2 else 0
    return None if last is None or start is None else max(0, int(last - start))


def number(expr: s.Expr, scope: Scope, values: Values) -> float | None:
    """The number that an expression holds, be it an option's default."""
    held = {v.value for v in values.of(expr, scope) if isinstance(v, Const)}
    plain = [v for v in held if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return plain[0] if len(plain) == 1 and len(held) == 1 else None


# --- how long, and from where ---------------------------------------------------------------------

_Found = tuple[int | None, float | None, tuple[tuple[s.Expr, Scope], ...], Scope | None]


def _by_arguments(about: dict[str, Plain], call: s.Call, scope: Scope, values: Values) -> _Found | None:
    told = [_given(about, key, call) for key in ("length", "batches")]
    said = tuple((expr, scope) for expr in told if expr is not None)
    starred = any(arg.star for arg in call.args)
    length = None
    if told[0] is not None:
        length = number(told[0], scope, values)
    elif isinstance(about.get("default"), (int, float)) and not starred:
        length = float(str(about["default"]))
    start = _given(about, "from", call)
    first = number(start, scope, values) if start is not None else None if starred else about.get("first")
    if length == 0 or (first is not None and not (isinstance(first, (int, float)) and first < 1)):
        return None
    return (int(length) if length is not None else None), (float(first) if first is not None else None), said, None


def _given(about: dict[str, Plain], key: str, call: s.Call) -> s.Expr | None:
    place = operand(about[key]) if key in about else None
    return call.arg(place.position, place.keyword) if place is not None else None


def _by_function(about: dict[str, Plain], call: s.Call, scope: Scope, values: Values) -> _Found | None:
    """A warmup whose function of the step divides it by the number of steps."""
    given = _given(about, "function", call)
    found = [v for v in values.of(given, scope) if isinstance(v, Func)] if given is not None else []
    if len(found) != 1:
        return None
    home = found[0].scope
    names = [p.name for p in home.params if p.name != home.self_name]
    if not names or len(home.bindings[names[0]]) != 1:
        return None
    divided = [
        (_bare(node.right), home)
        for node in home.nodes
        if isinstance(node, s.Binary) and node.op == "/" and _is(_bare(node.left), names[0])
    ]
    lengths = {number(expr, where, values) for expr, where in divided} - {None}
    length = lengths.pop() if len(lengths) == 1 else None
    zero = vanishes(home, names[0])
    return (int(length) if length is not None else None), (0.0 if zero else None), tuple(divided), home


def _bare(expr: s.Expr) -> s.Expr:
    """What is rounded or kept above a bound: `warmup` for `float(max(1, warmup))`."""
    while isinstance(expr, s.Call) and isinstance(expr.func, s.Name) and expr.func.text in _THROUGH:
        parts = [arg.value for arg in expr.args if not isinstance(arg.value, s.Constant)]
        if len(parts) != 1:
            return expr
        expr = parts[0]
    return expr


def _is(expr: s.Expr, name: str) -> bool:
    return isinstance(expr, s.Name) and expr.text == name


def vanishes(scope: Scope, name: str) -> bool:
    """Whether a function of one number gives 0 for 0, on the way that small numbers take."""
    if isinstance(scope.node, s.Lambda):
        return _zero(scope.node.body, name)
    for stmt in scope.body.body if isinstance(scope.body, s.Block) else ():
        if isinstance(stmt, s.Return):
            return stmt.value is not None and _zero(stmt.value, name)
        if isinstance(stmt, s.If) and _below(stmt.test, name):
            last = stmt.then.body[-1]
            return isinstance(last, s.Return) and last.value is not None and _zero(last.value, name)
        if not isinstance(stmt, (s.Assign, s.Evaluate)):
            return False
    return False


def _below(test: s.Expr, name: str) -> bool:
    """`step < …`, or `step <= …`."""
    return isinstance(test, s.Compare) and test.ops[0] in ("<", "<=") and len(test.ops) == 1 and _is(test.left, name)


def _zero(expr: s.Expr, name: str) -> bool:
    """Whether an expression is 0 where the name is; everything else in it is taken to be above 0."""
    if isinstance(expr, s.Name):
        return expr.text == name
    if isinstance(expr, s.Constant):
        return expr.value in (0, 0.0) and not isinstance(expr.value, bool)
    if isinstance(expr, s.Binary):
        left, right = _zero(expr.left, name), _zero(expr.right, name)
        if expr.op == "*":
            return left or right
        if expr.op == "+":
            return left and right
        if expr.op == "**":
            return left and isinstance(expr.right, s.Constant)
        return left and expr.op in ("/", "//")
    if isinstance(expr, s.Conditional):
        return _below(expr.test, name) and _zero(expr.then, name)
    if isinstance(expr, s.Call) and s.last_name(expr.func) in ("float", "int", "sqrt", "sin", "tanh"):
        return bool(expr.args) and _zero(expr.args[0].value, name)
    if isinstance(expr, s.Call) and s.last_name(expr.func) in ("min", "minimum"):
        return any(_zero(arg.value, name) for arg in expr.args)
    if isinstance(expr, s.Call) and s.last_name(expr.func) in ("max", "maximum"):
        return all(_zero(arg.value, name) for arg in expr.args)
    return False


# --- what is counted ------------------------------------------------------------------------------


def _sized(expr: s.Expr, scope: Scope, depth: int) -> Iterator[tuple[s.Expr, Scope]]:
    """What `len` is taken of in the factors of a number, through names."""
    if isinstance(expr, s.Call) and _is(expr.func, "len") and len(expr.args) == 1:
        yield expr.args[0].value, scope
    elif isinstance(expr, s.Call):
        for arg in expr.args:
            yield from _sized(arg.value, scope, depth)
    elif isinstance(expr, s.Binary):
        yield from _sized(expr.left, scope, depth)
        if expr.op in ("*", "+"):
            yield from _sized(expr.right, scope, depth)
    elif isinstance(expr, s.Name) and depth:
        home = scope.lookup(expr.text)
        for binding in home.reaching(expr.text, expr.id if home is scope else None) if home is not None else ():
            if binding.kind == "value" and binding.value is not None and not binding.path and home is not None:
                yield from _sized(binding.value, home, depth - 1)


def _same(one: s.Expr, here: Scope, other: s.Expr, there: Scope, values: Values) -> bool:
    """Whether two expressions hold the same: one name in one place, or the same values."""
    if s.text(one) == s.text(other):
        top = s.text(one).partition(".")[0]
        if here.lookup(top) is there.lookup(top) or here.owner is there.owner is not None:
            return True
    return not values.of(one, here).isdisjoint(values.of(other, there))


# --- how often ------------------------------------------------------------------------------------


def _round(update: Update, call: s.Call, scope: Scope) -> Round | None:
    loops = loops_around(scope, call)
    if not loops:
        return None
    for way in _ways(update, update.scope, update.node, scope, _CALLERS):
        shared = way[: len(loops)]
        if len(way) > len(loops) and all(a is b for a, (b, _) in zip(loops, shared, strict=True)):
            return Round(call, scope, loops[-1], way[len(loops) :])
    return None


def _ways(
    update: Update, here: Scope, node: s.Node, goal: Scope, depth: int
) -> Iterator[tuple[tuple[Loop, Scope], ...]]:
    """The loops between a function and the step that it leads to, outermost first."""
    own = tuple((loop, here) for loop in loops_around(here, node))
    if here is goal:
        yield own
    elif depth:
        for call, where in update.program.values.callers(here):
            for outer in _ways(update, where, call, goal, depth - 1):
                yield (*outer, *own)
