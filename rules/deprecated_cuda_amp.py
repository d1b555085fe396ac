"""GL207: a name of mixed precision that warns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Edit, File, Finding, Fix, Level, Rule, Safety
from gradlint.fix import verbs
from gradlint.program import syntax as s
from gradlint.program.scopes import Scope
from gradlint.vocabulary import Plain


class DeprecatedCudaAmp(Rule):
    """
    ## What it does
    Checks for `torch.cuda.amp.GradScaler` and `torch.cuda.amp.autocast`, which newer names replace.

    ## Why is this bad?
    Since PyTorch 2.4 the old names warn at every construction, and they will go. `torch.amp.GradScaler("cuda")` and
    `torch.amp.autocast("cuda")` do the same on any device. An old name to fall back on, where another branch takes the
    new one, is left alone.

    ## Example
    ```python
    import torch


    def train(model, batches, optimizer):
        scaler = torch.cuda.amp.GradScaler()
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches, optimizer):
        scaler = torch.amp.GradScaler("cuda")
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    ```

    ## Fix safety
    Unsafe: `torch.amp.GradScaler` came with PyTorch 2.3, `torch.amp.custom_fwd` with 2.4 and `torch.amp.autocast` with
    1.10. Where an older version is installed, the old names are the only ones.

    ## References
    - [torch.amp](https://docs.pytorch.org/docs/stable/amp.html)
    """

    code: ClassVar[str] = "GL207"
    name: ClassVar[str] = "deprecated-cuda-amp"
    level: ClassVar[Level] = Level.NOTE

    default: ClassVar[bool] = False

    def check_file(self, file: File) -> Iterator[Finding]:
        for call, scope in file.calls():
            old = file.spelled(call.func, scope)
            renamed = file.program.values.vocabulary.entry("renamed", old) if old is not None else None
            if isinstance(renamed, dict) and not _falls_back(file, call, scope, str(renamed["now"])):
                yield self.at(
                    file.module,
                    call,
                    f"`{old}` is the old name of `{renamed['now']}`, and warns",
                    help=f"write `{renamed['now']}({renamed['first']})`",
                    fix=_rename(file, call, scope, renamed),
                )


def _falls_back(file: File, call: s.Call, scope: Scope, now: str) -> bool:
    """Whether another branch takes the new name: then the old one is for versions that lack it."""
    for choice in scope.nodes:
        if isinstance(choice, (s.Conditional, s.If, s.Try)):
            branches = [list(s.walk(branch)) for branch in s.children(choice)]
            others = [branch for branch in branches if call not in branch]
            if len(others) < len(branches) and any(_takes(file, n, scope, now) for branch in others for n in branch):
                return True
    return False


def _takes(file: File, node: s.Node, scope: Scope, name: str) -> bool:
    return isinstance(node, (s.Name, s.Attribute)) and file.spelled(node, scope) == name


def _rename(file: File, call: s.Call, scope: Scope, renamed: dict[str, Plain]) -> Fix | str:
    if renamed.get("reordered") and any(a.keyword is None for a in call.args):
        return "its arguments go in another order under the new name"
    found = verbs.import_name(file.module, str(renamed["now"]), scope, call)
    named = verbs.replace(file.module, call.func, found[1]) if found is not None else None
    if found is None or named is None:
        return "there is no place for an import"
    start = file.module.span(call.args[0])[0] if call.args else file.module.span(call)[1] - 1
    first = Edit(start, start, f"{renamed['first']}{', ' if call.args else ''}")
    return Fix("Use the new name", Safety.UNSAFE, tuple(sorted({*found[0], *named, first})))
