"""The syntax that the analysis reads: small plain nodes, lowered once from the tree of a parser.

Every node carries `id`, its ordinal in the module: positions are looked up by it, and only for the
few nodes that end up in a finding or an edit. Nodes compare and hash by identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gradlint.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Anything with a place in the file."""

    id: int


# --- expressions -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Name(Node):
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Attribute(Node):
    value: Expr
    attr: str


@dataclass(frozen=True, slots=True, eq=False)
class Arg(Node):
    """An argument of a call; `star` is "", "*" or "**"."""

    value: Expr
    keyword: str | None
    star: str


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    func: Expr
    args: tuple[Arg, ...]

    def arg(self, position: int | None, keyword: str | None = None) -> Expr | None:
        """The value given for a parameter, by its place or its name; None if it is not visible."""
        for arg in self.args:
            if keyword is not None and arg.keyword == keyword:
                return arg.value
        if position is None:
            return None
        for index, arg in enumerate(self.args):
            if arg.star or arg.keyword is not None:
                return None
            if index == position:
                return arg.value
        return None


Literal = str | bytes | int | float | complex | bool | None


@dataclass(frozen=True, slots=True, eq=False)
class Constant(Node):
    value: Literal


@dataclass(frozen=True, slots=True, eq=False)
class Sequence(Node):
    """A tuple, list or set display; `kind` is "tuple", "list" or "set"."""

    kind: str
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Node):
    """A dict display; a key of None is a `**` part."""

    items: tuple[tuple[Expr | None, Expr], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Subscript(Node):
    value: Expr
    index: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Slice(Node):
    lower: Expr | None
    upper: Expr | None
    step: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Node):
    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Compare(Node):
    left: Expr
    ops: tuple[str, ...]
    rights: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Boolean(Node):
    """`and` or `or` of two values."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Node):
    op: str
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Conditional(Node):
    """`then if test else orelse`."""

    test: Expr
    then: Expr
    orelse: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Lambda(Node):
    params: tuple[Param, ...]
    body: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Clause(Node):
    """One `for target in iter if …` of a comprehension."""

    target: Expr
    iter: Expr
    tests: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comprehension(Node):
    """`kind` is "list", "set", "dict" or "generator"; a dict's element is a pair."""

    kind: str
    element: Expr
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Starred(Node):
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Format(Node):
    """An f-string or a concatenation; the parts are its expressions and literal pieces."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Await(Node):
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Yield(Node):
    value: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Walrus(Node):
    target: Expr
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Unread(Node):
    """An expression that the analysis does not look into."""


Expr = (
    Name
    | Attribute
    | Call
    | Constant
    | Sequence
    | Mapping
    | Subscript
    | Slice
    | Binary
    | Compare
    | Boolean
    | Unary
    | Conditional
    | Lambda
    | Comprehension
    | Starred
    | Format
    | Await
    | Yield
    | Walrus
    | Unread
)

# --- statements ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Param(Node):
    """A parameter; `star` is "", "*" or "**", `keyword_only` holds after a star."""

    name: str
    default: Expr | None
    annotation: Expr | None
    star: str
    keyword_only: bool


@dataclass(frozen=True, slots=True, eq=False)
class Block(Node):
    """A suite."""

    body: tuple[Stmt, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Assign(Node):
    """`targets = value`; an annotated assignment has its annotation, and may lack a value."""

    targets: tuple[Expr, ...]
    value: Expr | None
    annotation: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class AugAssign(Node):
    target: Expr
    op: str
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Evaluate(Node):
    """An expression as a statement."""

    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Return(Node):
    value: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Raise(Node):
    value: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Assert(Node):
    test: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Delete(Node):
    targets: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class If(Node):
    test: Expr
    then: Block
    orelse: Block | None


@dataclass(frozen=True, slots=True, eq=False)
class For(Node):
    target: Expr
    iter: Expr
    body: Block
    orelse: Block | None


@dataclass(frozen=True, slots=True, eq=False)
class While(Node):
    test: Expr
    body: Block
    orelse: Block | None


@dataclass(frozen=True, slots=True, eq=False)
class Handler(Node):
    type: Expr | None
    name: str | None
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Try(Node):
    body: Block
    handlers: tuple[Handler, ...]
    orelse: Block | None
    final: Block | None


@dataclass(frozen=True, slots=True, eq=False)
class With(Node):
    items: tuple[tuple[Expr, Expr | None], ...]
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Case(Node):
    pattern: Unread
    guard: Expr | None
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Match(Node):
    subject: Expr
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Function(Node):
    name: str
    params: tuple[Param, ...]
    decorators: tuple[Expr, ...]
    returns: Expr | None
    body: Block
    doc: bool


@dataclass(frozen=True, slots=True, eq=False)
class Class(Node):
    name: str
    bases: tuple[Arg, ...]
    decorators: tuple[Expr, ...]
    body: Block


@dataclass(frozen=True, slots=True, eq=False)
class Import(Node):
    """`import a.b as c`: pairs of the dotted path and the alias."""

    names: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ImportFrom(Node):
    """`from ..a import b as c`; `names` is None for a star."""

    module: str
    level: int
    names: tuple[tuple[str, str | None], ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Global(Node):
    """`global` or `nonlocal`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Jump(Node):
    """`break`, `continue` or `pass`."""

    kind: str


Stmt = (
    Assign
    | AugAssign
    | Evaluate
    | Return
    | Raise
    | Assert
    | Delete
    | If
    | For
    | While
    | Try
    | With
    | Match
    | Function
    | Class
    | Import
    | ImportFrom
    | Global
    | Jump
)


def unary(ident: int, op: str, value: Expr) -> Expr:
    """An operator before a value; a number with a minus is a number."""
    if op == "-" and isinstance(value, Constant) and isinstance(value.value, (int, float)):
        return Constant(ident, -value.value)
    return Unary(ident, op, value)


NESTED = (Function, Class, Lambda)


def _optional(*nodes: Node | None) -> tuple[Node, ...]:
    return tuple([n for n in nodes if n is not None])


def _mapping(node: Mapping) -> tuple[Node, ...]:
    return tuple(part for pair in node.items for part in pair if part is not None)


def _with(node: With) -> tuple[Node, ...]:
    return (*(part for pair in node.items for part in pair if part is not None), node.body)


_LEAVES = frozenset[type[Node]]([Name, Constant, Unread, Jump, Import, ImportFrom, Global])
_CHILDREN: dict[type[Node], Callable[..., tuple[Node, ...]]] = {
    Attribute: lambda n: (n.value,),
    Arg: lambda n: (n.value,),
    Call: lambda n: (n.func, *n.args),
    Sequence: lambda n: n.items,
    Mapping: _mapping,
    Subscript: lambda n: (n.value, n.index),
    Slice: lambda n: _optional(n.lower, n.upper, n.step),
    Binary: lambda n: (n.left, n.right),
    Compare: lambda n: (n.left, *n.rights),
    Boolean: lambda n: (n.left, n.right),
    Unary: lambda n: (n.value,),
    Conditional: lambda n: (n.test, n.then, n.orelse),
    Lambda: lambda n: (*n.params, n.body),
    Clause: lambda n: (n.target, n.iter, *n.tests),
    Comprehension: lambda n: (n.element, *n.clauses),
    Starred: lambda n: (n.value,),
    Format: lambda n: n.parts,
    Await: lambda n: (n.value,),
    Yield: lambda n: _optional(n.value),
    Walrus: lambda n: (n.target, n.value),
    Param: lambda n: _optional(n.default, n.annotation),
    Block: lambda n: n.body,
    Assign: lambda n: _optional(*n.targets, n.value, n.annotation),
    AugAssign: lambda n: (n.target, n.value),
    Evaluate: lambda n: (n.value,),
    Return: lambda n: _optional(n.value),
    Raise: lambda n: _optional(n.value),
    Assert: lambda n: (n.test,),
    Delete: lambda n: n.targets,
    If: lambda n: _optional(n.test, n.then, n.orelse),
    For: lambda n: _optional(n.target, n.iter, n.body, n.orelse),
    While: lambda n: _optional(n.test, n.body, n.orelse),
    Handler: lambda n: _optional(n.type, n.body),
    Try: lambda n: _optional(n.body, *n.handlers, n.orelse, n.final),
    With: _with,
    Case: lambda n: _optional(n.pattern, n.guard, n.body),
    Match: lambda n: (n.subject, *n.cases),
    Function: lambda n: _optional(*n.params, *n.decorators, n.returns, n.body),
    Class: lambda n: (*n.bases, *n.decorators, n.body),
}


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in source order."""
    return () if node.__class__ in _LEAVES else _CHILDREN[node.__class__](node)


def walk(node: Node, *, into: bool = True) -> Iterator[Node]:
    """The node and all below it, in source order; without `into`, not inside nested functions, classes and lambdas."""
    stack = [node]
    pop, extend = stack.pop, stack.extend
    while stack:
        here = pop()
        yield here
        kind = here.__class__
        if kind in _LEAVES or (not into and kind in NESTED and here is not node):
            continue
        extend(_CHILDREN[kind](here)[::-1])


def calls(node: Node, *, into: bool = True) -> Iterator[Call]:
    """Every call at or below the node, outer before inner."""
    for here in walk(node, into=into):
        if isinstance(here, Call):
            yield here


def dotted(expr: Node) -> str | None:
    """`a.b.c` as text, or None if the expression is not a plain dotted name."""
    parts: list[str] = []
    while isinstance(expr, Attribute):
        parts.append(expr.attr)
        expr = expr.value
    if not isinstance(expr, Name):
        return None
    parts.append(expr.text)
    return ".".join(reversed(parts))


def last_name(expr: Node) -> str:
    """`c` of `a.b.c`, of `f(x).c` and of `c`: what a function goes by; empty where the expression has no name."""
    return expr.attr if isinstance(expr, Attribute) else expr.text if isinstance(expr, Name) else ""


def holds(outer: Node, node: Node, *, into: bool = True) -> bool:
    """Whether a node is another or stands in it; without `into`, in the same function."""
    if node.id < outer.id and not isinstance(outer, (Sequence, Block)):  # these two may come after what they hold
        return False
    return any(here is node for here in walk(outer, into=into))


def root_name(expr: Expr | None) -> str | None:
    """The name that a value is, or is an attribute or item of: `settings` of `settings["loss"].eps`."""
    while isinstance(expr, (Attribute, Subscript)):
        expr = expr.value
    return expr.text if isinstance(expr, Name) else None


def container(expr: Expr) -> Expr:
    """What a value is an item of, or itself: `x` of `x[a][b]`."""
    while isinstance(expr, Subscript):
        expr = expr.value
    return expr


def text(expr: Node) -> str:
    """The expression in a normal form, so that equal conditions compare equal."""
    if isinstance(expr, Name):
        return expr.text
    if isinstance(expr, Attribute):
        return f"{text(expr.value)}.{expr.attr}"
    if isinstance(expr, Constant):
        return repr(expr.value)
    if isinstance(expr, Call):
        return f"{text(expr.func)}({', '.join(text(a) for a in expr.args)})"
    if isinstance(expr, Arg):
        return f"{expr.star}{expr.keyword + '=' if expr.keyword else ''}{text(expr.value)}"
    if isinstance(expr, Subscript):
        return f"{text(expr.value)}[{text(expr.index)}]"
    if isinstance(expr, Sequence):
        return f"{expr.kind}({', '.join(text(i) for i in expr.items)})"
    if isinstance(expr, (Binary, Boolean)):
        return f"({text(expr.left)} {expr.op} {text(expr.right)})"
    if isinstance(expr, Unary):
        return f"({expr.op} {text(expr.value)})"
    if isinstance(expr, Compare):
        return (
            "(" + text(expr.left) + "".join(f" {o} {text(r)}" for o, r in zip(expr.ops, expr.rights, strict=True)) + ")"
        )
    return f"{type(expr).__name__}({', '.join(text(c) for c in children(expr))})"
