"""From code to flow: statements, branches and loops around the calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradlint.program import syntax as s
from gradlint.program.conditions import constant_truth
from gradlint.program.flow.calls import Calls
from gradlint.program.flow.items import Act, Attempt, Branch, Choice, Flow, Item, Leave, Loop, Rebind, every, result_of
from gradlint.program.reach import networks_in
from gradlint.program.values import Made
from gradlint.vocabulary import Event

_BY_HAND = ("clip", "step", "zero")  # what code does to one parameter after the other
_SKIPS = frozenset(["continue", "return", "break"])


class Lowering(Calls):
    """Makes the flow of one function."""

    def flow(self, body: s.Node) -> Flow:
        if isinstance(body, s.Block):
            return tuple(item for stmt in body.body for item in self.statement(stmt))
        return tuple(self.expression(body))

    def _block(self, block: s.Block | None) -> Flow:
        return self.flow(block) if block is not None else ()

    def statement(self, stmt: s.Stmt) -> Iterator[Item]:
        if isinstance(stmt, s.If):
            yield from self.expression(stmt.test)
            yield from self.branch(stmt.test, self._block(stmt.then), self._block(stmt.orelse))
        elif isinstance(stmt, (s.For, s.While)):
            yield from self._loop(stmt)
        elif isinstance(stmt, s.With):
            yield from self._with(stmt)
        elif isinstance(stmt, s.Try):
            yield Attempt(
                self._block(stmt.body),
                tuple(self._block(h.body) for h in stmt.handlers),
                self._block(stmt.orelse),
                self._block(stmt.final),
            )
        elif isinstance(stmt, s.Match):
            yield from self.expression(stmt.subject)
            yield Choice((*(self._block(c.body) for c in stmt.cases), ()))
        elif isinstance(stmt, s.Assert):
            yield from self.expression(stmt.test)
            yield from self.branch(stmt.test, (), (Leave("raise"),))
        elif isinstance(stmt, s.Return):
            if stmt.value is not None:
                yield from self.expression(stmt.value)
            yield Leave("return", self._sources(stmt.value))
        elif isinstance(stmt, s.Raise):
            yield Leave("raise")
        elif isinstance(stmt, s.Jump):
            if stmt.kind != "pass":
                yield Leave(stmt.kind)
        elif isinstance(stmt, (s.Assign, s.AugAssign)):
            yield from self._assign(stmt)
        elif isinstance(stmt, s.Evaluate):
            yield from self.expression(stmt.value)

    def branch(self, test: s.Expr, then: Flow, orelse: Flow) -> Iterator[Item]:
        """`if test`, taken apart at `and`, `or` and `not` so that each leaf is one choice."""
        if isinstance(test, s.Unary) and test.op == "not":
            yield from self.branch(test.value, orelse, then)
        elif isinstance(test, s.Boolean) and test.op == "and":
            yield from self.branch(test.left, tuple(self.branch(test.right, then, orelse)), orelse)
        elif isinstance(test, s.Boolean):
            yield from self.branch(test.left, then, tuple(self.branch(test.right, then, orelse)))
        else:
            leaf = self.conditions.leaf(test, self.scope)
            if leaf.flipped:
                then, orelse = orelse, then
            if leaf.finite is not None:
                leaves = {i.kind for arm in (then, orelse) for i in every(arm) if isinstance(i, Leave)}
                skips = bool(leaves & _SKIPS) and leaves <= _SKIPS
                facts = {"gradients": leaf.finite.gradients, "answers": bool(then or orelse), "skips": skips}
                facts["certain"] = leaf.finite.bad_when is not None
                yield Act("test", test, self.scope, Event("test", {}, facts), operand=test, names=leaf.finite.subjects)
            yield Branch(leaf, then, orelse)

    def _loop(self, stmt: s.For | s.While) -> Iterator[Item]:
        if isinstance(stmt, s.While):
            endless = isinstance(stmt.test, s.Constant) and bool(stmt.test.value)
            test = tuple(self.expression(stmt.test))
            body = (*test, *self._block(stmt.body))
            yield Loop(body, self._block(stmt.orelse), endless)
            return
        yield from self.expression(stmt.iter)
        inner = self._block(stmt.body)
        manual = [i for i in every(inner) if isinstance(i, Act) and i.does in _BY_HAND and i.event is None]
        if manual:  # a hand-written loop over parameters is one action
            reached = networks_in(stmt.iter, self.scope, self.values)
            inner = _with_networks(inner, reached)
        targets = tuple(_targets(stmt.target))
        yield Loop((Rebind(targets, frozenset()), *inner), self._block(stmt.orelse), False)

    def _with(self, stmt: s.With) -> Iterator[Item]:
        for item, name in stmt.items:
            yield from self.expression(item)
            if name is not None:
                sources = frozenset(t for a in _arguments(item) for t in self.conditions.texts(a))
                yield Rebind(tuple(_targets(name)), sources)
        yield from self._block(stmt.body)
        for item, _ in stmt.items:
            if isinstance(item, s.Call):
                yield from self._left(item)

    def _left(self, call: s.Call) -> Iterator[Item]:
        """What leaving a block does: it takes the scale away, or drops a step with non-finite gradients."""
        paths = (self._path(f)[0] for f in self.values.of(call.func, self.scope))
        events = [e for e in (self.vocabulary.event(p) for p in paths if p is not None) if e is not None]
        if any(e.facts.get("unscales_on_exit") for e in events):
            yield Act("descale", call, self.scope)
        if any(e.facts.get("skips_nonfinite") for e in events):
            yield Act("check", call, self.scope, Event("check", {}, {"gradients": True}))

    def _assign(self, stmt: s.Assign | s.AugAssign) -> Iterator[Item]:
        if stmt.value is not None:
            yield from self.expression(stmt.value)
        manual = self._manual_update(stmt)
        if manual is not None:
            yield manual
        if isinstance(stmt, s.AugAssign):
            target = s.text(stmt.target)
            yield Rebind((target,), self.conditions.light(stmt.value, self.scope) | {target})
            return
        if stmt.value is None:
            return
        sources = self._sources(stmt.value)
        for goal in stmt.targets:
            names = tuple(_targets(goal))
            # A flag that is set once is a setting; one that is set again tells what happened.
            flag = len(names) == 1 and len(self.scope.bindings.get(names[0], ())) > 1
            yield Rebind(names, sources, constant_truth(stmt.value) if flag else None)

    def _sources(self, value: s.Expr | None) -> frozenset[str]:
        """The names that a value is computed from, and what the calls in it give, which these may have checked."""
        names = self.conditions.light(value, self.scope)
        return names.union(map(result_of, s.calls(value))) if isinstance(value, s.Call) else names

    def expression(self, expr: s.Node) -> Iterator[Item]:
        """The events of an expression, arguments before the call that takes them."""
        found: list[s.Call] = []
        below = [expr]
        while below:  # a call before its arguments, the last of them first: the other way round in the end
            here = below.pop()
            if isinstance(here, s.Call):
                found.append(here)
            if here.__class__ not in s.NESTED:
                below += s.children(here)
        for call in reversed(found):
            yield from self.call(call)


def _with_networks(flow: Flow, networks: frozenset[Made]) -> Flow:
    out: list[Item] = []
    for item in flow:
        if isinstance(item, Act) and item.event is None and not item.networks:
            item = replace(item, networks=networks)
        elif isinstance(item, Branch):
            item = Branch(item.leaf, _with_networks(item.then, networks), _with_networks(item.orelse, networks))
        elif isinstance(item, Loop):
            item = Loop(_with_networks(item.body, networks), _with_networks(item.orelse, networks), item.endless)
        out.append(item)
    return tuple(out)


def _targets(expr: s.Expr) -> Iterator[str]:
    if isinstance(expr, s.Sequence):
        for item in expr.items:
            yield from _targets(item)
    elif isinstance(expr, s.Starred):
        yield from _targets(expr.value)
    else:
        yield s.text(expr)


def _arguments(expr: s.Expr) -> tuple[s.Expr, ...]:
    return tuple(a.value for a in expr.args) if isinstance(expr, s.Call) else ()
