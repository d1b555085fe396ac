"""GL506: a NaN that is replaced in the loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Related, Rule, Update
from gradlint.program import syntax as s
from gradlint.program.given import parts


class HiddenNan(Rule):
    """
    ## What it does
    Checks for losses that go through `nan_to_num` on their way to the backward pass.

    ## Why is this bad?
    `nan_to_num` puts zero in the place of NaN. The loss looks sound, and the gradient of what gave the NaN is NaN
    still, or zero where it should not be: the cause stays, and nothing tells of it any more.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss = torch.nan_to_num(loss)
            loss.backward()
            optimizer.step()
    ```

    ## References
    - [torch.nan_to_num](https://docs.pytorch.org/docs/stable/generated/torch.nan_to_num.html)
    """

    code: ClassVar[str] = "GL506"
    name: ClassVar[str] = "hidden-nan"
    level: ClassVar[Level] = Level.NOTE
    preview: ClassVar[bool] = True

    default: ClassVar[bool] = False

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act in update.backwards:
            if act.scope.module is not update.module:
                continue
            seen: set[s.Node] = set()
            for part, scope in parts(act.operand, act.scope, update.program.values):
                if not isinstance(part, s.Call) or s.last_name(part.func) != "nan_to_num" or part in seen:
                    continue
                seen.add(part)
                here = scope.module is update.module
                yield self.at(
                    update.module,
                    part if here else act.node,
                    f"{'this puts' if here else 'what leads to this loss puts'} zero in the place of NaN in the loss, "
                    "and leaves what gave it",
                    help="raise on a loss that is not finite, and find the operation that made it so",
                    update=update,
                    related=[*update.related(), Related(scope.module.place(part), "NaN is replaced here")],
                )
