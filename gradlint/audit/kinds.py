"""What kinds of network an update trains, and what shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradlint.audit.advice import Kind
from gradlint.audit.verdict import Spot, spot
from gradlint.program.adversaries import Contest
from gradlint.program.precision import autocasts
from gradlint.program.reach import name_of
from gradlint.program.updates import Update
from gradlint.program.values import Cls, Made
from gradlint.records import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """A kind, and what shows it."""

    kind: Kind
    spot: Spot


def kinds_of(update: Update, networks: Sequence[Made], contest: Contest | None) -> Iterator[Shown]:
    """The kinds of an update, in the order of the table; none where its network is not known and shows none."""
    found: list[Shown] = []
    if (recurrence := update.recurrence) is not None:
        found.append(Shown(Kind.RECURRENT, spot(recurrence.what, recurrence.module, recurrence.node)))
    if (attention := update.transformer) is not None:
        found.append(Shown(Kind.TRANSFORMER, spot(attention.what, attention.module, attention.node)))
    if contest is not None:
        side = "the discriminator" if contest.judging else "the generator"
        judged = spot(f"{side}: what it makes is judged here", contest.scope.module, contest.call)
        if contest.judging:
            judged = spot(f"{side}: it judges here", contest.scope.module, contest.call)
        found.append(Shown(Kind.ADVERSARIAL, judged))
    if not found and networks:
        found.append(Shown(Kind.PLAIN, _named(update, networks)))
    yield from found
    if (precision := _precision(update)) is not None:
        yield Shown(Kind.MIXED, precision)


def _named(update: Update, networks: Sequence[Made]) -> Spot:
    """The network, or the first of those that the code may choose."""
    others = len(dict.fromkeys(map(name_of, networks))) - 1
    made = networks[0]
    what = f"`{name_of(made)}`{f' or {others} more' if others else ''}"
    if made.site is not None and made.scope is not None:
        return spot(what, made.scope.module, made.site)
    if isinstance(made.of, Cls):
        return spot(what, made.of.scope.module, made.of.scope.node)
    return Spot(update.place, what)


def _precision(update: Update) -> Spot | None:
    for call, scope in autocasts(update):
        return spot("autocast", scope.module, call)
    if update.kind == "scaler" or any(state.scaled for state in update.trained):
        return Spot(update.place, "gradients of a scaled loss")
    return None
