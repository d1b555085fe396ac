"""Where code names the symbols of libraries that a section of the vocabulary lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.scopes import Scope
from gradlint.program.values import Values
from gradlint.vocabulary import Plain


def mentions(section: str, scopes: Iterable[Scope], values: Values) -> Iterator[tuple[Scope, s.Expr, Plain]]:
    """The names of listed symbols in the own code of these scopes, each with its scope and entry."""
    listed = dict(values.vocabulary.entries(section))
    names = {path.rpartition(".")[2] for path in listed}
    for scope in scopes:
        if names.isdisjoint(scope.module.words):
            continue
        for node in s.walk(scope.body, into=False):
            if isinstance(node, (s.Name, s.Attribute)) and s.last_name(node) in names:
                for value in values.of(node, scope):
                    entry = listed.get(values.vocabulary.canonical(value.path)) if isinstance(value, Lib) else None
                    if entry is not None:
                        yield scope, node, entry
