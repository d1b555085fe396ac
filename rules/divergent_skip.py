"""GL504: a batch that one process skips alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.program.collectives import agreed


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
        for act, states in update.events("test"):
            if (
                act.scope.module is not update.module
                or not act.fact.get("skips")
                or not act.fact.get("certain")
                or not act.names & update.losses
            ):
                continue
            if any(state.fresh and not state.stepped for state in states) or agreed(act):
                continue
            yield self.at(
                update.module,
                act.node,
                "a process that skips this batch alone leaves the others waiting for its gradients",
                help="all-reduce the flag first, so that all processes skip or none",
                update=update,
                related=update.related(),
            )
            return
