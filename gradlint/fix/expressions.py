"""Expressions replaced and wrapped, arguments added and taken out, as text edits."""

from __future__ import annotations

import re

from gradlint.fix import layout
from gradlint.fix.edits import Edit
from gradlint.program import syntax as s
from gradlint.program.project import Module

Edits = tuple[Edit, ...] | None

_BEHIND = r"(?P<blank>\s*)(?P<comma>,?)(?P<rest>(?:\s|\\|#[^\r\n]*(?=[\r\n]))*)"
_BEHIND_ITEM = re.compile(_BEHIND)
_AFTER_ARGUMENT = re.compile(_BEHIND + r"\Z")


def replace(module: Module, node: s.Node, text: str) -> Edits:
    """Other text in a node's place; parentheses around it stay, and the text must bind as tightly as it did."""
    if not module.faithful:
        return None
    return (Edit(*module.span(node), text),)


def wrap(module: Module, node: s.Expr, before: str, after: str) -> Edits:
    """An expression put into a call or the like: `before` and `after` around its text."""
    loose = (s.Yield, s.Starred, s.Slice, s.Unread)
    if not module.faithful or isinstance(node, loose):
        return None
    if isinstance(node, s.Sequence) and node.kind == "tuple":
        return None
    if isinstance(node, s.Comprehension) and node.kind == "generator":
        return None
    start, end = module.span(node)
    return Edit(start, start, before), Edit(end, end, after)


def add_argument(module: Module, call: s.Call, text: str) -> Edits:
    """An argument put behind the others of a call."""
    if not module.faithful or _clashes(call, text):
        return None
    code = module.source.code
    close = module.span(call)[1] - 1
    if code[close] != ")":
        return None
    if not call.args:
        at = close
        while code[at - 1] in " \t\f\r\n":
            at -= 1
        return (Edit(at, at, text),) if code[at - 1] == "(" else None
    last = call.args[-1]
    start, end = module.span(last)
    if isinstance(last.value, s.Comprehension) and last.value.kind == "generator" and code[start] != "(":
        return None
    return _behind_last(module, start, end, close, text)


def add_parameter(module: Module, function: s.Function, text: str) -> Edits:
    """A parameter with a default put behind the others of a function; None where a star stands among them."""
    params = function.params
    if not module.faithful or not params or any(p.star or p.keyword_only for p in params):
        return None
    if any(p.name == text.partition("=")[0] for p in params):
        return None
    start, end = module.span(params[-1])
    behind = _BEHIND_ITEM.match(module.source.code, end)
    assert behind is not None
    close = behind.end()
    if module.source.code[close] != ")":
        return None
    return _behind_last(module, start, end, close, text)


def add_item(module: Module, mapping: s.Mapping, text: str) -> Edits:
    """An item put behind the others of a dict display; None where that is empty or ends with a `**` part."""
    key, value = mapping.items[-1] if mapping.items else (None, None)
    if not module.faithful or key is None or value is None:
        return None
    return _behind_last(module, module.span(key)[0], module.span(value)[1], module.span(mapping)[1] - 1, text)


def _behind_last(module: Module, start: int, end: int, close: int, text: str) -> Edits:
    """One more item behind the last of those in parentheses, which is at `start` to `end`."""
    code = module.source.code
    tail = _AFTER_ARGUMENT.match(code[end:close])
    if tail is None:
        return None
    if not tail["comma"]:
        return (Edit(end, end, f", {text}"),)
    comma = end + tail.end("comma")
    if "\n" not in tail["rest"] and "\r" not in tail["rest"]:
        return (Edit(comma, comma, f" {text}"),)
    line = layout.line_start(module, start)
    if code[line:start].strip(" \t\f"):
        return (Edit(comma, comma, f" {text},"),)
    behind = re.match(r"[^\r\n]*", code[comma:])
    assert behind is not None
    at = comma + behind.end()
    return (Edit(at, at, f"{layout.newline(module, at)}{code[line:start]}{text},"),)


def replace_argument(module: Module, arg: s.Arg, text: str) -> Edits:
    """Another value for an argument; its keyword stays."""
    if not module.faithful or arg.star:
        return None
    start, end = module.span(arg)
    if arg.keyword is not None:
        name = re.compile(rf"{arg.keyword}\s*=\s*").match(module.source.code, start)
        if name is None:
            return None
        start = name.end()
    return (Edit(start, end, text),)


def remove_argument(module: Module, call: s.Call, arg: s.Arg) -> Edits:
    """An argument taken out of a call, with its comma."""
    if not module.faithful or arg not in call.args:
        return None
    index = call.args.index(arg)
    start, end = module.span(arg)
    between = module.source.code
    if index + 1 < len(call.args):
        after = module.span(call.args[index + 1])[0]
        return None if "#" in between[end:after] else (Edit(start, after, ""),)
    if index:
        before = module.span(call.args[index - 1])[1]
        return None if "#" in between[before:start] else (Edit(before, end, ""),)
    tail = _AFTER_ARGUMENT.match(between[end : module.span(call)[1] - 1])
    if tail is None or "#" in tail["rest"]:
        return None
    return (Edit(start, end + tail.end("comma"), ""),)


def _clashes(call: s.Call, text: str) -> bool:
    """Whether an argument cannot be put behind those that the call has."""
    keyword = re.match(r"(\w+)\s*=(?!=)", text)
    if keyword is not None:
        return any(a.keyword == keyword.group(1) for a in call.args)
    if text.startswith("**"):
        return False
    return any(a.keyword is not None or a.star == "**" for a in call.args)
