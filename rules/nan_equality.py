"""GL502: a comparison with NaN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import File, Finding, Fix, Level, Rule, Safety
from gradlint.fix import verbs
from gradlint.program import syntax as s

_ANSWERS = {"==": "false", "!=": "true", "is": "false", "is not": "true"}


class NanEquality(Rule):
    """
    ## What it does
    Checks for comparisons with NaN by `==`, `!=`, `is` or `in`.

    ## Why is this bad?
    NaN is equal to nothing, itself included: `loss == float("nan")` is always false and `!=` always true. The guard
    that was meant never acts, and the NaN goes into the weights.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if loss == float("nan"):
                continue
            loss.backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if loss != loss:
                continue
            loss.backward()
            optimizer.step()
    ```

    ## Fix safety
    Safe: a value differs from itself only if it is NaN, for tensors, arrays and numbers alike.

    ## References
    - [torch.isnan](https://docs.pytorch.org/docs/stable/generated/torch.isnan.html)
    """

    code: ClassVar[str] = "GL502"
    name: ClassVar[str] = "nan-equality"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_file(self, file: File) -> Iterator[Finding]:
        for node, scope in file.comparisons():
            if len(node.ops) != 1 or node.ops[0] not in _ANSWERS:
                continue
            sides = [side for side in (node.left, node.rights[0]) if not file.is_nan(side, scope)]
            if len(sides) != 1:
                continue
            text, negated = file.module.text(sides[0]), node.ops[0] in ("!=", "is not")
            edits = verbs.replace(file.module, node, f"{text} {'==' if negated else '!='} {text}")
            plain = isinstance(sides[0], (s.Name, s.Attribute)) and edits is not None
            yield self.at(
                file.module,
                node,
                f"NaN equals nothing, itself included: this is always {_ANSWERS[node.ops[0]]}",
                help="ask `torch.isnan`, `math.isnan`, or whether the value differs from itself",
                fix=Fix("Ask whether the value differs from itself", Safety.SAFE, edits or ())
                if plain
                else "the value would be computed twice",
            )
