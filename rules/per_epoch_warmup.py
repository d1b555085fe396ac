"""GL403: a warmup that moves on too seldom, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Fix, Level, Related, Rule, Update
from gradlint.fix.updates import above_zero, start_stepping, step_in_loop
from gradlint.program import syntax as s
from gradlint.program.pace import Round, Warmup, epochwise, rounds, times, warmups


class PerEpochWarmup(Rule):
    """
    ## What it does
    Checks for warmups that are measured in batches but stepped once an epoch, for warmups that leave the learning rate
    at exactly 0 for the whole first epoch, and for warmups that nothing steps at all.

    ## Why is this bad?
    A scheduler knows nothing of batches and epochs: it moves on when it is stepped. A warmup of 2000 steps that is
    stepped after each epoch lasts 2000 epochs; a run of 50 ends at 2.5 % of its learning rate. A warmup that starts at
    0 and is stepped after each epoch spends the first epoch changing nothing, and one that is never stepped stays
    where it starts for good. Nothing fails and nothing is printed: the loss falls slowly, or not at all.

    ## Example
    ```python
    import torch


    def train(model, loader):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=2000)
        for epoch in range(50):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"non-finite loss: {loss.item()}")
                loss.backward()
                optimizer.step()
            scheduler.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, loader):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.01, total_iters=2000)
        for epoch in range(50):
            for inputs, targets in loader:
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(inputs), targets)
                if not torch.isfinite(loss):
                    raise FloatingPointError(f"non-finite loss: {loss.item()}")
                loss.backward()
                optimizer.step()
                scheduler.step()
    ```

    ## Fix safety
    Unsafe: whether the length of the warmup or the place of its step is what was meant is not in the code.

    ## Options
    - `epochs`: a warmup of more steps than this is taken to count batches where the number of epochs is not known.
      Default: 500.

    ## References
    - [How to adjust the learning rate](https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate)
    """

    code: ClassVar[str] = "GL403"
    name: ClassVar[str] = "per-epoch-warmup"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True
    epochs: int = 500

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind == "manual":
            return
        if update.kind == "implicit":
            yield from self._handed_over(update)
            return
        before = update.beside[: update.beside.index(update)] if update in update.beside else ()
        known = {cause.node for other in before for cause in other.schedule.causes}
        for warmup in warmups(update):
            if warmup.cause.node in known or warmup.cause.module is not update.module:
                continue
            if warmup.idle:
                yield from self._idle(update, warmup)
                continue
            for found in rounds(update, warmup.cause)[:1]:
                said = self._slow(update, warmup, found)
                if said is not None:
                    yield self._found(update, warmup, found, *said)

    def _handed_over(self, update: Update) -> Iterator[Finding]:
        """Warmups that a framework steps once an epoch, since nothing tells it to do so after each batch."""
        for warmup in warmups(update):
            if warmup.length is None or warmup.length <= self.epochs or not epochwise(warmup, update.program.values):
                continue
            if update.program.schedules.moved(warmup.cause):  # by hand
                continue
            yield self.at(
                update.module,
                update.node,
                f"the warmup takes {warmup.length} steps, but the framework moves it on once an epoch",
                help='return it as `{"scheduler": …, "interval": "step"}`',
                update=update,
                related=[Related(warmup.cause.module.place(warmup.cause.node), "the warmup")],
                fix="whether its steps are to be epochs or batches is for you to decide",
            )

    def _idle(self, update: Update, warmup: Warmup) -> Iterator[Finding]:
        if warmup.first is None:
            return
        stays = "exactly 0" if warmup.first == 0 else f"{warmup.first:.2g} of what the optimizer is given"
        yield self.at(
            update.module,
            warmup.cause.node,
            f"nothing steps this warmup: the learning rate stays at {stays}",
            help="step it after each step of the optimizer",
            update=update,
            related=[Related(update.place, "the optimizer steps here")],
            fix=start_stepping(update, warmup.cause),
        )

    def _slow(self, update: Update, warmup: Warmup, found: Round) -> tuple[str, bool] | None:
        """What is wrong with stepping a warmup once a round, and whether each update is to step it instead."""
        values, length = update.program.values, warmup.length
        counted = warmup.counts(found, values)
        if counted is not None:
            return (
                f"the warmup counts the batches of `{counted}`, but moves on once for all of them:"
                f" the learning rate takes `len({counted})` times as long to rise"
            ), True
        runs = times(found.loop, found.scope, values)
        inner = all(isinstance(loop, s.For) and not _counted(loop.iter) for loop, _ in found.inside)
        if length is not None and runs is not None and inner and length > max(runs, 1):
            return (
                f"the warmup takes {length} steps, but moves on only {runs} times, once for all the updates of a round:"
                f" it gets {100 * runs / length:.2g} % of the way"
            ), True
        if length is not None and runs is None and inner and length > self.epochs:
            return f"the warmup takes {length} steps, but moves on once for all the updates of a round", True
        if warmup.first == 0:
            return (
                "the warmup starts at a learning rate of exactly 0, and moves on once for all the updates of a round:"
                " those of the first change nothing"
            ), False
        return None

    def _found(self, update: Update, warmup: Warmup, found: Round, message: str, move: bool) -> Finding:
        here = found.scope.module is update.module
        fix: Fix | str = "whether its steps are to be epochs or batches is for you to decide"
        if move:
            fix = step_in_loop(update, found.call, found.scope)
        elif warmup.function is not None:
            fix = above_zero(update, warmup.function)
        return self.at(
            update.module,
            found.call if here else warmup.cause.node,
            message,
            help="step it after each step of the optimizer" if move else "let it start above 0",
            update=update,
            related=[
                Related(warmup.cause.module.place(warmup.cause.node), "the warmup"),
                Related(update.place, "the optimizer steps here"),
            ],
            fix=fix,
        )


def _counted(expr: s.Expr) -> bool:
    return isinstance(expr, s.Call) and s.last_name(expr.func) in ("range", "trange")
