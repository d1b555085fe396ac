"""GL103: a clip with a bound that bounds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update
from gradlint.program import syntax as s
from gradlint.program.bounds import switched_off


class IneffectiveClip(Rule):
    """
    ## What it does
    Checks for clips whose bound is None, infinite, zero, or so large that no gradient reaches it. A clip by the norm
    whose result is read is none of them: an infinite bound is how a norm is measured.

    ## Why is this bad?
    `clip_grad_norm_(parameters, float("inf"))` measures the norm and changes nothing; so does a bound of 1e9 in
    practice: gradient norms of networks that still learn lie between 0.01 and some thousands. A bound of zero
    multiplies every gradient by zero, and nothing is learned at all.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=float("inf"))
            optimizer.step()
    ```

    ## Options
    - `never-binds`: the bound from which on a clip is taken to change nothing.

    ## References
    - [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    """

    code: ClassVar[str] = "GL103"
    name: ClassVar[str] = "ineffective-clip"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    never_binds: float = 1e6

    def check_update(self, update: Update) -> Iterator[Finding]:
        for act, _ in update.events("clip"):
            bound = update.program.flows.written(act)
            if bound is None or 0 < bound < self.never_binds or act.scope.module is not update.module:
                continue
            if bound and update.read(act):  # the norm is what it is called for
                continue
            said = (
                "makes every gradient zero: nothing is learned"
                if bound == 0
                else "bounds nothing: gradients of any size pass"
            )
            yield self._at(update, act.node, f"a bound of {bound:g} {said}")
        for call in switched_off(update):
            said = "this clips nothing: it is given None for its bound, and gradients of any size pass"
            yield self._at(update, call, said)

    def _at(self, update: Update, node: s.Node, message: str) -> Finding:
        help = "take a bound near the usual norm of the gradients, which this call returns"
        return self.at(update.module, node, message, help=help, update=update)
