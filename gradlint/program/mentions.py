"""Where code names the symbols of libraries that a section of the vocabulary lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from gradlint.program import syntax as s
from gradlint.program.names import Lib
from gradlint.program.project import Module
from gradlint.program.scopes import Scope
from gradlint.program.values import Values
from gradlint.vocabulary import Plain


def mentions(section: str, scopes: Iterable[Scope], values: Values) -> Iterator[tuple[Scope, s.Expr, Plain]]:
    """The names of listed symbols in the own code of these scopes, each with its scope and entry."""
    listed = dict(values.vocabulary.entries(section))
    names = {path.rpartition(".")[2] for path in listed}
    called: dict[Module, Set[str]] = {}
    for scope in scopes:
        if scope.module not in called:
            called[scope.module] = (names | _aliases(names, scope.module)) & scope.module.words
        if not called[scope.module]:
            continue
        for node in scope.nodes:
            if isinstance(node, (s.Name, s.Attribute)) and s.last_name(node) in called[scope.module]:
                for value in values.of(node, scope):
                    entry = listed.get(values.vocabulary.canonical(value.path)) if isinstance(value, Lib) else None
                    if entry is not None:
                        yield scope, node, entry


def _aliases(names: Set[str], module: Module) -> frozenset[str]:
    """What a module calls these names where it imports them: `from torch.autograd import grad as torch_grad`."""
    bindings = (b for scope in module.scopes for each in scope.bindings.values() for b in each if b.kind == "import")
    return frozenset(
        binding.name
        for binding in bindings
        if isinstance(binding.node, s.ImportFrom)
        and any(alias == binding.name and name in names for name, alias in binding.node.names or ())
    )
