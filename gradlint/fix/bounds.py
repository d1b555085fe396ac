"""How gradients are bounded, and the code that does it: by their norm, each by its value, or by the norms so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gradlint.fix import sites, verbs
from gradlint.fix.edits import Edit
from gradlint.program import syntax as s
from gradlint.program.scopes import Scope
from gradlint.program.values import Values

Style: TypeAlias = Literal["norm", "value", "adaptive"]

_NO_IMPORT = "there is no place for an import"
_WINDOW = 1000  # how many of the last norms count


@dataclass(frozen=True, slots=True)
class Bound:
    """What gradients are clipped to.

    Args:
        style: by the norm of all, each element by its value, or by a percentile of the norms so far
            (AutoClip, Seetharaman et al. 2020, https://arxiv.org/abs/2007.14469).
        size: the norm, the absolute value of an element, or the percentile.
    """

    style: Style
    size: float

    def __str__(self) -> str:
        if self.style == "adaptive":
            return f"the percentile {self.size:g} of their norms so far"
        return f"a norm of {self.text}" if self.style == "norm" else f"values between -{self.text} and {self.text}"

    @property
    def text(self) -> str:
        """The figure as code writes it."""
        return repr(float(self.size))

    def lines(self, over: str, scope: Scope, node: s.Node, values: Values, edits: set[Edit]) -> list[str] | str:
        """The calls of PyTorch that clip the parameters that `over` says, at a node; `edits` get what they need.

        Returns the reason where there can be none.
        """
        kind = "clip_value" if self.style == "value" else "clip"
        clip = _imported(str(values.vocabulary.entry("fixes", kind)), scope, node, edits)
        if clip is None:
            return _NO_IMPORT
        if self.style == "adaptive":
            return self._adaptive(clip, over, scope, node, values, edits)
        return [f"{clip}({over}, {'clip_value' if self.style == 'value' else 'max_norm'}={self.text})"]

    def _adaptive(
        self, clip: str, over: str, scope: Scope, node: s.Node, values: Values, edits: set[Edit]
    ) -> list[str] | str:
        tensor = _imported(str(values.vocabulary.entry("fixes", "tensor")), scope, node, edits)
        history = _history(scope)
        norm, bound = (sites.free_name(scope, (name, f"{name}_now")) for name in ("gradient_norm", "norm_bound"))
        module = scope.module
        top = next((stmt for stmt in module.block.body if sites.holds(stmt, node)), None)
        if tensor is None or history is None or norm is None or bound is None or top is None:
            return _NO_IMPORT if tensor is None else "no name is free for the history of the norms"
        room = ["", ""] if isinstance(top, (s.Function, s.Class)) else []
        made = verbs.insert_before(module, top, [f"{history} = []", *room])
        if made is None:
            return "there is no place for the history of the norms"
        edits.update(made)
        share = f"{self.size / 100:g}"
        return [
            f'{norm} = float({clip}({over}, max_norm=float("inf")))',
            f'if {norm} < float("inf"):',
            f"    {history}.append({norm})",
            f"{bound} = {tensor}({history}[-{_WINDOW}:] or [{norm}]).quantile({share}).item()",
            f"{clip}({over}, max_norm={bound})",
        ]


def _imported(dotted: str, scope: Scope, node: s.Node, edits: set[Edit]) -> str | None:
    found = verbs.import_name(scope.module, dotted, scope, node)
    if found is None:
        return None
    edits.update(found[0])
    return found[1]


def _history(scope: Scope) -> str | None:
    """A name of the file for the norms at one step; it tells the function, since each step has a history of its own."""
    around = "_".join(_names(scope))
    stem = f"{around}_gradient_norms" if around else "gradient_norms"
    return sites.free_name(scope.module.scope, (stem, *(f"{stem}_{number}" for number in range(2, 9))))


def _names(scope: Scope) -> Iterable[str]:
    names: list[str] = []
    here: Scope | None = scope
    while here is not None:
        if here.kind in ("function", "class"):
            names.append(here.name)
        here = here.parent
    return reversed(names)
