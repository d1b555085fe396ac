"""The cases: which function of which repository, and the few lines that drive it on small synthetic data."""

from __future__ import annotations

import importlib
import itertools
import math
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final
from unittest.mock import MagicMock

from gradlint.source.source import read
from tests.executed.probe import STEPS, Probe

_COMMITS: Final = {
    "Zhenye-Na/DA-RNN": "4294abc8be739a4272f39f673a809b595c7220a6",
    "graykode/nlp-tutorial": "d05e31ec81d56d70c1db89b99ab07e948f7ebc11",
    "hunkim/PyTorchZeroToAll": "e5a260fac0b4ff1e2ec434fc6f0d962ac97fc289",
    "karpathy/minGPT": "37baab71b9abea1b76ab957409a1cc2fbfba8a26",
    "keon/seq2seq": "0e124a7b0da81f44cba9fa9944d95fdbd4e16efc",
    "locuslab/TCN": "2f8c2b817050206397458dfd1f5a25ce8a32fe65",
    "pytorch/examples": "77f55b912142e11fcfdf5b530231fb9c52f181e8",
    "seungeunrho/minimalRL": "c8efed8481e3cd40e9739cfde220a55522555b57",
    "transedward/pytorch-dqn": "1ffda6f3724b3bb37c3195b09b651b1682d4d4fd",
    "vwxyzjn/cleanrl": "fe8d8a03c41a7ef5b523e2e354bd01c363e786bb",
}


class Fixed:
    """A fixed file in its place, and how to get at what it holds."""

    def __init__(self, file: Path, probe: Probe) -> None:
        self.file = file
        self.probe = probe
        self.torch = probe.torch

    def run(self, *argv: str, name: str = "__main__") -> dict[str, Any]:
        """Run the file as a script with these arguments; what it then holds."""
        sys.argv = [str(self.file), *argv]
        if self.file.suffix == ".ipynb":
            held: dict[str, Any] = {"__name__": name}
            exec(compile(read(self.file, self.file.name).code, self.file.name, "exec", dont_inherit=True), held)
            return held
        return runpy.run_path(str(self.file), run_name=name)

    def load(self, *argv: str) -> SimpleNamespace:
        """What the file defines, without what it does as a script."""
        return SimpleNamespace(**self.run(*argv, name=self.file.stem))

    def root(self, up: int) -> None:
        """Let imports start some folders above the file."""
        sys.path.insert(0, str(self.file.parents[up]))

    def stub(self, *modules: str) -> None:
        """Put something that takes every call in the place of modules that are not installed."""
        for name in modules:
            sys.modules[name] = _Stub(name)
            parent, _, last = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], last, sys.modules[name])


class _Stub(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = MagicMock(name=f"{self.__name__}.{name}")
        setattr(self, name, value)
        return value


@dataclass(frozen=True, slots=True)
class Case:
    """A training function of a repository, and how to drive it.

    Args:
        rules: those whose fixes must be in the file, and in what is driven.
        steps: how many steps there must be at least.
    """

    name: str
    repo: str
    file: str
    rules: tuple[str, ...]
    drive: Callable[[Fixed], object]
    steps: int = STEPS

    @property
    def commit(self) -> str:
        return _COMMITS[self.repo]


CASES: dict[str, Case] = {}


def _case(
    repo: str, file: str, *rules: str, steps: int = STEPS
) -> Callable[[Callable[[Fixed], object]], Callable[[Fixed], object]]:
    def register(drive: Callable[[Fixed], object]) -> Callable[[Fixed], object]:
        name = drive.__name__.replace("_", "-")
        CASES[name] = Case(name, repo, file, rules, drive, steps)
        return drive

    return register


# --- scripts that bring their data with them --------------------------------------------------------

_NLP: Final = "graykode/nlp-tutorial"


@_case(_NLP, "3-1.TextRNN/TextRNN.py", "GL101", "GL501")
def text_rnn(fixed: Fixed) -> None:
    fixed.run()


@_case(_NLP, "3-1.TextRNN/TextRNN.ipynb", "GL101", "GL501")
def text_rnn_notebook(fixed: Fixed) -> None:
    fixed.run()


@_case(_NLP, "3-2.TextLSTM/TextLSTM.py", "GL101", "GL501")
def text_lstm(fixed: Fixed) -> None:
    fixed.run()


@_case(_NLP, "3-3.Bi-LSTM/Bi-LSTM.py", "GL101", "GL501")
def bidirectional_lstm(fixed: Fixed) -> None:
    fixed.run()


@_case(_NLP, "4-1.Seq2Seq/Seq2Seq.py", "GL101", "GL501")
def seq2seq(fixed: Fixed) -> None:
    fixed.run()


@_case(_NLP, "4-2.Seq2Seq(Attention)/Seq2Seq(Attention).py", "GL101", "GL501")
def seq2seq_with_attention(fixed: Fixed) -> None:
    fixed.stub("matplotlib", "matplotlib.pyplot")
    fixed.run()


@_case(_NLP, "4-3.Bi-LSTM(Attention)/Bi-LSTM(Attention).py", "GL101", "GL501")
def lstm_with_attention(fixed: Fixed) -> None:
    fixed.stub("matplotlib", "matplotlib.pyplot")
    fixed.run()


@_case(_NLP, "5-1.Transformer/Transformer.py", "GL401", "GL501")
def transformer(fixed: Fixed) -> None:
    fixed.stub("matplotlib", "matplotlib.pyplot")
    fixed.run()


@_case(_NLP, "5-2.BERT/BERT.py", "GL401", "GL501")
def bert(fixed: Fixed) -> None:
    fixed.run()


@_case("locuslab/TCN", "TCN/adding_problem/add_test.py", "GL501")
def adding_problem(fixed: Fixed) -> None:
    fixed.root(2)
    fixed.run("--levels", "2", "--nhid", "8", "--seq_len", "20")


@_case("locuslab/TCN", "TCN/copy_memory/copymem_test.py", "GL501")
def copy_memory(fixed: Fixed) -> None:
    fixed.root(2)
    fixed.run("--levels", "2", "--blank_len", "10")


@_case("hunkim/PyTorchZeroToAll", "12_2_hello_rnn.py", "GL101", "GL501")
def hello_rnn(fixed: Fixed) -> None:
    fixed.run()


@_case("hunkim/PyTorchZeroToAll", "12_4_hello_rnn_emb.py", "GL101", "GL501")
def hello_rnn_with_embedding(fixed: Fixed) -> None:
    fixed.run()


@_case("pytorch/examples", "time_sequence_prediction/train.py", "GL501", steps=2)
def time_sequence_prediction(fixed: Fixed) -> None:
    numpy = importlib.import_module("numpy")
    fixed.stub("matplotlib", "matplotlib.pyplot")
    waves = numpy.sin(numpy.arange(20) / 3 + numpy.arange(7)[:, None])
    fixed.torch.load = lambda *_, **__: waves
    fixed.run("--steps", "2")  # of twenty evaluations each


@_case("pytorch/examples", "word_language_model/main.py", "GL401", "GL501")
def word_language_model(fixed: Fixed) -> None:
    folder = Path("text")
    folder.mkdir(exist_ok=True)
    for part in ("train", "valid", "test"):
        (folder / f"{part}.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 400, encoding="utf-8")
    small = ("--emsize", "16", "--nhid", "16", "--bptt", "8", "--lr", "0.01")
    fixed.run("--data", str(folder), "--model", "Transformer", "--use-optimizer", *small)


# --- functions that are given their data ------------------------------------------------------------


@_case("pytorch/examples", "mnist_rnn/main.py", "GL101", "GL501")
def mnist_rnn(fixed: Fixed) -> None:
    fixed.stub("torchvision")
    _train_on_digits(fixed)


@_case("pytorch/examples", "mnist/main.py", "GL501")
def mnist(fixed: Fixed) -> None:
    fixed.stub("torchvision")
    _train_on_digits(fixed)


def _train_on_digits(fixed: Fixed) -> None:
    held = fixed.load()
    torch = fixed.torch
    model = held.Net()
    data = torch.utils.data.TensorDataset(torch.rand(48, 1, 28, 28), torch.randint(10, (48,)))
    optimizer = torch.optim.Adadelta(model.parameters(), lr=0.1)
    options = SimpleNamespace(log_interval=10, dry_run=False)
    for epoch in itertools.count():
        held.train(options, model, "cpu", torch.utils.data.DataLoader(data, batch_size=8), optimizer, epoch)


@_case("pytorch/examples", "vae/main.py", "GL501")
def vae(fixed: Fixed) -> None:
    fixed.stub("torchvision", "torchvision.utils")
    digits = [(fixed.torch.rand(1, 28, 28), 0) for _ in range(32)]
    sys.modules["torchvision"].datasets.MNIST = lambda *_, **__: digits
    held = fixed.load("--batch-size", "8")
    for epoch in itertools.count(1):
        held.train(epoch)


@_case("pytorch/examples", "distributed/ddp-tutorial-series/single_gpu.py", "GL501")
def one_device(fixed: Fixed) -> None:
    held = fixed.load()
    torch = fixed.torch
    model = torch.nn.Linear(20, 3)
    data = torch.utils.data.TensorDataset(torch.rand(64, 20), torch.randint(3, (64,)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    held.Trainer(model, torch.utils.data.DataLoader(data, batch_size=8), optimizer, "cpu", 100).train(10)


@_case("pytorch/examples", "distributed/minGPT-ddp/mingpt/trainer.py", "GL201")
def scaled_trainer(fixed: Fixed) -> None:
    fixed.stub("boto3")
    held = fixed.load()
    torch = fixed.torch

    class Tiny(torch.nn.Module):  # type: ignore[misc,name-defined]  # torch is not there to be read
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)

        def forward(self, x: Any, y: Any) -> tuple[Any, Any]:
            out = self.layer(x)
            return out, torch.nn.functional.cross_entropy(out, y)

    # Its constructor asks for accelerators and a process group.
    trainer = held.Trainer.__new__(held.Trainer)
    trainer.config = SimpleNamespace(use_amp=True, grad_norm_clip=1.0)
    trainer.device_type = "cpu"
    trainer.model = Tiny()
    trainer.optimizer = torch.optim.SGD(trainer.model.parameters(), lr=0.1)
    trainer.scaler = torch.amp.GradScaler("cpu")
    for _ in range(STEPS + 1):
        trainer._run_batch(torch.randn(8, 4), torch.randint(4, (8,)))


@_case("Zhenye-Na/DA-RNN", "src/model.py", "GL101", "GL501")
def dual_stage_attention(fixed: Fixed) -> None:
    numpy = importlib.import_module("numpy")
    fixed.stub("matplotlib", "matplotlib.pyplot")
    held = fixed.load()
    series = numpy.random.RandomState(0).randn(100, 3)
    held.DA_RNN(series, series.sum(axis=1), 5, 8, 8, batch_size=16, learning_rate=0.01, epochs=20).train()


@_case("keon/seq2seq", "train.py", "GL501")
def translation(fixed: Fixed) -> None:
    fixed.stub("spacy", "torchtext", "torchtext.data", "torchtext.datasets")
    held = fixed.load()
    torch = fixed.torch
    model = held.Seq2Seq(held.Encoder(20, 8, 8, n_layers=2), held.Decoder(8, 8, 20))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    language = SimpleNamespace(vocab=SimpleNamespace(stoi={"<pad>": 1}))
    lengths = torch.full((4,), 6)
    batches = [
        SimpleNamespace(src=(torch.randint(20, (6, 4)), lengths), trg=(torch.randint(20, (6, 4)), lengths))
        for _ in range(STEPS + 1)
    ]
    held.train(0, model, optimizer, batches, 20, 10.0, language, language)


@_case("karpathy/minGPT", "mingpt/trainer.py", "GL401", "GL501")
def gpt(fixed: Fixed) -> None:
    fixed.root(1)
    held = fixed.load()
    network = importlib.import_module("mingpt.model")
    shape = network.GPT.get_default_config()
    shape.model_type, shape.n_layer, shape.n_head, shape.n_embd = None, 2, 2, 16
    shape.vocab_size, shape.block_size = 11, 8
    options = held.Trainer.get_default_config()
    options.device, options.num_workers, options.batch_size = "cpu", 0, 8
    torch = fixed.torch
    data = torch.utils.data.TensorDataset(torch.randint(11, (64, 8)), torch.randint(11, (64, 8)))
    held.Trainer(options, network.GPT(shape), data).run()


# --- agents, whose world is made up -----------------------------------------------------------------


def _world(fixed: Fixed, name: str, size: int) -> None:
    """An environment whose states and rewards are random; the rewards are NaN where losses are to be."""
    numpy = importlib.import_module("numpy")
    random = numpy.random.RandomState(0)
    fixed.stub(name)

    def state() -> Any:
        return random.randn(size).astype("float32")

    class World:
        spec = SimpleNamespace(reward_threshold=math.inf)
        step_of_episode = 0

        def reset(self, **_: object) -> tuple[Any, dict[str, object]]:
            self.step_of_episode = 0
            return state(), {}

        def step(self, action: object) -> tuple[Any, float, bool, bool, dict[str, object]]:
            self.step_of_episode += 1
            reward = math.nan if fixed.probe.poisons else random.rand()
            return state(), reward, self.step_of_episode == 8, False, {}

        def close(self) -> None:
            pass

    setattr(sys.modules[name], "make", lambda *_, **__: World())  # noqa: B010  # a module has no such attribute


@_case("pytorch/examples", "reinforcement_learning/reinforce.py", "GL501")
def reinforce(fixed: Fixed) -> None:
    _world(fixed, "gymnasium", 4)
    fixed.run()


@_case("pytorch/examples", "reinforcement_learning/actor_critic.py", "GL501")
def actor_critic(fixed: Fixed) -> None:
    _world(fixed, "gymnasium", 4)
    fixed.run()


@_case("seungeunrho/minimalRL", "ppo-lstm.py", "GL101", "GL501")
def ppo_lstm(fixed: Fixed) -> None:
    _world(fixed, "gym", 4)
    fixed.run()


# --- networks, trained by a loop of ours ------------------------------------------------------------


@_case("transedward/pytorch-dqn", "dqn_model.py", "GL301")
def deep_q_network(fixed: Fixed) -> None:
    _learn_values(fixed, fixed.load().DQN(num_actions=3))


@_case("vwxyzjn/cleanrl", "cleanrl/dqn_atari.py", "GL301")
def deep_q_network_of_a_script(fixed: Fixed) -> None:
    fixed.root(1)
    fixed.stub("gymnasium", "tyro", "torch.utils.tensorboard", "stable_baselines3", "stable_baselines3.common")
    fixed.stub("stable_baselines3.common.atari_wrappers", "stable_baselines3.common.buffers")
    network = fixed.load().QNetwork(SimpleNamespace(single_action_space=SimpleNamespace(n=3)))
    _learn_values(fixed, network)


def _learn_values(fixed: Fixed, network: Any) -> None:
    torch = fixed.torch
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(STEPS + 1):
        states = torch.randint(256, (4, 4, 84, 84)).float() / 255
        loss = torch.nn.functional.mse_loss(network(states), torch.randn(4, 3))
        assert torch.isfinite(loss)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
