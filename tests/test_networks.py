"""Networks: the runs of layers that the interpreter finds, and what it counts as initialization."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent

import pytest

from gradlint.program.networks import networks_of
from gradlint.program.project import Files
from gradlint.program.values import Values
from gradlint.vocabulary import load

Depths = Callable[..., dict[str, list[int]]]
HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"
FOUR = (
    "[nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()]"
)


@pytest.fixture
def depths(tmp_path: Path) -> Depths:
    """The lengths of the runs of at least some length, by network, in a project of some files."""

    def found(depth: int = 2, **files: str) -> dict[str, list[int]]:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(HEAD + dedent(text))
        project = Files(tmp_path)
        values = Values(project, load())
        out: dict[str, list[int]] = {}
        for name in files:
            module = project.load(tmp_path / f"{name}.py")
            assert module is not None
            for network in networks_of(module, values):
                lengths = [len(stack) for stack in network.stacks(depth)]
                if lengths:
                    out[network.name] = lengths
        return out

    return found


def module(init: str, forward: str, extra: str = "", params: str = "") -> str:
    lines = [
        "class Net(nn.Module):",
        f"    def __init__(self{', ' + params if params else ''}):",
        "        super().__init__()",
        indent(dedent(init).strip(), " " * 8),
        "    def forward(self, x):",
        indent(dedent(forward).strip(), " " * 8),
        indent(dedent(extra).strip(), " " * 4),
    ]
    return "\n".join(lines) + "\n"


LINEARS = "self.a = nn.Linear(8, 8); self.b = nn.Linear(8, 8); self.c = nn.Linear(8, 8); self.d = nn.Linear(8, 8)\n"
CONVS = LINEARS.replace("Linear(8, 8)", "Conv2d(8, 8, 3)")
CHAIN = "x = F.relu(self.a(x)); x = F.relu(self.b(x)); x = F.relu(self.c(x)); return F.relu(self.d(x))"
LOOP = "for layer in self.layers: x = F.relu(layer(x))\nreturn x"

RUNS = [
    # activations
    pytest.param(LINEARS, CHAIN, 4, id="functional"),
    pytest.param(LINEARS, "return self.d(self.c(self.b(self.a(x).relu()).relu()).relu()).relu_()", 4, id="methods"),
    pytest.param(LINEARS, "return torch.relu(self.b(F.relu6(self.a(x))))", 2, id="torch.relu"),
    pytest.param(
        LINEARS, "return F.leaky_relu(self.b(F.leaky_relu(self.a(x), 0.2)), negative_slope=0.2)", 2, id="leaky"
    ),
    pytest.param(
        LINEARS + "self.r = nn.ReLU(inplace=True)", "return self.r(self.b(self.r(self.a(x))))", 2, id="shared"
    ),
    pytest.param(
        LINEARS + "self.r = F.relu", "return self.r(self.b(self.r(self.a(x))))", 2, id="function as attribute"
    ),
    pytest.param(LINEARS, "return self.b(self.a(x).clamp(min=0)).clamp(min=0)", 2, id="clamp at zero"),
    pytest.param(LINEARS, "return self.b(self.a(x).clamp(min=-1)).clamp(min=-1)", 0, id="clamp elsewhere"),
    pytest.param(LINEARS, "return F.gelu(self.b(F.gelu(self.a(x))))", 0, id="another activation"),
    pytest.param(LINEARS, "return torch.tanh(self.c(F.relu(self.b(F.relu(self.a(x))))))", 2, id="tanh at the end"),
    pytest.param(
        LINEARS + "self.r = {'relu': nn.ReLU(), 't': nn.Tanh()}['relu']",
        "return self.r(self.b(self.r(self.a(x))))",
        2,
        id="dict of activations",
    ),
    pytest.param(LINEARS + "self.r = getattr(F, 'relu')", "return self.r(self.b(self.r(self.a(x))))", 2, id="getattr"),
    pytest.param(
        LINEARS + "self.r = getattr(nn, 'LeakyReLU')(0.1)",
        "return self.r(self.b(self.r(self.a(x))))",
        2,
        id="getattr class",
    ),
    pytest.param(LINEARS + "self.r = nn.PReLU()", "return self.r(self.b(self.r(self.a(x))))", 2, id="prelu"),
    # what lies between
    pytest.param(
        CONVS, "return F.relu(F.max_pool2d(self.b(F.dropout(F.relu(self.a(x)), 0.5)), 2))", 2, id="pool before relu"
    ),
    pytest.param(
        CONVS,
        "x = F.relu(self.a(x)).view(x.size(0), -1).unsqueeze(1).permute(0, 2, 1); return F.relu(self.b(x))",
        2,
        id="shapes",
    ),
    pytest.param(
        LINEARS, "return F.relu(self.b(torch.cat([x, F.relu(self.a(x))], dim=-1)))", 2, id="concatenated input"
    ),
    pytest.param(LINEARS, "return F.relu(self.b(self.a(x)))", 0, id="no activation between"),
    pytest.param(
        LINEARS + "self.n = nn.LayerNorm(8)", "return F.relu(self.b(self.n(F.relu(self.a(x)))))", 0, id="norm after"
    ),
    pytest.param(
        LINEARS + "self.n = nn.BatchNorm1d(8)", "return F.relu(self.b(F.relu(self.n(self.a(x)))))", 0, id="norm before"
    ),
    pytest.param(LINEARS, "return F.relu(self.b(F.layer_norm(F.relu(self.a(x)), (8,))))", 0, id="functional norm"),
    pytest.param(LINEARS, "return F.relu(self.b(F.normalize(F.relu(self.a(x)))))", 0, id="normalize"),
    pytest.param(LINEARS, "return x + F.relu(self.b(F.relu(self.a(x))))", 0, id="residual around"),
    pytest.param(
        LINEARS, "h = F.relu(self.a(x)); return F.relu(self.c(h + F.relu(self.b(h))))", 2, id="residual within"
    ),
    pytest.param(LINEARS, "return self.d(x) + F.relu(self.b(F.relu(self.a(x))))", 0, id="projected residual"),
    pytest.param(LINEARS, "return F.relu(self.b(F.relu(self.a(x)) * 2 - 1))", 2, id="scaled by a number"),
    pytest.param(LINEARS, "return F.relu(self.b(F.relu(self.a(x)) * torch.sigmoid(x)))", 0, id="gated"),
    pytest.param(
        LINEARS + "self.l = nn.LSTM(8, 8)",
        "h, _ = self.l(F.relu(self.a(x))); return F.relu(self.b(h))",
        0,
        id="recurrent between",
    ),
    pytest.param(LINEARS, "for _ in range(4): x = F.relu(self.a(x))\nreturn x", 0, id="one layer again and again"),
    pytest.param(LINEARS, "return unknown(F.relu(self.b(F.relu(self.a(x)))))", 2, id="unknown behind"),
    pytest.param(LINEARS, "return F.relu(self.b(unknown(F.relu(self.a(x)))))", 0, id="unknown between"),
    pytest.param(
        "self.a = nn.utils.spectral_norm(nn.Linear(8, 8)); self.b = nn.Linear(8, 8)",
        "return F.relu(self.b(F.relu(self.a(x))))",
        0,
        id="spectral norm",
    ),
    pytest.param(
        "self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)\nfor m in self.children(): nn.utils.weight_norm(m)",
        "return F.relu(self.b(F.relu(self.a(x))))",
        0,
        id="weight norm in a loop",
    ),
    # how layers are held
    pytest.param(f"self.net = nn.Sequential(*{FOUR})", "return self.net(x)", 4, id="star"),
    pytest.param(
        "pair = lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU())\nself.net = nn.Sequential(pair(), pair())",
        "return self.net(x)",
        2,
        id="nested",
    ),
    pytest.param(
        "from collections import OrderedDict\n"
        "layers = [('a', nn.Linear(8, 8)), ('r', nn.ReLU()), ('b', nn.Linear(8, 8)), ('s', nn.ReLU())]\n"
        "self.net = nn.Sequential(OrderedDict(layers))",
        "return self.net(x)",
        2,
        id="ordered dict",
    ),
    pytest.param(
        "self.net = nn.Sequential()\n"
        "for i in range(3):\n"
        "    self.net.add_module(f'l{i}', nn.Linear(8, 8)); self.net.add_module(f'r{i}', nn.ReLU())",
        "return self.net(x)",
        3,
        id="add_module",
    ),
    pytest.param(
        "layers = []\nfor _ in range(3): layers += [nn.Linear(8, 8), nn.ReLU()]\nself.net = nn.Sequential(*layers)",
        "return self.net(x)",
        3,
        id="plus equals",
    ),
    pytest.param("self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(5)])", LOOP, 5, id="module list"),
    pytest.param(
        "self.layers = nn.ModuleList()\nfor a, b in zip([8, 8, 8], [8, 8, 8]): self.layers.append(nn.Linear(a, b))",
        LOOP,
        3,
        id="zip",
    ),
    pytest.param(
        "self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))",
        "for i, layer in enumerate(self.layers):\n"
        "    x = layer(x)\n"
        "    if i < len(self.layers) - 1: x = F.relu(x)\n"
        "return x",
        2,
        id="not after the last",
    ),
    pytest.param(
        "self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])\n"
        "self.n = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])",
        "for layer, n in zip(self.layers, self.n): x = F.relu(n(layer(x)))\nreturn x",
        0,
        id="zip with norms",
    ),
    pytest.param(
        "for i in range(3): setattr(self, 'l%d' % i, nn.Linear(8, 8))",
        "for i in range(3): x = F.relu(getattr(self, f'l{i}')(x))\nreturn x",
        3,
        id="setattr",
    ),
    pytest.param(
        "self.d = nn.ModuleDict({'a': nn.Linear(8, 8), 'b': nn.Linear(8, 8)})",
        "for k in ['a', 'b']: x = F.relu(self.d[k](x))\nreturn x",
        2,
        id="module dict",
    ),
    pytest.param(
        "self.d = nn.ModuleDict({'a': nn.Linear(8, 8), 'b': nn.Linear(8, 8)})",
        "for k, l in self.d.items(): x = F.relu(l(x))\nreturn x",
        2,
        id="module dict items",
    ),
    pytest.param(
        LINEARS,
        "from functools import reduce\nh = [F.relu(self.a(x))]\nh.append(F.relu(self.b(h[-1])))\nreturn h[-1]",
        2,
        id="list of states",
    ),
    pytest.param(
        f"self.net = nn.Sequential(*{FOUR})",
        "with torch.no_grad():\n    x = x / 255\nreturn self.net[:4](x)",
        2,
        id="slice",
    ),
    pytest.param(
        "import copy\nself.a = nn.Linear(8, 8); self.b = copy.deepcopy(self.a)",
        "return F.relu(self.b(F.relu(self.a(x))))",
        2,
        id="deepcopy",
    ),
    pytest.param(
        "block = lambda i, o: [nn.Linear(i, o), nn.ReLU()]\nself.net = nn.Sequential(*block(8, 8), *block(8, 8))",
        "return self.net(x)",
        2,
        id="lambda",
    ),
    pytest.param(
        "def block(i, o, norm=True):\n"
        "    out = [nn.Linear(i, o)]\n"
        "    if norm: out.append(nn.BatchNorm1d(o))\n"
        "    return [*out, nn.LeakyReLU(0.2)]\n"
        "self.net = nn.Sequential(*block(8, 8, norm=False), *block(8, 8, False), *block(8, 8))",
        "return self.net(x)",
        2,
        id="helper with an option",
    ),
]


KEYS = ("(1, [2])", "[1]", "{1}", "{}")


@pytest.mark.parametrize("key", KEYS)
def test_what_is_no_key_of_a_dict_is_survived(depths: Depths, key: str) -> None:
    found = f"held = {{'a': x}}\nmade = {{{key}: x}}\nheld[{key}] = x\nheld[:2]\nheld[{key}]\nmade = {{{key}}}\n"
    assert depths(main=module(LINEARS, found + CHAIN)) == {"Net": [4]}


@pytest.mark.parametrize(("init", "forward", "length"), RUNS)
def test_run(depths: Depths, init: str, forward: str, length: int) -> None:
    assert depths(main=module(init, forward)) == ({"Net": [length]} if length else {})


ONE = module(LINEARS, CHAIN)


INITIALIZED = [
    pytest.param(
        "for m in self.modules():\n    if isinstance(m, nn.Linear): nn.init.xavier_uniform_(m.weight)",
        "",
        id="loop over modules",
    ),
    pytest.param(
        "for m in self.children():\n    if hasattr(m, 'weight'): m.weight.data.normal_(0, 0.02)", "", id="in place"
    ),
    pytest.param("for p in self.parameters():\n    if p.dim() > 1: nn.init.xavier_uniform_(p)", "", id="parameters"),
    pytest.param(
        "for n, p in self.named_parameters():\n    if 'weight' in n: nn.init.orthogonal_(p)", "", id="named parameters"
    ),
    pytest.param(
        "self.apply(self._init)",
        "def _init(self, m):\n    if type(m) == nn.Linear: torch.nn.init.normal_(m.weight, std=0.02)",
        id="apply a method",
    ),
    pytest.param("self.apply(weights)", "", id="apply a function"),
    pytest.param(
        "self.reset()",
        "def reset(self):\n    for m in (self.a, self.b, self.c, self.d): nn.init.kaiming_uniform_(m.weight)",
        id="own method",
    ),
    pytest.param(
        "with torch.no_grad():\n"
        "    for m in self.modules():\n"
        "        if isinstance(m, nn.Linear): m.weight.copy_(torch.eye(8))",
        "",
        id="copy",
    ),
    pytest.param(
        "for m in self.modules():\n    if isinstance(m, nn.Linear): m.weight.data = torch.eye(8)", "", id="assigned"
    ),
    pytest.param("for p in self.parameters(): p.requires_grad = False", "", id="frozen"),
    pytest.param("self.load_state_dict(torch.load('vgg.pth'))", "", id="loaded"),
    pytest.param("if init: self.apply(weights)", "", id="an option"),
]
WEIGHTS = (
    "def weights(m):\n    if m.__class__.__name__.find('Linear') != -1:\n        nn.init.normal_(m.weight, 0, 0.02)\n\n"
)


@pytest.mark.parametrize(("init", "extra"), INITIALIZED)
def test_initialized_in_the_class(depths: Depths, init: str, extra: str) -> None:
    assert depths(main=WEIGHTS + module(LINEARS + init, CHAIN, extra, "init=False")) == {}


NOT_INITIALIZED = [
    pytest.param(
        "for m in self.modules():\n    if isinstance(m, nn.Conv2d): nn.init.xavier_uniform_(m.weight)",
        id="another type",
    ),
    pytest.param("nn.init.zeros_(self.a.bias)", id="the bias"),
    pytest.param("for p in self.parameters():\n    if p.dim() == 1: nn.init.zeros_(p)", id="the biases"),
    pytest.param("pass", id="nothing"),
]


@pytest.mark.parametrize("init", NOT_INITIALIZED)
def test_not_initialized_in_the_class(depths: Depths, init: str) -> None:
    assert depths(main=module(LINEARS + init, CHAIN)) == {"Net": [4]}


def test_an_initialized_layer_ends_the_run(depths: Depths) -> None:
    assert depths(main=module(LINEARS + "nn.init.xavier_uniform_(self.b.weight)", CHAIN)) == {"Net": [2]}


OUTSIDE = [
    pytest.param("net = Net()\nnet.apply(weights)", True, id="apply"),
    pytest.param("net = nn.DataParallel(Net().cuda())\nnet.apply(weights)", True, id="apply to a wrapper"),
    pytest.param(
        "def main():\n"
        "    net = Net()\n"
        "    for m in net.modules():\n"
        "        if isinstance(m, nn.Linear): nn.init.xavier_uniform_(m.weight)",
        True,
        id="loop",
    ),
    pytest.param(
        "def init(net):\n    for p in net.parameters(): nn.init.uniform_(p, -0.1, 0.1)\n\nnet = Net()\ninit(net)",
        True,
        id="function",
    ),
    pytest.param(
        "class Trainer:\n"
        "    def __init__(self, net):\n"
        "        self.net = net\n"
        "        self.net.apply(weights)\n"
        "\n"
        "Trainer(Net())",
        True,
        id="attribute",
    ),
    pytest.param("net = Net()\nfor p in net.parameters(): p.data.clamp_(-0.01, 0.01)", False, id="clamp"),
    pytest.param("net = Net()\nnet.load_state_dict(torch.load('last.pth'))", False, id="own checkpoint"),
    pytest.param(
        "net = Net()\nif args.pretrained: net.load_state_dict(torch.load(args.pretrained))", True, id="pretrained"
    ),
    pytest.param(
        "net = Net()\nfor p, q in zip(net.parameters(), Net().parameters()): p.data.copy_(q.data)",
        False,
        id="soft update",
    ),
    pytest.param("other = nn.Linear(8, 8)\nother.apply(weights)\nnet = Net()", False, id="another network"),
]


@pytest.mark.parametrize(("script", "initialized"), OUTSIDE)
def test_initialized_outside(depths: Depths, script: str, initialized: bool) -> None:
    found = depths(4, model=ONE, train="from model import Net\n\n" + WEIGHTS + script + "\n")
    assert found == ({} if initialized else {"Net": [4]})


def test_own_method_called_outside(depths: Depths) -> None:
    net = module(
        LINEARS,
        CHAIN,
        "def init_weights(self):\n"
        "    for m in self.modules():\n"
        "        if isinstance(m, nn.Linear): m.weight.data.normal_()",
    )
    assert depths(4, model=net) == {"Net": [4]}
    assert depths(4, model=net, train="from model import Net\nnet = Net()\nnet.init_weights()\n") == {}


CALLERS = [
    pytest.param("Net()", {}, id="default"),
    pytest.param("Net(norm=False)", {"Net": [4]}, id="literal"),
    pytest.param(
        "import argparse\n"
        "p = argparse.ArgumentParser()\n"
        "p.add_argument('--norm', action='store_true')\n"
        "args = p.parse_args()\n"
        "Net(args.norm)",
        {"Net": [4]},
        id="option",
    ),
    pytest.param("def build(norm): return Net(norm)\n\nbuild(False)", {"Net": [4]}, id="through a function"),
    pytest.param("Net(norm=config['norm'])", {}, id="unknown"),
    pytest.param("Net(True)\nNet(False)", {"Net": [4]}, id="two callers"),
]
OPTIONAL = """
def block(norm):
    return nn.Sequential(nn.Linear(8, 8), *([nn.LayerNorm(8)] if norm else []), nn.ReLU())

class Net(nn.Module):
    def __init__(self, norm=True):
        super().__init__()
        self.net = nn.Sequential(*[block(norm) for _ in range(4)])

    def forward(self, x):
        return self.net(x)
"""


@pytest.mark.parametrize(("script", "found"), CALLERS)
def test_normalization_as_the_callers_give_it(depths: Depths, script: str, found: dict[str, list[int]]) -> None:
    assert depths(model=OPTIONAL, train="from model import Net\n\n" + script + "\n") == found


def test_a_run_across_classes_is_of_the_one_that_joins_them(depths: Depths) -> None:
    halves = """
    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())

        def forward(self, x):
            return self.net(x)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Half(), Half()

        def forward(self, x):
            return self.second(self.first(x))
    """
    assert depths(4, main=halves) == {"Whole": [4]}
    assert depths(2, main=halves) == {"Half": [2]}


def test_a_run_is_of_the_class_that_builds_it(depths: Depths) -> None:
    nets = (
        ONE + "class Outer(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.net = Net()\n"
        "    def forward(self, x): return self.net(x)\n"
    )
    assert depths(4, main=nets) == {"Net": [4]}


def test_a_run_is_of_the_base_class_that_builds_it(depths: Depths) -> None:
    assert depths(4, main=ONE + "class Heir(Net):\n    pass\n\nHeir()\n") == {"Net": [4]}


def test_conditions_that_cannot_be_told(depths: Depths) -> None:
    kept = (
        "x = F.relu(self.a(x)); x = F.relu(self.b(x))\n"
        "if x.dim() == 3: x = x.squeeze(1)\n"
        "x = F.relu(self.c(x)); return F.relu(self.d(x))"
    )
    assert depths(4, main=module(LINEARS, kept)) == {"Net": [4]}
    broken = kept.replace("x.squeeze(1)", "torch.tanh(x)")
    assert depths(4, main=module(LINEARS, broken)) == {}
    early = kept.replace("if x.dim() == 3: x = x.squeeze(1)", "if x.dim() == 3: return x")
    assert depths(4, main=module(LINEARS, early)) == {"Net": [4]}


RAISING = """
def widened(mask):
    if mask.kind == "wide":
        return mask
    elif mask.kind == "flat":
        return mask[:, None]
    else:
        raise ValueError(mask)
"""


def test_code_is_not_expected_to_raise(depths: Depths) -> None:
    forward = "left, right, both = masks()\nwidened(left); widened(right); widened(both)\n" + CHAIN
    code = "from elsewhere import masks\n" + dedent(RAISING) + module(LINEARS, forward)
    assert depths(4, model=code) == {"Net": [4]}


def test_conditions_on_numbers_are_not_tried(depths: Depths) -> None:
    masks = "\n".join(f"if masks({n}) is None: m{n} = torch.zeros(3)[:, {n}:]" for n in range(8))
    forward = f"{masks}\nif masks(9):\n    {CHAIN}\nreturn x"
    code = "from elsewhere import masks\n" + module(LINEARS, forward)
    assert depths(4, model=code) == {"Net": [4]}


@pytest.mark.parametrize(
    ("turn", "length"),
    [("x = F.relu(self.a(x))", 1), (f"x = F.relu(self.a(x))\n    if step == 40:\n        {CHAIN}", 4)],
)
def test_a_loop_that_runs_the_same_again_is_left(depths: Depths, turn: str, length: int) -> None:
    """Without that its turns, each as long as all before it together, would use up the steps of a forward pass."""
    steps = "\n    ".join(["y = x"] + [f"y = y + x[{n}] + y[{n}]" for n in range(40)])
    forward = f"for step in range(1000):\n    {turn}\n    {steps}\nreturn x"
    assert depths(1, model=module(LINEARS, forward)) == {"Net": [length]}


def test_a_class_without_forward_is_run_by_its_methods(depths: Depths) -> None:
    agent = ONE.replace("def forward(self, x)", "def act(self, x, epsilon=0.1)")
    assert depths(4, main=agent) == {"Net": [4]}


SEQUENCES = [
    pytest.param(f"net = nn.Sequential(*{FOUR})", {"Sequential": [4]}, id="module level"),
    pytest.param(f"def build():\n    return nn.Sequential(*{FOUR})", {"Sequential": [4]}, id="function"),
    pytest.param(
        "def build(sizes):\n"
        "    out = []\n"
        "    for a, b in zip(sizes, sizes[1:]): out += [nn.Linear(a, b), nn.ReLU()]\n"
        "    return nn.Sequential(*out)\n"
        "\n"
        "build([8, 8, 8, 8, 8])",
        {"Sequential": [4]},
        id="sizes of a caller",
    ),
    pytest.param(
        "def build(sizes):\n"
        "    out = []\n"
        "    for a, b in zip(sizes, sizes[1:]): out += [nn.Linear(a, b), nn.ReLU()]\n"
        "    return nn.Sequential(*out)",
        {},
        id="sizes unknown",
    ),
    pytest.param(f"net = nn.Sequential(*{FOUR})\n{WEIGHTS}net.apply(weights)", {}, id="initialized"),
    pytest.param(
        f"class Agent:\n    def __init__(self):\n        self.net = nn.Sequential(*{FOUR})",
        {"Sequential": [4]},
        id="plain class",
    ),
    pytest.param(
        f"class Net(nn.Module):\n"
        f"    def __init__(self):\n"
        f"        super().__init__()\n"
        f"        self.net = make()\n"
        f"    def forward(self, x): return self.net(x)\n"
        f"\n"
        f"def make():\n"
        f"    return nn.Sequential(*{FOUR})",
        {"Net": [4]},
        id="of a class",
    ),
    pytest.param(
        f"class Net(nn.Sequential):\n    def __init__(self):\n        super().__init__(*{FOUR})",
        {"Net": [4]},
        id="subclass",
    ),
]


@pytest.mark.parametrize(("code", "found"), SEQUENCES)
def test_sequences(depths: Depths, code: str, found: dict[str, list[int]]) -> None:
    assert depths(4, main=code + "\n") == found


def test_a_layer_class_of_the_project(depths: Depths) -> None:
    own = "class Dense(nn.Linear):\n    def forward(self, x): return super().forward(x)\n\n"
    assert depths(4, main=own + ONE.replace("nn.Linear", "Dense")) == {"Net": [4]}
    resets = "class Dense(nn.Linear):\n    def reset_parameters(self): nn.init.xavier_uniform_(self.weight)\n\n"
    assert depths(4, main=resets + ONE.replace("nn.Linear", "Dense")) == {}


def test_a_factory_that_initializes(depths: Depths) -> None:
    factory = "def layer_init(layer):\n    nn.init.orthogonal_(layer.weight)\n    return layer\n\n"
    assert depths(4, main=factory + ONE.replace("nn.Linear(8, 8)", "layer_init(nn.Linear(8, 8))")) == {}


def test_a_class_of_unknown_base_is_not_judged(depths: Depths) -> None:
    assert depths(4, main="from mmcv.runner import BaseModule\n" + ONE.replace("nn.Module", "BaseModule")) == {}


def test_bounded(depths: Depths) -> None:
    endless = module(LINEARS + "while True: self.n = [1]", CHAIN)
    assert depths(4, main=endless) in ({}, {"Net": [4]})
    deep = module(
        "self.net = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(10**6)])",
        "return self.net(x)",
    )
    assert list(depths(4, main=deep)) in ([], ["Net"])
