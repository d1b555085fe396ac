"""What the code says of an optimizer: its learning rate, its betas, and whether it warms up by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.rising import says_warmup
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls, Const, Items, Made, Option, Table, Unknown, Values, ValueSet
from gradlint.records import dataclass
from gradlint.vocabulary import Plain, operand

# What an optimizer is, where it is built and, where a network's method builds it, where that network is built.
Key = tuple[Cls | Lib, s.Call | None, s.Call | None]
Keys = frozenset[Key]


def share(some: Keys, others: Keys) -> bool:
    """Whether two sets of optimizers have one in common; one built by a method of an unknown network is any of its."""
    return any(a[:2] == b[:2] and (a[2] is b[2] or a[2] is None or b[2] is None) for a in some for b in others)


def _origin(optimizer: Made) -> s.Call | None:
    """Where the network is built whose method builds the optimizer."""
    receiver = optimizer.context.receiver if optimizer.context is not None else None
    return receiver.site if isinstance(receiver, Made) else None


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that moves the learning rate: where it stands, what it is, and whether it warms up."""

    module: Module
    node: s.Node
    what: str
    warms: bool | None
    scope: Scope
    made: Made | None = None


class Optimizers:
    """Reads facts of optimizers from how they are built."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def is_optimizer(self, value: Made) -> bool:
        return any(self.values.vocabulary.role(p) in ("optimizer", "engine") for p in self.values.bases_of(value))

    def held(self, expr: s.Expr, scope: Scope) -> Keys:
        """The optimizers that an expression may hold."""
        held = self.values.of(expr, scope)
        return self.keys(held | self.values.elements(held))

    def keys(self, held: ValueSet) -> Keys:
        out: set[Key] = set()
        for value in held:
            while isinstance(value, Made) and not self.is_optimizer(value) and value.receiver is not None:
                value = value.receiver
            if isinstance(value, Made) and value.site is not None and self.is_optimizer(value):
                out.add((value.of, value.site, _origin(value)))
        return frozenset(out)

    def among(self, call: s.Call, scope: Scope) -> Keys:
        """The optimizers among a call's arguments."""
        return frozenset(k for a in call.args if not isinstance(a.value, s.Constant) for k in self.held(a.value, scope))

    def own(self, made: Made) -> Cause | None:
        """An optimizer that needs no warmup, or has its own."""
        if made.site is None or made.scope is None:
            return None
        if isinstance(made.of, Cls):
            named = next((n for owner in self.values.lineage(made.of.scope) for n in warm_names(owner.node)), None)
            if named is not None:
                return Cause(made.of.scope.module, made.of.scope.node, f"`{made.of.scope.name}`", True, made.of.scope)
            paths: tuple[str, ...] = (*self.values.library_bases(made.of.scope), *self._namesakes(made.of.scope.name))
        else:
            paths = (made.of.path,)
        for path in paths:
            about = self.values.vocabulary.about("optimizers", path)
            if isinstance(about, dict) and self._exempt(about, made):
                return Cause(made.scope.module, made.site, f"`{short(path)}`", True, made.scope)
        return None

    def _namesakes(self, name: str) -> Iterator[str]:
        """The optimizers of libraries that go by the name of a project's own: a copy keeps the name of the method."""
        return (path for path, _ in self.values.vocabulary.entries("optimizers") if path.rpartition(".")[2] == name)

    def _exempt(self, about: dict[str, Plain], made: Made) -> bool:
        if made.site is None or made.scope is None:
            return False
        if "count" in about:
            return self.counts(about, made.site, made.scope) is not False
        unless = about.get("unless")
        if isinstance(unless, list):
            place = operand(unless[:2])
            given = made.site.arg(place.position, place.keyword)
            if given is not None and self.values.of(given, made.scope) == frozenset([Const(_plain(unless[2]))]):
                return False
        return about.get("warms") is True

    def rate(self, mades: Iterable[Made]) -> float | None:
        """The literal learning rate, if all have the same."""
        rates = {self._number(made, "rate", "default_rate") for made in mades}
        return rates.pop() if len(rates) == 1 else None

    def given_rate(self, made: Made) -> float | None:
        """The learning rate of an optimizer where it can be one figure only."""
        about = self._about(made)
        place = operand(about.get("rate"))
        given = made.site.arg(place.position, place.keyword) if made.site is not None else None
        if given is None or made.scope is None:
            return None
        held = {v for v in self.values.of(given, made.scope, made.context) if not isinstance(v, (Option, Unknown))}
        return self._number(made, "rate", "default_rate") if len(held) == 1 else None

    def highest(self, made: Made, clipped: bool) -> float | None:
        """The learning rate above which an optimizer's steps throw the weights away, where there is a common one.

        Where the gradients are clipped, an optimizer whose steps are as long as they are bears more.
        """
        about = self._about(made)
        found = about.get("highest_clipped" if clipped and "highest_clipped" in about else "highest")
        return float(found) if isinstance(found, (int, float)) else None

    def beta2(self, mades: Iterable[Made]) -> float | None:
        found = {self._second_beta(made) for made in mades}
        return found.pop() if len(found) == 1 else None

    def _second_beta(self, made: Made) -> float | None:
        about = self._about(made)
        if "betas" not in about or made.site is None or made.scope is None:
            return None
        place = operand(about["betas"])
        given = made.site.arg(place.position, place.keyword)
        if given is None:
            default = about.get("default_beta2")
            return float(default) if isinstance(default, (int, float)) else None
        pairs = [v for v in self.values.of(given, made.scope) if isinstance(v, Items) and len(v.parts) > 1]
        second = {v for pair in pairs for v in pair.parts[1]}
        numbers = {v.value for v in second if isinstance(v, Const) and isinstance(v.value, (int, float))}
        return float(numbers.pop()) if len(numbers) == 1 else None

    def _about(self, made: Made) -> dict[str, Plain]:
        for path in self.values.bases_of(made):
            about = self.values.vocabulary.about("optimizers", path)
            if isinstance(about, dict):
                return about
        return {}

    def _number(self, made: Made, key: str, default: str) -> float | None:
        about = self._about(made)
        if key not in about or made.site is None or made.scope is None:
            return None
        place = operand(about[key])
        given = made.site.arg(place.position, place.keyword)
        if place.keyword is not None and self._is_in_groups(made, place.keyword):
            return None  # each group has its own
        if given is None:
            fallback = about.get(default)
            starred = any(a.star for a in made.site.args)
            return float(fallback) if isinstance(fallback, (int, float)) and not starred else None
        numbers = [v.value for v in self.values.of(given, made.scope) if isinstance(v, Const)]
        plain = [n for n in numbers if isinstance(n, (int, float)) and not isinstance(n, bool)]
        return float(plain[0]) if len(plain) == 1 else None

    def _is_in_groups(self, made: Made, key: str) -> bool:
        """Whether the groups of parameters that an optimizer is given bring a setting with them."""
        given = made.site.arg(0, "params") if made.site is not None else None
        if given is None or made.scope is None:
            return False
        groups = self.values.elements(self.values.of(given, made.scope, made.context))
        return any(isinstance(group, Table) and any(name == key for name, _ in group.items) for group in groups)

    def counts(self, about: dict[str, Plain], call: s.Call, scope: Scope) -> bool | None:
        """Whether a call is given warmup steps: not only where the code fixes their number to zero."""
        place = operand(about["count"])
        given = call.arg(place.position, place.keyword)
        if given is None:
            if any(a.star for a in call.args) or "default" not in about:
                return None
            return about["default"] not in (0, -1)
        return is_zero(self.values.of(given, scope)) is not True


def is_zero(values: ValueSet) -> bool | None:
    """Whether a number is zero wherever it is known; None if the user chooses it or nothing is known."""
    if any(isinstance(v, (Option, Unknown)) for v in values):
        return None
    numbers = [v.value for v in values if isinstance(v, Const)]
    return all(n in (0, None) for n in numbers) if numbers and len(numbers) == len(values) else None


def _plain(value: Plain) -> s.Literal:
    return value if isinstance(value, (str, int, float, bool)) else None


def short(path: str) -> str:
    return path.rpartition(".")[2]


def warm_names(node: s.Node) -> Iterator[str]:
    """The identifiers of a class that speak of a warmup."""
    for below in s.walk(node):
        name = ""
        if isinstance(below, s.Name):
            name = below.text
        elif isinstance(below, s.Attribute):
            name = below.attr
        elif isinstance(below, s.Param):
            name = below.name
        if says_warmup(name):
            yield name
