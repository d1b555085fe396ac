"""What a fix does to a file, as text edits: put statements somewhere, wrap a value, add an argument, import a name.

Every verb gives the edits, or None where it cannot be done without risk: the file does not come back from its
tree, the place is shared with something else, or the result would not be the same code. New code is written
with four blanks a step; the edits carry the file's own indentation and line ends.
"""

from __future__ import annotations

from gradlint.fix.expressions import (
    add_argument,
    add_item,
    add_parameter,
    remove_argument,
    replace,
    replace_argument,
    wrap,
)
from gradlint.fix.imports import import_name
from gradlint.fix.statements import (
    append_to_block,
    delete_statement,
    insert_after,
    insert_before,
    move_statement_before,
)

__all__ = [
    "add_argument",
    "add_item",
    "add_parameter",
    "append_to_block",
    "delete_statement",
    "import_name",
    "insert_after",
    "insert_before",
    "move_statement_before",
    "remove_argument",
    "replace",
    "replace_argument",
    "wrap",
]
