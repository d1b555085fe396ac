"""GL302: weights of a deep stack drawn far larger than their layers are wide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Network, Related, Rule
from gradlint.fix.redraw import by_he
from gradlint.program.networks import Layer, Stack, drawn, fan_in


class UnscaledNormalInit(Rule):
    """
    ## What it does
    Checks for networks with a run of at least three weight layers, each followed by an activation of the ReLU family,
    whose weights are drawn from a normal distribution that takes no account of how many inputs a layer has:
    `normal_(0, 1)` and the like, without normalization or a residual connection around them.

    ## Why is this bad?
    A layer sums up its inputs. With weights of standard deviation 1 the sum over 512 inputs is 22 times as large as
    they are, and ReLU takes back 1.4 of it: the signal grows by 16 a layer, and so does the gradient on its way back.
    Ten such layers make 1 into 1,100,000,000,000. The first loss is huge or NaN, and one step throws the weights away.

    ## Example
    ```python
    from torch import nn


    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()
            )
            self.value = nn.Linear(256, 1)
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    nn.init.normal_(layer.weight, 0, 1)

        def forward(self, x):
            return self.value(self.layers(x))
    ```

    Use instead:
    ```python
    from torch import nn


    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()
            )
            self.value = nn.Linear(256, 1)
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

        def forward(self, x):
            return self.value(self.layers(x))
    ```

    ## Fix safety
    Unsafe: the same call may initialize layers that another activation follows, or none, and He's scheme raises an
    error for what has one dimension only, such as the weight of a normalization.

    ## Options
    - `depth`: the number of layers from which on a run is flagged. Default: 3.
    - `growth`: how many times the signal has to grow over the run. Default: 100.

    ## References
    - [He et al., 2015: Delving deep into rectifiers](https://arxiv.org/abs/1502.01852)
    """

    code: ClassVar[str] = "GL302"
    name: ClassVar[str] = "unscaled-normal-init"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True
    depth: int = 3
    growth: float = 100.0

    def check_network(self, network: Network) -> Iterator[Finding]:
        library = network.project.world.library

        def grows(layer: Layer) -> bool:
            return (_growth(layer, drawn(layer, "std", library)) or 0.0) > 1.5

        stacks = network.drawn(self.depth, grows)
        if not stacks:
            return
        deepest = max(stacks, key=len)
        first = deepest.layers[0]
        std = drawn(first, "std", library) or 0.0
        factors = [_growth(layer, drawn(layer, "std", library)) or 1.0 for layer in deepest.layers]
        if math.prod(factors) < self.growth:
            return
        yield self.at(
            network.module,
            network.node,
            f"{len(deepest)} layers in a row draw their weights with a standard deviation of {std:g}, where"
            f" {math.sqrt(2 / (fan_in(first) or 1)):.2g} fits the {fan_in(first)} inputs of the first:"
            f" the signal grows {math.prod(factors):.2g} times over them",
            help="initialize them for the activation that follows, as `nn.init.kaiming_normal_` does",
            related=_ends(deepest),
            fix=by_he(network, first),
        )


def _growth(layer: Layer, std: float | None) -> float | None:
    """How many times larger a layer and a ReLU behind it make the signal."""
    inputs = fan_in(layer)
    return None if std is None or inputs is None else std * math.sqrt(inputs / 2)


def _ends(stack: Stack) -> Iterator[Related]:
    for layer in stack.layers[:1]:
        if layer.initializer is not None:
            yield Related(layer.initializer[0].place(layer.initializer[1]), "this draws the weights")
        if layer.site is not None:
            yield Related(layer.site.module.place(layer.site.node), "the first of these layers")
