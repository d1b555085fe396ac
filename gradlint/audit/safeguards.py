"""Each safeguard of the decision table as a question about an update, and what rules add to the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from gradlint.audit import architecture, training
from gradlint.audit.advice import ADVICE, Kind
from gradlint.audit.subject import Subject
from gradlint.audit.verdict import Status, Verdict

ASKED: Final[Mapping[str, Callable[[Subject], Verdict]]] = {
    "clipping": training.clipping,
    "initialization": architecture.initialization,
    "normalization": architecture.normalization,
    "residual": architecture.residuals,
    "warmup": training.warmup,
    "guard": training.guard,
    "monitoring": training.monitoring,
    "truncation": training.truncation,
    "orthogonal": architecture.orthogonal,
    "gating": architecture.gating,
    "spectral": architecture.spectral,
    "scaling": training.scaling,
}

NETWORK: Final = "what it trains is not known"
TENSORS: Final = "it trains tensors, and no network"


def verdicts(subject: Subject) -> dict[str, Verdict]:
    """What is said of each safeguard, in the order of the table."""
    return {key: _weighed(key, ask(subject), subject) for key, ask in ASKED.items()}


def _weighed(key: str, found: Verdict, subject: Subject) -> Verdict:
    """An answer in the light of what rules find, and of which kinds need the safeguard."""
    advice = ADVICE[key]
    findings = tuple(finding for finding in subject.findings if finding.code in advice.rules)
    kinds = [shown.kind for shown in subject.kinds]
    if findings:
        status = Status.FAULTY if found.status is Status.PRESENT else Status.ABSENT
        why = found.why if found.status in (Status.PRESENT, Status.ABSENT) else findings[0].message
        return replace(found, status=status, why=why, findings=findings)
    if found.status is Status.PRESENT or any(kind in advice.reasons for kind in kinds):
        return found
    if subject.bare and advice.depends:
        return replace(found, status=Status.UNNEEDED, why=TENSORS, spots=())
    if not _known(kinds) and advice.depends:
        why = f"{found.why}; {NETWORK}" if found.status is Status.ABSENT else NETWORK
        return replace(found, status=Status.UNKNOWN, why=why)
    if found.status is Status.UNNEEDED or not advice.depends:
        return found
    return replace(found, status=Status.UNNEEDED, why=f"it is for {_listed(advice.reasons)}", spots=())


def _known(kinds: list[Kind]) -> bool:
    """Whether it is known what is trained, not only in which precision."""
    return any(kind is not Kind.MIXED for kind in kinds)


def _listed(reasons: Mapping[Kind, str]) -> str:
    *names, last = (_PLURALS[kind] for kind in reasons)
    return f"{', '.join(names)} and {last}" if names else last


_PLURALS: Final = {
    Kind.PLAIN: "plain networks",
    Kind.RECURRENT: "RNNs",
    Kind.TRANSFORMER: "transformers",
    Kind.ADVERSARIAL: "GANs",
    Kind.MIXED: "mixed precision",
}
