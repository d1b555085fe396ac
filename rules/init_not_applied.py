"""GL303: an initialization that reaches no weight."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import File, Finding, Level, Network, Related, Rule
from gradlint.program import syntax as s
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.uncalled import unused_initializer, unused_method


class InitNotApplied(Rule):
    """
    ## What it does
    Checks for initializations of the `weight` of layers that `weight_norm`, or one of
    `torch.nn.utils.parametrizations`, wraps. (The old `torch.nn.utils.spectral_norm` keeps what is written before its
    first forward pass.) And for functions that initialize the layers that they are given, and methods that initialize
    those of their network, but that nothing in the project calls, hands on or names. A package's functions are for
    others to call. Nothing is said of a network that the project only loads or evaluates.

    ## Why is this bad?
    Such a layer has no weight of its own: before every forward pass it is computed from other parameters, `weight_g`
    and `weight_v` with `weight_norm`. What was written to `weight` is gone with the first batch, without a word, and
    the layer starts from PyTorch's default. A run that hangs on its initialization does not have it. Nor does one whose
    initialization is written, and then forgotten.

    ## Example
    ```python
    from torch import nn
    from torch.nn.utils import weight_norm


    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.up = weight_norm(nn.ConvTranspose1d(64, 32, 8, 4))
            self.out = weight_norm(nn.Conv1d(32, 1, 7))
            nn.init.normal_(self.up.weight, 0.0, 0.01)
            nn.init.normal_(self.out.weight, 0.0, 0.01)

        def forward(self, x):
            return self.out(nn.functional.leaky_relu(self.up(x)))
    ```

    ## References
    - [torch.nn.utils.weight_norm](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.weight_norm.html)
    """

    code: ClassVar[str] = "GL303"
    name: ClassVar[str] = "init-not-applied"
    level: ClassVar[Level] = Level.WARNING

    def check_file(self, file: File) -> Iterator[Finding]:
        for scope, write in unused_initializer(file.module, file.program.values):
            yield self._unused(file.module, scope, write)

    def check_network(self, network: Network) -> Iterator[Finding]:
        found = list(self._overwritten(network))
        if isinstance(network.node, s.Class):
            unused = unused_method(network.scope, network.project.world.values)
            found += [self._unused(network.module, scope, write) for scope, write in unused]
        if found and not network.served:
            yield from found

    def _unused(self, module: Module, scope: Scope, write: s.Call) -> Finding:
        assert isinstance(scope.node, s.Function)
        return self.at(
            module,
            scope.node,
            f"nothing calls `{scope.name}`: the layers that it would initialize keep PyTorch's default",
            help="call it where the network is built, or delete it",
            related=[Related(module.place(write), "it writes to a weight here")],
            fix="where it is to be called is for you to decide",
        )

    def _overwritten(self, network: Network) -> Iterator[Finding]:
        lost = network.lost_writes()
        places = dict.fromkeys(layer.lost for layer in lost if layer.lost is not None)
        for module, node in places:
            layers = [layer for layer in lost if layer.lost == (module, node)]
            first = next((layer.site for layer in layers if layer.site is not None), None)
            yield self.at(
                module,
                node,
                f"this writes to `weight` of {_count(len(layers))}, where it is computed anew from other"
                " parameters before every forward pass: the default initialization stays",
                help="initialize the layers before they are wrapped",
                related=[Related(first.module.place(first.node), "one of them")] if first is not None else (),
                fix="where the layers are to be initialized is for you to decide",
            )


def _count(layers: int) -> str:
    return "1 layer" if layers == 1 else f"{layers} layers"
