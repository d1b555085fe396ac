"""GL206: float16 parameters under a gradient scaler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.program.precision import halved


class HalfParametersWithScaler(Rule):
    """
    ## What it does
    Checks for networks that are converted to float16 and stepped through a `GradScaler`.

    ## Why is this bad?
    A scaler unscales gradients of float32 parameters only: `scaler.step` and `scaler.unscale_` raise `ValueError:
    Attempting to unscale FP16 gradients`. Mixed precision keeps the parameters in float32 and lets autocast compute in
    float16; small updates of float16 parameters would be rounded to nothing.

    ## Example
    ```python
    import torch


    def train(batches):
        model = torch.nn.Linear(8, 1)
        model.half()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cuda")
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    ```

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    """

    code: ClassVar[str] = "GL206"
    name: ClassVar[str] = "half-parameters-with-scaler"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind != "scaler":
            return
        for call, scope in halved(update):
            if scope.module is update.module:
                yield self.at(
                    update.module,
                    call,
                    "this makes the parameters float16, whose gradients a `GradScaler` refuses: the first step raises",
                    help="leave the parameters in float32, and compute under `torch.autocast`",
                    update=update,
                    related=update.related(),
                )
