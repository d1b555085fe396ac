"""Values and gradient states in words."""

from __future__ import annotations

from collections.abc import Iterable

from gradlint.program.explanation.remark import Remark, at
from gradlint.program.gradients import State
from gradlint.program.names import Lib, Package
from gradlint.program.scopes import Scope
from gradlint.program.values import (
    Bound,
    Cls,
    Const,
    Func,
    Items,
    Made,
    Many,
    Option,
    Partial,
    Table,
    Unknown,
    Value,
    ValueSet,
)

_PARTS = 3
_CHOICES = 3


def kind(value: Cls | Lib) -> str:
    """A class or library symbol as its name."""
    return value.scope.name if isinstance(value, Cls) else value.path.replace(".[]", "[...]")


def function(scope: Scope) -> str:
    """A function as people name it: `Trainer.fit`, or the module level."""
    if scope.kind == "module":
        return "module level"
    if scope.kind == "lambda":
        return "a lambda"
    return f"`{scope.owner.name}.{scope.name}`" if scope.owner is not None else f"`{scope.name}`"


def value(held: Value, depth: int = 2) -> str:
    """What a value is, in a few words."""
    if isinstance(held, Const):
        return f"`{held.value!r}`"
    if isinstance(held, Lib):
        return f"`{held.path}`"
    if isinstance(held, Package):
        return f"the module `{held.path.stem}`"
    if isinstance(held, Cls):
        return f"the class `{held.scope.name}`"
    if isinstance(held, Func):
        return f"the function {function(held.scope)}"
    if isinstance(held, Made):
        return f"what `{kind(held.of)}(...)` gives" if _is_call(held) else f"an instance of `{kind(held.of)}`"
    if isinstance(held, Option):
        return f"the option `{held.name}`"
    if isinstance(held, Unknown):
        return f"the parameter `{held.name}` of {function(held.scope)}, which no call in the project gives"
    if depth == 0:
        return "something nested"
    if isinstance(held, Bound):
        return f"`.{held.name}` of {value(held.receiver, depth - 1)}"
    if isinstance(held, Partial):
        return f"a partial call of {value(held.function, depth - 1)}"
    if isinstance(held, Items):
        return f"({', '.join(values(part, depth - 1) for part in held.parts[:_PARTS])}{_more(held.parts)})"
    if isinstance(held, Many):
        return f"a container of {values(held.element, depth - 1)}"
    if isinstance(held, Table):
        keys = [repr(key) if key is not None else "any key" for key, _ in held.items]
        return f"a dict with {', '.join(dict.fromkeys(keys[:_PARTS]))}{_more(keys)}" if keys else "an empty dict"
    return "something"


def values(held: ValueSet, depth: int = 2) -> str:
    """What an expression may be."""
    said = sorted({value(each, depth) for each in held})
    return " or ".join(said[:_PARTS]) + _more(said) if said else "nothing known"


def built(made: Made) -> Remark:
    """An instance, and where it is built."""
    name = f"`{kind(made.of)}`"
    if made.site is not None and made.scope is not None:
        return at(name, made.scope.module, made.site)
    if isinstance(made.of, Cls):
        return at(f"{name}, some instance", made.of.scope.module, made.of.scope.node)
    return Remark(f"{name}, some instance")


def _is_call(made: Made) -> bool:
    return isinstance(made.of, Lib) and made.of.path.rpartition(".")[2][:1].islower()


def _more(every: object) -> str:
    assert isinstance(every, (list, tuple))
    return ", ..." if len(every) > _PARTS else ""


def state(found: State) -> str:
    """What is true of the gradients."""
    if found.fresh is False:
        parts = ["none"]
    elif found.fresh is None:
        parts = ["as the caller left them"]
    else:
        parts = ["fresh"]
    if found.scaled:
        parts.append("unscaled" if found.unscaled else "scaled")
    if found.fresh:
        parts += _clips(found) or ["unclipped"]
    if found.guarded:
        parts.append("checked for NaN")
    elif found.fresh and not found.anomaly:
        parts.append("unchecked")
    if found.anomaly:
        parts.append("anomaly detection on")
    if found.fresh is not False and found.stepped:
        parts.append("after a step")
    return ", ".join(parts)


def _clips(found: State) -> list[str]:
    rows = {(clip.act.scope.module.place(clip.act.node).start.row, clip.scaled) for clip in found.clips}
    return [f"clipped{' while scaled' if scaled else ''} in line {row}" for row, scaled in sorted(rows)]


def states(found: Iterable[State], most: int = 6) -> list[Remark]:
    """The states that arrive somewhere, each once, with the choices that lead to it and to none of the others."""
    ways: dict[str, list[State]] = {}
    for each in found:
        ways.setdefault(state(each), []).append(each)
    always = {words: frozenset.intersection(*(each.assumed for each in held)) for words, held in ways.items()}
    out = []
    for words in sorted(ways):
        others = [chosen for other, chosen in always.items() if other != words]
        telling = {key: yes for key, yes, config in always[words] if any((key, not yes, config) in o for o in others)}
        said = sorted(f"{'' if yes else 'not '}`{_bare(key[1])}`" for key, yes in telling.items())
        out.append(Remark(f"{words}, if {' and '.join(said[:_CHOICES])}" if said else words))
    return out if len(out) <= most else [*out[:most], Remark(f"and {len(out) - most} more")]


def _bare(text: str) -> str:
    """A condition without the parentheses around all of it."""
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for index, char in enumerate(text):
            depth += (char == "(") - (char == ")")
            if depth == 0 and index < len(text) - 1:
                return text
        text = text[1:-1]
    return text
