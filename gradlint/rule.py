"""What a rule is: one class in one file of a pack, asked about what it overrides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from gradlint.finding import Finding, Level, Related
from gradlint.fix.edits import Fix
from gradlint.program import syntax as s

if TYPE_CHECKING:
    from gradlint.program.files import File
    from gradlint.program.networks import Network
    from gradlint.program.project import Module
    from gradlint.program.updates import Update


class Rule:
    """A hazard. The docstring is its page; annotated class attributes are its options.

    A rule overrides the level that it needs: `check_update` for each place where parameters change,
    `check_network` for each network that a file defines, `check_file` for each file.

    Args:
        options: values of the rule's options, by attribute name.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    level: ClassVar[Level] = Level.WARNING
    default: ClassVar[bool] = True
    preview: ClassVar[bool] = False  # not yet counted on real code: on with `--preview`, or by its own code

    def __init__(self, **options: object) -> None:
        for key, value in options.items():
            setattr(self, key, value)

    def check_update(self, update: Update) -> Iterator[Finding]:
        """Findings about one update."""
        yield from ()

    def check_network(self, network: Network) -> Iterator[Finding]:
        """Findings about one network."""
        yield from ()

    def check_file(self, file: File) -> Iterator[Finding]:
        """Findings about one file."""
        yield from ()

    def spares_update(self, update: Update) -> str | None:
        """Why the rule has nothing to say about an update, for `gradlint explain`; None if it has, or does not say."""
        return None

    def spares_network(self, network: Network) -> str | None:
        """Why the rule has nothing to say about a network, likewise."""
        return None

    def at(
        self,
        module: Module,
        node: s.Node,
        message: str,
        *,
        help: str = "",
        update: Update | None = None,
        related: Iterable[Related] = (),
        fix: Fix | str | None = None,
        unfixed: str | None = None,
    ) -> Finding:
        """A finding of this rule at a node; `fix` may be the reason why there is none."""
        if isinstance(fix, str):
            fix, unfixed = None, fix
        return Finding(
            self.code,
            self.name,
            self.level,
            message,
            module.place(node),
            help,
            update.place if update is not None else None,
            tuple(related),
            fix,
            None if fix is not None else unfixed,
        )
