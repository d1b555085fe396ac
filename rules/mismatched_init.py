"""GL305: Xavier initialization in a stack of ReLU layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Network, Related, Rule
from gradlint.fix.redraw import with_gain
from gradlint.program.networks import Layer, drawn


class MismatchedInit(Rule):
    """
    ## What it does
    Checks for networks with a run of at least six weight layers, each followed by an activation of the ReLU family,
    that are initialized by Xavier's scheme with its gain of 1.

    ## Why is this bad?
    Xavier's scheme keeps the size of a signal that passes an activation which leaves small values as they are, such as
    tanh. ReLU drops half of it: the signal shrinks to 0.71 of its size in every layer, to 0.13 over six and 0.03 over
    ten. Such a stack learns, but slowly at first. A gain of 1.414, `nn.init.calculate_gain("relu")`, or He's scheme,
    which has it built in, keeps the size.

    ## Example
    ```python
    from torch import nn


    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(256, 256) for _ in range(8)])
            for layer in self.layers:
                nn.init.xavier_uniform_(layer.weight)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return x
    ```

    Use instead:
    ```python
    from torch import nn


    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(256, 256) for _ in range(8)])
            for layer in self.layers:
                nn.init.xavier_uniform_(layer.weight, gain=1.414)

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return x
    ```

    ## Fix safety
    Unsafe: the same call may initialize layers that another activation follows.

    ## Options
    - `depth`: the number of layers from which on a run is flagged. Default: 6.

    ## References
    - [Glorot and Bengio, 2010: Understanding the difficulty of training deep feedforward neural networks](https://proceedings.mlr.press/v9/glorot10a.html)
    - [He et al., 2015: Delving deep into rectifiers](https://arxiv.org/abs/1502.01852)
    """

    code: ClassVar[str] = "GL305"
    name: ClassVar[str] = "mismatched-init"
    level: ClassVar[Level] = Level.NOTE
    default: ClassVar[bool] = False
    preview: ClassVar[bool] = True
    depth: int = 6

    def check_network(self, network: Network) -> Iterator[Finding]:
        library = network.project.world.library

        def plain(layer: Layer) -> bool:
            return drawn(layer, "gain", library) == 1.0

        stacks = network.drawn(self.depth, plain)
        if not stacks:
            return
        deepest = max(stacks, key=len)
        gains = [math.sqrt(2 / (1 + (link.slope or 0.0) ** 2)) for link in deepest.links]
        left = math.prod(1 / gain for gain in gains)
        by = deepest.layers[0].initializer
        yield self.at(
            network.module,
            network.node,
            f"{len(deepest)} layers in a row, each with ReLU, have Xavier's gain of 1 where {gains[0]:.3f} is needed:"
            f" the signal shrinks to {1 / gains[0]:.2f} of its size a layer, to {left:.2g} over all",
            help="give it the gain of the activation, or take `nn.init.kaiming_normal_`",
            related=[Related(by[0].place(by[1]), "this initializes them")] if by is not None else (),
            fix=with_gain(network, deepest.layers[0], gains[0]),
        )
