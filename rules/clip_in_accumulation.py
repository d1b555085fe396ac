"""GL106: a clip on every micro-batch of an accumulation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Safety, Update
from gradlint.fix.updates import before_step
from gradlint.program.flow import Act


class ClipInAccumulation(Rule):
    """
    ## What it does
    Checks for clips that run on every micro-batch while gradients accumulate over several.

    ## Why is this bad?
    The sum of the micro-batches is what the step uses, so it is what the bound is about. Clipped on every micro-batch,
    the first of them is shortened again and again and the last once: late micro-batches count for more than early
    ones, and the direction of the step is no longer that of the whole batch.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for index, (inputs, targets) in enumerate(batches):
            loss = torch.nn.functional.mse_loss(model(inputs), targets) / 4
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            if (index + 1) % 4 == 0:
                optimizer.step()
                optimizer.zero_grad()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for index, (inputs, targets) in enumerate(batches):
            loss = torch.nn.functional.mse_loss(model(inputs), targets) / 4
            loss.backward()
            if (index + 1) % 4 == 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
                optimizer.step()
                optimizer.zero_grad()
    ```

    ## Fix safety
    Unsafe: the whole sum is clipped once, which makes other steps than before; the bound may have to be chosen again.

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    """

    code: ClassVar[str] = "GL106"
    name: ClassVar[str] = "clip-in-accumulation"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act, _ in update.events("clip"):
            here = update.here(act)
            if here is None or not update.sure(act) or not _again(update, act):
                continue
            yield self.at(
                update.module,
                here,
                "this clips on every micro-batch, and the step uses their sum: early ones are shortened over and over",
                help="clip once, directly before the step",
                update=update,
                related=update.related(),
                fix=before_step(update, act, "Clip once, before the step", Safety.UNSAFE),
            )


def _again(update: Update, clip: Act) -> bool:
    """Whether gradients that the clip has shortened reach the backward pass that they come from once more."""
    return any(
        state.fresh and not state.stepped and any(c.act is clip for c in state.clips)
        for act, states in update.events("backward")
        for state in states
        if act in update.accumulates and state.backward is act
    )
