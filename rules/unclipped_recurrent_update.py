"""GL101: a recurrent network is updated without clipping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Related, Rule, Update
from gradlint.fix.updates import Bound, Style, clip_before
from gradlint.schema import Percentage, Positive


class UnclippedRecurrentUpdate(Rule):
    """
    ## What it does
    Checks for updates of recurrent networks whose gradients reach the step unclipped.

    Recurrent are `nn.RNN`, `nn.LSTM`, `nn.GRU` and their cells, also deep inside a model, and a loop of your own that
    feeds a module's output back into it.

    ## Why is this bad?
    The gradient of a recurrent network is a product with one factor for each time step. Where the factors are above
    one it grows exponentially with the length of the sequence: a factor of 1.1 over 200 steps makes 1.9e8. One batch
    like that throws the parameters far off, and the loss jumps or becomes NaN after hours of quiet training.

    `clip_grad_norm_` bounds the length of the step and keeps its direction. Common bounds are 1.0, and 0.25 for
    language models; a bound far above the usual norm of the gradients changes nothing.

    ## Example
    ```python
    import torch
    from torch import nn

    model = nn.LSTM(32, 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


    def train(batches):
        for inputs, targets in batches:
            optimizer.zero_grad()
            outputs, _ = model(inputs)
            loss = nn.functional.mse_loss(outputs, targets)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch
    from torch import nn

    model = nn.LSTM(32, 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


    def train(batches):
        for inputs, targets in batches:
            optimizer.zero_grad()
            outputs, _ = model(inputs)
            loss = nn.functional.mse_loss(outputs, targets)
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
    ```

    ## Fix safety
    Safe: the code runs as before, and gradients shorter than `max-norm` are left as they are. Longer ones are
    shortened, which is the point; a learning rate that was chosen for unclipped gradients may have to be chosen again.
    Under a `GradScaler` the gradients are unscaled first, and Accelerate, Fabric and Lightning clip by their own calls.

    ## Options
    - `style`: what the fix writes. `"norm"` bounds the length of the whole gradient and keeps its direction. `"value"`
      cuts each of its elements off, which turns it. `"adaptive"` measures: it keeps the norms of the last 1,000 steps
      and clips to a percentile of them, but to no more than `max-norm`, since the first norms tell nothing yet, and
      since a percentile of gradients that grow from step to step grows along.
    - `max-norm`: the bound of `"norm"`, and the most that `"adaptive"` clips to; `inf` leaves that to the percentile.
    - `clip-value`: the bound of `"value"`, for each element.
    - `percentile`: that of `"adaptive"`, at most 100. 90 shortens one gradient in ten.

    Frameworks that clip by themselves know the norm, and some of them the value; where the style is not among what they
    know, there is no fix, and the finding says so.

    ## References
    - [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    - [AutoClip: adaptive gradient clipping](https://arxiv.org/abs/2007.14469)
    - [On the difficulty of training recurrent neural networks](https://arxiv.org/abs/1211.5063)
    """

    code: ClassVar[str] = "GL101"
    name: ClassVar[str] = "unclipped-recurrent-update"
    level: ClassVar[Level] = Level.WARNING
    style: Style = "norm"
    max_norm: Positive = 1.0
    clip_value: Positive = 0.5
    percentile: Percentage = 90.0

    def check_update(self, update: Update) -> Iterator[Finding]:
        recurrence = update.recurrence if self._unclipped(update) else None
        if recurrence is None:
            return
        bound = self._bound()
        fix = clip_before(update, bound)
        whole = update.kind == "implicit"
        where = "the updates of this training loop" if whole else "this step"
        how = "in the settings of the loop" if whole else "between the backward pass and the step"
        cause = Related(recurrence.module.place(recurrence.node), "this carries a state from step to step")
        yield self.at(
            update.module,
            update.node,
            f"the gradients of {recurrence.what} reach {where} unclipped: over long sequences they explode",
            help=f"clip the gradients to {bound} {how}",
            update=update,
            related=(cause, *update.related()),
            fix=fix,
        )

    def spares_update(self, update: Update) -> str | None:
        if not update.trained:
            return "no backward pass is seen to lead here"
        if not self._unclipped(update):
            return "the gradients are clipped, or a setting clips them"
        return "none of its networks is known to be recurrent" if update.recurrence is None else None

    def _bound(self) -> Bound:
        sizes = {"norm": self.max_norm, "value": self.clip_value, "adaptive": self.percentile}
        return Bound(self.style, sizes[self.style], self.max_norm)

    def _unclipped(self, update: Update) -> bool:
        return update.can_be(lambda state: not state.clips) and not update.clipped_elsewhere
