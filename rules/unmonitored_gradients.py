"""GL801: gradients that nothing measures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.logs import log_norm
from gradlint.program.monitored import measures


class UnmonitoredGradients(Rule):
    """
    ## What it does
    Checks for updates around which nothing reads the norm of the gradients.

    ## Why is this bad?
    A bound for clipping, a sign that the run is about to diverge and the proof that it learns at all are all read off
    the norm of the gradients. `clip_grad_norm_` returns it at no cost, also with an infinite bound, which clips
    nothing.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            print(loss.item())
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=float("inf"))
            optimizer.step()
            print(loss.item())
            print(f"grad_norm: {float(grad_norm):.4g}")
    ```

    ## Fix safety
    Safe: what a clip returns is logged where the code logs its loss. Where nothing clips, an infinite bound leaves
    gradients as they are; if one is not finite all become NaN, and the step would have spoiled the weights already.

    ## References
    - [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    """

    code: ClassVar[str] = "GL801"
    name: ClassVar[str] = "unmonitored-gradients"
    level: ClassVar[Level] = Level.NOTE

    default: ClassVar[bool] = False

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind not in ("torch", "scaler") or not update.trained:
            return
        if next(measures(update), None) is not None:
            return
        yield self.at(
            update.module,
            update.node,
            "nothing reads the norm of the gradients of this step",
            help="log what `clip_grad_norm_` returns",
            update=update,
            fix=log_norm(update),
        )
