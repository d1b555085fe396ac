"""Whether a file may train a network or define one, told from its bytes, so that the rest is never parsed.

The gate is where the speed is, but a file that it turns away has no findings: each test is as wide as it can be
while most files still fail it.
"""

from __future__ import annotations

import re

# Words without which a file has nothing to do with PyTorch: itself, what builds on it, and how a file that gets it
# from a star import uses it.
LIBRARIES = (b"torch", b"lightning", b"transformers", b"accelerate", b"deepspeed", b"nn.Module", b"nn.Sequential")

# Words that belong to no other library, so that a wrapper of an optimizer needs no import to show what it is.
OF_ITSELF = (b".zero_grad", b"loss.backward(")

# An update has one of these words, in one of these shapes. Words are found ten times faster than shapes.
UPDATES = (
    (b"backward", re.compile(rb"backward\s*\(")),  # loss.backward(), accelerator.backward(loss), manual_backward(loss)
    (b".step", re.compile(rb"\.step\s*\(")),
    (b"zero_grad", re.compile(rb"zero_grad")),
    (b"Trainer", re.compile(rb"Trainer\w*(?:\.\w+)?\s*\(")),  # of any library, Trainer.from_argparse_args()
    (b"TrainingArguments", re.compile(rb"TrainingArguments")),
    (b"training_step", re.compile(rb"training_step")),
    (b"optimizer_step", re.compile(rb"optimizer_step\s*\(")),
    (b".grad", re.compile(rb"\.grad\b")),  # updates by hand
    (b"autograd import", re.compile(rb"autograd import [^\n]*\bgrad\b")),
)
OPTIMIZER_STEP = re.compile(rb"\b_?optim\w*\.step\s*\(")

# An initialization that stands by itself draws the weight of what it is given.
INITIALIZES = re.compile(rb"init\.\w+\(\s*\w+\.weight\b")

# A network says what it is built of; in lower case.
MODULE = (b"nn.module", b"module)", b"module,", b"sequential(", b"modulelist(")
LAYER = (b"conv", b"linear", b"layer", b"block")
ACTIVATION = b"relu"
# Attention models are most of what libraries hold, and are large; where they normalize and use no ReLU, their layers
# are no stack that default initialization harms.
ATTENTION = b"attention"
NORMALIZATION = b"norm"
# A criterion has no layers, and what it computes can be singular; it speaks of a loss somewhere.
LOSS = b"loss"
SINGULAR = (b"log(", b"sqrt(", b"acos(", b"std(")


def trains(data: bytes) -> bool:
    """Whether a file with these bytes may hold an update or a stack of layers. A no is certain; a yes is not."""
    if not _has(data, LIBRARIES):
        return _has(data, OF_ITSELF) or (b".step" in data and OPTIMIZER_STEP.search(data) is not None)
    if any(word in data and shape.search(data) for word, shape in UPDATES):
        return True
    if b"init." in data and INITIALIZES.search(data) is not None:
        return True
    lower = data.lower()
    is_module = _has(lower, MODULE)
    if is_module and LOSS in lower and _has(lower, SINGULAR):
        return True
    if ACTIVATION in lower:
        return is_module or _has(lower, LAYER)
    if ATTENTION in lower:
        return is_module and NORMALIZATION not in lower
    return is_module and _has(lower, LAYER)


def _has(data: bytes, words: tuple[bytes, ...]) -> bool:
    return any(word in data for word in words)
