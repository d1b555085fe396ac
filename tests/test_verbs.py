"""The verbs of fixes: what they write, and that what they write is the code that was meant."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradlint.fix import verbs
from gradlint.fix.edits import Edit
from gradlint.program import syntax as s
from gradlint.program.project import Files, Module
from gradlint.source import from_bytes, from_text

GUARD = ["if bad:", "    raise X", "y = 1"]


def module_of(text: str) -> Module:
    source = from_text(text, "train.py")
    module = Files(Path("nowhere")).load(Path("train.py"), source)
    assert module is not None
    return module


def notebook_of(*cells: str) -> Module:
    made: list[object] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": c} for c in cells
    ]
    data = json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()
    module = Files(Path("nowhere")).load(Path("n.ipynb"), from_bytes(data, Path("n.ipynb"), "n.ipynb"))
    assert module is not None
    return module


def applied(module: Module, edits: tuple[Edit, ...] | None) -> str | None:
    return None if edits is None else module.source.edited(edits).text


def statement(module: Module, text: str) -> s.Stmt:
    """The statement that starts with a text."""
    for node in s.walk(module.block):
        if isinstance(node, get_args(s.Stmt)) and module.text(node).startswith(text):
            return cast(s.Stmt, node)
    raise AssertionError(text)


def call(module: Module) -> s.Call:
    return next(s.calls(module.block))


BEFORE = [
    pytest.param("def f():\n    a()\n    b()\n", ["n()"], "def f():\n    a()\n    n()\n    b()\n", id="own line"),
    pytest.param("# file\nb()\n", ["n()"], "# file\nn()\nb()\n", id="below the comment of the file"),
    pytest.param("a()\n# why\n# so\nb()\n", ["n()"], "a()\nn()\n# why\n# so\nb()\n", id="above its comment"),
    pytest.param(
        "if x:\r\n    # why\r\n    b()\r\n", ["n()"], "if x:\r\n    n()\r\n    # why\r\n    b()\r\n", id="first"
    ),
    pytest.param("a()\n# far\n\nb()\n", ["n()"], "a()\n# far\n\nn()\nb()\n", id="a comment of its own"),
    pytest.param(
        "if x:\n    a()\n    # inner\nb()\n", ["n()"], "if x:\n    a()\n    # inner\nn()\nb()\n", id="of another block"
    ),
    pytest.param("a()\n# %%\nb()\n", ["n()"], "a()\n# %%\nn()\nb()\n", id="an editor's cell"),
    pytest.param('x = """\n# y"""\nb()\n', ["n()"], 'x = """\n# y"""\nn()\nb()\n', id="a string that looks so"),
    pytest.param("a(); b()\n", ["n()", "m()"], "a(); n(); m(); b()\n", id="semicolon"),
    pytest.param("if x: b()\n", ["n()"], "if x: n(); b()\n", id="suite"),
    pytest.param(
        "if x: b()  # c\n", GUARD, "if x:\n    if bad:\n        raise X\n    y = 1\n    b()  # c\n", id="split"
    ),
    pytest.param(
        "if x: a(); b(); c()\n",
        ["if q:", "    r()"],
        "if x:\n    a()\n    if q:\n        r()\n    b()\n    c()\n",
        id="mid",
    ),
    pytest.param("a(); b()\n", ["if q:", "    r()"], "a()\nif q:\n    r()\nb()\n", id="split semicolon"),
    pytest.param("if x:\n\tb()\n", GUARD, "if x:\n\tif bad:\n\t\traise X\n\ty = 1\n\tb()\n", id="tabs"),
    pytest.param("if x:\r\n  b()\r\n", GUARD, "if x:\r\n  if bad:\r\n    raise X\r\n  y = 1\r\n  b()\r\n", id="crlf"),
    pytest.param("if x: \\\n  b()\n", ["n()"], "if x: \\\n  n(); b()\n", id="joined line"),
    pytest.param("# odd \\\nb()\n", ["n()"], "# odd \\\nn()\nb()\n", id="backslash in a comment"),
    pytest.param("x = '''\n'''; b()\n", ["if q: r()"], "x = '''\n'''\nif q: r()\nb()\n", id="behind a string"),
    pytest.param("b()", ["n()"], "n()\nb()", id="no last line end"),
]


@pytest.mark.parametrize(("text", "lines", "wanted"), BEFORE)
def test_insert_before(text: str, lines: list[str], wanted: str) -> None:
    module = module_of(text)
    assert applied(module, verbs.insert_before(module, statement(module, "b()"), lines)) == wanted


def test_insert_before_a_decorated_function() -> None:
    module = module_of("a = 1\n@d\n@e(1)\ndef f():\n    pass\n")
    assert applied(module, verbs.insert_before(module, statement(module, "def f"), ["n()"])) == (
        "a = 1\nn()\n@d\n@e(1)\ndef f():\n    pass\n"
    )


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param('"""doc"""\nx = 1\n', '"""doc', id="docstring"),
        pytest.param("from __future__ import annotations\n", "from", id="future"),
        pytest.param("if a:\n    b()\nelif c:\n    d()\n", "elif", id="elif"),
    ],
)
def test_nothing_before_what_must_come_first(text: str, where: str) -> None:
    module = module_of(text)
    assert verbs.insert_before(module, statement(module, where), ["n()"]) is None


AFTER = [
    pytest.param(
        "def f():\n    b()  # c\n    a()\n", ["n()"], "def f():\n    b()  # c\n    n()\n    a()\n", id="own line"
    ),
    pytest.param("b(); a()\n", ["n()"], "b(); n(); a()\n", id="semicolon"),
    pytest.param("a(); b();\n", ["n()"], "a(); b();\nn()\n", id="last of a line"),
    pytest.param("if x: b()\nc()\n", ["n()"], "if x: b(); n()\nc()\n", id="suite"),
    pytest.param("for i in r: b(); a()\n", ["if q: r()"], "for i in r:\n    b()\n    if q: r()\n    a()\n", id="split"),
    pytest.param("if x: b()  # c\na()\n", ["if q: r()"], "if x:\n    b()  # c\n    if q: r()\na()\n", id="split last"),
    pytest.param("if x:\n    b()", ["n()"], "if x:\n    b()\n    n()", id="no last line end"),
    pytest.param("if x:\n  b()\r\n", ["n()"], "if x:\n  b()\r\n  n()\r\n", id="line end of the place"),
]


@pytest.mark.parametrize(("text", "lines", "wanted"), AFTER)
def test_insert_after(text: str, lines: list[str], wanted: str) -> None:
    module = module_of(text)
    assert applied(module, verbs.insert_after(module, statement(module, "b()"), lines)) == wanted


def test_insert_after_a_block() -> None:
    module = module_of("def f():\n    if a:\n        b()\n    else: c()  # c\n\n    d()\n")
    assert applied(module, verbs.insert_after(module, statement(module, "if a"), ["n()"])) == (
        "def f():\n    if a:\n        b()\n    else: c()  # c\n    n()\n\n    d()\n"
    )


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(
            "def f():\n    a()\n    # end\n\nb()\n", "def f():\n    a()\n    # end\n    n()\n\nb()\n", id="comment"
        ),
        pytest.param(
            "def f():\n    a()\n# other\nb()\n", "def f():\n    a()\n    n()\n# other\nb()\n", id="outer comment"
        ),
        pytest.param("def f():\n    a()\n    return\n", "def f():\n    a()\n    n()\n    return\n", id="return"),
        pytest.param("def f():\n    return 1\n", None, id="return a value"),
        pytest.param("def f(): a()\n", "def f(): a(); n()\n", id="suite"),
        pytest.param(
            "def f():\n    if x:\n        a()\n", "def f():\n    if x:\n        a()\n    n()\n", id="block last"
        ),
    ],
)
def test_append_to_block(text: str, wanted: str | None) -> None:
    module = module_of(text)
    function = statement(module, "def f")
    assert isinstance(function, s.Function)
    assert applied(module, verbs.append_to_block(module, function.body, ["n()"])) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("a()\nb()  # c\nd()\n", "a()\nd()\n", id="own line"),
        pytest.param("if x:\n    b()  # c\n", "if x:\n    pass  # c\n", id="alone"),
        pytest.param("if x: b()\n", "if x: pass\n", id="alone in a suite"),
        pytest.param("a(); b(); c()\n", "a(); c()\n", id="between"),
        pytest.param("a(); b()\n", "a()\n", id="last of a line"),
        pytest.param("b(); a()\n", "a()\n", id="first of a line"),
        pytest.param("a()\nb()", "a()\n", id="end of file"),
    ],
)
def test_delete_statement(text: str, wanted: str) -> None:
    module = module_of(text)
    assert applied(module, verbs.delete_statement(module, statement(module, "b()"))) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("t()\na()\nb()\n", "b()\nt()\na()\n", id="up"),
        pytest.param("b()\nt()\n", "b()\nt()\n", id="where it is"),
        pytest.param("if x:\n    t()\nb()\n", "if x:\n    b()\n    t()\n", id="into a block"),
        pytest.param("t(); a(); b()\n", "b()\nt(); a()\n", id="on one line"),
        pytest.param("t()\nif x:\n    b()\n", "b()\nt()\nif x:\n    pass\n", id="out of a block"),
    ],
)
def test_move_statement_before(text: str, wanted: str) -> None:
    module = module_of(text)
    edits = verbs.move_statement_before(module, statement(module, "b()"), statement(module, "t()"))
    assert applied(module, edits) == wanted


@pytest.mark.parametrize(
    ("text", "argument", "wanted"),
    [
        pytest.param("f()\n", "k=1", "f(k=1)\n", id="empty"),
        pytest.param("f(\n)\n", "k=1", "f(k=1\n)\n", id="empty over lines"),
        pytest.param("f(a)\n", "k=1", "f(a, k=1)\n", id="one"),
        pytest.param("f(a,)\n", "k=1", "f(a, k=1)\n", id="trailing comma"),
        pytest.param("f(\n    a,\n    b,  # c\n)\n", "k=1", "f(\n    a,\n    b,  # c\n    k=1,\n)\n", id="lines"),
        pytest.param("f(a,\n  b  # c\n)\n", "k=1", "f(a,\n  b, k=1  # c\n)\n", id="lines without a comma"),
        pytest.param("f((a))\n", "k=1", "f((a), k=1)\n", id="parentheses"),
        pytest.param("f(*a, **k)\n", "k=1", "f(*a, **k, k=1)\n", id="stars"),
        pytest.param("f(x for x in y)\n", "k=1", None, id="bare generator"),
        pytest.param("f((x for x in y))\n", "k=1", "f((x for x in y), k=1)\n", id="generator"),
        pytest.param("f(k=2)\n", "k=1", None, id="given already"),
        pytest.param("f(k=2)\n", "1", None, id="positional behind a keyword"),
        pytest.param("f(# c\n)\n", "1", None, id="comment"),
    ],
)
def test_add_argument(text: str, argument: str, wanted: str | None) -> None:
    module = module_of(text)
    assert applied(module, verbs.add_argument(module, call(module), argument)) == wanted


@pytest.mark.parametrize(
    ("text", "index", "wanted"),
    [
        ("f(a, b)\n", 0, "f(b)\n"),
        ("f(a, b)\n", 1, "f(a)\n"),
        ("f(a, )\n", 0, "f( )\n"),
        ("f(a,  # c\n  b)\n", 0, None),
    ],
)
def test_remove_argument(text: str, index: int, wanted: str | None) -> None:
    module = module_of(text)
    here = call(module)
    assert applied(module, verbs.remove_argument(module, here, here.args[index])) == wanted


def test_replace_and_wrap() -> None:
    module = module_of("f((a), k = (b), *c)\n")
    here = call(module)
    assert applied(module, verbs.replace_argument(module, here.args[0], "x")) == "f(x, k = (b), *c)\n"
    assert applied(module, verbs.replace_argument(module, here.args[1], "x")) == "f((a), k = x, *c)\n"
    assert verbs.replace_argument(module, here.args[2], "x") is None
    assert applied(module, verbs.wrap(module, here.args[0].value, "g(", ")")) == "f((g(a)), k = (b), *c)\n"
    assert applied(module, verbs.replace(module, here.args[1].value, "x")) == "f((a), k = (x), *c)\n"
    pair = module_of("x = a, b\n")
    assigned = pair.block.body[0]
    assert isinstance(assigned, s.Assign)
    assert assigned.value is not None
    assert verbs.wrap(pair, assigned.value, "g(", ")") is None


CLIP = "torch.nn.utils.clip_grad_norm_"
IMPORTS = [
    pytest.param("import torch\n", "torch.nn.utils.clip_grad_norm_", None, id="package"),
    pytest.param("import torch\nimport torch.nn as nn\n", "nn.utils.clip_grad_norm_", None, id="alias"),
    pytest.param("import torch\nfrom torch.nn.utils import clip_grad_norm_\n", "clip_grad_norm_", None, id="name"),
    pytest.param("from torch.nn.utils import clip_grad_norm_ as c\n", "c", None, id="renamed"),
    pytest.param("import torch.optim\n", "torch.nn.utils.clip_grad_norm_", None, id="submodule"),
    pytest.param(
        "import os\n\nx = 1\n",
        "clip_grad_norm_",
        "import os\nfrom torch.nn.utils import clip_grad_norm_\n\nx = 1\n",
        id="new",
    ),
    pytest.param(
        '"""doc"""\nx = 1\n',
        "clip_grad_norm_",
        '"""doc"""\nfrom torch.nn.utils import clip_grad_norm_\nx = 1\n',
        id="doc",
    ),
    pytest.param(
        "from __future__ import annotations\nx = 1\n",
        "clip_grad_norm_",
        "from __future__ import annotations\nfrom torch.nn.utils import clip_grad_norm_\nx = 1\n",
        id="future",
    ),
    pytest.param(
        "try:\n    import torch\nexcept ImportError:\n    torch = None\nimport os\n",
        "clip_grad_norm_",
        "try:\n    import torch\nexcept ImportError:\n    torch = None\nimport os\n"
        "from torch.nn.utils import clip_grad_norm_\n",
        id="not under a try",
    ),
    pytest.param(
        "import torch\nimport os\ntorch = None\ndef clip_grad_norm_(): pass\n",
        "clip_grad_norm__",
        "import torch\nfrom torch.nn.utils import clip_grad_norm_ as clip_grad_norm__\nimport os\n"
        "torch = None\ndef clip_grad_norm_(): pass\n",
        id="taken",
    ),
    pytest.param(
        "try:\n    import torch\nexcept ImportError:\n    raise\nx = torch.ones(1)\n",
        "torch.nn.utils.clip_grad_norm_",
        None,
        id="under a try that the code relies on",
    ),
    pytest.param(
        "# Torch\nfrom torch import optim\nimport torchvision\nimport os\n\nx = 1\n",
        "clip_grad_norm_",
        "# Torch\nfrom torch import optim\nfrom torch.nn.utils import clip_grad_norm_\nimport torchvision\nimport os\n"
        "\nx = 1\n",
        id="beside its own package",
    ),
]


@pytest.mark.parametrize(("text", "spelling", "wanted"), IMPORTS)
def test_import_name(text: str, spelling: str, wanted: str | None) -> None:
    module = module_of(text)
    found = verbs.import_name(module, CLIP)
    assert found is not None
    assert found[1] == spelling
    assert applied(module, found[0]) == (wanted or text)


def test_an_import_that_a_parameter_hides_is_not_used() -> None:
    module = module_of("import torch\n\ndef f(torch):\n    g()\n")
    scope = module.scope.inner[statement(module, "def f").id]
    found = verbs.import_name(module, "torch.isfinite", scope)
    assert found is not None
    assert found[1] == "torch_.isfinite"
    assert applied(module, found[0]) == "import torch\nimport torch as torch_\n\ndef f(torch):\n    g()\n"


def test_imports_in_a_notebook() -> None:
    module = notebook_of("%matplotlib inline\n", "x = 1\n", "import os\nimport sys", "b()")
    found = verbs.import_name(module, "math.isfinite", before=statement(module, "b()"))
    assert found is not None
    assert (
        module.source.edited(found[0]).text
        == "%matplotlib inline\n\nx = 1\n\nimport os\nimport sys\nimport math\nb()\n"
    )
    module = notebook_of("%%time\nb()")
    found = verbs.import_name(module, "math.isfinite", before=statement(module, "b()"))
    assert found is not None
    assert module.source.edited(found[0]).text == "%%time\nimport math\nb()\n"


def test_statements_of_a_notebook_stay_in_their_cell() -> None:
    module = notebook_of("a()\nb()", "c()")
    b = statement(module, "b()")
    assert applied(module, verbs.insert_after(module, b, ["n()"])) == "a()\nb()\nn()\nc()\n"
    edited = module.source.edited(verbs.insert_after(module, b, ["n()"]) or ())
    assert [edited.text[c.start : c.end] for c in edited.cells] == ["a()\nb()\nn()", "c()"]
    edited = module.source.edited(verbs.delete_statement(module, b) or ())
    assert [edited.text[c.start : c.end] for c in edited.cells] == ["a()", "c()"]
    assert applied(module, verbs.insert_before(module, statement(module, "c()"), ["n()"])) == "a()\nb()\nn()\nc()\n"


def test_a_file_that_does_not_come_back_is_left_alone() -> None:
    module = module_of("a()\rb()\r")
    if not module.faithful:
        assert verbs.insert_before(module, module.block.body[0], ["n()"]) is None
        assert verbs.import_name(module, CLIP) is None


# --- any program -----------------------------------------------------------------------------

HEADERS = ["if x:", "for i in r:", "while x:", "def f(a):", "class C:", "with w as v:", "async def g():"]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A program of calls `c0()`, `c1()`, … in blocks, suites and on shared lines."""
    step = draw(st.sampled_from(["    ", "\t", "  "]))
    count = 0

    def calls() -> str:
        nonlocal count
        out = []
        for _ in range(draw(st.integers(1, 3))):
            out.append(draw(st.sampled_from(["c{}()", "c{}(\n  1)", "v = c{}()"])).format(count))
            count += 1
        text = draw(st.sampled_from(["; ", ";", " ;  ", "; \\\n "])).join(out)
        return text + draw(st.sampled_from(["", "", ";", "  # note", " ; # x; y"]))

    def block(lead: str, depth: int) -> list[str]:
        lines = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.integers(0, 5)) if depth < 3 else 0
            if kind <= 2:
                lines.append(lead + calls())
            elif kind == 3:
                header = draw(st.sampled_from(HEADERS))
                lines.append(lead + header + draw(st.sampled_from([" ", "  ", " \\\n   "])) + calls())
            else:
                header = draw(st.sampled_from(HEADERS))
                lines += [lead + header, *block(lead + step, depth + 1)]
                if header.startswith("if") and draw(st.booleans()):
                    lines += [lead + "elif y: " + calls(), lead + "else:", *block(lead + step, depth + 1)]
            if draw(st.booleans()):
                lines.append(draw(st.sampled_from(["", lead + "# note", "# left", lead + step + "# deep"])))
        return lines

    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = "\n".join(block("", 0)) + draw(st.sampled_from(["", "\n"]))
    return text.replace("\n", end)


def meant(text: str, index: int, new: list[ast.stmt], *, after: bool) -> str:
    """The program's tree with statements put beside the `index`-th simple one."""
    tree = ast.parse(text)
    simple = [n for n in ast.walk(tree) if isinstance(n, (ast.Expr, ast.Assign))]
    simple.sort(key=lambda n: (n.lineno, n.col_offset))
    target = simple[index % len(simple)]
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and target in body:
                at = body.index(target) + after
                body[at:at] = new
                return ast.dump(tree)
    raise AssertionError


def nth(module: Module, index: int) -> s.Stmt:
    simple = [n for n in s.walk(module.block) if isinstance(n, (s.Evaluate, s.Assign))]
    return simple[index % len(simple)]


Insert = Callable[[Module, s.Stmt, list[str]], "tuple[Edit, ...] | None"]


@given(programs(), st.integers(0, 50), st.booleans(), st.sampled_from([["n()"], ["n()", "m()"], GUARD]))
def test_what_is_inserted_is_where_it_was_meant(text: str, index: int, after: bool, lines: list[str]) -> None:
    module = module_of(text)
    verb: Insert = verbs.insert_after if after else verbs.insert_before
    edits = verb(module, nth(module, index), lines)
    assert edits is not None
    edited = module.source.edited(edits).text
    wanted = meant(text, index, ast.parse("\n".join(lines)).body, after=after)
    assert ast.dump(ast.parse(edited)) == wanted
    assert ("\r\n" in text) == ("\r\n" in edited) or "\n" not in text


@given(programs(), st.integers(0, 50))
def test_what_is_deleted_is_gone_and_no_more(text: str, index: int) -> None:
    module = module_of(text)
    stmt = nth(module, index)
    name = next(iter(s.calls(stmt))).func
    edits = verbs.delete_statement(module, stmt)
    assert edits is not None
    edited = module.source.edited(edits).text
    left = [n.func.id for n in ast.walk(ast.parse(edited)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    had = [n.func.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    assert isinstance(name, s.Name)
    assert sorted(left) == sorted(n for n in had if n != name.text)


@given(programs())
def test_what_is_appended_closes_its_block(text: str) -> None:
    module = module_of(text)
    for stmt in s.walk(module.block):
        if isinstance(stmt, s.Function):
            edits = verbs.append_to_block(module, stmt.body, GUARD)
            assert edits is not None
            tree = ast.parse(module.source.edited(edits).text)
            ends = [n.body[-1] for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
            assert [e for e in ends if isinstance(e, ast.Assign) and isinstance(e.targets[0], ast.Name)]
            return
