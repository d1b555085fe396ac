"""GL205: a step with gradients that are still scaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import step_through
from gradlint.program import syntax as s
from gradlint.program.choices import apart
from gradlint.program.flow import Act


class UnscaledStep(Rule):
    """
    ## What it does
    Checks for `optimizer.step()` with gradients that a `GradScaler` has scaled.

    ## Why is this bad?
    The gradients are too large by the scale, 65536 at the start: plain SGD takes steps that much too long and is NaN
    at once; Adam hides the size, but its `eps` no longer means anything, weight decay is out of proportion, and one
    overflow goes into the parameters, since it is `scaler.step` that skips it. `scaler.step(optimizer)` unscales,
    looks for overflows, and then steps.

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
            optimizer.step()
            scaler.update()
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
    Safe: it is what the scaler is for.

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    """

    code: ClassVar[str] = "GL205"
    name: ClassVar[str] = "unscaled-step"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind != "torch" or not all(state.scaled and not state.unscaled for state in update.trained):
            return
        if any(_instead(update, act) for act in update.program.flows.acts(update.scope)):
            return
        scaled = [
            (act, call)
            for act in update.backwards
            if (call := update.program.flows.scaling(act.operand, act.scope)) is not None
        ]
        if not scaled or not update.alone:
            return
        act, call = scaled[0]
        scaler = call.func.value if isinstance(call.func, s.Attribute) else None
        fix = step_through(update, scaler, act.scope) if scaler is not None else "the gradient scaler has no name"
        yield self.at(
            update.module,
            update.node,
            "this steps with gradients that are still multiplied by the scale, 65536 at the start",
            help="step through the scaler: it unscales, and skips the step after an overflow",
            update=update,
            related=update.related(),
            fix=fix,
        )


def _instead(update: Update, act: Act) -> bool:
    """Whether an event is the step that a scaler takes where this one is not taken."""
    if act.does != "step" or not act.fact.get("scaled"):
        return False
    return apart(act.node, update.node, update.scope, update.program.flows.conditions)
