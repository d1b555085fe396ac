"""A new rule: its file and its fixture, with the next free code, as something that passes its tests already."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from gradlint.finding import Problem
from gradlint.packs import NAME, PackError, builtin, file_of, load
from gradlint.rule import Rule

_OWN_PREFIX: Final = "XY"

_RULE: Final = '''"""{code}: say in a few words what it finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Level, Rule, Update


class {camel}(Rule):
    """
    ## What it does
    Checks for updates that gradients reach unclipped: put your own hazard here.

    ## Why is this bad?
    Say what happens to the run, with a figure.

    ## Example
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(model, batches):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for inputs, targets in batches:
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(inputs), targets).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    ```
    """

    code: ClassVar[str] = "{code}"
    name: ClassVar[str] = "{name}"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        if update.can_be(lambda state: not state.clips):
            yield self.at(update.module, update.node, "gradients reach this step unclipped", update=update)
'''

_FIXTURE: Final = """import torch


def flagged(model, batches, criterion):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for inputs, targets in batches:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        optimizer.step()  # {code}


def clean(model, batches, criterion):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for inputs, targets in batches:
        optimizer.zero_grad()
        criterion(model(inputs), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
"""


def new(name: str, family: int, pack: Path, prefix: str | None = None) -> tuple[Path, Path]:
    """Write the rule `name` and its fixture, and return their paths.

    Args:
        name: how the rule is called, in words with hyphens: `unclipped-recurrent-update`.
        family: the first digit of its code, 0 to 9.
        pack: the folder that gets the rule; it is made where it is missing.
        prefix: the letters of its code; by default those of the pack's other rules.

    Raises PackError if the name is no name or is taken, the pack does not load, or no code of the family is free.
    """
    if not NAME.fullmatch(name):
        raise PackError(Problem(f"`{name}` is no name of a rule: write words with hyphens, as `tiny-clip-bound`"))
    every = load([pack] if pack.is_dir() else [])
    if any(rule.name == name for rule in every):
        raise PackError(Problem(f"a rule is called `{name}` already"))
    own = [rule for rule in every if Path(file_of(rule)).resolve().parent == pack.resolve()]
    letters = prefix or next((rule.code.rstrip("0123456789") for rule in own), _OWN_PREFIX)
    code = _next(letters, family, every)
    rule, fixture = pack / f"{name.replace('-', '_')}.py", fixtures_of(pack) / f"{code}.py"
    for path in (rule, fixture):
        if path.exists():
            raise PackError(Problem("there is such a file already", str(path)))
    camel = "".join(part.capitalize() for part in name.split("-"))
    for path, text in ((rule, _RULE), (fixture, _FIXTURE)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(code=code, name=name, camel=camel), encoding="utf-8")
    return rule, fixture


def fixtures_of(pack: Path) -> Path:
    """Where the fixtures of a pack are: for the built-in one beside it, for others inside."""
    return pack.parent / "fixtures" / "rules" if pack.resolve() == builtin().resolve() else pack / "fixtures"


def _next(letters: str, family: int, rules: Iterable[type[Rule]]) -> str:
    """The next code of a family: behind the highest, so that none is used twice."""
    head = f"{letters}{family}"
    taken = [int(rule.code[len(head) :]) for rule in rules if rule.code.startswith(head)]
    number = max(taken, default=0) + 1
    if number > 99:
        raise PackError(Problem(f"the family {head} has no free code left"))
    return f"{head}{number:02}"
