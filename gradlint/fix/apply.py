"""Fixes made in one source: whole fixes, none of which overlap."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise

from gradlint.fix.edits import Edit, Fix
from gradlint.source.source import Source, SourceError


def apply(source: Source, fixes: Sequence[Fix]) -> tuple[Source, tuple[Fix, ...], tuple[Fix, ...]]:
    """The source with as many fixes made as can be made at once, those fixes, and the others.

    The first in the file goes first. An edit that two fixes share, such as an import that both need, is made once.
    Two edits are in each other's way if they replace a character in common, if one inserts within what the other
    replaces, or if they insert different texts at one point: which of them belongs first, or whether one makes the
    other needless, is known only once one is made. A fix with an edit that the source cannot take is among the others.
    """
    made: list[Edit] = []
    applied: list[Fix] = []
    deferred: list[Fix] = []
    for fix in sorted(fixes, key=_order):
        edits = set(fix.edits)
        new = sorted(edits.difference(made))
        if _are_apart(sorted(edits)) and not any(_is_in_the_way(edit, made) for edit in new):
            applied.append(fix)
            for edit in new:
                insort(made, edit)
        else:
            deferred.append(fix)
    try:
        return source.edited(made), tuple(applied), tuple(deferred)
    except SourceError:
        return _one_by_one(source, applied, deferred)


def _one_by_one(
    source: Source, fixes: Iterable[Fix], others: Iterable[Fix]
) -> tuple[Source, tuple[Fix, ...], tuple[Fix, ...]]:
    edits: set[Edit] = set()
    applied: list[Fix] = []
    deferred = list(others)
    edited = source
    for fix in fixes:
        try:
            edited = source.edited(edits.union(fix.edits))
        except SourceError:
            deferred.append(fix)
        else:
            edits.update(fix.edits)
            applied.append(fix)
    return edited, tuple(applied), tuple(sorted(deferred, key=_order))


def _order(fix: Fix) -> tuple[Sequence[Edit], str]:
    return sorted(fix.edits), fix.title


def _are_apart(ordered: Sequence[Edit]) -> bool:
    return not any(_conflict(first, second) for first, second in pairwise(ordered))


def _is_in_the_way(edit: Edit, made: Sequence[Edit]) -> bool:
    """Whether an edit conflicts with one of those made: they are in order and apart, so only its neighbours count."""
    at = bisect_left(made, edit)
    return any(_conflict(edit, other) for other in made[max(at - 1, 0) : at + 1])


def _conflict(one: Edit, other: Edit) -> bool:
    if one.start == one.end == other.start == other.end:
        return True
    return one.start < other.end and other.start < one.end
