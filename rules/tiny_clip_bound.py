"""GL104: a clip with a bound that starves the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update


class TinyClipBound(Rule):
    """
    ## What it does
    Checks for clips to a norm so small that hardly anything is learned.

    ## Why is this bad?
    A clip to a norm of 0.0001 leaves of every gradient that much: with SGD at a rate of 0.1 all weights together move
    by 0.00001 in a step. A report on a Deep SAD model tells of a bound of 5 where gradients had a norm near 100: the
    loss stood still, and it fell when the bound was 100, the average that had been measured.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1e-5)
            optimizer.step()
    ```

    ## Options
    - `starves-below`: the bound below which a clip is taken to starve the network.

    ## References
    - [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    """

    code: ClassVar[str] = "GL104"
    name: ClassVar[str] = "tiny-clip-bound"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    starves_below: float = 1e-3

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act, _ in update.events("clip"):
            bound = update.program.flows.written(act)
            if bound is None or not 0 < bound < self.starves_below or act.scope.module is not update.module:
                continue
            yield self.at(
                update.module,
                act.node,
                f"a bound of {bound:g} leaves next to nothing of the gradients: the network hardly learns",
                help="take the average of the gradients' norm, which a clip to infinity returns",
                update=update,
                related=update.related(),
            )
