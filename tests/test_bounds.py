"""Code that nobody wrote by hand: it takes seconds, not minutes, and what is left out is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import RNN_LOOP, Done, Gradlint, process

HEAD = "import torch\nfrom torch import nn\n\n\n"
CLIP = "torch.nn.utils.clip_grad_norm_(model.parameters(), {0})"


def lint(project: Path, text: str) -> Done:
    (project / "train.py").write_text(text)
    done = process("--no-cache", "--isolated", "--output-format", "concise")
    out, err = done.communicate(timeout=300)  # a hang is a failure, not a day of waiting
    assert "Traceback" not in err
    assert "internal error" not in err
    return Done(done.returncode, out, err)


def test_a_large_file(project: Path) -> None:
    row = "[" + ", ".join(map(str, range(1000))) + "]\n"
    done = lint(project, RNN_LOOP + "".join(f"TABLE_{number} = {row}" for number in range(1100)))
    assert done.status == 2
    assert "train.py: too large to be analysed: 5.4 million characters, and 1.5 million is the most" in done.err


def test_an_imported_large_file_is_passed_over(project: Path) -> None:
    (project / "table.py").write_text("ROWS = [\n" + "    0,\n" * 300_000 + "]\n")
    done = lint(project, RNN_LOOP.replace("import torch\n", "import torch\nfrom table import ROWS\n", 1))
    assert (done.status, done.err) == (1, "")


@pytest.mark.parametrize(
    "deep",
    [
        "def deep(x):\n" + "".join(f"{'    ' * (level + 1)}if x > {level}:\n" for level in range(1000)) + "    " * 1001,
        "x = " + "(" * 5000 + ")" * 5000 + "\ny = ",
        "x = " + "[" * 500 + "]" * 500 + "\ny = ",
    ],
    ids=["blocks", "parentheses", "brackets"],
)
def test_deep_nesting(project: Path, deep: str) -> None:
    done = lint(project, RNN_LOOP + deep + "0\n")
    assert done.status in (1, 2)
    assert done.out or done.err


def test_many_branches(project: Path) -> None:
    branches = "".join(f"        if args.f{number}:\n            {CLIP.format(number)}\n" for number in range(10_000))
    lines = RNN_LOOP.replace("def train(batches):", "def train(batches, args):").splitlines(keepends=True)
    done = lint(project, "".join(lines[:-1]) + branches + lines[-1])
    assert done.status in (0, 2)
    assert done.status == 0 or "are not judged" in done.err


def test_many_branches_around_the_loss(project: Path) -> None:
    branches = "".join(f"        if args.a{number}:\n            loss = loss + {number}\n" for number in range(10_000))
    train = (
        "def train(model, batches, args):\n    optimizer = torch.optim.Adam(model.parameters())\n"
        "    for x in batches:\n        optimizer.zero_grad()\n        loss = model(x).mean()\n"
        f"{branches}        loss.backward()\n        optimizer.step()\n"
    )
    done = lint(project, HEAD + train)
    assert done.status == 2
    assert "too many assignments may set `loss` to be followed" in done.err
    assert "GL501" in done.out


def test_many_branches_around_steps(project: Path) -> None:
    branches = "".join(f"        if args.f{number}:\n            optimizer.step()\n" for number in range(10_000))
    lines = RNN_LOOP.replace("def train(batches):", "def train(batches, args):").splitlines(keepends=True)
    done = lint(project, "".join(lines[:-1]) + branches)
    assert done.status == 2
    assert "are not judged" in done.err


def test_calls_in_circles(project: Path) -> None:
    functions = "".join(
        f"def f{number}(loss, optimizer):\n    if loss > {number}:\n        f{number * 7 % 300}(loss, optimizer)\n"
        f"    f{(number + 1) % 300}(loss, optimizer)\n    loss.backward()\n    optimizer.step()\n\n\n"
        for number in range(300)
    )
    start = "def train(model):\n    f0(model(), torch.optim.SGD(model.parameters(), lr=0.1))\n"
    done = lint(project, HEAD + functions + start)
    assert done.status in (0, 1, 2)
    assert done.status != 2 or "are not judged" in done.err


@pytest.mark.parametrize(
    ("model", "made"),
    [("model", ""), ("models[{0}]", ""), ("m{0}", "    m{0} = nn.LSTM({0}, {0})\n")],
    ids=["of-one-model", "of-a-list", "of-a-model-each"],
)
def test_many_optimizers(project: Path, model: str, made: str) -> None:
    body = f"{made}    o{{0}} = torch.optim.Adam({model}.parameters())\n"
    loss = f"        loss = {model}(x).mean()\n"
    loop = f"{loss}        o{{0}}.zero_grad()\n        loss.backward()\n        o{{0}}.step()\n"
    optimizers, updates = ("".join(part.format(number) for number in range(300)) for part in (body, loop))
    done = lint(project, f"{HEAD}def train(model, models, batches):\n{optimizers}    for x in batches:\n{updates}")
    assert done.out.count("GL501") > 100  # the first are judged in any case
    assert done.status == 2
    assert "are not judged" in done.err


def test_a_bound_is_a_problem_of_the_file_alone(
    project: Path, gradlint: Gradlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradlint.program.updates.STEPS", 1)
    (project / "train.py").write_text(RNN_LOOP)
    done = gradlint("--no-cache")
    assert done.status == 2
    assert done.err.startswith("error: train.py:25:9: too many ways lead to this step to be followed")


def test_a_search_that_is_given_up_is_said(project: Path, gradlint: Gradlint) -> None:
    chain = "".join(f"def f{number + 1}():\n    return f{number}()\n\n\n" for number in range(60))
    text = HEAD + "def f0():\n    return nn.Linear(1, 1)\n\n\n" + chain + RNN_LOOP.partition("\n\n\n")[2]
    (project / "train.py").write_text(text.replace("Tagger()", "f60()").replace("Model()", "f60()"))
    row = next(n for n, line in enumerate((project / "train.py").read_text().splitlines(), 1) if ".step()" in line)
    said = gradlint("explain", f"train.py:{row}").out
    assert "the search for it was given up: it leads through too much code" in said


def test_what_is_cut_is_the_same_in_every_run(project: Path) -> None:
    adam = "torch.optim.Adam(parameters, lr={0})"
    makers = "".join(
        f"def make{number}(parameters, hot, cold):\n    if hot:\n        return {adam.format(2.0)}\n"
        f"    if cold:\n        return {adam.format(3.0)}\n    return {adam.format(4.0)}\n\n\n"
        for number in range(24)
    )
    table = ", ".join(f"'{number}': make{number}" for number in range(24))
    train = (
        "def train(model, kind, hot, cold, batches):\n    optimizer = MAKERS[kind](model.parameters(), hot, cold)\n"
        "    for batch in batches:\n        optimizer.zero_grad()\n        model(batch).mean().backward()\n"
        "        optimizer.step()\n"
    )
    (project / "train.py").write_text(f"{HEAD}{makers}MAKERS = {{{table}}}\n\n\n{train}")
    row = next(n for n, line in enumerate((project / "train.py").read_text().splitlines(), 1) if ".step()" in line)
    command = ("explain", f"train.py:{row}", "--isolated")
    said = {process(*command, PYTHONHASHSEED=seed).communicate(timeout=300)[0] for seed in "1234"}
    assert len(said) == 1
    assert said.pop().count("`torch.optim.Adam`") == 24
