"""GL401: a transformer is updated at its full learning rate from the first step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Related, Rule, Update
from gradlint.fix.updates import start_stepping, warm_up
from gradlint.program.pace import warmups

_STEPS = 2000  # 2 / (1 - 0.999), where the optimizer does not say otherwise


class TransformerWithoutWarmup(Rule):
    """
    ## What it does
    Checks for updates of transformers whose learning rate starts at its peak.

    A transformer is `nn.Transformer` and its layers, a model of a library such as Hugging Face transformers or timm, or
    two blocks and more of your own that hold self-attention and a feed-forward, also as a part of a larger model.

    ## Why is this bad?
    At the start the gradients near the output of a transformer are large, above all where the normalization comes
    after the residual. Adam knows the variance of the gradients from a few batches only, and takes steps that are far
    too long. The loss then rises or stays on a plateau, and a run that starts like that often never recovers.

    A warmup lets the learning rate rise from near zero while the estimates settle. For Adam, 2 / (1 - beta2) steps
    are enough: 2000 for the default of 0.999. `CosineAnnealingWarmRestarts` and `StepLR` start at the peak, and so do
    Hugging Face's schedules with the default `warmup_steps=0`.

    ## Example
    ```python
    import torch
    from torch import nn


    def train(batches):
        model = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 8), num_layers=6)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch
    from torch import nn


    def train(batches):
        model = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 8), num_layers=6)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1e-3, total_iters=2000)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer.step()
            warmup.step()
    ```

    ## Fix safety
    Safe where nothing schedules the learning rate yet and the step stands in a loop: the rate rises to what it was and
    stays there. Safe too where schedulers that multiply the rate are stepped after each epoch: the warmup multiplies
    it beside them, and once it is over the schedule is what it was. Where a scheduler is stepped after each update the
    fix puts the warmup before it, which is unsafe: the schedule then ends that much later. Where the step is not in a
    loop the fix cannot see how often it runs, and is unsafe too. A function that is handed the optimizer is handed the
    warmup as one more argument, which may be left out. There is no fix where the optimizer's state is loaded from a
    checkpoint: a warmup that starts anew would multiply the full rate that was loaded up to a thousandfold, so its own
    state has to be saved and loaded too.

    ## Options
    - `warmup-steps`: the length of the warmup that the fix writes; 0 takes 2 / (1 - beta2) of the optimizer.

    ## References
    - [On Layer Normalization in the Transformer Architecture](https://arxiv.org/abs/2002.04745)
    - [On the adequacy of untuned warmup for adaptive optimization](https://arxiv.org/abs/1910.04209)
    - [torch.optim.lr_scheduler.LinearLR](https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html)
    """

    code: ClassVar[str] = "GL401"
    name: ClassVar[str] = "transformer-without-warmup"
    level: ClassVar[Level] = Level.WARNING
    warmup_steps: int = 0

    def check_update(self, update: Update) -> Iterator[Finding]:
        transformer = update.transformer
        if transformer is None or self.spares_update(update) is not None:
            return
        steps, why = self._steps(update.schedule.beta2)
        rate = update.schedule.rate
        at = f" of {rate:g}" if rate is not None else ""
        idle = next((warmup for warmup in warmups(update) if warmup.idle and warmup.first is not None), None)
        causes = [
            Related(
                cause.module.place(cause.node),
                f"nothing steps {cause.what}" if idle and cause is idle.cause else f"{cause.what} starts at the peak",
            )
            for cause in update.schedule.causes[:2]
        ]
        held = Related(transformer.module.place(transformer.node), f"the network holds {transformer.what}")
        message = f"a transformer starts training at its full learning rate{at}: without a warmup it can diverge"
        help_ = f"let the learning rate rise over the first {steps} steps{why}"
        if idle is not None:
            message = (
                f"nothing steps the warmup of a transformer: its learning rate stays at {idle.first:.2g} of what the"
                " warmup rises to"
            )
            help_ = "step it after each step of the optimizer"
        yield self.at(
            update.module,
            update.node,
            message,
            help=help_,
            update=update,
            related=(held, *causes, *update.related()),
            fix=warm_up(update, steps) if idle is None else start_stepping(update, idle.cause),
        )

    def _steps(self, beta2: float | None) -> tuple[int, str]:
        """How long the warmup is, and why so long."""
        if self.warmup_steps > 0:
            return self.warmup_steps, ""
        if beta2 is None or not 0 < beta2 < 1:
            return _STEPS, ""
        steps = max(1, round(2 / (1 - beta2)))
        return steps, f", 2 / (1 - beta2) with its beta2 of {beta2:g}"

    def spares_update(self, update: Update) -> str | None:
        if update.transformer is None:
            return "none of its networks is known to be a transformer"
        if update.kind not in ("implicit", "manual") and not update.trained:
            return "no backward pass is seen to lead here"
        if update.schedule.warms is None:
            return "whether the learning rate warms up cannot be told"
        return "the learning rate warms up" if update.schedule.warms else None
