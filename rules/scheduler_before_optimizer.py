"""GL402: a scheduler that steps before the optimizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.updates import scheduler_after_step
from gradlint.program import syntax as s


class SchedulerBeforeOptimizer(Rule):
    """
    ## What it does
    Checks for loops in which `scheduler.step()` comes before the first `optimizer.step()`.

    ## Why is this bad?
    Since PyTorch 1.1 a scheduler sets the first learning rate when it is built, and `step()` moves on to the next.
    Called first, it skips the first value of the schedule, so that the whole schedule is one step, or one epoch,
    ahead: a warmup starts higher, a decay comes early. PyTorch warns once, and goes on.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
        for inputs, targets in batches:
            scheduler.step()
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            scheduler.step()
    ```

    ## Fix safety
    Safe where both stand in one loop: the schedule then starts with its first value.

    ## References
    - [How to adjust the learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
    """

    code: ClassVar[str] = "GL402"
    name: ClassVar[str] = "scheduler-before-optimizer"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        events = update.events("schedule")
        if not events or update.kind not in ("torch", "scaler"):
            return
        own, counters = dict(update.schedule.steps), update.program.schedules.rising.counters
        for act, states in events:
            early = {state.moved for state in states} == {False, True}  # first before any step, then after one
            if not early or act.node not in own or act.scope.module is not update.module or counters.varies(act):
                continue
            assert isinstance(act.node, s.Call)
            if act.node.args:  # told which epoch it is, it skips none
                continue
            yield self.at(
                update.module,
                act.node,
                "the scheduler steps before the optimizer has: the first learning rate of the schedule is skipped",
                help="step the optimizer first, then the scheduler",
                update=update,
                related=update.related(),
                fix=scheduler_after_step(update, act.node, act.scope),
            )
