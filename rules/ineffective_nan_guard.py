"""GL503: a test for NaN that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import react


class IneffectiveNanGuard(Rule):
    """
    ## What it does
    Checks for tests of the loss or the gradients for NaN or infinity that only report it, or that come after the step.

    ## Why is this bad?
    The step that follows, or that came before, writes the NaN into every parameter that it updates. The log then tells
    when the run died, and it goes on, for hours, with weights that are all NaN.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if torch.isnan(loss):
                print("loss is NaN")
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if torch.isnan(loss):
                print("loss is NaN")
                raise FloatingPointError("non-finite loss")
            loss.backward()
            optimizer.step()
    ```

    ## Fix safety
    Unsafe: a run that went on now ends where the test finds something, or leaves the batch out, as the test itself has
    it. The test is the code's own: one for NaN alone still lets infinity through, which GL501 does not.

    ## References
    - [torch.isfinite](https://docs.pytorch.org/docs/stable/generated/torch.isfinite.html)
    """

    code: ClassVar[str] = "GL503"
    name: ClassVar[str] = "ineffective-nan-guard"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind in ("implicit", "manual") or not update.trained or not update.unguarded:
            return
        for act, states in update.events("test"):
            if act.scope.module is not update.module or act.scope not in update.near:
                continue
            if not act.about_gradients and not act.names & update.losses:
                continue
            late = all(state.stepped for state in states)
            if act.fact.get("answers") and not late:
                continue
            what = (
                "comes after the step: the weights are NaN already"
                if late
                else "changes nothing: the step is taken all the same"
            )
            yield self.at(
                update.module,
                act.node,
                f"this test for NaN or infinity {what}",
                help="raise, or skip the batch, before the backward pass",
                update=update,
                related=update.related(),
                fix=react(update, act, late),
            )
            return
