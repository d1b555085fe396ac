"""The analysis' own syntax from libcst's tree: what newer versions of Python read, and where it is wrong."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from collections.abc import Sequence as Many
from functools import cached_property

import libcst as cst

from gradlint.program import syntax as s
from gradlint.program.parse.positions import Spans

_BINARY: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.MatrixMultiply: "@",
    cst.BitAnd: "&",
    cst.BitOr: "|",
    cst.BitXor: "^",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//",
    cst.ModuloAssign: "%",
    cst.PowerAssign: "**",
    cst.MatrixMultiplyAssign: "@",
    cst.BitAndAssign: "&",
    cst.BitOrAssign: "|",
    cst.BitXorAssign: "^",
    cst.LeftShiftAssign: "<<",
    cst.RightShiftAssign: ">>",
}
_COMPARE: dict[type[cst.CSTNode], str] = {
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.In: "in",
    cst.NotIn: "not in",
    cst.Is: "is",
    cst.IsNot: "is not",
}
_KEYWORDS: dict[str, bool | None] = {"None": None, "True": True, "False": False}
_UNARY: dict[type[cst.CSTNode], str] = {cst.Not: "not", cst.Minus: "-", cst.Plus: "+", cst.BitInvert: "~"}

_Comp = cst.ListComp | cst.SetComp | cst.GeneratorExp | cst.DictComp


# Brackets opened so often and not closed: libcst's parser, which recurses in native code, would take the process down.
_DEEP = re.compile(r"(?:[(\[{][^()\[\]{}]*){1000}")


class ConcreteTree:
    """One file as libcst reads it. Raises its ParserSyntaxError, and RecursionError where it is nested too deeply."""

    def __init__(self, code: str) -> None:
        if _DEEP.search(code):
            raise RecursionError
        self._code = code
        self._tree = cst.parse_module(code)
        lowering = _Lowering()
        self.block = lowering.module(self._tree)
        self._nodes = lowering.nodes

    @cached_property
    def _spans(self) -> Spans:
        return Spans(self._tree, self._nodes, self._code)

    @property
    def faithful(self) -> bool:
        return self._spans.faithful

    def span(self, index: int) -> tuple[int, int]:
        return self._spans.of(index)


class _Lowering:
    """One walk over one tree. `nodes[id]` is the libcst node that became the syntax node `id`."""

    def __init__(self) -> None:
        self.nodes: list[cst.CSTNode] = []
        self._expressions: dict[type[cst.CSTNode], Callable[..., s.Expr]] = {
            cst.Name: self._name,
            cst.Attribute: lambda n: s.Attribute(self._id(n), self.expr(n.value), n.attr.value),
            cst.Call: self._call,
            cst.Integer: self._constant,
            cst.Float: self._constant,
            cst.Imaginary: self._constant,
            cst.SimpleString: self._constant,
            cst.Ellipsis: lambda n: s.Unread(self._id(n)),
            cst.ConcatenatedString: self._concatenated,
            cst.FormattedString: self._formatted,
            cst.Tuple: lambda n: s.Sequence(self._id(n), "tuple", self._elements(n.elements)),
            cst.List: lambda n: s.Sequence(self._id(n), "list", self._elements(n.elements)),
            cst.Set: lambda n: s.Sequence(self._id(n), "set", self._elements(n.elements)),
            cst.Dict: self._dict,
            cst.Subscript: self._subscript,
            cst.BinaryOperation: lambda n: s.Binary(
                self._id(n), _BINARY[type(n.operator)], self.expr(n.left), self.expr(n.right)
            ),
            cst.BooleanOperation: lambda n: s.Boolean(
                self._id(n), "and" if isinstance(n.operator, cst.And) else "or", self.expr(n.left), self.expr(n.right)
            ),
            cst.UnaryOperation: self._unary,
            cst.Comparison: lambda n: s.Compare(
                self._id(n),
                self.expr(n.left),
                tuple(_COMPARE[type(c.operator)] for c in n.comparisons),
                tuple(self.expr(c.comparator) for c in n.comparisons),
            ),
            cst.IfExp: lambda n: s.Conditional(self._id(n), self.expr(n.test), self.expr(n.body), self.expr(n.orelse)),
            cst.Lambda: lambda n: s.Lambda(self._id(n), self._params(n.params), self.expr(n.body)),
            cst.ListComp: self._comprehension,
            cst.SetComp: self._comprehension,
            cst.GeneratorExp: self._comprehension,
            cst.DictComp: self._comprehension,
            cst.Await: lambda n: s.Await(self._id(n), self.expr(n.expression)),
            cst.Yield: self._yield,
            cst.NamedExpr: lambda n: s.Walrus(self._id(n), self.expr(n.target), self.expr(n.value)),
            cst.StarredElement: lambda n: s.Starred(self._id(n), self.expr(n.value)),
        }
        self._statements: dict[type[cst.CSTNode], Callable[..., s.Stmt]] = {
            cst.Expr: lambda n: s.Evaluate(self._id(n), self.expr(n.value)),
            cst.Assign: lambda n: s.Assign(
                self._id(n), tuple(self.expr(t.target) for t in n.targets), self.expr(n.value), None
            ),
            cst.AnnAssign: lambda n: s.Assign(
                self._id(n),
                (self.expr(n.target),),
                self.expr(n.value) if n.value else None,
                self.expr(n.annotation.annotation),
            ),
            cst.AugAssign: lambda n: s.AugAssign(
                self._id(n), self.expr(n.target), _BINARY[type(n.operator)], self.expr(n.value)
            ),
            cst.Return: lambda n: s.Return(self._id(n), self.expr(n.value) if n.value else None),
            cst.Raise: lambda n: s.Raise(self._id(n), self.expr(n.exc) if n.exc else None),
            cst.Assert: lambda n: s.Assert(self._id(n), self.expr(n.test)),
            cst.Del: self._delete,
            cst.Pass: lambda n: s.Jump(self._id(n), "pass"),
            cst.Break: lambda n: s.Jump(self._id(n), "break"),
            cst.Continue: lambda n: s.Jump(self._id(n), "continue"),
            cst.Global: lambda n: s.Global(self._id(n), tuple(i.name.value for i in n.names)),
            cst.Nonlocal: lambda n: s.Global(self._id(n), tuple(i.name.value for i in n.names)),
            cst.Import: self._import,
            cst.ImportFrom: self._import_from,
            cst.If: self._if,
            cst.For: lambda n: s.For(
                self._id(n), self.expr(n.target), self.expr(n.iter), self.block(n.body), self._else(n.orelse)
            ),
            cst.While: lambda n: s.While(self._id(n), self.expr(n.test), self.block(n.body), self._else(n.orelse)),
            cst.Try: self._try,
            cst.TryStar: self._try,
            cst.With: lambda n: s.With(
                self._id(n),
                tuple((self.expr(i.item), self.expr(i.asname.name) if i.asname else None) for i in n.items),
                self.block(n.body),
            ),
            cst.Match: lambda n: s.Match(
                self._id(n),
                self.expr(n.subject),
                tuple(
                    s.Case(
                        self._id(c),
                        s.Unread(self._id(c.pattern)),
                        self.expr(c.guard) if c.guard else None,
                        self.block(c.body),
                    )
                    for c in n.cases
                ),
            ),
            cst.FunctionDef: self._function,
            cst.ClassDef: lambda n: s.Class(
                self._id(n),
                n.name.value,
                tuple(self._arg(a) for a in (*n.bases, *n.keywords)),
                tuple(self.expr(d.decorator) for d in n.decorators),
                self.block(n.body),
            ),
        }

    def module(self, tree: cst.Module) -> s.Block:
        ident = self._id(tree)
        return s.Block(ident, self._suite(tree.body))

    def expr(self, node: cst.CSTNode) -> s.Expr:
        lower = self._expressions.get(type(node))
        return s.Unread(self._id(node)) if lower is None else lower(node)

    def block(self, node: cst.BaseSuite) -> s.Block:
        ident = self._id(node)
        return s.Block(ident, self._suite(node.body))

    def _id(self, node: cst.CSTNode) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _suite(self, body: Many[cst.CSTNode]) -> tuple[s.Stmt, ...]:
        out: list[s.Stmt] = []
        for node in body:
            small = node.body if isinstance(node, cst.SimpleStatementLine) else (node,)
            for part in small:
                lower = self._statements.get(type(part))
                if lower is None:  # `type X = …`
                    out.append(s.Jump(self._id(part), "pass"))
                else:
                    out.append(lower(part))
        return tuple(out)

    def _else(self, node: cst.Else | None) -> s.Block | None:
        return self.block(node.body) if node else None

    def _name(self, node: cst.Name) -> s.Expr:
        if node.value in _KEYWORDS:
            return s.Constant(self._id(node), _KEYWORDS[node.value])
        return s.Name(self._id(node), node.value)

    def _constant(self, node: cst.Integer | cst.Float | cst.Imaginary | cst.SimpleString) -> s.Expr:
        ident = self._id(node)
        try:
            return s.Constant(ident, ast.literal_eval(node.value))
        except (ValueError, SyntaxError):
            return s.Unread(ident)

    def _concatenated(self, node: cst.ConcatenatedString) -> s.Expr:
        ident = self._id(node)
        left, right = self.expr(node.left), self.expr(node.right)
        if isinstance(left, s.Constant) and isinstance(right, s.Constant):
            if isinstance(left.value, str) and isinstance(right.value, str):
                return s.Constant(ident, left.value + right.value)
        return s.Format(ident, (left, right))

    def _formatted(self, node: cst.FormattedString) -> s.Expr:
        ident = self._id(node)
        parts: list[s.Expr] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringExpression):
                parts.append(self.expr(part.expression))
            elif isinstance(part, cst.FormattedStringText):
                parts.append(s.Constant(self._id(part), part.value))
        return s.Format(ident, tuple(parts))

    def _elements(self, elements: Many[cst.BaseElement]) -> tuple[s.Expr, ...]:
        return tuple(self.expr(e) if isinstance(e, cst.StarredElement) else self.expr(e.value) for e in elements)

    def _dict(self, node: cst.Dict) -> s.Expr:
        ident = self._id(node)
        items: list[tuple[s.Expr | None, s.Expr]] = []
        for element in node.elements:
            key = self.expr(element.key) if isinstance(element, cst.DictElement) else None
            items.append((key, self.expr(element.value)))
        return s.Mapping(ident, tuple(items))

    def _subscript(self, node: cst.Subscript) -> s.Expr:
        ident = self._id(node)
        value = self.expr(node.value)
        parts = [self._index(e.slice) for e in node.slice]
        index = parts[0] if len(parts) == 1 else s.Sequence(self._id(node.slice[0]), "tuple", tuple(parts))
        return s.Subscript(ident, value, index)

    def _index(self, node: cst.BaseSlice) -> s.Expr:
        if isinstance(node, cst.Index):
            return self.expr(node.value)
        assert isinstance(node, cst.Slice)
        ident = self._id(node)
        lower, upper, step = (self.expr(p) if p is not None else None for p in (node.lower, node.upper, node.step))
        return s.Slice(ident, lower, upper, step)

    def _unary(self, node: cst.UnaryOperation) -> s.Expr:
        return s.unary(self._id(node), _UNARY[type(node.operator)], self.expr(node.expression))

    def _call(self, node: cst.Call) -> s.Expr:
        ident = self._id(node)
        return s.Call(ident, self.expr(node.func), tuple(self._arg(a) for a in node.args))

    def _arg(self, node: cst.Arg) -> s.Arg:
        return s.Arg(self._id(node), self.expr(node.value), node.keyword.value if node.keyword else None, node.star)

    def _comprehension(self, node: _Comp) -> s.Expr:
        ident = self._id(node)
        clauses: list[s.Clause] = []
        clause: cst.CompFor | None = node.for_in
        while clause is not None:
            clauses.append(
                s.Clause(
                    self._id(clause),
                    self.expr(clause.target),
                    self.expr(clause.iter),
                    tuple(self.expr(i.test) for i in clause.ifs),
                )
            )
            clause = clause.inner_for_in
        element: s.Expr
        if isinstance(node, cst.DictComp):
            element = s.Sequence(self._id(node), "tuple", (self.expr(node.key), self.expr(node.value)))
        else:
            element = self.expr(node.elt)
        kinds = {cst.ListComp: "list", cst.SetComp: "set", cst.DictComp: "dict", cst.GeneratorExp: "generator"}
        return s.Comprehension(ident, kinds[type(node)], element, tuple(clauses))

    def _yield(self, node: cst.Yield) -> s.Expr:
        ident = self._id(node)
        value = node.value
        if isinstance(value, cst.From):
            return s.Yield(ident, self.expr(value.item))
        return s.Yield(ident, self.expr(value) if value else None)

    def _params(self, params: cst.Parameters) -> tuple[s.Param, ...]:
        out = [self._param(p, "", False) for p in (*params.posonly_params, *params.params)]
        if isinstance(params.star_arg, cst.Param):
            out.append(self._param(params.star_arg, "*", False))
        out += [self._param(p, "", True) for p in params.kwonly_params]
        if params.star_kwarg is not None:
            out.append(self._param(params.star_kwarg, "**", True))
        return tuple(out)

    def _param(self, param: cst.Param, star: str, keyword_only: bool) -> s.Param:
        return s.Param(
            self._id(param),
            param.name.value,
            self.expr(param.default) if param.default else None,
            self.expr(param.annotation.annotation) if param.annotation else None,
            star,
            keyword_only,
        )

    def _function(self, node: cst.FunctionDef) -> s.Stmt:
        ident = self._id(node)
        return s.Function(
            ident,
            node.name.value,
            self._params(node.params),
            tuple(self.expr(d.decorator) for d in node.decorators),
            self.expr(node.returns.annotation) if node.returns else None,
            self.block(node.body),
            node.get_docstring() is not None,
        )

    def _delete(self, node: cst.Del) -> s.Stmt:
        ident, target = self._id(node), node.target
        if isinstance(target, cst.Tuple) and not target.lpar:
            return s.Delete(ident, self._elements(target.elements))
        return s.Delete(ident, (self.expr(target),))

    def _import(self, node: cst.Import) -> s.Stmt:
        return s.Import(self._id(node), tuple((_dotted(a.name), _alias(a)) for a in node.names))

    def _import_from(self, node: cst.ImportFrom) -> s.Stmt:
        module = _dotted(node.module) if node.module else ""
        names = None
        if not isinstance(node.names, cst.ImportStar):
            names = tuple((_dotted(a.name), _alias(a)) for a in node.names)
        return s.ImportFrom(self._id(node), module, len(node.relative), names)

    def _if(self, node: cst.If) -> s.If:
        ident = self._id(node)
        test, then = self.expr(node.test), self.block(node.body)
        orelse: s.Block | None = None
        if isinstance(node.orelse, cst.If):
            inner = self._if(node.orelse)
            orelse = s.Block(self._id(node.orelse), (inner,))
        elif node.orelse is not None:
            orelse = self.block(node.orelse.body)
        return s.If(ident, test, then, orelse)

    def _try(self, node: cst.Try | cst.TryStar) -> s.Stmt:
        ident = self._id(node)
        handlers = []
        for handler in node.handlers:
            name = handler.name.name if handler.name else None
            handlers.append(
                s.Handler(
                    self._id(handler),
                    self.expr(handler.type) if handler.type else None,
                    name.value if isinstance(name, cst.Name) else None,
                    self.block(handler.body),
                )
            )
        return s.Try(
            ident,
            self.block(node.body),
            tuple(handlers),
            self._else(node.orelse),
            self.block(node.finalbody.body) if node.finalbody else None,
        )


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    assert isinstance(node, cst.Name)
    return node.value


def _alias(node: cst.ImportAlias) -> str | None:
    return node.asname.name.value if node.asname and isinstance(node.asname.name, cst.Name) else None
