"""GL701: gradients that are never zeroed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import after_step


class GradientsNeverZeroed(Rule):
    """
    ## What it does
    Checks for loops that step again with the gradients of earlier steps still in them.

    ## Why is this bad?
    `backward` adds to the gradients that are there. Without `zero_grad` every step is taken with the sum of all
    gradients since the start: it grows with every iteration, points to where the loss fell long ago, and the loss
    oscillates and then explodes.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    ```

    ## Fix safety
    Safe: the step has used the gradients, and the next ones are summed from zero.

    ## References
    - [torch.optim.Optimizer.zero_grad](https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html)
    """

    code: ClassVar[str] = "GL701"
    name: ClassVar[str] = "gradients-never-zeroed"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind not in ("torch", "scaler") or not update.can_be(lambda state: state.leftover):
            return
        if update.zeroed_elsewhere:
            return
        yield self.at(
            update.module,
            update.node,
            "nothing zeroes the gradients between two steps: each is taken with the sum of all gradients so far",
            help="call `optimizer.zero_grad()` once for each step",
            update=update,
            related=update.related(),
            fix=after_step(update, "zero_grad", "Zero the gradients after the step"),
        )
