"""GL501: a non-finite loss reaches the step unchecked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import guard_before

_HELP = {"raise": "raise an error", "skip": "skip the batch"}


class UnguardedNonfiniteLoss(Rule):
    """
    ## What it does
    Checks for updates that a NaN or infinite loss reaches without a test that stops, skips or raises.

    ## Why is this bad?
    The gradients of a non-finite loss are NaN. One step with them writes NaN into every parameter that the optimizer
    updates, and into its moments; no later batch brings them back. The run goes on, every loss that it logs is `nan`,
    and the checkpoints that it saves from then on are worthless.

    Clipping is no protection: a single NaN makes the total norm NaN, and every clipped gradient with it. Neither is
    `loss > threshold`, which is false for NaN, nor a test that only prints, nor one after the step. A `GradScaler`
    is: it leaves out a step whose gradients are not finite.

    ## Example
    ```python
    import torch


    def train(model, batches, optimizer):
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches, optimizer):
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer.step()
    ```

    ## Fix safety
    Safe: as long as the loss is finite, the fixed code computes what it did. The test waits for the loss to be
    computed, which costs a GPU one synchronization a step. A loss that may have several elements is tested with
    `.all()`.

    With `action = "skip"`, the batch is left out instead. Where the project can train in several processes they agree
    on that, since one that skips a batch alone leaves the others waiting for its gradients.

    ## Options
    - `action`: what the fix does about a non-finite loss: `"raise"` an error, or `"skip"` the batch.

    ## References
    - [torch.isfinite](https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html)
    - [Anomaly detection](https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection), which finds the
      operation that gave the first NaN
    """

    code: ClassVar[str] = "GL501"
    name: ClassVar[str] = "unguarded-nonfinite-loss"
    level: ClassVar[Level] = Level.WARNING
    action: Literal["raise", "skip"] = "raise"

    def check_update(self, update: Update) -> Iterator[Finding]:
        if self.spares_update(update) is not None:
            return
        fix = guard_before(update, self.action)
        yield self.at(
            update.module,
            update.node,
            "a NaN or infinite loss reaches this step unchecked: one such batch makes every parameter NaN",
            help=f"test the loss before its backward pass, and {_HELP[self.action]} when it is not finite",
            update=update,
            related=update.related(),
            fix=fix,
        )

    def spares_update(self, update: Update) -> str | None:
        if update.kind in ("implicit", "manual"):
            return "the step is a framework's own" if update.kind == "implicit" else "the step is written by hand"
        if update.skips_nonfinite:
            return "what steps skips non-finite gradients by itself"
        if not update.trained:
            return "no backward pass is seen to lead here"
        if not update.unguarded:
            return "the loss or the gradients are tested, or a setting has them tested"
        return None
