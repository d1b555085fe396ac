"""Where nodes lie in the text: one pass of code generation that counts characters instead of keeping them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import libcst as cst
from libcst._nodes.internal import CodegenState


class _Counting(CodegenState):
    """Notes where each node's own text starts and ends, without the parentheses and blanks around it."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.position = 0
        self.spans: dict[int, tuple[int, int]] = {}
        self._starts: list[int] = []

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.position += len(token)

    def add_token(self, value: str) -> None:
        self.position += len(value)

    def before_codegen(self, node: cst.CSTNode) -> None:
        self._starts.append(self.position)

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self._starts.pop()
        self.spans.setdefault(id(node), (start, self.position))

    @contextmanager
    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> Iterator[None]:
        start = self.position
        yield
        first = start if start_node is None else self.spans[id(start_node)][0]
        last = self.position if end_node is None else self.spans[id(end_node)][1]
        self.spans[id(node)] = (first, last)


def spans(module: cst.Module, nodes: Sequence[cst.CSTNode]) -> list[tuple[int, int]]:
    """The character span of each node in the text that the module was parsed from.

    A node keeps its own text only: for a parenthesized expression, what is inside the parentheses.
    """
    state = _Counting(module)
    module._codegen(state)
    return [state.spans.get(id(node), (0, 0)) for node in nodes]
