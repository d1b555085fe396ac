"""The fixes of updates: where they go, what they say there, and why there is none where none is right."""

from __future__ import annotations

from difflib import ndiff
from pathlib import Path

import pytest

from gradlint import Rule, packs
from gradlint.config import Config
from gradlint.engine import Project
from gradlint.finding import Finding
from gradlint.fix.apply import apply
from gradlint.fix.edits import Safety
from gradlint.fix.updates import Bound, clip_before
from gradlint.program.updates import Updates
from gradlint.source import Source, read

HEAD = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 8)

    def forward(self, inputs):
        return self.rnn(inputs)[0]


"""
GROUPS = '[p for group in optimizer.param_groups for p in group["params"]]'


def rule(code: str, **options: object) -> Rule:
    return next(each for each in packs.load([packs.builtin()]) if each.code == code)(**options)


def source_of(folder: Path, text: str) -> Source:
    file = folder / "train.py"
    file.write_text(text, encoding="utf-8")
    return read(file, file.name)


def found(folder: Path, text: str, code: str, **options: object) -> tuple[Source, list[Finding]]:
    source = source_of(folder, text)
    return source, Project(folder, Config(), [rule(code, **options)], {}).check(source)


def changes(before: str, after: str) -> list[str]:
    """The lines that a fix takes out and puts in, without their indentation."""
    return [
        f"{line[0]} {line[1:].strip()}" for line in ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"
    ]


def fixed(folder: Path, text: str, code: str, **options: object) -> list[str]:
    """What the fixes of a rule change; afterwards it finds nothing, and the code compiles."""
    source, findings = found(folder, HEAD + text, code, **options)
    assert findings, "nothing is found"
    fixes = [finding.fix for finding in findings if finding.fix is not None]
    assert len(fixes) == len(findings), [finding.unfixed for finding in findings]
    assert all(fix.safety is Safety.SAFE for fix in fixes)
    after, applied, deferred = apply(source, fixes)
    assert len(applied) == len(fixes), deferred
    compile(after.text, "<fixed>", "exec")
    assert not found(folder, after.text, code, **options)[1]
    return changes(source.text, after.text)


def reasons(folder: Path, text: str, code: str, **options: object) -> list[str | None]:
    return [each.unfixed for each in found(folder, HEAD + text, code, **options)[1] if each.fix is None]


def loop(*body: str, made: str = "model.parameters()", before: tuple[str, ...] = ()) -> str:
    """A function that trains, with some lines in its loop."""
    lines = [
        "def train(batches, criterion):",
        "    model = Net()",
        *(f"    {line}" for line in before),
        f"    optimizer = torch.optim.Adam({made})",
        "    for inputs, targets in batches:",
        "        optimizer.zero_grad()",
        *(f"        {line}" for line in body),
    ]
    return "\n".join(lines) + "\n"


PLAIN = ("loss = criterion(model(inputs), targets)", "loss.backward()", "optimizer.step()")


# --- clips ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "over"),
    [
        ("model.parameters()", "model.parameters()"),
        ("model.rnn.parameters()", "model.rnn.parameters()"),
        ("list(model.parameters())", "model.parameters()"),
        ("filter(lambda p: p.requires_grad, model.parameters())", "model.parameters()"),
        ("[p for p in model.parameters() if p.requires_grad]", "model.parameters()"),
        ('[{"params": model.parameters(), "lr": 0.1}]', "model.parameters()"),
        ("[p for p in model.parameters() if p.dim() > 1]", GROUPS),
        ("[p for name, p in model.named_parameters()]", GROUPS),
        ("[model.rnn.weight_hh_l0]", GROUPS),
    ],
)
def test_the_clip_is_over_what_the_optimizer_was_built_from(tmp_path: Path, made: str, over: str) -> None:
    assert fixed(tmp_path, loop(*PLAIN, made=made), "GL101") == [f"+ nn.utils.clip_grad_norm_({over}, max_norm=1.0)"]


@pytest.mark.parametrize(
    ("given", "over"),
    [
        ("list(model.rnn.parameters()) + list(head.parameters())", "parameters"),
        ("[p for name, p in model.named_parameters() if 'bias' not in name]", "parameters"),
        ("filter(lambda p: p.dim() > 1, list(model.parameters()))", "model.parameters()"),
        ("(p for name, p in model.named_parameters() if 'bias' not in name)", GROUPS),
        ('[{"params": model.rnn.parameters()}]', "model.rnn.parameters()"),
    ],
)
def test_a_list_of_parameters_is_said_by_its_name(tmp_path: Path, given: str, over: str) -> None:
    text = loop(*PLAIN, made="parameters", before=("head = nn.Linear(8, 8)", f"parameters = {given}"))
    assert fixed(tmp_path, text, "GL101") == [f"+ nn.utils.clip_grad_norm_({over}, max_norm=1.0)"]


def test_a_name_for_the_parameters_is_followed(tmp_path: Path) -> None:
    text = loop(*PLAIN, made="parameters", before=("parameters = list(model.parameters())",))
    assert fixed(tmp_path, text, "GL101") == ["+ nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)"]


def test_a_name_for_parameters_that_grows_is_not(tmp_path: Path) -> None:
    before = ("parameters = list(model.parameters())", "parameters.append(torch.zeros(1))")
    text = loop(*PLAIN, made="parameters", before=before)
    assert fixed(tmp_path, text, "GL101") == [f"+ nn.utils.clip_grad_norm_({GROUPS}, max_norm=1.0)"]


def test_the_bound_is_an_option(tmp_path: Path) -> None:
    added = fixed(tmp_path, loop(*PLAIN), "GL101", max_norm=0.25)
    assert added == ["+ nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.25)"]


def test_a_model_that_has_no_name_at_the_step_is_said_by_the_optimizer(tmp_path: Path) -> None:
    text = """\
def update(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train(batches, criterion):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for inputs, targets in batches:
        update(criterion(model(inputs), targets), optimizer)
"""
    assert fixed(tmp_path, text, "GL101") == [f"+ nn.utils.clip_grad_norm_({GROUPS}, max_norm=1.0)"]


def test_master_weights_are_clipped(tmp_path: Path) -> None:
    text = "from apex import amp\n\n\n" + loop(
        "loss = criterion(model(inputs), targets)",
        "with amp.scale_loss(loss, optimizer) as scaled_loss:",
        "    scaled_loss.backward()",
        "optimizer.step()",
    )
    assert fixed(tmp_path, text, "GL101") == [f"+ nn.utils.clip_grad_norm_({GROUPS}, max_norm=1.0)"]


def test_fabric_clips_by_its_own_call(tmp_path: Path) -> None:
    text = "from lightning.fabric import Fabric\n\nfabric = Fabric()\n\n\n" + loop(
        "model, optimizer = fabric.setup(model, optimizer)",
        "loss = criterion(model(inputs), targets)",
        "fabric.backward(loss)",
        "optimizer.step()",
    )
    assert fixed(tmp_path, text, "GL101") == ["+ fabric.clip_gradients(model, optimizer, max_norm=1.0)"]


def test_accelerate_clips_by_its_own_call(tmp_path: Path) -> None:
    text = "from accelerate import Accelerator\n\naccelerator = Accelerator()\n\n\n" + loop(
        "loss = criterion(model(inputs), targets)",
        "accelerator.backward(loss)",
        "optimizer.step()",
    )
    assert fixed(tmp_path, text, "GL101") == ["+ accelerator.clip_grad_norm_(model.parameters(), 1.0)"]


@pytest.mark.parametrize(
    ("given", "argument"), [("max_epochs=3", ", gradient_clip_val=1.0"), ("gradient_clip_val=None", "1.0")]
)
def test_a_framework_that_trains_by_itself_is_given_the_bound(tmp_path: Path, given: str, argument: str) -> None:
    source = source_of(
        tmp_path, f"import pytorch_lightning as pl\n\ntrainer = pl.Trainer({given})\ntrainer.fit(model)\n"
    )
    project = Project(tmp_path, Config(), [], {})
    module = project.files.load(source.path, source)
    assert module is not None
    (update,) = Updates(project.program).of(module)
    fix = clip_before(update, Bound("norm", 1.0))
    assert not isinstance(fix, str), fix
    assert [edit.text for edit in fix.edits] == [argument]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "from torch.distributed.fsdp import FullyShardedDataParallel\n\n" + loop(*PLAIN),
            "the gradients may be sharded over processes: clip them through the wrapper that shards them",
        ),
        (
            loop(*PLAIN).replace("Net()", "nn.Sequential(nn.Embedding(9, 8, sparse=True), Net())"),
            "a norm of sparse gradients cannot be taken: make the embedding's gradients dense, or clip the others",
        ),
        (
            loop("criterion(model(inputs), targets).backward()", "[each.step() for each in [optimizer]]"),
            "the step is part of an expression",
        ),
    ],
)
def test_a_clip_is_left_out_for_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    assert reasons(tmp_path, text, "GL101") == [reason]


FSDP = "from torch.distributed.fsdp import FullyShardedDataParallel as FSDP\n\n"


def test_shards_are_clipped_by_the_wrapper_that_holds_them(tmp_path: Path) -> None:
    text = FSDP + loop(*PLAIN, before=("model = FSDP(model)",))
    assert fixed(tmp_path, text, "GL101") == ["+ model.clip_grad_norm_(1.0)"]
    scaled = ("scaler.scale(criterion(model(inputs), targets)).backward()", "scaler.step(optimizer)", "scaler.update()")
    text = FSDP + loop(*scaled, before=("scaler = torch.amp.GradScaler()", "model = FSDP(model)"))
    assert fixed(tmp_path, text, "GL101") == ["+ scaler.unscale_(optimizer)", "+ model.clip_grad_norm_(1.0)"]


@pytest.mark.parametrize(
    "before", [("if torch.cuda.is_available():", "    model = FSDP(model)"), ("other = FSDP(Net())",)]
)
def test_what_may_be_sharded_is_left_to_a_person(tmp_path: Path, before: tuple[str, ...]) -> None:
    reason = "the gradients may be sharded over processes: clip them through the wrapper that shards them"
    assert reasons(tmp_path, FSDP + loop(*PLAIN, before=before), "GL101") == [reason]


# --- guards ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backward", "test", "value"),
    [
        ("loss.backward()", "torch.isfinite(loss)", '"non-finite loss: {loss.item()}"'),
        ("loss.backward(retain_graph=True)", "torch.isfinite(loss)", '"non-finite loss: {loss.item()}"'),
        ("loss.mean().backward()", "torch.isfinite(loss).all()", '"non-finite loss: {loss}"'),
        ("(loss * 0.5).backward()", "torch.isfinite(loss)", '"non-finite loss: {loss.item()}"'),
        ("torch.autograd.backward(loss)", "torch.isfinite(loss)", '"non-finite loss: {loss.item()}"'),
        ("torch.autograd.backward([loss])", "torch.isfinite(loss)", '"non-finite loss: {loss.item()}"'),
    ],
)
def test_the_loss_is_tested(tmp_path: Path, backward: str, test: str, value: str) -> None:
    text = loop("loss = criterion(model(inputs), targets)", backward, "optimizer.step()")
    assert fixed(tmp_path, text, "GL501") == [f"+ if not {test}:", f"+ raise FloatingPointError(f{value})"]


def test_a_backward_pass_of_something_else_is_left_alone(tmp_path: Path) -> None:
    text = (
        "x = torch.tensor(1.0, requires_grad=True)\ny = 2 * x + 3\ny.backward()\nmodel = Net()\n"
        "optimizer = torch.optim.Adam(model.parameters())\n"
        "loss = nn.functional.mse_loss(model(inputs), targets)\nloss.backward()\noptimizer.step()\n"
    )
    assert fixed(tmp_path, text, "GL501") == [
        "+ if not torch.isfinite(loss):",
        '+ raise FloatingPointError(f"non-finite loss: {loss.item()}")',
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "        (criterion(a, b) +\n         criterion(b, a)).backward()\n",
            "        loss = (criterion(a, b) +\n                criterion(b, a))\n",
        ),
        (
            "        (\n            criterion(a, b)\n            + b\n        ).backward()\n",
            "        loss = (\n            criterion(a, b)\n            + b\n        )\n",
        ),
        (
            "        torch.autograd.backward(a *\n                                b + a)\n",
            "        loss = (a *\n                b + a)\n",
        ),
        (
            '        (criterion("""\n""") +\n         b).backward()\n',
            '        loss = (criterion("""\n""") +\n         b)\n',
        ),
    ],
)
def test_a_loss_of_several_lines_stays_aligned(tmp_path: Path, before: str, after: str) -> None:
    text = loop("PLACE", "optimizer.step()").replace("        PLACE\n", before)
    source, (finding,) = found(tmp_path, HEAD + text, "GL501")
    assert finding.fix is not None
    assert after + "        if not torch.isfinite(loss):\n" in apply(source, [finding.fix])[0].text


def test_a_loss_without_a_name_gets_one_that_is_free(tmp_path: Path) -> None:
    text = loop(
        "loss = criterion(model(inputs), targets)", "(loss + criterion(loss, inputs)).backward()", "optimizer.step()"
    )
    assert fixed(tmp_path, text, "GL501") == [
        "- (loss + criterion(loss, inputs)).backward()",
        "+ total_loss = loss + criterion(loss, inputs)",
        "+ if not torch.isfinite(total_loss):",
        '+ raise FloatingPointError(f"non-finite loss: {total_loss.item()}")',
        "+ total_loss.backward()",
    ]


def test_the_loss_before_scaling_is_tested(tmp_path: Path) -> None:
    text = "from apex import amp\n\n\n" + loop(
        "loss = criterion(model(inputs), targets)",
        "with amp.scale_loss(loss, optimizer) as scaled_loss:",
        "    scaled_loss.backward()",
        "optimizer.step()",
    )
    for finding in found(tmp_path, HEAD + text, "GL501")[1]:
        assert finding.fix is not None
        assert "isfinite(loss)" in finding.fix.edits[0].text


def test_quotes_of_the_loss_do_not_end_the_message(tmp_path: Path) -> None:
    text = loop("losses = criterion(model(inputs), targets)", 'losses["all"].backward()', "optimizer.step()")
    assert (
        fixed(tmp_path, text, "GL501")[1] == "+ raise FloatingPointError(f'non-finite loss: {losses[\"all\"].item()}')"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            loop("losses = criterion(model(inputs), targets)", "[x.backward() for x in losses]", "optimizer.step()"),
            "the backward pass is part of an expression",
        ),
        (
            loop(
                "losses = criterion(model(inputs), targets)", "torch.autograd.backward([*losses])", "optimizer.step()"
            ),
            "the backward pass takes any number of losses",
        ),
        (
            loop("engine.train()", "engine.backward()", "optimizer.step()"),
            "`engine` may be something else than a tensor",
        ),
    ],
)
def test_a_guard_is_left_out_for_a_reason(tmp_path: Path, text: str, reason: str) -> None:
    assert reasons(tmp_path, text, "GL501") == [reason]


def test_a_batch_cannot_be_skipped_where_there_is_no_loop(tmp_path: Path) -> None:
    text = "def update(loss, optimizer):\n    optimizer.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
    reason = "the loop over the batches is in another function, so the batch cannot be skipped here"
    assert reasons(tmp_path, text, "GL501", action="skip") == [reason]


def test_an_optimizer_of_the_project_is_asked_for_no_more_than_it_takes(tmp_path: Path) -> None:
    text = """\
class Warm(torch.optim.Adam):
    def zero_grad(self):
        super().zero_grad()


def train(batches, criterion):
    model = Net()
    optimizer = Warm(model.parameters())
    for inputs, targets in batches:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
"""
    added = fixed(tmp_path, text, "GL501", action="skip")
    assert added == ["+ if not torch.isfinite(loss):", "+ optimizer.zero_grad()", "+ continue"]


# --- unscaling ------------------------------------------------------------------------------------

SCALED = ("scaler.scale(criterion(model(inputs), targets)).backward()",)
CLIP = "nn.utils.clip_grad_norm_(model.parameters(), 1.0)"
STEP = ("scaler.step(optimizer)", "scaler.update()")
SCALER = ('scaler = torch.amp.GradScaler("cuda")',)


def test_what_unscales_later_is_moved(tmp_path: Path) -> None:
    text = loop(*SCALED, CLIP, "scaler.unscale_(optimizer)", *STEP, before=SCALER)
    after = fixed(tmp_path, text, "GL201")
    assert sorted(after) == ["+ scaler.unscale_(optimizer)", "- scaler.unscale_(optimizer)"] or sorted(after) == [
        f"+ {CLIP}",
        f"- {CLIP}",
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            (*SCALED, CLIP, "if inputs % 4 == 0:", "    scaler.step(optimizer)", "    scaler.update()"),
            "the gradients are clipped on every micro-batch and stepped on some only: clip them next to the step",
        ),
        (
            (*SCALED, f"norm = {CLIP}", "if norm > 100:", "    continue", *STEP),
            "a batch that is skipped after the clip would leave the scaler without its update",
        ),
        (
            (*SCALED, CLIP, "if inputs:", "    scaler.unscale_(optimizer)", *STEP),
            "the gradients are unscaled in another branch, after they are clipped",
        ),
    ],
)
def test_unscaling_is_left_out_for_a_reason(tmp_path: Path, body: tuple[str, ...], reason: str) -> None:
    assert reasons(tmp_path, loop(*body, before=SCALER), "GL201") == [reason]


def test_the_message_says_where_the_clip_really_is(tmp_path: Path) -> None:
    _, (finding,) = found(tmp_path, HEAD + loop(*SCALED, CLIP, *STEP, before=SCALER), "GL201")
    assert finding.message.endswith("at the initial scale of 65536, `max_norm=1.0` clips at 1.5e-05")


# --- warmups --------------------------------------------------------------------------------------

TRANSFORMER = """\
class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer

    def train(self, batches):
        for inputs, targets in batches:
            self.optimizer.zero_grad()
            loss = nn.functional.mse_loss(self.model(inputs), targets)
            loss.backward()
            self.optimizer.step()
"""
MAIN = """\
from trainer import Trainer
import torch
from torch import nn

model = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 8), num_layers=6)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
Trainer(model, optimizer).train(batches)
"""


def warmups(folder: Path, trainer: str, main: str) -> tuple[Source, list[Finding]]:
    """What GL401 finds in a trainer that another file builds the optimizer for."""
    (folder / "main.py").write_text(main)
    file = folder / "trainer.py"
    file.write_text("import torch\nfrom torch import nn\n\n\n" + trainer)
    source = read(file, file.name)
    return source, Project(folder, Config(), [rule("GL401")], {}).check(source)


def test_a_warmup_is_built_where_an_instance_gets_its_optimizer(tmp_path: Path) -> None:
    source, (finding,) = warmups(tmp_path, TRANSFORMER, MAIN)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE
    assert changes(source.text, apply(source, [finding.fix])[0].text) == [
        "+ self.warmup = torch.optim.lr_scheduler.LinearLR(self.optimizer, start_factor=1e-3, total_iters=2000)",
        "+ self.warmup.step()",
    ]


@pytest.mark.parametrize(
    ("trainer", "main"),
    [
        (TRANSFORMER + "\n    def resume(self, state):\n        self.optimizer.load_state_dict(state)\n", MAIN),
        (TRANSFORMER, MAIN.replace("Trainer(model", "optimizer.load_state_dict(torch.load('last.pt'))\nTrainer(model")),
    ],
)
def test_an_optimizer_whose_state_is_loaded_gets_no_warmup_that_would_multiply_it(
    tmp_path: Path, trainer: str, main: str
) -> None:
    _, (finding,) = warmups(tmp_path, trainer, main)
    assert finding.fix is None
    assert finding.unfixed == (
        "the optimizer's state is loaded from checkpoints: the warmup's has to be kept and loaded with it"
    )
