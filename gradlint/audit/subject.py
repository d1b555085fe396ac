"""An update as the audit asks about it: its networks as they are built, its kinds, and what rules say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cached_property

from gradlint.audit.advice import Kind
from gradlint.audit.kinds import Shown, kinds_of
from gradlint.engine import Project
from gradlint.finding import Finding
from gradlint.program.adversaries import Contest, side
from gradlint.program.explanation.gaps import Gaps
from gradlint.program.explanation.updates import source
from gradlint.program.families import is_transformer
from gradlint.program.names import Lib
from gradlint.program.networks import Network
from gradlint.program.networks.objects import Layer, Obj, layer_of, walk_modules
from gradlint.program.networks.outcome import Outcome
from gradlint.program.parts import Part
from gradlint.program.project import Module
from gradlint.program.reach import only_tensors
from gradlint.program.scopes import Scope
from gradlint.program.updates import Update
from gradlint.program.values import Cls, Made
from gradlint.records import dataclass
from gradlint.vocabulary import Vocabulary


@dataclass(eq=False)
class Desk:
    """What is found out once about a project."""

    project: Project
    _networks: dict[Module, list[Network]] = field(default_factory=dict)
    _updates: dict[Module, list[Update]] = field(default_factory=dict)
    _overviews: dict[int, Outcome | None] = field(default_factory=dict)
    _answers: dict[int, tuple[Finding, ...]] = field(default_factory=dict)

    def updates(self, module: Module) -> list[Update]:
        if module not in self._updates:
            self._updates[module] = self.project.updates(module)
        return self._updates[module]

    def network(self, made: Made) -> Network | None:
        """What a network is as a file defines it: a class, or a sequence of layers."""
        if isinstance(made.of, Cls):
            return next((n for n in self._defined(made.of.scope.module) if n.scope is made.of.scope), None)
        if made.site is None or made.scope is None:
            return None
        return next((n for n in self._defined(made.scope.module) if n.node is made.site), None)

    def overview(self, network: Network) -> Outcome | None:
        """A network as it is built, None if it cannot be."""
        key = id(network)
        if key not in self._overviews:
            self._overviews[key] = network.overview
        return self._overviews[key]

    def findings(self, subject: Update | Network) -> tuple[Finding, ...]:
        """What the rules find in an update or a network."""
        key = id(subject)
        if key not in self._answers:
            answers = self.project.answers(subject, subject.module)
            self._answers[key] = tuple(finding for answer in answers for finding in answer.findings)
        return self._answers[key]

    def _defined(self, module: Module) -> list[Network]:
        if module not in self._networks:
            self._networks[module] = self.project.networks(module)
        return self._networks[module]


@dataclass(eq=False)
class Subject:
    """One update, with what is asked about it."""

    update: Update
    desk: Desk

    @cached_property
    def contest(self) -> Contest | None:
        modules = dict.fromkeys([self.update.module, *(act.scope.module for act in self.update.backwards)])
        return side(self.update, [other for module in modules for other in self.desk.updates(module)])

    @cached_property
    def networks(self) -> tuple[Made, ...]:
        """The networks that are trained: what has no weights, as a loss, is none."""
        traits = self.update.program.traits
        return tuple(made for made in self.update.networks if traits.weighted(made) or not traits.parts.is_module(made))

    @cached_property
    def classes(self) -> frozenset[Scope]:
        """The classes that the networks are made of, and those that the update stands in."""
        values = self.update.program.values
        found = {here for p in self.parts if isinstance(p.made.of, Cls) for here in values.lineage(p.made.of.scope)}
        return frozenset(found | {scope.owner for scope in self.scopes if scope.owner is not None})

    @cached_property
    def kinds(self) -> tuple[Shown, ...]:
        return tuple(kinds_of(self.update, self.networks, self.contest))

    def is_a(self, kind: Kind) -> bool:
        return any(shown.kind is kind for shown in self.kinds)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All that the trained networks hold, each once, and the networks themselves."""
        traits = self.update.program.traits
        found = {(p.module, p.node, p.made.of): p for made in self.networks for p in traits.whole(made)}
        return tuple(found.values())

    def libraries(self, section: str) -> Iterator[tuple[Part, object]]:
        """The parts that the vocabulary has an entry for in a section, themselves or by a base class."""
        values = self.update.program.values
        for part in self.parts:
            for path in values.bases_of(part.made):
                if (entry := values.vocabulary.about(section, path)) is not None:
                    yield part, entry
                    break

    @cached_property
    def _built(self) -> dict[Made, Outcome | None]:
        """The trained networks as they are built, but for single layers of a library."""
        made = {made: self.desk.network(made) for made in self.networks if not self._single(made)}
        return {k: self.desk.overview(network) if network is not None else None for k, network in made.items()}

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The trained networks that could be built."""
        return tuple(outcome for outcome in self._built.values() if outcome is not None)

    @property
    def unbuilt(self) -> tuple[Made, ...]:
        """The trained networks of which the layers are not known: a library has them, or they cannot be followed."""
        return tuple(made for made, outcome in self._built.items() if outcome is None)

    @cached_property
    def _modules(self) -> tuple[object, ...]:
        """All modules of the networks that could be built."""
        return tuple(module for outcome in self.outcomes for _, module in walk_modules(outcome.root))

    @cached_property
    def built(self) -> tuple[Layer, ...]:
        """The library's modules in the networks that could be built."""
        return tuple(dict.fromkeys(x for module in self._modules if (x := layer_of(module)) is not None))

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Those of them that have weights."""
        return tuple(layer for layer in self.built if layer.role == "weight")

    @property
    def instances(self) -> tuple[Made, ...]:
        """The project's own modules in the networks that could be built."""
        return tuple(dict.fromkeys(Made(Cls(module.cls)) for module in self._modules if isinstance(module, Obj)))

    def _single(self, made: Made) -> bool:
        """Whether a network is one layer of a library."""
        vocabulary = self.update.program.values.vocabulary
        if not isinstance(made.of, Lib) or self.desk.network(made) is not None:
            return False
        return vocabulary.role(made.of.path) == "module" and vocabulary.about("transformers", made.of.path) is None

    @cached_property
    def built_in(self) -> Part | None:
        """A part that a library makes whole and that is a transformer, with all that such a one needs."""
        values = self.update.program.values
        for part in self.parts:
            if any(is_transformer(path, part.made, values) for path in values.bases_of(part.made)):
                return part
        return None

    @cached_property
    def opaque(self) -> Part | None:
        """A part that a library makes whole, of which the layers are not known."""
        vocabulary = self.update.program.values.vocabulary
        for part in self.parts:
            of = part.made.of
            if isinstance(of, Lib) and (vocabulary.role(of.path) == "model" or _is_listed(of.path, vocabulary)):
                return part
        return None

    @property
    def scopes(self) -> Sequence[Scope]:
        """The functions that run the backward passes and the step."""
        return list(dict.fromkeys([*(act.scope for act in self.update.backwards), self.update.scope]))

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """The files of the update and of the networks that it trains."""
        own = [self.update.module, *(act.scope.module for act in self.update.backwards)]
        return tuple(dict.fromkeys([*own, *(part.module for part in self.parts)]))

    @cached_property
    def bare(self) -> bool:
        """Whether it trains tensors that the code makes, and no network."""
        update = self.update
        return not self.networks and any(only_tensors(x, update.program.values) for x in update.optimizers)

    @cached_property
    def unresolved(self) -> str:
        """Why the network is not known."""
        update = self.update
        gaps = Gaps(update.program.values)
        for optimizer in update.optimizers:
            if isinstance(optimizer, Made) and optimizer.site is not None and optimizer.scope is not None:
                for arg in optimizer.site.args[:1]:
                    return gaps.of(source(arg.value), optimizer.scope, "a network").text
        return "nothing tells which parameters the step changes"

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What rules find in the update, and in the networks that it trains."""
        found = [*self.desk.findings(self.update)]
        networks = dict.fromkeys(n for part in self.parts if (n := self.desk.network(part.made)) is not None)
        for network in networks:
            found += self.desk.findings(network)
        return tuple(dict.fromkeys(found))


def _is_listed(path: str, vocabulary: Vocabulary) -> bool:
    """Whether a symbol of a library is known to be a whole network, of whatever kind."""
    return vocabulary.about("transformers", path) is not None
