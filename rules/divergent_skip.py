"""GL504: a batch that one process skips alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.fix.agreement import skip_together
from gradlint.fix.guards import before_scaling
from gradlint.program import syntax as s
from gradlint.program.collectives import agreed
from gradlint.program.flow import Act
from gradlint.program.gradients import State


class DivergentSkip(Rule):
    """
    ## What it does
    Checks for programs that train in several processes and skip a batch on a test of the process's own loss.

    ## Why is this bad?
    The backward pass of each process takes part in the all-reduce of the gradients. A process that skips it leaves the
    others waiting: the run hangs until NCCL times out, after ten minutes or more, or its next backward pass is
    averaged with another batch of the others.

    ## Example
    ```python
    import torch
    from torch.nn.parallel import DistributedDataParallel


    def train(network, batches):
        model = DistributedDataParallel(network)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if not torch.isfinite(loss):
                continue
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch
    from torch.nn.parallel import DistributedDataParallel


    def train(network, batches):
        model = DistributedDataParallel(network)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            nonfinite = torch.tensor(float(not torch.isfinite(loss)), device=loss.device)
            if torch.distributed.is_available() and torch.distributed.is_initialized():
                torch.distributed.all_reduce(nonfinite, op=torch.distributed.ReduceOp.MAX)
            if nonfinite.item():
                continue
            loss.backward()
            optimizer.step()
    ```

    ## Fix safety
    Unsafe: the processes wait for each other at each batch, which hangs where they have different numbers of batches,
    and a batch that one of them cannot use is skipped by all.

    ## References
    - [DistributedDataParallel](https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html)
    """

    code: ClassVar[str] = "GL504"
    name: ClassVar[str] = "divergent-skip"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.kind not in ("torch", "scaler") or not update.distributed:
            return
        alone = [act for act, states in update.events("test") if _skips_alone(update, act, states)]
        for act in alone[:1]:
            yield self.at(
                update.module,
                act.node,
                "a process that skips this batch alone leaves the others waiting for its gradients",
                help="all-reduce the flag first, so that all processes skip or none",
                update=update,
                related=update.related(),
                fix=skip_together(update, alone, _loss(update, act)),
            )


def _skips_alone(update: Update, test: Act, states: frozenset[State]) -> bool:
    """Whether a test of a process's own loss keeps it from the backward pass."""
    return (
        test.scope.module is update.module
        and bool(test.fact.get("skips") and test.fact.get("certain"))
        and not test.names.isdisjoint(update.losses)
        and not any(state.fresh and not state.stepped for state in states)
        and not agreed(test)
    )


def _loss(update: Update, test: Act) -> s.Expr | None:
    """What the backward pass after a test is of."""
    after = (b for b in update.backwards if b.scope is test.scope and b.node.id > test.node.id)
    return next((before_scaling(update, b) or b.operand for b in after), None)
