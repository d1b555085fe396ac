"""A network explained: how the project makes it, its layers and what initializes them, its runs of ReLU layers."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.program import syntax as s
from gradlint.program.explanation.gaps import Gaps
from gradlint.program.explanation.remark import Explanation, Remark, Section, at, code, header, several
from gradlint.program.explanation.traits import network as described
from gradlint.program.networks import Network
from gradlint.program.networks.objects import Layer, Link, layer_of, walk_modules
from gradlint.program.networks.outcome import Outcome
from gradlint.program.networks.recipes import Recipe
from gradlint.program.traits import Traits
from gradlint.program.values import Cls, Made, Values

_LAYERS = 40
_RECIPES = 3
_RUNS = 6
_WORTH = 3  # so long a run may be one that a rule names


def of_network(network: Network, traits: Traits, values: Values) -> Explanation:
    """What is believed of a network."""
    node = network.node
    place = header(network.module, node) if isinstance(node, s.Class) else network.module.place(node)
    made = list(dict.fromkeys(map(_recipe, network.recipes)))
    sections = [Section("made", tuple(several(made, _RECIPES, "ways")))]
    if isinstance(node, s.Class):
        sections.append(Section("kind", described(Made(Cls(network.scope)), traits, values, Gaps(values)).below))
    outcome = network.overview
    if outcome is None:
        said = (
            "it could not be built as the project builds it: its constructor or forward pass leads to what is not known"
        )
        sections.append(Section("layers", (Remark(said, gap=True),)))
    else:
        layers = tuple(_layers(outcome))
        sections.append(Section("layers", layers or (Remark("no weight layers found in it"),)))
        if layers:
            sections.append(Section("runs of ReLU layers", tuple(_runs(outcome))))
        if outcome.decisions and outcome.longest() >= _WORTH:
            said = (
                f"{len(outcome.decisions)} conditions on the way could not be told; this is what one way through gives"
            )
            sections.append(Section("conditions", (Remark(said, gap=True),)))
    return Explanation("network", f"network: `{network.name}`", place, tuple(x for x in sections if x.remarks))


def _recipe(recipe: Recipe) -> Remark:
    if not recipe.calls:
        return Remark(
            "nothing in the project constructs it in a way that can be followed: it is taken with its defaults"
        )
    call, where = recipe.calls[-1]
    return at(f"by {code(where.module, call)}", where.module, call)


def _layers(outcome: Outcome) -> Iterator[Remark]:
    found = [
        (name, x) for name, m in walk_modules(outcome.root) if (x := layer_of(m)) is not None and x.role == "weight"
    ]
    names = dict(found[:_LAYERS])
    for name, layer in names.items():
        yield _layer(name or layer.name, layer)
    if len(found) > _LAYERS:
        yield Remark(f"and {len(found) - _LAYERS} more weight layers")


def _layer(name: str, layer: Layer) -> Remark:
    said = [f"`{name}`: {layer.name}"]
    if layer.normalized:
        said.append("normalized")
    if layer.frozen:
        said.append("frozen")
    if not layer.runs:
        said.append("not reached by the forward pass")
    said.append("initialized" if layer.initialized else "default initialization")
    place = layer.site.module.place(layer.site.node) if layer.site is not None else None
    below: tuple[Remark, ...] = ()
    if layer.initialized and layer.initializer is not None:
        module, stmt = layer.initializer
        below = (at(f"by {code(module, stmt)}", module, stmt),)
    return Remark(", ".join(said), place, below)


def _runs(outcome: Outcome) -> Iterator[Remark]:
    names = {id(x): name for name, m in walk_modules(outcome.root) if (x := layer_of(m)) is not None}
    runs = sorted((r for r in outcome.runs if r), key=len, reverse=True)
    for run in runs[:_RUNS]:
        said = ", ".join(_link(link, names) for link in run[:12]) + (", ..." if len(run) > 12 else "")
        yield Remark(f"{len(run)} in a row without normalization, residual or initialization: {said}")
    if len(runs) > _RUNS:
        yield Remark(f"and {len(runs) - _RUNS} shorter ones")
    if not runs:
        yield Remark("none: each is initialized, normalized, bridged by a residual, or followed by something else")


def _link(link: Link, names: dict[int, str]) -> str:
    return f"{names.get(id(link.layer), link.layer.name) or link.layer.name} ({link.nonlinearity})"
