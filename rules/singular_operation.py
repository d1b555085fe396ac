"""GL505: an operation on the way to the loss that is singular at a point which its operand reaches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import File, Finding, Fix, Level, Rule, Safety
from gradlint.fix import verbs
from gradlint.program.ranges import Singular

_SAYS = {
    "log": "`{operand}` reaches 0 in float32, where the logarithm is -inf and its gradient infinite",
    "root": "`{operand}` can be 0, where the square root has an infinite gradient: times 0 it is NaN",
    "division": "`{operand}` can be 0: the quotient is inf, or NaN, and so is its gradient",
    "arc": "nothing keeps `{operand}` below 1, where the derivative is infinite, and beyond which the value is NaN",
}
_HELP = {
    "log": "take `log_softmax` or `logsigmoid` of the logits, or add a small number inside of the logarithm",
    "root": "add a small number inside of the root",
    "division": "add a small number to the divisor",
    "arc": "clamp it to just inside of -1 and 1, or use `atan2`",
}


class SingularOperation(Rule):
    """
    ## What it does
    Checks, on the way from the network to the loss, for logarithms, roots, quotients and inverse cosines at points
    where they have no finite value or derivative, with nothing that keeps their operand away from there.

    It speaks where the code tells that the operand reaches the point: a sigmoid or softmax (which is exactly 0 or 1 for
    logits of a few dozen in float32), a sum of squares, a mean squared error, a standard deviation. What it cannot
    tell, it leaves alone.

    ## Why is this bad?
    One sample at the point makes the loss infinite, or leaves the loss as it is and makes the gradient NaN, since the
    chain rule multiplies an infinite derivative by zero. The next step turns every weight into NaN. It happens late,
    once the network is sure of something: `sigmoid(17)` is 1 in float32, so that `log(1 - sigmoid(17))` is -inf.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            chances = torch.softmax(model(inputs), dim=1)
            loss = -torch.log(chances).gather(1, targets).mean()
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
            chances = torch.softmax(model(inputs), dim=1)
            loss = -torch.log(chances + 1e-08).gather(1, targets).mean()
            loss.backward()
            optimizer.step()
    ```

    ## Fix safety
    Unsafe: the small number is a choice, and it changes the value of the loss by about its size.

    ## Options
    - `eps`: the small number that the fix adds. Default: 1e-8.

    ## References
    - [pytorch/pytorch#2421: the gradient of a square root at zero](https://github.com/pytorch/pytorch/issues/2421)
    """

    code: ClassVar[str] = "GL505"
    name: ClassVar[str] = "singular-operation"
    level: ClassVar[Level] = Level.WARNING
    eps: float = 1e-8

    def check_file(self, file: File) -> Iterator[Finding]:
        for found in file.singular_operations():
            operand = file.module.text(found.operand)
            yield self.at(
                file.module,
                found.node,
                _SAYS[found.does].format(operand=operand),
                help=_HELP[found.does],
                fix=self._fix(file, found, operand),
            )

    def _fix(self, file: File, found: Singular, operand: str) -> Fix | str:
        if found.does == "arc":
            return "how close to 1 it may come is for you to decide"
        edits = verbs.replace(file.module, found.operand, _sum(found, operand, f"{self.eps:g}"))
        if edits is None:
            return "the file cannot be edited"
        return Fix(f"Add {self.eps:g} to what reaches 0", Safety.UNSAFE, edits)


def _sum(found: Singular, operand: str, eps: str) -> str:
    """The operand with a small number added, in parentheses where what is around it binds more tightly."""
    return f"{operand} + {eps}" if found.is_argument else f"({operand} + {eps})"
