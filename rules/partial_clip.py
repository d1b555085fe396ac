"""GL105: a clip of a part of what is updated, or of what does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Fix, Level, Rule, Update
from gradlint.fix.parameters import parameters_of
from gradlint.fix.updates import clip_all, clip_by
from gradlint.program import syntax as s
from gradlint.program.missing import Broken, broken_clips
from gradlint.program.reach import groups_of, name_of, same_network
from gradlint.program.values import Made


class PartialClip(Rule):
    """
    ## What it does
    Checks for clips that leave out networks which the same step updates, and for clips that cannot run, since a name,
    an attribute or a function of theirs does not exist.

    ## Why is this bad?
    The gradients of the network that is left out reach the step at any size, and once it diverges the others follow.
    Often the clip was written when there was one network, and the optimizer was given another since.

    ## Example
    ```python
    import torch


    def train(batches):
        encoder, decoder = torch.nn.Linear(8, 4), torch.nn.Linear(4, 8)
        optimizer = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=0.1)
        for inputs in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(decoder(encoder(inputs)), inputs)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encoder.parameters(), max_norm=1.0)
            optimizer.step()
    ```

    Use instead:
    ```python
    import torch


    def train(batches):
        encoder, decoder = torch.nn.Linear(8, 4), torch.nn.Linear(4, 8)
        optimizer = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], lr=0.1)
        for inputs in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(decoder(encoder(inputs)), inputs)
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], max_norm=1.0)
            optimizer.step()
    ```

    ## Fix safety
    Unsafe: one norm over all parameters is larger than one over a part, so that the same bound shortens more; it may
    have to be chosen again. Where the clip names what does not exist, what was meant is a guess.

    ## References
    - [torch.nn.utils.clip_grad_norm_](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html)
    """

    code: ClassVar[str] = "GL105"
    name: ClassVar[str] = "partial-clip"
    level: ClassVar[Level] = Level.WARNING
    preview: ClassVar[bool] = True

    def check_update(self, update: Update) -> Iterator[Finding]:
        yield from self._broken(update)
        values = update.program.values
        clips = {clip.act for state in update.trained for clip in state.clips}
        if not clips or any(not act.networks or act.event is None for act in clips):
            return
        reached = [network for act in clips for network in act.networks]
        left: set[Made] = set()
        for optimizer in update.optimizers:
            groups = groups_of(optimizer, values)
            out = [g for g in groups if not any(same_network(n, m, values) for n in g for m in reached)]
            if not out or len(out) == len(groups):
                return
            left.update(*out)
        act = min(clips, key=lambda a: (a.node.id, str(a.scope.module.path)))
        if not left or act.scope.module is not update.module:
            return
        yield self.at(
            update.module,
            act.node,
            f"{_named(left)} gets no clip, and the same step updates it",
            help="clip all parameters that the optimizer holds, in one call",
            update=update,
            related=update.related(),
            fix=clip_all(update, act.node, act.operand, act.scope)
            if len(clips) == 1
            else "several calls clip, each a part of the networks",
        )

    def _broken(self, update: Update) -> Iterator[Finding]:
        for clip in broken_clips(update):
            yield self.at(
                update.module,
                clip.call,
                f"`{update.module.text(clip.part)}` does not exist: this clip raises when the run gets here",
                help=f"call `{clip.has}`" if clip.has else "clip the network that this step updates",
                update=update,
                related=update.related(),
                fix=_mended(update, clip),
            )


def _mended(update: Update, clip: Broken) -> Fix | str:
    if clip.has:
        return clip_by(update, clip.call, clip.has)
    asked = (
        a.value
        for a in clip.call.args
        if ((owner := parameters_of(a.value)) and owner is clip.part)
        or (isinstance(a.value, s.Call) and a.value.func is clip.part)
    )
    given = next(asked, None)
    return clip_all(update, clip.call, given, update.scope) if given is not None else "what was meant is not known here"


def _named(networks: set[Made]) -> str:
    return ", ".join(sorted({f"`{name_of(network)}`" for network in networks}))
