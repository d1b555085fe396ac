"""GL201: gradients are clipped while they are still scaled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Related, Rule, Update
from gradlint.fix.updates import before_step, clip_in_file, unscale_before

_INITIAL_SCALE = 65536


class ClipOfScaledGradients(Rule):
    """
    ## What it does
    Checks for clips that gradients reach while a `GradScaler`, or the block of apex's `amp.scale_loss`, still has them
    scaled.

    ## Why is this bad?
    `scaler.scale(loss).backward()` computes gradients that are too large by the scale, which starts at 65536 and
    moves as training goes. A clip compares these with its bound: `max_norm=1.0` then clips to a norm of
    1.0 / 65536 = 1.5e-05. Almost every gradient is clipped to almost nothing, and with SGD training all but stops. Adam
    divides by the size of the gradients and goes on, but every batch then counts alike, and its steps get shorter where
    the gradients of a large network come near its `eps`. As the scale changes so does the bound, so that no other
    choice of `max_norm` is right either.

    `scaler.unscale_(optimizer)` divides the gradients by the scale. `scaler.step(optimizer)` sees that this was done,
    and does not do it again. It may be called once for each optimizer between two calls of `scaler.update()`: where
    gradients are accumulated it belongs next to the step, not to each backward pass.

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
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            scaler.step(optimizer)
            scaler.update()
    ```

    ## Fix safety
    Safe: the clip then means what it says. A bound that was chosen by trial to work on scaled gradients will hardly
    ever bind afterwards.

    ## References
    - [Automatic mixed precision examples: gradient clipping](https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping)
    """

    code: ClassVar[str] = "GL201"
    name: ClassVar[str] = "clip-of-scaled-gradients"
    level: ClassVar[Level] = Level.ERROR

    def check_update(self, update: Update) -> Iterator[Finding]:
        if self.spares_update(update) is not None:
            return
        clips = {clip_in_file(update, clip): clip for clip in reversed(update.scaled_clips)}
        for where, clip in sorted(clips.items(), key=lambda pair: pair[0].id):
            related = list(update.related())
            if where is not clip.act.node:
                related.insert(0, Related(clip.act.scope.module.place(clip.act.node), "the gradients are clipped here"))
            inside = update.scaled_in_block
            fix = before_step(update, clip.act, "Clip after the block") if inside else unscale_before(update, clip)
            yield self.at(
                update.module,
                where,
                f"gradients are clipped while they are still scaled: {_threshold(update.bound(clip))}",
                help="clip after the block: leaving it takes the scale away"
                if inside
                else "call `scaler.unscale_(optimizer)` once, directly before the clip",
                update=update,
                related=related,
                fix=fix,
            )

    def spares_update(self, update: Update) -> str | None:
        if update.kind != "scaler" and not update.scaled_in_block:
            return "it does not step through a gradient scaler"
        return None if update.scaled_clips else "no clip of scaled gradients leads here"


def _threshold(bound: tuple[str, float] | None) -> str:
    if bound is None:
        return f"at the initial scale of {_INITIAL_SCALE} the bound is that many times too small"
    name, value = bound
    return f"at the initial scale of {_INITIAL_SCALE}, `{name}={value}` clips at {value / _INITIAL_SCALE:.1e}"
