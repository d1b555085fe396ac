"""GL102: a clip of gradients that no step uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import before_step


class ClipOutsideUpdate(Rule):
    """
    ## What it does
    Checks for clips that come after the step, or before the backward pass: nothing that is clipped is used.

    ## Why is this bad?
    The step has already been taken with the gradients as they were, or the backward pass still has to compute them.
    The code reads as if it clipped, the norm that it logs is real, and the updates are as large as ever.

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
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
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
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
    ```

    ## Fix safety
    Safe: the clip moves to directly before the step that it was written for. Steps become shorter where the gradients
    are longer than the bound, which is the point.

    ## References
    - [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    """

    code: ClassVar[str] = "GL102"
    name: ClassVar[str] = "clip-outside-update"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act, states in update.events("clip"):
            late = any(state.fresh and state.stepped for state in states)
            unused = all(state.fresh is False or state.stepped for state in states)
            here = update.here(act)
            if not unused or here is None or not update.sure(act):
                continue
            if update.program.flows.idle(act):  # it only measures the norm
                continue
            when = (
                "after the step has used the gradients" if late else "before the backward pass has made the gradients"
            )
            yield self.at(
                update.module,
                here,
                f"this clips {when}: every step is taken with gradients of any size",
                help="clip between the backward pass and the step",
                update=update,
                related=update.related(),
                fix=before_step(update, act, "Clip before the step"),
            )
