"""The safeguards that lie in how a network is trained."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.audit.advice import Kind
from gradlint.audit.subject import Subject
from gradlint.audit.verdict import Spot, Verdict, absent, present, spot, unknown, unneeded
from gradlint.program import syntax as s
from gradlint.program.carried import states_over_batches
from gradlint.program.flow import Act
from gradlint.program.monitored import measures
from gradlint.program.precision import half_regions
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update

_SPOTS = 3
_UNSEEN = "no backward pass is seen to lead here"
_FRAMEWORK = "the loop is a framework's own"


def clipping(subject: Subject) -> Verdict:
    """Whether the gradients are clipped on the ways to the step."""
    update = subject.update
    if update.kind == "implicit":
        if update.clipped_elsewhere:
            return present("the framework clips, or a setting tells it to", Spot(update.place, "the framework's loop"))
        return absent("the framework's loop does not clip by default, and nothing tells it to")
    if not update.trained:
        return unknown(_UNSEEN)
    clips = {clip.act for state in update.trained for clip in state.clips}
    spots = _spots("the gradients are clipped", clips)
    if not update.can_be(lambda state: not state.clips):
        always = all(state.clips for state in update.trained)
        return present("the gradients are clipped" if always else "an option switches the clip on", *spots)
    if update.clipped_elsewhere:
        return present("a hook, or what steps, clips the gradients")
    return absent("some ways lead here without a clip" if clips else "no clip on any way to this step", *spots)


def warmup(subject: Subject) -> Verdict:
    """Whether the learning rate rises at the start."""
    schedule = subject.update.schedule
    causes = tuple(spot(cause.what, cause.module, cause.node) for cause in schedule.causes[:_SPOTS])
    if schedule.warms:
        return present("the learning rate rises at the start", *causes)
    if schedule.warms is None and subject.update.kind == "implicit":
        return unknown(f"{_FRAMEWORK}, and its settings are not known", *causes)
    if schedule.warms is None:
        why = "this may warm up or not" if causes else "no optimizer is known that it could be of"
        return unknown(why, *causes)
    return absent("the learning rate starts at its peak" if causes else "nothing moves the learning rate", *causes)


def guard(subject: Subject) -> Verdict:
    """Whether a non-finite loss is kept from the step."""
    update = subject.update
    tests = set(_tests(update))
    if update.kind == "implicit":
        return unknown(f"{_FRAMEWORK}: whether it stops at one is for its settings to say")
    if update.skips_nonfinite:
        return present("what steps skips non-finite gradients by itself", Spot(update.place, "it skips"))
    if not update.trained:
        return unknown(_UNSEEN)
    if not update.unguarded:
        sure = all(state.guarded or state.anomaly for state in update.trained)
        what = "the loss or the gradients are tested" if sure else "an option keeps non-finite values from the step"
        return present(what, *_spots("tested", tests))
    said = "none of these tests stops it" if tests else "nothing tests the loss or the gradients"
    return absent(said, *_spots("tested", tests))


def _tests(update: Update) -> Iterator[Act]:
    """The tests of the loss or the gradients that come before the step."""
    for does in ("test", "check", "anomaly"):
        for act, states in update.events(does):
            about = does != "test" or act.about_gradients or bool(act.names & update.losses)
            used = all(state.stepped and state.fresh for state in states)
            if about and not used and (does == "anomaly" or act.scope in update.near):
                yield act
    yield from (act for act in _scales(update) if act.fact.get("skips_nonfinite"))


def _scales(update: Update) -> Iterator[Act]:
    """Where the functions of an update scale its loss."""
    for scope in sorted(update.near, key=_at):
        yield from (act for act in update.program.flows.acts(scope) if act.does == "scale" and act.event is not None)


def monitoring(subject: Subject) -> Verdict:
    """Whether something looks at how large the gradients are."""
    update = subject.update
    if update.kind == "implicit":
        return unknown(f"{_FRAMEWORK}: whether it logs the norm is for its settings to say")
    found = next(measures(update), None)
    if found is not None:
        return present("the size of the gradients is read", spot(found.what, found.module, found.node))
    return absent("nothing reads the size of the gradients") if update.trained else unknown(_UNSEEN)


def truncation(subject: Subject) -> Verdict:
    """Whether a hidden state that batches hand on is cut from its graph."""
    if not subject.is_a(Kind.RECURRENT):
        return unneeded("it is for networks with recurrence")
    if subject.update.kind == "implicit":
        return unknown(_FRAMEWORK)
    states = list(states_over_batches(subject.update))
    kept = [state for state in states if not state.resets]
    if kept:
        state = kept[0]
        return absent(f"`{state.name}` is handed to the next batch as it is", _carried(state.scope, state.call))
    if states:
        state = states[0]
        again = state.resets[0]
        return present(f"`{state.name}` is set anew between batches", spot("set anew", state.scope.module, again.node))
    return unneeded("no hidden state is seen to be carried from batch to batch")


def _carried(scope: Scope, call: s.Call) -> Spot:
    return spot("the state comes from the batch before", scope.module, call)


def scaling(subject: Subject) -> Verdict:
    """Whether losses that are computed in float16 are scaled."""
    update = subject.update
    half = tuple(spot("float16", scope.module, call) for call, scope in half_regions(update))
    if update.kind == "scaler" or (update.trained and all(state.scaled for state in update.trained)):
        scaled = {act for act in update.backwards if act.operand is not None}
        return present("the loss is scaled", *_spots("the scaled loss", scaled))
    if any(state.scaled for state in update.trained):
        return present("an option switches loss scaling on", *_spots("the scaled loss", set(update.backwards)))
    scales = set(_scales(update))  # the scale is gone by the time of the step
    if scales:
        said = "the loss is scaled" if len(update.backwards) == 1 else "an option switches loss scaling on"
        return present(said, *_spots("the scaled loss", scales))
    if half:
        return unknown("an option may switch float16 on, and loss scaling elsewhere in the file", *half[:_SPOTS])
    if subject.is_a(Kind.MIXED):
        return unneeded("its autocast is not known to be float16, and bfloat16 needs none")
    if update.kind not in ("torch", "manual"):
        return unknown(f"{_FRAMEWORK}: its settings say whether it computes in float16")
    return unneeded("nothing is computed in float16")


def _at(scope: Scope) -> tuple[str, int]:
    return str(scope.module.path), scope.node.id


def _spots(what: str, acts: set[Act]) -> tuple[Spot, ...]:
    found = {act.scope.module.place(act.node): None for act in acts}
    inner = sorted(found, key=lambda place: (place.path, place.cell or 0, place.start))
    return tuple(Spot(place, what) for place in inner[:_SPOTS])
