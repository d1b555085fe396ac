"""The choices under which code runs: the settings that the branches around it ask for, and those around its callers."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.conditions import Conditions
from gradlint.program.scopes import Scope
from gradlint.program.values import Made, Values
from gradlint.records import dataclass

_CALLERS = 8
_CLIMB = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer to one question about a setting; the same text is the same question.

    Where it asks whether `setting` is, or holds, one `name`, another name is another choice.
    """

    text: str
    answer: bool
    setting: str | None = None
    name: str = ""

    def excludes(self, other: Choice) -> bool:
        """Whether no configuration answers both so."""
        if self.text == other.text:
            return self.answer is not other.answer
        if not (self.answer and other.answer) or self.setting is None or self.setting != other.setting:
            return False
        return self.name not in other.name and other.name not in self.name


Choices = frozenset[Choice]


def possible(made: Made, node: s.Node, scope: Scope, conditions: Conditions, values: Values) -> bool:
    """Whether what is built at one place may be used at another: not where each way there chooses otherwise."""
    if made.site is None or made.scope is None:
        return True
    chosen = around(made.site, made.scope, conditions)
    return not chosen or any(
        not any(one.excludes(other) for one in chosen for other in way)
        for way in ways(node, scope, conditions, values, _CLIMB)
    )


def ways(node: s.Node, scope: Scope, conditions: Conditions, values: Values, climb: int) -> Iterator[Choices]:
    """The choices on each way to a node, those of the functions that lead to it included."""
    own = around(node, scope, conditions)
    calls = [(call, where) for call, where in values.callers(scope)[:_CALLERS] if where is not scope] if climb else []
    if not calls or scope.kind == "module":
        yield own
    for call, where in calls:
        for way in ways(call, where, conditions, values, climb - 1):
            yield own | way


def apart(one: s.Node, other: s.Node, scope: Scope, conditions: Conditions) -> bool:
    """Whether two places of a function are in branches of which only one is taken, whatever the configuration."""
    here, there = (around(node, scope, conditions, named=True) for node in (one, other))
    return any(mine.excludes(theirs) for mine in here for theirs in there)


def around(node: s.Node, scope: Scope, conditions: Conditions, named: bool = False) -> Choices:
    """The settings that the branches around a node in its own function ask for.

    Args:
        named: whether settings under plain names count too, which are the same in this function alone.
    """
    found: set[Choice] = set()
    for stmt in scope.nodes:
        if isinstance(stmt, s.If):
            if _holds(stmt.then, node):
                found.update(_asked(stmt.test, True, scope, conditions, named))
            elif stmt.orelse is not None and _holds(stmt.orelse, node):
                found.update(_asked(stmt.test, False, scope, conditions, named))
    return frozenset(found)


def _holds(block: s.Block, node: s.Node) -> bool:
    return block.id <= node.id and any(inner is node for inner in s.walk(block))


def _asked(test: s.Expr, answer: bool, scope: Scope, conditions: Conditions, named: bool) -> Iterator[Choice]:
    """What a test tells where it comes out so: of `a and b` that is false, nothing."""
    if isinstance(test, s.Unary) and test.op == "not":
        yield from _asked(test.value, not answer, scope, conditions, named)
    elif isinstance(test, s.Boolean):
        if (test.op == "and") is answer:
            yield from _asked(test.left, answer, scope, conditions, named)
            yield from _asked(test.right, answer, scope, conditions, named)
    else:
        leaf = conditions.leaf(test, scope)
        if leaf.config and (named or any(isinstance(inner, s.Attribute) for inner in s.walk(test))):
            yield Choice(leaf.key[1], answer is not leaf.flipped, *_named(test))


def _named(test: s.Expr) -> tuple[str | None, str]:
    """The setting that is compared with a name, and the name."""
    if not isinstance(test, s.Compare) or len(test.ops) != 1:
        return None, ""
    left, right = test.left, test.rights[0]
    if test.ops[0] in ("in", "not in") or isinstance(left, s.Constant):
        left, right = right, left
    if test.ops[0] in ("==", "!=", "in", "not in") and isinstance(right, s.Constant) and isinstance(right.value, str):
        return s.text(left), right.value
    return None, ""
