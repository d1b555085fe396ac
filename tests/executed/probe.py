"""What a training run does, seen from inside PyTorch: its losses, steps, gradient norms and weights.

Nothing of the code that trains is touched: the probe stands in `Tensor.backward`, in the optimizers' step hooks and in
the loss functions, and ends the run after a number of steps.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

STEPS: Final = 10
# After how many backward passes the losses become NaN, where they are poisoned.
POISONED: Final = 5
_LOSSES: Final = (
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
)


class EnoughError(BaseException):
    """Ends a run that has taken its steps; no `except Exception` of the code that trains holds it."""


@dataclass(slots=True)
class Seen:
    """What a probe has seen."""

    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    changed: bool = False
    finite: bool = True
    error: str | None = None

    @property
    def steps(self) -> int:
        return len(self.norms)


class Probe:
    """Watches a run; with `poison` every loss is NaN from the sixth backward pass on."""

    def __init__(self, poison: bool) -> None:
        self.torch: Any = importlib.import_module("torch")
        self.seen = Seen()
        self.poison = poison
        self._start: dict[Any, Any] = {}

    @property
    def poisons(self) -> bool:
        return self.poison and len(self.seen.losses) >= POISONED

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what runs inside; an exception is recorded, and so is what became of the weights."""
        torch = self.torch
        hooks = importlib.import_module("torch.optim.optimizer")
        losses = {name: self._poisoning(getattr(torch.nn.functional, name)) for name in _LOSSES}
        with ExitStack() as stack:
            stack.callback(hooks.register_optimizer_step_pre_hook(self._before_step).remove)
            stack.enter_context(patch.object(torch.Tensor, "backward", self._recording(torch.Tensor.backward)))
            for name, loss in losses.items():
                stack.enter_context(patch.object(torch.nn.functional, name, loss))
            # There is no other device: what asks for one gets the processor.
            for moved in (torch.Tensor, torch.nn.Module):
                stack.enter_context(patch.object(moved, "cuda", lambda this, *_, **__: this))
            try:
                yield
            except EnoughError:
                pass
            except (Exception, SystemExit) as error:
                self.seen.error = f"{type(error).__name__}: {error}".splitlines()[0]
        self._judge()

    def _before_step(self, optimizer: Any, *_: object) -> None:
        if self.seen.steps >= STEPS:
            raise EnoughError
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for parameter in parameters:
            self._start.setdefault(parameter, parameter.detach().clone())
        gradients = [p.grad for p in parameters if p.grad is not None]
        self.seen.norms.append(float(self.torch.nn.utils.get_total_norm(gradients)) if gradients else 0.0)
        self.seen.rates.append(float(optimizer.param_groups[0]["lr"]))

    def _recording(self, backward: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(backward)
        def record(tensor: Any, *arguments: Any, **named: Any) -> None:
            self.seen.losses.append(float(tensor.detach().sum()))
            backward(tensor, *arguments, **named)

        return record

    def _poisoning(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def poison(*arguments: Any, **named: Any) -> Any:
            loss = function(*arguments, **named)
            return loss * math.nan if self.poisons and self.torch.is_grad_enabled() else loss

        return poison

    def _judge(self) -> None:
        self.seen.changed = any(not self.torch.equal(p, start) for p, start in self._start.items())
        self.seen.finite = all(bool(p.isfinite().all()) for p in self._start)
