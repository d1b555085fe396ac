"""GL603: a discriminator that nothing keeps from growing steep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from gradlint import Finding, Fix, Level, Related, Rule, Safety, Update
from gradlint.fix import verbs
from gradlint.fix.edits import Edit
from gradlint.program.adversaries import Contest, bounded, contest
from gradlint.program.names import Lib
from gradlint.program.reach import name_of


class UnconstrainedDiscriminator(Rule):
    """
    ## What it does
    Checks for updates of a GAN's discriminator with neither spectral normalization nor a gradient penalty nor clamped
    weights.

    ## Why is this bad?
    The generator learns from the discriminator's gradient. Real and generated data hardly overlap, so a discriminator
    that nothing bounds parts them perfectly, by growing steep: its output saturates, and its gradient is either near
    zero or huge. The generator then stalls, or its loss oscillates and blows up, often after thousands of good steps.

    Spectral normalization divides each layer's weight by its largest singular value, so that the gradient of the whole
    is at most the product of the slopes of its activations.

    ## Example
    ```python
    import torch
    from torch import nn

    generator = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))
    discriminator = nn.Sequential(
        nn.Linear(2, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 1),
    )
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    criterion = nn.BCEWithLogitsLoss()


    def train(batches):
        for real in batches:
            fake = generator(torch.randn(len(real), 16))
            optimizer_d.zero_grad()
            judged, told = discriminator(real), discriminator(fake.detach())
            loss = criterion(judged, torch.ones_like(judged)) + criterion(told, torch.zeros_like(told))
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer_d.step()
            optimizer_g.zero_grad()
            told = discriminator(fake)
            loss = criterion(told, torch.ones_like(told))
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer_g.step()
    ```

    Use instead:
    ```python
    import torch
    from torch import nn

    generator = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 2))
    discriminator = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(2, 64)),
        nn.LeakyReLU(0.2),
        nn.utils.parametrizations.spectral_norm(nn.Linear(64, 1)),
    )
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    criterion = nn.BCEWithLogitsLoss()


    def train(batches):
        for real in batches:
            fake = generator(torch.randn(len(real), 16))
            optimizer_d.zero_grad()
            judged, told = discriminator(real), discriminator(fake.detach())
            loss = criterion(judged, torch.ones_like(judged)) + criterion(told, torch.zeros_like(told))
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer_d.step()
            optimizer_g.zero_grad()
            told = discriminator(fake)
            loss = criterion(told, torch.ones_like(told))
            if not torch.isfinite(loss):
                raise FloatingPointError(f"non-finite loss: {loss.item()}")
            loss.backward()
            optimizer_g.step()
    ```

    ## Fix safety
    Unsafe: the discriminator computes something else, the names of its parameters change, so that no checkpoint of the
    old one fits, and the balance with the generator has to be found again.

    ## References
    - [Miyato et al., 2018: Spectral normalization for generative adversarial networks](https://arxiv.org/abs/1802.05957)
    - [Gulrajani et al., 2017: Improved training of Wasserstein GANs](https://arxiv.org/abs/1704.00028)
    - [torch.nn.utils.parametrizations.spectral_norm](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html)
    """

    code: ClassVar[str] = "GL603"
    name: ClassVar[str] = "unconstrained-discriminator"
    level: ClassVar[Level] = Level.NOTE
    default: ClassVar[bool] = False

    def check_update(self, update: Update) -> Iterator[Finding]:
        side = contest(update, update.beside)
        if side is None or not side.judging or bounded(side):
            return
        name = name_of(side.judge)
        yield self.at(
            update.module,
            update.node,
            f"nothing bounds how steep the discriminator `{name}` becomes:"
            " its gradient, which the generator learns from, vanishes or explodes",
            help="give its layers spectral normalization, or its loss a gradient penalty",
            update=update,
            related=[Related(side.scope.module.place(side.call), "here it judges what the generator made")],
            fix=_normalized(side),
        )


def _normalized(side: Contest) -> Fix | str:
    """Spectral normalization around each linear and convolutional layer of the discriminator."""
    update, values = side.critic, side.critic.program.values
    dotted = str(values.vocabulary.entry("fixes", "spectral_norm"))
    edits: set[Edit] = set()
    for part in update.program.traits.parts.whole(side.judge):
        made = part.made
        if not isinstance(made.of, Lib) or made.site is None or made.scope is None:
            continue
        if values.vocabulary.about("flow", made.of.path) not in ("linear", "convolution"):
            continue
        if made.scope.module is not update.module:
            return f"its layers are built in another file, `{made.scope.module.source.name}`"
        found = verbs.import_name(update.module, dotted, made.scope, made.site)
        wrapped = verbs.wrap(update.module, made.site, f"{found[1]}(", ")") if found is not None else None
        if found is None or wrapped is None:
            return "its layers cannot be wrapped where they are built"
        edits.update(found[0], wrapped)
    if not edits:
        return "its layers could not be found"
    return Fix("Give the discriminator spectral normalization", Safety.UNSAFE, tuple(sorted(edits)))
