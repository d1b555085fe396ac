"""What every search for values needs: what is known, what is being looked for, and how far it may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import field

from gradlint.program import syntax as s
from gradlint.program.names import Lib, Meaning, Package
from gradlint.program.project import Files
from gradlint.program.scopes import Binding, Scope
from gradlint.program.spelling import spellings
from gradlint.program.values.objects import NONE, Bound, Cls, Const, Context, Func, Made, Told, Value, ValueSet
from gradlint.program.values.order import Order, Ranked, V
from gradlint.records import dataclass
from gradlint.vocabulary import Vocabulary

_DEPTH = 48
WIDTH = 24
WIDE = 64  # how many modules, classes, or instances of such that one call makes may be followed
_UNCUT = 1 << 30
_FUEL = 4000  # how many steps one question may take
_SIMPLE = frozenset([s.Constant, s.Name])


@dataclass(slots=True)
class _Stack:
    keys: dict[object, int] = field(default_factory=dict)
    cut: int = _UNCUT


@dataclass(slots=True, eq=False)
class Search:
    """A search for callers under way: how many were found when they were asked for meanwhile, and what was known then.

    `since` is a place in the journal.
    """

    seen: int | None = None
    since: int = 0


class Core:
    """Remembers what was found, and bounds the search."""

    def __init__(self, files: Files, vocabulary: Vocabulary) -> None:
        self.files = files
        self.vocabulary = vocabulary
        self._memo: dict[object, ValueSet] = {}
        self._stack = _Stack()
        self._provisional: dict[object, ValueSet] = {}
        self._fuel = _FUEL
        self._given_up: set[object] = set()
        self._searches: dict[Scope, Search] = {}
        self._journal: list[object] = []  # what was remembered while they went on
        self._contexts: dict[object, Context] = {}
        self._numbers: dict[Value, int] = {}
        self._libraries: dict[str, ValueSet] = {}
        self._order = Order()

    def of(self, expr: s.Expr, scope: Scope, context: Context | None = None) -> ValueSet:
        """What the expression, standing in `scope`, may hold."""
        key = (expr, context)
        known = self._memo.get(key)
        if known is None:
            known = self._at_hand(expr, scope, context) if expr.__class__ in _SIMPLE else None
            if known is None:
                return self._guarded(key, self._of, expr, scope, context)
            self._memo[key] = known
        return known

    def was_cut(self, expr: s.Expr) -> bool:
        """Whether the search for what an expression holds was given up at a bound."""
        return (expr, None) in self._given_up

    def spelled(self, expr: s.Expr, scope: Scope, context: Context | None = None) -> frozenset[str]:
        """The texts that an expression may give, `*` for what is not known of them."""
        return spellings(expr, lambda part: [v.value for v in self.of(part, scope, context) if isinstance(v, Const)])

    def context(
        self,
        scope: Scope,
        args: tuple[tuple[str, ValueSet], ...] = (),
        receiver: Value | None = None,
        depth: int = 1,
        parent: Context | None = None,
        *,
        partial: bool = False,
        told: tuple[Told, ...] = (),
    ) -> Context:
        """The context of a call; the same for the same values."""
        key = (scope, args, receiver, parent, partial, told)
        known = self._contexts.get(key)
        if known is None:
            number = len(self._contexts)
            known = self._contexts[key] = Context(scope, args, receiver, depth, parent, partial, told, number)
        return known

    def _guarded(self, key: object, compute: Callable[..., ValueSet], *args: object) -> ValueSet:
        """What `compute` gives, computed once.

        What was cut off at something still being computed holds for the current question only.
        """
        known = self._memo.get(key)
        if known is None and self._provisional:
            known = self._provisional.get(key)
        if known is not None:
            return known
        stack = self._stack
        being = stack.keys
        place = being.get(key)
        if place is not None:
            stack.cut = min(stack.cut, place)
            return NONE
        depth = len(being)
        if depth == 0:
            self._fuel = _FUEL
        self._fuel -= 1
        if depth > _DEPTH or self._fuel < 0:
            self._given_up.add(next(iter(being), key))
            stack.cut = -1
            return NONE
        outer, stack.cut = stack.cut, _UNCUT
        being[key] = depth
        try:
            result = compute(*args)
        finally:
            being.popitem()  # what was put last
        if len(result) > WIDTH and not _is_choice(result):
            result = Ranked(self._order.of(result)[:WIDTH], self._order)
        elif len(result) > 1:
            result = self.ranked(result)
        if self._searches:
            self._journal.append(key)
        if stack.cut >= depth or depth == 0:
            self._memo[key] = result
            stack.cut = outer
        else:
            self._provisional[key] = result
            stack.cut = min(stack.cut, outer)
        if depth == 0:
            self._provisional.clear()
            stack.cut = _UNCUT
        return result

    def _number(self, value: Value) -> int:
        """A number that stands for a value in keys: quicker to compare than what a value consists of."""
        return self._numbers.setdefault(value, len(self._numbers))

    def _library(self, path: str) -> ValueSet:
        """A library's symbol, under the one spelling that it is known by."""
        known = self._libraries.get(path)
        if known is None:
            known = self._libraries[path] = frozenset([Lib(self.vocabulary.canonical(path))])
        return known

    def _union(self, sets: Iterable[ValueSet]) -> ValueSet:
        out: set[Value] = set()
        for values in sets:
            out |= values
        if len(out) > 2 * WIDTH and not _is_choice(out):
            # by rank, not by what came first: sets have another order in each run
            out = set(self._order.of(frozenset(out))[: 2 * WIDTH])
        return self.ranked(out)

    def ordered(self, values: Iterable[V]) -> list[V]:
        """The values in an order that is the same in every run."""
        return self._order.sorted(values)

    def ranked(self, values: Set[Value]) -> ValueSet:
        """The values as a set that is gone through in the same order in every run."""
        if len(values) < 2:
            return frozenset(values)
        return values if isinstance(values, Ranked) else Ranked(values, self._order)

    # --- what the later layers do -----------------------------------------------------------------

    def _of(self, expr: s.Expr, scope: Scope, context: Context | None) -> ValueSet:
        raise NotImplementedError

    def _at_hand(self, expr: s.Expr, scope: Scope, context: Context | None) -> ValueSet | None:
        raise NotImplementedError

    def binding(self, binding: Binding, scope: Scope, context: Context | None) -> ValueSet:
        raise NotImplementedError

    def meaning(self, found: Meaning) -> ValueSet:
        raise NotImplementedError

    def attribute(self, value: Value, name: str) -> ValueSet:
        raise NotImplementedError

    def returned(self, function: Func, context: Context | None) -> ValueSet:
        raise NotImplementedError

    def _option(self, value: Made, name: str) -> ValueSet:
        raise NotImplementedError


def _is_choice(values: Set[Value]) -> bool:
    """Whether values are few, those that one name chooses among taken for one: modules, classes, their instances.

    More than one instance of a class counts for more, since arguments multiply with each call.
    """
    if len(values) > WIDE:
        return False
    alike: Counter[tuple[object, object]] = Counter()
    others = 0
    for value in values:
        if isinstance(value, Made):
            alike[value.site, _kind(value)] += 1
        elif isinstance(value, Bound):
            alike[value.name, _kind(value.receiver)] += 1
        elif isinstance(value, (Package, Cls)):
            alike[type(value), value] += 1
        else:
            others += 1
    most: dict[object, int] = {}
    for (place, _), count in alike.items():
        most[place] = max(most.get(place, 0), count)
    return others + sum(most.values()) <= WIDTH


def _kind(value: Value | None) -> object:
    """What a value is an instance of, or what it was taken from is."""
    while isinstance(value, (Made, Bound)):
        if isinstance(value, Made) and (value.receiver is None or isinstance(value.of, Cls)):
            return value.of
        value = value.receiver
    return value
