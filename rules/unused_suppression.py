"""GL001: a comment that silences nothing."""

from __future__ import annotations

from gradlint.rule import Rule


class UnusedSuppression(Rule):
    """
    ## What it does
    Checks for `gradlint: ignore` and `noqa` comments that silence nothing.

    ## Why is this bad?
    A comment outlives the hazard that it excused. It then hides the next one on its line, and tells the reader of a
    hazard that is not there.

    ## Example
    ```python
    import torch


    def train(model, batches, optimizer):
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if not torch.isfinite(loss):
                continue
            loss.backward()
            optimizer.step()  # gradlint: ignore[GL501] the loss is checked in the logger
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches, optimizer):
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            if not torch.isfinite(loss):
                continue
            loss.backward()
            optimizer.step()
    ```
    """

    code = "GL001"
    name = "unused-suppression"
