"""The safeguards that lie in how a network is built."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.audit.advice import Kind
from gradlint.audit.subject import Subject
from gradlint.audit.verdict import Spot, Verdict, absent, present, spot, unknown, unneeded
from gradlint.program import syntax as s
from gradlint.program.adversaries import clamps, shrinks
from gradlint.program.explanation.words import kind
from gradlint.program.mentions import mentions
from gradlint.program.names import Lib
from gradlint.program.networks.objects import Layer
from gradlint.program.norms import is_normalization, is_normalizing
from gradlint.program.parts import Part
from gradlint.program.reach import name_of
from gradlint.program.residuals import residual
from gradlint.program.scopes import Scope
from gradlint.program.values import Cls

RUN = 4  # so many layers with ReLU, one behind the other, need an initialization that fits
DEEP = 10  # so many weight layers need normalization or residual connections, and transformers both
_SPOTS = 3


def initialization(subject: Subject) -> Verdict:
    """Whether weight layers are initialized for their activation."""
    if not subject.networks:
        return _no_network(subject)
    written = [layer for layer in subject.layers if layer.initialized]
    done = [layer for layer in written if not _loaded(layer, subject)]
    if done:
        said = "all" if len(done) == len(subject.layers) else f"{len(done)} of {len(subject.layers)}"
        return present(f"{said} weight layers are initialized", *_initializers(done))
    if subject.unbuilt:
        return _not_built(subject)
    if written:
        return unneeded("its weights are loaded", *_initializers(written))
    longest = max((outcome.longest() for outcome in subject.outcomes), default=0)
    if longest < RUN and (hole := _hole(subject)) is not None:
        return hole
    if not subject.layers:
        return unneeded("it has no linear or convolutional layers")
    if longest < RUN:
        return unneeded(f"no {RUN} layers with ReLU follow each other without normalization or a residual")
    return absent(f"{longest} layers in a row, each with ReLU, keep the default initialization")


def normalization(subject: Subject) -> Verdict:
    """Whether something normalizes what passes through the network."""
    if not subject.networks:
        return _no_network(subject)
    instead = "residual connections carry the signal" if _residual(subject) is not None else ""
    return _normalized(subject) or _unless_deep(subject, "no layer normalizes", instead)


def _normalized(subject: Subject) -> Verdict | None:
    for part, entry in subject.libraries("layers"):
        if is_normalization(entry):
            return present(f"`{_short(part)}`", _part(part))
    if subject.built_in is not None:
        return present(f"built into `{_short(subject.built_in)}`", _part(subject.built_in))
    normalizes = next((x for x in subject.built if x.role == "normalization" and x.site is not None), None)
    if normalizes is not None and normalizes.site is not None:
        return present(f"`{normalizes.name}`", spot("it normalizes", normalizes.site.module, normalizes.site.node))
    wrapped = next((layer for layer in subject.layers if layer.normalized and layer.site is not None), None)
    if wrapped is not None and wrapped.site is not None:
        return present("normalized weights", spot("its weight is normalized", wrapped.site.module, wrapped.site.node))
    own = next(_written_by_hand(subject), None) or next(_shrunk(subject), None)
    if own is not None:
        return present("written by hand", own)
    return None


def residuals(subject: Subject) -> Verdict:
    """Whether sums bridge layers."""
    if not subject.networks:
        return _no_network(subject)
    instead = "normalization keeps the signal's scale" if _normalized(subject) is not None else ""
    return _residual(subject) or _unless_deep(subject, "no sum bridges layers", instead)


def _residual(subject: Subject) -> Verdict | None:
    found = residual([*(part.made for part in subject.parts), *subject.instances], subject.update.program.traits)
    if found is not None:
        return present("a sum bridges layers", spot("the input is added to what layers made of it", *found))
    if subject.built_in is not None:
        return present(f"built into `{_short(subject.built_in)}`", _part(subject.built_in))
    return None


def gating(subject: Subject) -> Verdict:
    """Whether the recurrent cells have gates."""
    shown = next((shown for shown in subject.kinds if shown.kind is Kind.RECURRENT), None)
    if shown is None:
        return unneeded("it is for networks with recurrence")
    cells = list(subject.libraries("gates"))
    plain = [part for part, matrices in cells if matrices == 1]
    if plain:
        return absent(f"`{_short(plain[0])}` has no gates", *map(_part, plain[:_SPOTS]))
    if cells:
        return present(f"`{_short(cells[0][0])}` has gates", *(_part(part) for part, _ in cells[:_SPOTS]))
    return unknown("the recurrence is none of the library's cells: whether it has gates is not looked into", shown.spot)


def orthogonal(subject: Subject) -> Verdict:
    """Whether recurrent weights start orthogonal."""
    if not subject.is_a(Kind.RECURRENT):
        return unneeded("it is for networks with recurrence")
    found = next(_uses(subject, "orthogonal"), None)
    if found is not None:
        return present("weights are made orthogonal", found[0])
    return absent("the recurrent weights keep their default, uniform initialization")


def spectral(subject: Subject) -> Verdict:
    """Whether something bounds how steep a discriminator is."""
    contest = subject.contest
    if contest is None:
        return unneeded("it is for discriminators")
    if not contest.judging:
        place = contest.critic.place
        return unneeded("it is for the discriminator, which has an update of its own", Spot(place, "its update"))
    found = next(_uses(subject, "bounding"), None)
    if found is not None:
        return present(found[1], found[0])
    clamp = next(_clamped(subject), None)
    if clamp is not None:
        return present("its weights are clamped", clamp)
    shrunk = next(_shrunk(subject), None)
    if shrunk is not None:
        return present("written by hand", shrunk)
    return absent("neither spectral normalization nor a gradient penalty bounds the discriminator")


# --- what several ask ---------------------------------------------------------------------------


def _no_network(subject: Subject) -> Verdict:
    return unknown("no network was found")


def _not_built(subject: Subject) -> Verdict:
    made = next(iter(subject.unbuilt), None)
    if made is None:
        return unknown("no network could be built")
    why = "a library defines it" if isinstance(made.of, Lib) else "its constructor leads to what is not known"
    return unknown(f"`{name_of(made)}` could not be built: {why}")


def _hole(subject: Subject) -> Verdict | None:
    """That a network runs something that it was given, and nothing in the project tells what."""
    traits = subject.update.program.traits
    for made in (*subject.networks, *subject.instances):
        if isinstance(made.of, Cls):
            for scope, call in traits.unknown_calls(made):
                what = f"what `{s.text(call.func)}` holds is not known"
                return unknown(what, spot("it is called", scope.module, call))
    return None


def _unless_deep(subject: Subject, missing: str, instead: str) -> Verdict:
    """That something is missing, where the network is known, and deep enough to need it."""
    if subject.opaque is not None:
        return unknown(f"what `{_short(subject.opaque)}` holds is not looked into", _part(subject.opaque))
    if subject.unbuilt:
        return _not_built(subject)
    if subject.is_a(Kind.TRANSFORMER):
        return absent(missing)
    if (hole := _hole(subject)) is not None:
        return hole
    if len(subject.layers) < DEEP:
        return unneeded(f"it has fewer than {DEEP} linear or convolutional layers")
    return unneeded(f"{instead}, in place of it") if instead else absent(missing)


def _initializers(layers: list[Layer]) -> Iterator[Spot]:
    places = dict.fromkeys(layer.initializer for layer in layers if layer.initializer is not None)
    for module, node in list(places)[:_SPOTS]:
        yield spot("initialized", module, node)


def _loaded(layer: Layer, subject: Subject) -> bool:
    """Whether what a layer starts from is read from a file."""
    if layer.initializer is None:
        return False
    vocabulary = subject.update.program.values.vocabulary
    functions = [call.func for call in s.calls(layer.initializer[1])]
    return any(isinstance(f, s.Attribute) and vocabulary.entry("loads", f.attr) is not None for f in functions)


def _part(part: Part) -> Spot:
    return spot(f"`{_short(part)}`", part.module, part.node)


def _short(part: Part) -> str:
    """A class as people write it: that of `Model.from_pretrained` is `Model`."""
    *owners, last = kind(part.made.of).split(".")
    return owners[-1] if owners and last[:1].islower() and owners[-1][:1].isupper() else last


def _written_by_hand(subject: Subject) -> Iterator[Spot]:
    """A forward pass of a part that divides by a deviation, or calls a function that normalizes."""
    traits = subject.update.program.traits
    for part in subject.parts:
        if isinstance(part.made.of, Cls):
            for scope, _ in traits.passes(part.made):
                for call in s.calls(scope.body, into=False):
                    if isinstance(call.func, s.Attribute) and is_normalizing(call, scope, traits):
                        yield spot("it normalizes", scope.module, call)


def _uses(subject: Subject, section: str) -> Iterator[tuple[Spot, str]]:
    """Where the files of the update and its networks use what a section of the vocabulary lists."""
    scopes = (scope for module in subject.modules for scope in module.scopes if _belongs(scope, subject))
    for scope, node, entry in mentions(section, scopes, subject.update.program.values):
        yield spot(f"`{s.last_name(node)}`", scope.module, node), str(entry)


def _belongs(scope: Scope, subject: Subject) -> bool:
    """Whether code is of the update or its networks, so far as that can be told: not in a class of something else."""
    here: Scope | None = scope
    while here is not None and here.kind != "class":
        here = here.parent
    return here is None or here in subject.classes


def _clamped(subject: Subject) -> Iterator[Spot]:
    """Where the functions that step clamp weights in place."""
    for scope in subject.scopes:
        for call in s.calls(scope.body, into=False):
            if clamps(call.func):
                yield spot("the weights are clamped", scope.module, call)


def _shrunk(subject: Subject) -> Iterator[Spot]:
    """Where a layer of the network divides its own weight by what it computes."""
    values = subject.update.program.values
    for part in subject.parts:
        for owner in values.lineage(part.made.of.scope) if isinstance(part.made.of, Cls) else ():
            for method in owner.inner.values():
                for node in s.walk(method.body, into=False):
                    if shrinks(node):
                        yield spot("the weight is divided", method.module, node)
