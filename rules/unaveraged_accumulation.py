"""GL704: accumulated losses that are not averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.averaging import average
from gradlint.program.accumulation import averaged, boundaries


class UnaveragedAccumulation(Rule):
    """
    ## What it does
    Checks for gradients that are accumulated over micro-batches whose losses are not divided by their number.

    ## Why is this bad?
    `backward` adds: over eight micro-batches the gradient is eight times that of a batch, and so is the step. The
    learning rate that was right without accumulation is eight times too high, and changing the number of micro-batches
    changes it.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for index, (inputs, targets) in enumerate(batches):
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            if (index + 1) % 8 == 0:
                optimizer.step()
                optimizer.zero_grad()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for index, (inputs, targets) in enumerate(batches):
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            (loss / 8).backward()
            if (index + 1) % 8 == 0:
                optimizer.step()
                optimizer.zero_grad()
    ```

    ## Fix safety
    Unsafe: gradients are smaller by the number of micro-batches, so the learning rate, and the bound of a clip, may
    have to be chosen again. A step that the last batch of an epoch brings on early has fewer losses than the divisor.

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    """

    code: ClassVar[str] = "GL704"
    name: ClassVar[str] = "unaveraged-accumulation"
    level: ClassVar[Level] = Level.WARNING

    def check_update(self, update: Update) -> Iterator[Finding]:
        if not update.alone:
            return
        for act in update.accumulates:
            if update.kind not in ("torch", "scaler") and not act.fact.get("averages"):
                continue
            if act.scope is not update.scope or not any(boundaries(update)) or averaged(update, act):
                continue
            yield self.at(
                update.module,
                act.node,
                "the losses of several micro-batches are summed, not averaged: the step is as many times too long",
                help="divide the loss by the number of micro-batches",
                update=update,
                related=update.related(),
                fix=average(update, act),
            )
