"""GL703: a loss that is summed up with its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Fix, Level, Rule, Safety, Update
from gradlint.fix import verbs
from gradlint.program.retained import retained_losses


class RetainedLossGraph(Rule):
    """
    ## What it does
    Checks for losses that are added up, or kept in a list, over batches without `.item()` or `.detach()`.

    ## Why is this bad?
    Each loss holds the graph that computed it. Added to a total that lives through the epoch, every graph of the epoch
    stays: memory grows with each batch until it runs out, hours into the run.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        total = 0.0
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss
        print(total)
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        total = 0.0
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        print(total)
    ```

    ## Fix safety
    Safe: the sum is the same tensor, without the graphs that nothing walks any more.

    ## References
    - [PyTorch FAQ: my model reports out of memory](https://docs.pytorch.org/docs/stable/notes/faq.html)
    """

    code: ClassVar[str] = "GL703"
    name: ClassVar[str] = "retained-loss-graph"
    level: ClassVar[Level] = Level.WARNING

    def check_update(self, update: Update) -> Iterator[Finding]:
        for kept in retained_losses(update):
            edits = verbs.replace(update.module, kept.loss, f"{update.module.text(kept.loss)}.detach()")
            yield self.at(
                update.module,
                kept.node,
                f"`{kept.into}` keeps the graph of every batch: memory grows until it runs out",
                help="add `loss.item()`, or `loss.detach()`",
                update=update,
                related=update.related(),
                fix=Fix("Detach the loss from its graph", Safety.SAFE, edits) if edits else "the file cannot be edited",
            )
