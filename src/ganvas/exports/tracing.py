"""What torch's exporters have in common: they are loud, and fail somewhere in a network."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn

from ganvas.shared_changes import SharedChange

Inputs = tuple[Any, ...]

# -- What cannot be exported ---------------------------------------------------------------------


def innermost_failing_layer(
    network: nn.Module, inputs: Inputs, can_be_exported: Callable[[nn.Module, Inputs], bool]
) -> str:
    """`layer double2.1 (MaxoutActivation)`: the innermost one that cannot be exported alone."""
    calls = recorded_calls(network, inputs)
    name, layer = "", network
    while failing := next(
        (
            inner
            for inner in outermost_inside(name, calls)
            if not can_be_exported(Alone(calls[inner][0]), calls[inner][1])
        ),
        None,
    ):
        name, layer = failing, calls[failing][0]
    return f"layer {name.removeprefix('network.') or 'network'} ({type(layer).__name__})"


def outermost_inside(name: str, known: Collection[str]) -> list[str]:
    """The known layers inside a layer, or inside the network, that lie in no other of these."""
    inside = [other for other in known if other.startswith(f"{name}." if name else "")]
    return [other for other in inside if not any(other.startswith(f"{it}.") for it in inside)]


def recorded_calls(network: nn.Module, inputs: Inputs) -> dict[str, tuple[nn.Module, Inputs]]:
    """The layers inside that are called with tensors, by name, and with which tensors."""
    calls: dict[str, tuple[nn.Module, Inputs]] = {}
    names = {module: name for name, module in network.named_modules() if name}

    def record(module: nn.Module, given: Inputs) -> None:
        if all(isinstance(value, Tensor) for value in given):
            calls.setdefault(names[module], (module, given))

    with ExitStack() as stack, torch.inference_mode():
        for module in names:
            stack.callback(module.register_forward_pre_hook(record).remove)
        network(*inputs)
    return calls


class Alone(nn.Module):
    """A layer that takes one tensor or two, with names for them, which the exporter wants."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor, condition: Tensor | None = None) -> Tensor:
        bound = () if condition is None else (condition,)
        outputs: Tensor = self.layer(inputs, *bound)
        return outputs


def first_cause(error: BaseException) -> str:
    """The first line of the innermost error: torch wraps it in advice on how to report it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).partition("\n")[0]


# -- Silence -------------------------------------------------------------------------------------


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    logger = logging.getLogger("torch")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


quiet_exporter = SharedChange(_quiet_exporter)
"""While entered, torch's exporter is silent.

It warns of its own deprecated calls, logs four times that torchvision, which it does not need, is
not installed, and prints what it cannot export.
"""
