"""GL702: a hidden state that is carried on with its graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Fix, Level, Rule, Safety, Update
from gradlint.fix import verbs
from gradlint.program import syntax as s
from gradlint.program.carried import Carried, carried_states


class UndetachedHiddenState(Rule):
    """
    ## What it does
    Checks for loops that give the hidden state of a recurrent network to the next batch without detaching it.

    ## Why is this bad?
    The state holds the graph of the batch that computed it. The next backward pass walks into that graph, whose
    buffers are freed: `RuntimeError: Trying to backward through the graph a second time`. With `retain_graph=True` it
    does not raise: each step then goes through all batches since the start, slower with each, and the gradient
    explodes with the length. Truncated backpropagation through time cuts the graph between two batches and keeps the
    value.

    ## Example
    ```python
    import torch
    from torch import nn

    model = nn.GRU(8, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


    def train(batches):
        hidden = torch.zeros(1, 4, 16)
        for inputs, targets in batches:
            optimizer.zero_grad()
            outputs, hidden = model(inputs, hidden)
            loss = nn.functional.mse_loss(outputs, targets)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch
    from torch import nn

    model = nn.GRU(8, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


    def train(batches):
        hidden = torch.zeros(1, 4, 16)
        for inputs, targets in batches:
            optimizer.zero_grad()
            hidden = hidden.detach()
            outputs, hidden = model(inputs, hidden)
            loss = nn.functional.mse_loss(outputs, targets)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    ```

    ## Fix safety
    Safe: the values that the network gets are the same.

    ## References
    - [torch.Tensor.detach](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html)
    """

    code: ClassVar[str] = "GL702"
    name: ClassVar[str] = "undetached-hidden-state"
    level: ClassVar[Level] = Level.ERROR
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        for state in carried_states(update):
            if state.scope.module is not update.module:
                continue
            kept = any(_retains(act.node) for act in update.backwards)
            yield self.at(
                update.module,
                state.call,
                f"`{state.name}` is carried to the next batch with its graph: the next backward pass "
                f"{'goes through all batches so far' if kept else 'raises'}",
                help="detach it before the next batch uses it",
                update=update,
                related=update.related(),
                fix=_detach(update, state),
            )


def _retains(node: s.Node) -> bool:
    """Whether a backward pass keeps the graph that it goes through."""
    given = node.arg(1, "retain_graph") if isinstance(node, s.Call) else None
    return isinstance(given, s.Constant) and given.value is True


def _detach(update: Update, state: Carried) -> Fix | str:
    form = update.program.values.vocabulary.about("states", getattr(state.network.of, "path", ""))
    if not isinstance(form, str):
        return "what the network gives for a state is not known here"
    lines = [f"{state.name} = {form.format(state=state.name)}"]
    if any(isinstance(b.value, s.Constant) for b in state.starts):
        lines = [f"if {state.name} is not None:", f"    {lines[0]}"]
    edits = verbs.insert_before(update.module, state.stmt, lines)
    return Fix("Detach the state from the last batch", Safety.SAFE, edits) if edits else "there is no line for it"
