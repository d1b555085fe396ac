"""Where nodes lie in the text: one pass of code generation that counts characters and compares them with the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import libcst as cst
from libcst._nodes.internal import CodegenState


class _Counting(CodegenState):
    """Notes where each node's own text starts and ends, without the parentheses and blanks around it."""

    def __init__(self, module: cst.Module, text: str) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.position = 0
        self._text = text
        self._differs: int | None = None  # from where on the tree is not as the text
        self._last = 0
        self.spans: dict[int, tuple[int, int]] = {}
        self._starts: list[int] = []

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        if self._differs is None and not self._text.startswith(value, self.position):
            self._differs = self.position
        self._last = len(value)
        self.position += self._last
        if not self.tokens:  # libcst asks whether there are any
            self.tokens.append(value)

    def pop_trailing_newline(self) -> None:
        self.position -= self._last
        self._last = 0

    @property
    def faithful(self) -> bool:
        """Whether what was generated is the text."""
        return self.position == len(self._text) and (self._differs is None or self._differs >= self.position)

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


class Spans:
    """Where the nodes of a module lie in the text that it was parsed from, and whether it gives back that text.

    A node keeps its own text only: for a parenthesized expression, what is inside the parentheses.
    """

    def __init__(self, module: cst.Module, nodes: Sequence[cst.CSTNode], text: str) -> None:
        state = _Counting(module, text)
        module._codegen(state)
        self._spans = [state.spans.get(id(node), (0, 0)) for node in nodes]
        self.faithful = state.faithful

    def of(self, index: int) -> tuple[int, int]:
        """The character span of the node with this index."""
        return self._spans[index]
