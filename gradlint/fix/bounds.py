"""How gradients are bounded, and the code that does it: by their norm, each by its value, or by the norms so far."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Edit
from gradlint.program import syntax as s
from gradlint.program.scopes import Scope
from gradlint.program.values import Values
from gradlint.records import dataclass

Style: TypeAlias = Literal["norm", "value", "adaptive"]

_NO_IMPORT = "there is no place for an import"
_WINDOW = 1000  # how many of the last norms count
_OWNER: Final = re.compile(r"(?:self\.)?([\w.]+)\.parameters\(\)")


@dataclass(frozen=True, slots=True)
class Bound:
    """What gradients are clipped to.

    Args:
        style: by the norm of all, each element by its value, or by a percentile of the norms so far
            (AutoClip, Seetharaman et al. 2020, https://arxiv.org/abs/2007.14469).
        size: the norm, the absolute value of an element, or the percentile.
        most: the norm that a percentile is not to exceed. The first norms tell nothing yet, and where gradients grow
            from step to step a percentile of them grows along.
    """

    style: Style
    size: float
    most: float = math.inf

    def __str__(self) -> str:
        if self.style == "adaptive":
            capped = "" if math.isinf(self.most) else f", at most {self.most!r}"
            return f"the percentile {self.size:g} of their norms so far{capped}"
        return f"a norm of {self.text}" if self.style == "norm" else f"values between -{self.text} and {self.text}"

    @property
    def text(self) -> str:
        """The figure as code writes it."""
        return _code(self.size)

    def lines(self, over: str, scope: Scope, node: s.Node, values: Values, edits: set[Edit]) -> list[str] | str:
        """The calls of PyTorch that clip the parameters that `over` says, at a node; `edits` get what they need.

        Returns the reason where there can be none.
        """
        kind = "clip_value" if self.style == "value" else "clip"
        clip = imported(str(values.vocabulary.entry("fixes", kind)), scope, node, edits)
        if clip is None:
            return _NO_IMPORT
        if self.style == "adaptive":
            return self._adaptive(clip, over, scope, node, values, edits)
        return [f"{clip}({over}, {'clip_value' if self.style == 'value' else 'max_norm'}={self.text})"]

    def _adaptive(
        self, clip: str, over: str, scope: Scope, node: s.Node, values: Values, edits: set[Edit]
    ) -> list[str] | str:
        tensor = imported(str(values.vocabulary.entry("fixes", "tensor")), scope, node, edits)
        history = _history(over, scope)
        norm, bound = (sites.free_name(scope, (name, f"{name}_now")) for name in ("gradient_norm", "norm_bound"))
        module = scope.module
        outermost = _outermost(scope) or node
        top = next((stmt for stmt in module.block.body if sites.holds(stmt, outermost)), None)
        if tensor is None or history is None or norm is None or bound is None or top is None:
            return _NO_IMPORT if tensor is None else "no name is free for the history of the norms"
        room = ["", ""] if isinstance(top, (s.Function, s.Class)) else []
        made = verbs.insert_before(module, top, [f"{history} = []", *room])
        if made is None:
            return "there is no place for the history of the norms"
        edits.update(made)
        share = f"{self.size / 100:g}"
        usual = f"{tensor}({history}[-{_WINDOW}:] or [{norm}]).quantile({share}).item()"
        return [
            f'{norm} = float({clip}({over}, max_norm=float("inf")))',
            f'if {norm} < float("inf"):',
            f"    {history}.append({norm})",
            f"{bound} = {usual}" if math.isinf(self.most) else f"{bound} = min({usual}, {_code(self.most)})",
            f"{clip}({over}, max_norm={bound})",
        ]


def imported(dotted: str, scope: Scope, node: s.Node, edits: set[Edit]) -> str | None:
    """How the file says a library's symbol at a node; the import that this needs goes to the edits."""
    found = verbs.import_name(scope.module, dotted, scope, node)
    if found is None:
        return None
    edits.update(found[0])
    return found[1]


def _code(number: float) -> str:
    return 'float("inf")' if math.isinf(number) else repr(float(number))


def _history(over: str, scope: Scope) -> str | None:
    """A name of the file for the norms of these parameters; it tells the function and the network."""
    owner = _OWNER.fullmatch(over)
    names = [*_names(scope), *(owner[1].split(".") if owner is not None else ())]
    stem = "_".join([*names, "gradient_norms"])
    return sites.free_name(scope.module.scope, (stem, *(f"{stem}_{number}" for number in range(2, 9))))


def _outermost(scope: Scope) -> s.Node | None:
    """The function or class of the module that a function is, or stands in."""
    while scope.parent is not None and scope.parent.parent is not None:
        scope = scope.parent
    return scope.node if scope.parent is not None else None


def _names(scope: Scope) -> Iterable[str]:
    names: list[str] = []
    here: Scope | None = scope
    while here is not None:
        if here.kind in ("function", "class"):
            names.append(here.name)
        here = here.parent
    return reversed(names)
