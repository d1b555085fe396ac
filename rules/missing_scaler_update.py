"""GL204: a scaler that steps and is not updated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import after_step

_UPDATED = "an `update()` stands elsewhere in the function: move it behind the step"
_SEVERAL = "several optimizers step: one `update()` belongs after the last of them"


class MissingScalerUpdate(Rule):
    """
    ## What it does
    Checks for `scaler.step(optimizer)` that comes around again without `scaler.update()` in between.

    ## Why is this bad?
    `update()` ends the iteration of a `GradScaler`: it lowers the scale after an overflow, raises it after 2000 good
    steps, and forgets which optimizers were unscaled and stepped. Without it the second `scaler.step` raises
    `RuntimeError: step() has already been called since the last update()`.

    ## Example
    ```python
    import torch


    def train(model, batches, optimizer):
        scaler = torch.amp.GradScaler("cuda")
        for inputs, targets in batches:
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype=torch.float16):
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches, optimizer):
        scaler = torch.amp.GradScaler("cuda")
        for inputs, targets in batches:
            optimizer.zero_grad()
            with torch.autocast("cuda", dtype=torch.float16):
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    ```

    ## Fix safety
    Safe: the code without it raises at its second step.

    ## References
    - [torch.amp.GradScaler](https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling)
    """

    code: ClassVar[str] = "GL204"
    name: ClassVar[str] = "missing-scaler-update"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        again = any(state.awaiting for state in update.states)
        if update.kind != "scaler" or not again or not update.one(update.act):
            return
        updates = [act for act in update.program.flows.acts(update.scope) if act.does == "update"]
        fix = after_step(update, "update", "Update the scaler after the step")
        yield self.at(
            update.module,
            update.node,
            "the scaler steps again without an `update()` since its last step: the second step raises",
            help="call `scaler.update()` once in each iteration, after the last `scaler.step`",
            update=update,
            related=update.related(),
            fix=_SEVERAL if not update.alone else _UPDATED if updates else fix,
        )
