"""The gate lets every file through that may train or define a network, and keeps most others out."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradlint.source.gate import trains

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "code",
    [
        "import torch\nloss.backward()\noptimizer.step()",
        "import torch\noptimizer.step ()",
        "import torch\nopt.step(closure)",
        "import torch\nloss.backward ()",
        "import torch\nMyTrainer_v2(model)",
        "import torch\nscaler.step(optimizer)",
        "import torch\nfor opt in opts:\n    opt.step(\n    )",
        "from accelerate import Accelerator\naccelerator.backward(loss)",
        "from lightning import Fabric\nfabric.backward(loss)",
        "import pytorch_lightning as pl\nclass Net(pl.LightningModule):\n    def training_step(self, batch): ...",
        "import lightning as L\ntrainer = L.Trainer(gradient_clip_val=1.0)",
        "import lightning as L\ntrainer = L.Trainer.from_argparse_args(args)",
        "from transformers import Trainer\nTrainer(model=model)",
        "from transformers import TrainingArguments\nargs = TrainingArguments('out')",
        "from transformers import HfArgumentParser, TrainingArguments\nHfArgumentParser(TrainingArguments)",
        "from trl import SFTTrainer\nfrom transformers import x\nSFTTrainer(model)",
        "from transformers import Seq2SeqTrainer\nSeq2SeqTrainer (model)",
        "import deepspeed\nengine.backward(loss)\nengine.step()",
        "import torch_xla.core.xla_model as xm\nxm.optimizer_step(optimizer)",
        "import torch\nfor p in model.parameters():\n    p.data.add_(p.grad, alpha=-lr)",
        "import torch\nfor p in model.parameters():\n    p.grad.zero_()",
        "from torch.autograd import Variable, grad\ng = grad(loss, ps)",
        "import torch\ng = torch.autograd.grad(loss, ps)",
        "import torch\noptimizer.zero_grad(set_to_none=True)",
        # a wrapper of an optimizer, and a loop, that import nothing of the kind
        "class Scheduled:\n    def step(self):\n        self._optimizer.step()",
        "def update(optimizer):\n    optimizer.step()",
        "def update(model):\n    model.zero_grad()",
        "def update(loss):\n    loss.backward()",
        # networks
        "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n        self.fc = nn.Linear(1, 2)",
        "import torch\nnet = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU())",
        "from torch import nn\nfrom base import BaseNet\nclass Net(BaseNet):\n  f = nn.Conv2d(1, 2, 3), F.leaky_relu",
        "from torch.nn import Module\nclass Net(Module):\n    def __init__(self): self.a = DoubleConv(1, 2)",
        "from blocks import *\nclass Net(nn.Module):\n    def __init__(self): self.a = make_layer(Block, 3)",
        "import torch\nclass Vgg(torch.nn.Module):\n    def forward(self, x): return self.relu1(x)",
        "import torch\nclass Former(torch.nn.Module):\n    a = MultiheadAttention(8, 2)",
        "import torch\nclass Former(torch.nn.Module):\n    a = Attention(8), LayerNorm(8), Linear(8, 8), ReLU()",
        # in a notebook, code is in strings
        '{"cells": [{"source": ["import torch\\n", "loss.backward()\\n", "optimizer.step()"]}]}',
    ],
)
def test_passes(code: str) -> None:
    assert trains(code.encode())
    assert trains(code.replace("\n", "\r\n").encode())
    assert trains("é\n".encode("latin-1") + code.encode())


@pytest.mark.parametrize(
    "code",
    [
        "",
        "import os\nprint(os.getcwd())",
        "import torch\nprint(torch.__version__)",
        "import torch\nx = torch.randn(3)\ny = x.norm()",
        "import gym\nenv.step(action)\nwhile True:\n    env.step(0)",
        "import numpy as np\ndef linear_relu(x): return np.maximum(x, 0)",
        "import torch\nwith torch.no_grad():\n    y = model(x)",
        "import torch\nclass Set(torch.utils.data.Dataset):\n    def __getitem__(self, i): return i",
        "import torch\nclass Block(nn.Module):\n    # attention, normalized\n    a = Linear(1, 2), nn.GELU()",
        "import torch\nclass Loss(nn.Module):\n    def forward(self, x): return x.mean()",
        "import transformers\ntokenizer = transformers.AutoTokenizer.from_pretrained('bert')",
    ],
)
def test_stays_out(code: str) -> None:
    assert not trains(code.encode())


def test_every_fixture_of_a_rule_passes() -> None:
    files = sorted((ROOT / "fixtures" / "rules").glob("*.py"))
    assert [path.name for path in files if not trains(path.read_bytes())] == []


def test_what_is_no_text_is_no_trouble() -> None:
    assert not trains(bytes(range(256)))
    assert trains(b"\xff\xfe torch \0 optimizer.step()")
