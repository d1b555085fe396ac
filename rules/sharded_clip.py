"""GL107: a clip of sharded gradients by the norm of one shard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Fix, Level, Rule, Safety, Update
from gradlint.fix import verbs
from gradlint.fix.parameters import parameters_of
from gradlint.program import syntax as s
from gradlint.program.shards import sharding


class ShardedClip(Rule):
    """
    ## What it does
    Checks for `torch.nn.utils.clip_grad_norm_` on networks that `FullyShardedDataParallel` has sharded.

    ## Why is this bad?
    Each process holds a part of every gradient, and the plain function takes the norm of that part. The norm is too
    small, it differs between processes, and so does the factor: the shards of one gradient are scaled differently, and
    the step goes in no direction that anything computed. The wrapper's own method takes the norm over all processes.

    ## Example
    ```python
    import torch
    from torch.distributed.fsdp import FullyShardedDataParallel


    def train(network, batches):
        model = FullyShardedDataParallel(network)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch
    from torch.distributed.fsdp import FullyShardedDataParallel


    def train(network, batches):
        model = FullyShardedDataParallel(network)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            model.clip_grad_norm_(1.0)
            optimizer.step()
    ```

    ## Fix safety
    Safe: the wrapper does what the call meant. All processes have to reach it, as they do the step.

    ## References
    - [FullyShardedDataParallel.clip_grad_norm_](https://docs.pytorch.org/docs/stable/fsdp.html)
    """

    code: ClassVar[str] = "GL107"
    name: ClassVar[str] = "sharded-clip"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act, _ in update.events("clip"):
            network = parameters_of(act.operand) if act.operand is not None else None
            if network is None or act.scope.module is not update.module or not isinstance(act.node, s.Call):
                continue
            form = sharding(network, act.scope, update.program.values)
            if form is None or act.fact.get("style") != "norm" or act.bound is None:
                continue
            said = form.format(network=update.module.text(network), bound=update.module.text(act.bound))
            edits = verbs.replace(update.module, act.node, said) if len(act.node.args) == 2 else None
            yield self.at(
                update.module,
                act.node,
                "this takes the norm of one process's shard of the gradients: each process scales by another factor",
                help="clip through the wrapper, which takes the norm over all processes",
                update=update,
                related=update.related(),
                fix=Fix("Clip through the wrapper", Safety.SAFE, edits) if edits else "it is given more than a bound",
            )
