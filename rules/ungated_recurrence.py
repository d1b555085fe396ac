"""GL604: a plain recurrent layer, without gates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import File, Finding, Fix, Level, Rule, Safety
from gradlint.fix import verbs
from gradlint.program import syntax as s
from gradlint.program.scopes import Scope


class UngatedRecurrence(Rule):
    """
    ## What it does
    Checks for recurrent layers without gates: `nn.RNN` and `nn.RNNCell`.

    ## Why is this bad?
    A plain recurrent layer multiplies its state by the same matrix in every step. With PyTorch's initialization the
    state, and the gradient on its way back, shrinks to 0.58 of its size a step: after 10 steps 0.4 % of it is left, and
    after 30 nothing that a float can add. Weights that grow turn it into an explosion. Gates, as LSTM and GRU have
    them, let the state pass unchanged where nothing is to be written.

    ## Example
    ```python
    from torch import nn


    class Tagger(nn.Module):
        def __init__(self, tags):
            super().__init__()
            self.rnn = nn.RNN(64, 128, batch_first=True)
            self.out = nn.Linear(128, tags)

        def forward(self, x):
            states, _ = self.rnn(x)
            return self.out(states)
    ```

    Use instead:
    ```python
    from torch import nn


    class Tagger(nn.Module):
        def __init__(self, tags):
            super().__init__()
            self.rnn = nn.GRU(64, 128, batch_first=True)
            self.out = nn.Linear(128, tags)

        def forward(self, x):
            states, _ = self.rnn(x)
            return self.out(states)
    ```

    ## Fix safety
    Unsafe: a GRU has three times the parameters, and no checkpoint of the plain layer fits it. It takes and gives
    tensors of the same shapes.

    ## References
    - [Bengio et al., 1994: Learning long-term dependencies with gradient descent is difficult](https://doi.org/10.1109/72.279181)
    - [torch.nn.GRU](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html)
    """

    code: ClassVar[str] = "GL604"
    name: ClassVar[str] = "ungated-recurrence"
    level: ClassVar[Level] = Level.NOTE
    default: ClassVar[bool] = False

    def check_file(self, file: File) -> Iterator[Finding]:
        gated = file.program.values.vocabulary
        for call, scope in file.calls():
            if not _is_used(file, scope):
                continue
            spelled = file.spelled(call.func, scope)
            now = gated.entry("gated", spelled) if spelled is not None else None
            if isinstance(now, str):
                yield self.at(
                    file.module,
                    call,
                    "a recurrent layer without gates: its state shrinks to about 0.58 of its size a step, 0.004 in 10",
                    help="an LSTM or a GRU lets it pass unchanged",
                    fix=_fix(file, call, now),
                )


def _is_used(file: File, scope: Scope) -> bool:
    """Whether a layer is made for a network, or in a file that trains: not to be shown or timed."""
    return scope.kind != "module" or "backward" in file.module.words


def _fix(file: File, call: s.Call, now: str) -> Fix | str:
    if call.arg(None, "nonlinearity") is not None or any(arg.star for arg in call.args) or len(call.args) > 7:
        return "it is given its activation, which a gated layer does not take"
    if not isinstance(call.func, s.Attribute):
        return "the name of the class is imported alone"
    edits = verbs.replace(file.module, call.func, f"{file.module.text(call.func.value)}.{now}")
    return Fix(f"Make it a {now}", Safety.UNSAFE, edits) if edits else "the file cannot be edited"
