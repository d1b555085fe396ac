"""How a file can say a library's name: through an import that it has, or one that is added where it keeps them."""

from __future__ import annotations

from collections.abc import Iterator

from gradlint.fix import layout, statements
from gradlint.fix.edits import Edit
from gradlint.program import syntax as s
from gradlint.program.project import Module
from gradlint.program.scopes import Binding, Scope

_BODY = (s.Function, s.Class, s.For, s.While, s.With)


def import_name(
    module: Module, dotted: str, scope: Scope | None = None, before: s.Node | None = None
) -> tuple[tuple[Edit, ...], str] | None:
    """How code in `scope` (the module by default) says a library's symbol, and the import that this needs.

    An import that the file has is used under the name that it gives, if no other binding of the name comes in
    between: `import torch.nn as nn` says `torch.nn.utils.x` as `nn.utils.x`. Submodules of an imported package
    count as loaded. Code that runs as the module is read needs its imports before it: `before` is where it stands.
    """
    if not module.faithful:
        return None
    scope = scope or module.scope
    at = before.id if before is not None and scope.function is None else None
    known = _known(module, dotted, scope, at)
    if known is not None:
        return (), known
    parent, _, last = dotted.rpartition(".")
    top, _, rest = dotted.partition(".")
    name = _free(module, last if parent.count(".") else top)
    if parent.count("."):
        line = f"from {parent} import {last}" + (f" as {name}" if name != last else "")
        spelling = name
    else:
        line = f"import {top}" + (f" as {name}" if name != top else "")
        spelling = f"{name}.{rest}" if rest else name
    edits = _added(module, line, top, at, before)
    return (edits, spelling) if edits is not None else None


def _known(module: Module, dotted: str, scope: Scope, at: int | None) -> str | None:
    """The shortest spelling that the file's own imports allow."""
    found: list[str] = []
    for name, bindings in module.scope.bindings.items():
        said = _said(bindings[0]) if bindings else None
        if said is None or not f"{dotted}.".startswith(f"{said}."):
            continue
        if scope.lookup(name) is not module.scope or any(_said(b) != said for b in bindings):
            continue
        relied_on = _relied_on(module, name, scope)
        if any((relied_on or _certain(module, b)) and (at is None or b.at < at) for b in bindings):
            found.append(name + dotted[len(said) :])
    return min(found, key=lambda text: (text.count("."), len(text), text), default=None)


def _said(binding: Binding) -> str | None:
    """What an import binds its name to; None for any other binding and for a relative import."""
    node = binding.node
    if isinstance(node, s.Import):
        for dotted, alias in node.names:
            if (alias or dotted.partition(".")[0]) == binding.name:
                return dotted if alias else binding.name
    if isinstance(node, s.ImportFrom) and node.level == 0:
        for name, alias in node.names or ():
            if (alias or name) == binding.name:
                return f"{node.module}.{name}"
    return None


def _certain(module: Module, binding: Binding) -> bool:
    """Whether the import runs whenever the module is read."""
    return binding.block[0] == module.block.id


def _relied_on(module: Module, name: str, scope: Scope) -> bool:
    """Whether the code around reads a name anyway, so that an import under a `try` is as good as any."""
    if scope.function is not None:
        return any(isinstance(n, s.Name) and n.text == name for n in scope.nodes)
    run = (stmt for stmt in module.block.body if not isinstance(stmt, (s.Try, s.If, s.Function, s.Class)))
    return any(isinstance(n, s.Name) and n.text == name for stmt in run for n in s.walk(stmt, into=False))


def _free(module: Module, name: str) -> str:
    taken = {bound for scope in module.scopes for bound in scope.bindings} | module.words
    while name in taken:
        name += "_"
    return name


def _added(module: Module, line: str, top: str, at: int | None, before: s.Node | None) -> tuple[Edit, ...] | None:
    """An import put behind the last of its package, else behind the last of all."""
    body = module.block.body
    if module.source.is_notebook:
        cell = _cell(module, at, before)
        if cell is None:
            return None
        body = tuple(stmt for stmt in body if _cell_of(module, stmt) == cell)
    elif at is not None:
        body = tuple(stmt for stmt in body if stmt.id < at)
    last: s.Stmt | None = None
    related: s.Stmt | None = None
    for index, stmt in enumerate(body):
        if isinstance(stmt, (s.Import, s.ImportFrom)) or (index == 0 and _is_text(stmt) and body is module.block.body):
            last = stmt
            related = stmt if _imports(stmt, top) else related
        elif isinstance(stmt, _BODY):
            break
    last = related or last
    if last is not None:
        return statements.insert_after(module, last, [line])
    for stmt in body or module.block.body:
        found = layout.spot(module, stmt)
        if found is not None and not found.masked:
            return statements.insert_before(module, stmt, [line])
    return None


def _imports(stmt: s.Stmt, top: str) -> bool:
    """Whether a statement imports a package or something of it."""
    if isinstance(stmt, s.Import):
        return any(name.partition(".")[0] == top for name, _ in stmt.names)
    return isinstance(stmt, s.ImportFrom) and stmt.level == 0 and (stmt.module or "").partition(".")[0] == top


def _is_text(stmt: s.Stmt) -> bool:
    return isinstance(stmt, s.Evaluate) and isinstance(stmt.value, s.Constant) and isinstance(stmt.value.value, str)


def _cell_of(module: Module, node: s.Node) -> int | None:
    cell = module.source.cell_at(module.span(node)[0])
    return cell.index if cell is not None else None


def _cell(module: Module, at: int | None, before: s.Node | None) -> int | None:
    """The notebook cell for an import: the first that imports, or the one of the code that needs it."""
    importing = next(_importing(module, at), None)
    if importing is not None:
        return importing
    return _cell_of(module, before) if before is not None else _cell_of(module, module.block.body[0])


def _importing(module: Module, at: int | None) -> Iterator[int]:
    for stmt in module.block.body:
        if isinstance(stmt, (s.Import, s.ImportFrom)) and (at is None or stmt.id < at):
            cell = _cell_of(module, stmt)
            if cell is not None:
                yield cell
