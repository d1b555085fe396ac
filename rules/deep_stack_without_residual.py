"""GL602: a deep stack with nothing that carries the signal past its layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Network, Related, Rule


class DeepStackWithoutResidual(Rule):
    """
    ## What it does
    Checks for networks with a run of at least ten weight layers, each followed by an activation of the ReLU family,
    that has neither a residual connection nor normalization, however it is initialized. What leads past the layers in
    another way, such as the concatenations of a U-Net or a loss of their own, counts as well.

    ## Why is this bad?
    The gradient of the first layer is a product with a factor for every layer behind it. Initialization makes the
    factors right on average and for the first steps only: at ten and more layers, small deviations in each add up to
    gradients that vanish or explode as the weights move. A residual connection gives them a way past the layers.

    ## Example
    ```python
    from torch import nn


    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(256, 256) for _ in range(12)])
            for layer in self.layers:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

        def forward(self, x):
            for layer in self.layers:
                x = layer(x).relu()
            return x
    ```

    ## Options
    - `depth`: the number of layers from which on a run is flagged. Default: 10.

    ## References
    - [He et al., 2016: Deep residual learning for image recognition](https://arxiv.org/abs/1512.03385)
    """

    code: ClassVar[str] = "GL602"
    name: ClassVar[str] = "deep-stack-without-residual"
    level: ClassVar[Level] = Level.NOTE
    default: ClassVar[bool] = False
    depth: int = 10

    def check_network(self, network: Network) -> Iterator[Finding]:
        stacks = [stack for stack in network.plain(self.depth) if stack.passed >= self.depth]
        if not stacks:
            return
        deepest = max(stacks, key=lambda stack: stack.passed)
        first = deepest.layers[0].site
        yield self.at(
            network.module,
            network.node,
            f"{deepest.passed} layers in a row have neither a residual connection nor normalization: the gradient of"
            f" the first is a product of {deepest.passed} factors",
            help="add the input of every two or three layers to their output, or normalize",
            related=[Related(first.module.place(first.node), "the first of these layers")] if first is not None else (),
            fix="where a residual connection fits is for you to decide",
        )
