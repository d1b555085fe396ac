"""GL203: gradients are unscaled twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import File, Finding, Level, Related, Rule, Update
from gradlint.fix.updates import without


class RepeatedUnscale(Rule):
    """
    ## What it does
    Checks for `unscale_` that an optimizer reaches a second time before the scaler is updated.

    ## Why is this bad?
    `GradScaler.unscale_` may be called once for each optimizer between two calls of `update()`, after all gradients of
    the step are accumulated. The second call raises `RuntimeError: unscale_() has already been called on this
    optimizer since the last update()`: the run ends there, with gradient accumulation at the second micro-batch.

    The scaler knows an optimizer by the object. What it unscales under the name of a wrapper, and steps under that of
    what the wrapper holds, it divides by the scale twice, without a word: the gradients are 65536 times too small.

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
            scaler.unscale_(optimizer)
            print(max(p.grad.abs().max() for p in model.parameters()))
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
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
            scaler.unscale_(optimizer)
            print(max(p.grad.abs().max() for p in model.parameters()))
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
    ```

    ## Fix safety
    Safe: the call that is taken out could only raise.

    ## References
    - [Automatic mixed precision examples](https://docs.pytorch.org/docs/stable/notes/amp_examples.html)
    """

    code: ClassVar[str] = "GL203"
    name: ClassVar[str] = "repeated-unscale"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act, states in update.events("unscale"):
            twice = [state for state in states if state.unscaled]
            if not twice or not update.one(act) or act.scope.module is not update.module:
                continue
            sole = len(twice) < len(states)
            yield self.at(
                update.module,
                act.node,
                "this optimizer can be unscaled already when it gets here, since the last `update()`: that raises",
                help="unscale once for each step, next to it",
                update=update,
                related=update.related(),
                fix="it is the first on some ways: unscale in the branch of the step"
                if sole
                else without(act, "Unscale once"),
            )

    def check_file(self, file: File) -> Iterator[Finding]:
        for found in file.unscaled_wrappers():
            inner = found.step.scope.module.text(found.step.operand) if found.step.operand is not None else ""
            yield self.at(
                file.module,
                found.unscale.node,
                f"this unscales a `{found.wrapper.name}`, whose `step` steps `{inner}`: the scaler takes them for two "
                "optimizers and divides the gradients by the scale twice",
                help=f"unscale what is stepped, `{inner}`",
                related=[Related(found.step.scope.module.place(found.step.node), "the wrapper steps here")],
                fix="how to get at what is wrapped is for you to decide",
            )
