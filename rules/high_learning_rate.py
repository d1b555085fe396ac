"""GL404: a learning rate far outside of the range of its optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.program.names import Lib
from gradlint.program.values import Made


class HighLearningRate(Rule):
    """
    ## What it does
    Checks for learning rates that are far above what the optimizer bears: above 0.1 for Adam and its kin, above 10 for
    SGD, above 100 where the gradients are clipped.

    ## Why is this bad?
    Adam divides each gradient by its own size, so that the learning rate is the length of the step in each weight:
    weights of a layer of width 512 have a size of about 0.04, and a step of 0.25 replaces them. SGD multiplies the
    gradient, whose size varies more, and bears more. The usual slip is an option made for one optimizer that another
    is given.

    ## Example
    ```python
    import torch


    def train(batches):
        model = torch.nn.Linear(8, 1)
        optimizer = torch.optim.AdamW(model.parameters(), lr=20)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
    ```

    ## References
    - [torch.optim.Adam](https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html)
    - [Adam: A Method for Stochastic Optimization](https://arxiv.org/abs/1412.6980)
    """

    code: ClassVar[str] = "GL404"
    name: ClassVar[str] = "high-learning-rate"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        optimizers = update.program.schedules.optimizers
        whole, vocabulary = update.program.traits.parts.whole, update.program.values.vocabulary
        clipped = any(state.clips for state in update.trained)
        parts = [part.made.of for network in update.networks for part in whole(network)]
        libs = [part.path for part in parts if isinstance(part, Lib)]
        paths = [path for path in libs if not vocabulary.entry("plain_bases", path)]
        layers = any(vocabulary.about("layers", path) != "parameter" for path in paths)
        if not layers or update.schedule.warms:
            return  # an image or a matrix that is optimized bears more; a warmup starts lower
        for made in update.optimizers:
            if not isinstance(made, Made) or made.site is None or made.scope is None:
                continue
            rate, highest = optimizers.given_rate(made), optimizers.highest(made, clipped)
            if rate is None or highest is None or rate <= highest or made.scope.module is not update.module:
                continue
            yield self.at(
                update.module,
                made.site,
                f"a learning rate of {rate:g} is {rate / highest:.3g} times the highest that this optimizer bears,"
                f" {highest:g}: the first steps throw the weights away",
                help="start from the optimizer's default",
                update=update,
            )
