"""Which library classes and factories give a transformer: families of names, kept in the vocabulary."""

from __future__ import annotations

from gradlint.program.values import Const, Made, Option, Unknown, Values
from gradlint.vocabulary import Plain, Vocabulary, matches, operand


def is_transformer(path: str, made: Made, values: Values) -> bool:
    """Whether a library symbol, called as `made` says, gives a transformer.

    An entry of `[transformers]` is `true`, `false`, or says which names make one: `classes` and `not_classes` match
    the parts of the symbol's own name, `names` and `not_names` the model's name given at `argument`.
    """
    family = _family(path, values.vocabulary)
    if not isinstance(family, dict):
        return family is True
    pieces = path.split(".")[1:]
    if "classes" in family and not any(matches(p, family["classes"], exact=True) for p in pieces):
        return False
    if any(matches(p, family.get("not_classes"), exact=True) for p in pieces):
        return False
    return "argument" not in family or _named(family, made, values)


def _family(path: str, vocabulary: Vocabulary) -> Plain | None:
    """The entry for a symbol, else that for its library."""
    found = vocabulary.about("transformers", path)
    return found if found is not None else vocabulary.entry("transformers", path.partition(".")[0])


def _named(family: dict[str, Plain], made: Made, values: Values) -> bool:
    """Whether the name that the call gives is one of a transformer."""
    place = operand(family["argument"])
    expr = made.site.arg(place.position, place.keyword) if made.site is not None else None
    names: list[str] = []
    free = expr is None
    if expr is not None and made.scope is not None:
        for value in values.of(expr, made.scope, made.context):
            if isinstance(value, Const) and isinstance(value.value, str):
                names.append(value.value)
            free = free or isinstance(value, (Option, Unknown))
    if any(matches(n, family.get("names")) and not matches(n, family.get("not_names")) for n in names):
        return True
    # A family of transformers needs no name; in a mixed family, a name that cannot be known says nothing.
    return "names" not in family and (free or not all(matches(n, family.get("not_names")) for n in names) or not names)
