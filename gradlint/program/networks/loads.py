"""Weights that scripts load into networks: trained elsewhere, or left by the run itself."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.networks.core import World
from gradlint.program.networks.objects import Container, Obj
from gradlint.program.networks.serving import served, tests
from gradlint.program.scopes import Scope
from gradlint.program.values import Func
from gradlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Loads:
    """Tells what a call that loads weights loads."""

    world: World

    def from_elsewhere(self, call: s.Call, where: Scope, subject: Obj | Container) -> bool:
        """Whether a network starts with weights that something else has trained."""
        if self._hinted(call, where) or self._initial(call, where):
            return True
        return isinstance(subject, Obj) and (self._served(subject) or self._at_once(call, where, subject))

    def _hinted(self, call: s.Call, where: Scope) -> bool:
        """Whether words around a call say that the weights were trained elsewhere."""
        text = self._text(call, where) + " ".join(where.module.text(test) for test in tests(where.body, call)).lower()
        return any(word in text for word in self.world.library.words("pretrained"))

    def _text(self, call: s.Call, where: Scope) -> str:
        """A call and what gives the names in it their values."""
        return " ".join(map(where.module.text, _sources(call, where))).lower()

    def _at_once(self, call: s.Call, where: Scope, subject: Obj) -> bool:
        """Whether a function loads what it makes and gives from a file, whatever its options: none starts anew.

        What it made before under the same name, and only wrote down or threw away, does not start either.
        """
        receiver = call.func.value if isinstance(call.func, s.Attribute) else None
        if not isinstance(receiver, s.Name) or where.lookup(receiver.text) is not where or subject.site is None:
            return False
        if not any(isinstance(n, s.Name) and n.text == receiver.text for r in where.returns for n in s.walk(r)):
            return False
        loops = [n for n in where.nodes if isinstance(n, (s.For, s.While, s.Try)) and s.holds(n, call)]
        last = where.reaching(receiver.text, receiver.id)
        if loops or tests(where.body, call) or len(last) != 1 or "load(" not in self._text(call, where):
            return False
        if self._saved(call, where, later=True):
            return False
        end = call.id
        for binding in sorted(where.bindings[receiver.text], key=lambda b: b.at, reverse=True):
            start = binding.value
            if start is None or start.id > call.id:
                continue
            if self._lent(receiver.text, where, start, end):
                return False
            if s.holds(start, subject.site.node):
                return True
            if binding is last[0] and self._makes_alone(start, where, subject.site.node):
                return True
            end = start.id
        return False

    def _lent(self, name: str, where: Scope, start: s.Node, end: int) -> bool:
        """Whether something is given what goes by a name, made here, before an end: it may be trained there."""
        for call in (n for n in where.nodes if isinstance(n, s.Call) and start.id < n.id < end):
            given = {a.value.text for a in call.args if isinstance(a.value, s.Name)}
            if name in given and not s.holds(start, call):
                return True
        return False

    def _makes_alone(self, start: s.Node, where: Scope, site: s.Node) -> bool:
        """Whether the function that makes a network is called nowhere but in one place."""
        for value in self.world.values.of(start.func, where) if isinstance(start, s.Call) else ():
            if isinstance(value, Func) and s.holds(value.scope.body, site):
                return [c for c, _ in self.world.values.callers(value.scope)] == [start]
        return False

    def _served(self, subject: Obj) -> bool:
        """Whether all that the project does with a network is to evaluate it: it was trained elsewhere."""
        return served(self.world, subject.cls, ("eval",))

    def _saved(self, call: s.Call, where: Scope, *, later: bool = False) -> bool:
        """Whether what is loaded is what the same file saves: a run that goes on where it stopped.

        With `later`, not what the same function has just written.
        """
        before = {x for x, home in where.module.calls.get("save", ()) if home is where and x.id < call.id}
        saves = [x for x, _ in where.module.calls.get("save", ()) if not later or x not in before]
        written = {text for saving in saves for text in _strings(saving)}
        return any(text in written for source in _sources(call, where) for text in _strings(source))

    def _initial(self, call: s.Call, where: Scope) -> bool:
        """Whether code that trains loads weights from a file before it does, whatever its options."""
        if where.module.calls.get("backward") is None or tests(where.body, call):
            return False
        loops = [n for n in where.nodes if isinstance(n, (s.For, s.While))]
        tries = [n for n in where.nodes if isinstance(n, s.Try) and n.id < call.id]
        if tries or not loops or any(loop.id < call.id for loop in loops):
            return False
        if self._saved(call, where):
            return False
        text = self._text(call, where)
        return "load(" in text and "state_dict()" not in text and not isinstance(call.args[0].value, s.Subscript)


def _sources(call: s.Call, where: Scope) -> Iterator[s.Node]:
    """A call, and what gives the names in its arguments their values."""
    yield call
    for name in (n.text for a in call.args for n in s.walk(a) if isinstance(n, s.Name)):
        home = where.lookup(name)
        yield from (b.value for b in home.bindings[name] if b.value is not None) if home is not None else ()


def _strings(node: s.Node) -> Iterator[str]:
    return (n.value for n in s.walk(node) if isinstance(n, s.Constant) and isinstance(n.value, str))
