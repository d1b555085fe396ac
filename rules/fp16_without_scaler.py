"""GL202: float16 without loss scaling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import scale_loss
from gradlint.program.precision import half_regions


class Fp16WithoutScaler(Rule):
    """
    ## What it does
    Checks for backward passes of losses that a float16 autocast computed, in code that scales no loss.

    ## Why is this bad?
    float16 holds nothing below 6e-8, and gradients of deep networks are often smaller: they become zero, and the
    layers far from the loss stop learning. It holds nothing above 65504 either. A `GradScaler` multiplies the loss so
    that the gradients fit. `torch.autocast("cuda")` computes in float16 if it is not told otherwise; bfloat16 has the
    range of float32 and needs no scaler.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            with torch.autocast("cuda"):
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler()
        for inputs, targets in batches:
            optimizer.zero_grad()
            with torch.autocast("cuda"):
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    ```

    ## Fix safety
    Unsafe: the scaler leaves out steps whose gradients overflow, some of the first above all, and its state belongs
    into checkpoints. It takes no parameters that are float16 themselves, and is in `torch.amp` since PyTorch 2.3.
    Where the hardware has bfloat16, `dtype=torch.bfloat16` may be the better choice.

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    """

    code: ClassVar[str] = "GL202"
    name: ClassVar[str] = "fp16-without-scaler"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind != "torch" or not update.trained or any(state.scaled for state in update.states):
            return
        if any("GradScaler" in a.scope.module.words for a in (update.act, *update.backwards)):
            return
        for call, scope in half_regions(update):
            if scope.module is update.module:
                yield self.at(
                    update.module,
                    call,
                    "this computes in float16, and no loss is scaled: gradients below 6e-8 become zero",
                    help="use `torch.amp.GradScaler`, or `dtype=torch.bfloat16`, which needs none",
                    update=update,
                    related=update.related(),
                    fix=scale_loss(update, call),
                )
