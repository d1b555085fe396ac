"""The decision table: which safeguard each kind of network needs, why, and the rules about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from gradlint.records import dataclass


class Kind(str, Enum):
    """What an update trains, and how; `PLAIN` is none of the next three."""

    PLAIN = "plain"
    RECURRENT = "RNN"
    TRANSFORMER = "transformer"
    ADVERSARIAL = "GAN"
    MIXED = "mixed precision"


@dataclass(frozen=True, slots=True)
class Advice:
    """What one safeguard is for.

    Args:
        title: its name.
        reasons: the kinds that need it, each with the reason.
        rules: the codes of the rules that find it missing, or of no effect.
    """

    title: str
    reasons: Mapping[Kind, str]
    rules: tuple[str, ...] = ()

    @property
    def depends(self) -> bool:
        """Whether it depends on the kind of network whether this is needed."""
        return self.reasons.keys() not in ({Kind.MIXED}, set(Kind))


def _all(reason: str) -> dict[Kind, str]:
    return dict.fromkeys(Kind, reason)


ADVICE: Final[Mapping[str, Advice]] = {
    "clipping": Advice(
        "gradient clipping",
        {
            Kind.RECURRENT: "the same weights multiply the gradient at every time step, and it grows exponentially",
            Kind.TRANSFORMER: "a rare batch with a huge gradient throws the weights, and Adam's averages, far away",
        },
        ("GL101", "GL102", "GL103", "GL104", "GL105", "GL106", "GL107", "GL201"),
    ),
    "initialization": Advice(
        "initialization",
        {
            Kind.PLAIN: "a gain that does not fit the activation shrinks or blows up the signal at every layer",
            Kind.RECURRENT: "layers in front of the recurrence pass on what they shrink or blow up",
            Kind.ADVERSARIAL: "a signal that shrinks at every layer leaves the generator without a gradient",
        },
        ("GL301", "GL302", "GL303", "GL305"),
    ),
    "normalization": Advice(
        "normalization",
        {
            Kind.PLAIN: "it sets the scale of the signal anew at every layer, so that it cannot run away with depth",
            Kind.TRANSFORMER: "without LayerNorm or RMSNorm the sum of many blocks grows with their number",
            Kind.ADVERSARIAL: "it keeps the generator's signal, and so the judge's gradients, within bounds",
        },
        ("GL601",),
    ),
    "residual": Advice(
        "residual connections",
        {
            Kind.PLAIN: "a gradient reaches early layers past the product of all later ones",
            Kind.TRANSFORMER: "a gradient reaches early blocks past the attention of all later ones",
        },
        ("GL602",),
    ),
    "warmup": Advice(
        "learning rate warmup",
        {
            Kind.TRANSFORMER: "Adam's first steps rest on few gradients, and at the peak rate they are far too long",
        },
        ("GL401", "GL403"),
    ),
    "guard": Advice(
        "NaN guard",
        _all("one batch with a non-finite loss makes every parameter NaN"),
        ("GL501", "GL503", "GL504", "GL506"),
    ),
    "monitoring": Advice(
        "gradient monitoring",
        _all("the norm of the gradients rises long before the loss is NaN"),
        ("GL801",),
    ),
    "truncation": Advice(
        "truncated backpropagation",
        {Kind.RECURRENT: "a state carried over batches ties each backward pass to all batches before"},
        ("GL702",),
    ),
    "orthogonal": Advice(
        "orthogonal recurrence",
        {Kind.RECURRENT: "an orthogonal recurrent matrix neither stretches nor shrinks the gradient at the start"},
        ("GL304",),
    ),
    "gating": Advice(
        "gated cells",
        {Kind.RECURRENT: "gates let a gradient pass over many steps without being multiplied by the weights"},
        ("GL604",),
    ),
    "spectral": Advice(
        "spectral normalization",
        {Kind.ADVERSARIAL: "a discriminator as steep as it likes gives the generator exploding gradients"},
        ("GL603",),
    ),
    "scaling": Advice(
        "loss scaling",
        {Kind.MIXED: "in float16, gradients below 6e-8 become zero unless the loss is scaled up"},
        ("GL202", "GL203", "GL204", "GL205", "GL206"),
    ),
}
