"""The analysis' own syntax from Python's `ast`: a tenth of the time of a concrete tree, for what this Python reads."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from collections.abc import Sequence as Many
from functools import cached_property

from gradlint.program import syntax as s
from gradlint.program.parse.extents import Extents, Operands, Parameter, Part, Positional, Run

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.Not: "not",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
}
_KINDS: dict[type[ast.AST], str] = {
    ast.Tuple: "tuple",
    ast.List: "list",
    ast.Set: "set",
    ast.ListComp: "list",
    ast.SetComp: "set",
    ast.DictComp: "dict",
    ast.GeneratorExp: "generator",
}

_Display = ast.Tuple | ast.List | ast.Set
_Comp = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


class AbstractTree:
    """One file as this Python reads it. Raises as `ast.parse` does, and RecursionError from the walk."""

    faithful = True

    def __init__(self, code: str) -> None:
        self._code = code
        with warnings.catch_warnings():  # of the escapes in strings
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
        lowering = _Lowering()
        self.block = lowering.module(tree)
        self._parts = lowering.parts

    @cached_property
    def _extents(self) -> Extents:
        return Extents(self._code)

    def span(self, index: int) -> tuple[int, int]:
        return self._extents.of(self._parts[index])


class _Lowering:
    """One walk over one tree. `parts[id]` is what became the syntax node `id`."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._expressions: dict[type[ast.AST], Callable[..., s.Expr]] = {
            ast.Name: lambda n: s.Name(self._id(n), n.id),
            ast.Attribute: lambda n: s.Attribute(self._id(n), self.expr(n.value), n.attr),
            ast.Call: lambda n: s.Call(self._id(n), self.expr(n.func), self._args(n.args, n.keywords, n.func)),
            ast.Constant: self._constant,
            ast.JoinedStr: self._joined,
            ast.Tuple: self._display,
            ast.List: self._display,
            ast.Set: self._display,
            ast.Dict: lambda n: s.Mapping(
                self._id(n),
                tuple(
                    (self.expr(key) if key is not None else None, self.expr(value))
                    for key, value in zip(n.keys, n.values, strict=True)
                ),
            ),
            ast.Subscript: lambda n: s.Subscript(self._id(n), self.expr(n.value), self.expr(n.slice)),
            ast.Slice: lambda n: s.Slice(
                self._id(n), self._optional(n.lower), self._optional(n.upper), self._optional(n.step)
            ),
            ast.BinOp: lambda n: s.Binary(self._id(n), _OPERATORS[type(n.op)], self.expr(n.left), self.expr(n.right)),
            ast.BoolOp: self._boolean,
            ast.UnaryOp: self._unary,
            ast.Compare: lambda n: s.Compare(
                self._id(n),
                self.expr(n.left),
                tuple(_OPERATORS[type(op)] for op in n.ops),
                tuple(self.expr(c) for c in n.comparators),
            ),
            ast.IfExp: lambda n: s.Conditional(self._id(n), self.expr(n.test), self.expr(n.body), self.expr(n.orelse)),
            ast.Lambda: lambda n: s.Lambda(self._id(n), self._params(n.args), self.expr(n.body)),
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.Await: lambda n: s.Await(self._id(n), self.expr(n.value)),
            ast.Yield: lambda n: s.Yield(self._id(n), self._optional(n.value)),
            ast.YieldFrom: lambda n: s.Yield(self._id(n), self.expr(n.value)),
            ast.NamedExpr: lambda n: s.Walrus(self._id(n), self.expr(n.target), self.expr(n.value)),
            ast.Starred: lambda n: s.Starred(self._id(n), self.expr(n.value)),
        }
        self._statements: dict[type[ast.AST], Callable[..., s.Stmt]] = {
            ast.Expr: lambda n: s.Evaluate(self._id(n), self.expr(n.value)),
            ast.Assign: lambda n: s.Assign(
                self._id(n), tuple(self.expr(t) for t in n.targets), self.expr(n.value), None
            ),
            ast.AnnAssign: lambda n: s.Assign(
                self._id(n), (self.expr(n.target),), self._optional(n.value), self.expr(n.annotation)
            ),
            ast.AugAssign: lambda n: s.AugAssign(
                self._id(n), self.expr(n.target), _OPERATORS[type(n.op)], self.expr(n.value)
            ),
            ast.Return: lambda n: s.Return(self._id(n), self._optional(n.value)),
            ast.Raise: lambda n: s.Raise(self._id(n), self._optional(n.exc)),
            ast.Assert: lambda n: s.Assert(self._id(n), self.expr(n.test)),
            ast.Delete: lambda n: s.Delete(self._id(n), tuple(self.expr(t) for t in n.targets)),
            ast.Pass: lambda n: s.Jump(self._id(n), "pass"),
            ast.Break: lambda n: s.Jump(self._id(n), "break"),
            ast.Continue: lambda n: s.Jump(self._id(n), "continue"),
            ast.Global: lambda n: s.Global(self._id(n), tuple(n.names)),
            ast.Nonlocal: lambda n: s.Global(self._id(n), tuple(n.names)),
            ast.Import: lambda n: s.Import(self._id(n), tuple((a.name, a.asname) for a in n.names)),
            ast.ImportFrom: self._import_from,
            ast.If: self._if,
            ast.For: self._for,
            ast.AsyncFor: self._for,
            ast.While: lambda n: s.While(self._id(n), self.expr(n.test), self.block(n.body), self._else(n.orelse)),
            ast.Try: self._try,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Match: lambda n: s.Match(self._id(n), self.expr(n.subject), tuple(self._case(c) for c in n.cases)),
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: lambda n: s.Class(
                self._id(n),
                n.name,
                self._args(n.bases, n.keywords, None),
                tuple(self.expr(d) for d in n.decorator_list),
                self.block(n.body),
            ),
        }
        if hasattr(ast, "TryStar"):  # from Python 3.11 on
            self._statements[ast.TryStar] = self._try

    def module(self, tree: ast.Module) -> s.Block:
        return s.Block(self._id(tree), self._suite(tree.body))

    def expr(self, node: ast.AST) -> s.Expr:
        lower = self._expressions.get(node.__class__)
        return s.Unread(self._id(node)) if lower is None else lower(node)

    def block(self, body: Many[ast.stmt]) -> s.Block:
        return s.Block(self._id(Run(body[0], body[-1])), self._suite(body))

    def _id(self, part: Part) -> int:
        self.parts.append(part)
        return len(self.parts) - 1

    def _optional(self, node: ast.AST | None) -> s.Expr | None:
        return None if node is None else self.expr(node)

    def _suite(self, body: Many[ast.stmt]) -> tuple[s.Stmt, ...]:
        out: list[s.Stmt] = []
        for node in body:
            lower = self._statements.get(node.__class__)
            out.append(s.Jump(self._id(node), "pass") if lower is None else lower(node))  # `type X = …`
        return tuple(out)

    def _else(self, body: Many[ast.stmt]) -> s.Block | None:
        return self.block(body) if body else None

    def _constant(self, node: ast.Constant) -> s.Expr:
        ident = self._id(node)
        return s.Unread(ident) if node.value is ... else s.Constant(ident, node.value)

    def _joined(self, node: ast.JoinedStr) -> s.Expr:
        """Before Python 3.12 what is in an f-string has no place of its own: it has the string's."""
        ident = self._id(node)
        parts = tuple(
            self.expr(part.value) if isinstance(part, ast.FormattedValue) else self.expr(part) for part in node.values
        )
        self.parts[ident:] = [node] * (len(self.parts) - ident)
        return s.Format(ident, parts)

    def _display(self, node: _Display) -> s.Expr:
        return s.Sequence(self._id(node), _KINDS[type(node)], tuple(self.expr(e) for e in node.elts))

    def _boolean(self, node: ast.BoolOp) -> s.Expr:
        """`a and b and c` is `(a and b) and c`."""
        op = "and" if isinstance(node.op, ast.And) else "or"
        first, *rest = node.values
        inner = list(zip(node.values, rest[:-1], strict=False))
        idents = [self._id(node), *(self._id(Operands(node, before, last)) for before, last in reversed(inner))]
        value = self.expr(first)
        for part in rest:
            value = s.Boolean(idents.pop(), op, value, self.expr(part))
        return value

    def _unary(self, node: ast.UnaryOp) -> s.Expr:
        return s.unary(self._id(node), _OPERATORS[type(node.op)], self.expr(node.operand))

    def _args(
        self, positional: Many[ast.expr], keywords: Many[ast.keyword], func: ast.expr | None
    ) -> tuple[s.Arg, ...]:
        given: list[ast.expr | ast.keyword] = [*positional, *keywords]
        if positional and keywords and _start(positional[-1]) > _start(keywords[0]):  # `f(x=1, *args)`
            given.sort(key=_start)
        out: list[s.Arg] = []
        before = func
        for each in given:
            if isinstance(each, ast.keyword):
                out.append(s.Arg(self._id(each), self.expr(each.value), each.arg, "" if each.arg else "**"))
            else:
                out.append(self._arg(each, before))
                before = each
        return tuple(out)

    def _arg(self, node: ast.expr, before: ast.expr | None) -> s.Arg:
        if isinstance(node, ast.Starred):
            return s.Arg(self._id(node), self.expr(node.value), None, "*")
        return s.Arg(self._id(node if before is None else Positional(before, node)), self.expr(node), None, "")

    def _comprehension(self, node: _Comp) -> s.Expr:
        ident = self._id(node)
        clauses = tuple(
            s.Clause(self._id(c), self.expr(c.target), self.expr(c.iter), tuple(self.expr(test) for test in c.ifs))
            for c in node.generators
        )
        element: s.Expr
        if isinstance(node, ast.DictComp):
            element = s.Sequence(self._id(node), "tuple", (self.expr(node.key), self.expr(node.value)))
        else:
            element = self.expr(node.elt)
        return s.Comprehension(ident, _KINDS[type(node)], element, clauses)

    def _params(self, args: ast.arguments) -> tuple[s.Param, ...]:
        plain = [*args.posonlyargs, *args.args]
        missing: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults))
        out = [
            self._param(arg, default, "", False) for arg, default in zip(plain, [*missing, *args.defaults], strict=True)
        ]
        if args.vararg is not None:
            out.append(self._param(args.vararg, None, "*", False))
        out += [
            self._param(arg, default, "", True) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
        ]
        if args.kwarg is not None:
            out.append(self._param(args.kwarg, None, "**", True))
        return tuple(out)

    def _param(self, arg: ast.arg, default: ast.expr | None, star: str, keyword_only: bool) -> s.Param:
        ident = self._id(Parameter(arg, default, star))
        return s.Param(ident, arg.arg, self._optional(default), self._optional(arg.annotation), star, keyword_only)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> s.Stmt:
        ident = self._id(node)
        first = node.body[0]
        return s.Function(
            ident,
            node.name,
            self._params(node.args),
            tuple(self.expr(d) for d in node.decorator_list),
            self._optional(node.returns),
            self.block(node.body),
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str),
        )

    def _import_from(self, node: ast.ImportFrom) -> s.Stmt:
        names = None if node.names[0].name == "*" else tuple((a.name, a.asname) for a in node.names)
        return s.ImportFrom(self._id(node), node.module or "", node.level, names)

    def _if(self, node: ast.If) -> s.If:
        ident = self._id(node)
        test, then = self.expr(node.test), self.block(node.body)
        orelse = node.orelse
        if len(orelse) == 1 and isinstance(orelse[0], ast.If) and orelse[0].col_offset == node.col_offset:
            inner = self._if(orelse[0])  # an `elif`
            return s.If(ident, test, then, s.Block(self._id(orelse[0]), (inner,)))
        return s.If(ident, test, then, self._else(orelse))

    def _for(self, node: ast.For | ast.AsyncFor) -> s.Stmt:
        return s.For(
            self._id(node), self.expr(node.target), self.expr(node.iter), self.block(node.body), self._else(node.orelse)
        )

    def _with(self, node: ast.With | ast.AsyncWith) -> s.Stmt:
        return s.With(
            self._id(node),
            tuple((self.expr(i.context_expr), self._optional(i.optional_vars)) for i in node.items),
            self.block(node.body),
        )

    def _try(self, node: ast.Try) -> s.Stmt:
        return s.Try(
            self._id(node),
            self.block(node.body),
            tuple(s.Handler(self._id(h), self._optional(h.type), h.name, self.block(h.body)) for h in node.handlers),
            self._else(node.orelse),
            self._else(node.finalbody),
        )

    def _case(self, node: ast.match_case) -> s.Case:
        return s.Case(
            self._id(node),
            s.Unread(self._id(node.pattern)),
            self._optional(node.guard),
            self.block(node.body),
        )


def _start(node: ast.expr | ast.keyword) -> tuple[int, int]:
    return node.lineno, node.col_offset
