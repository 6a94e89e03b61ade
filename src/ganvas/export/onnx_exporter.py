"""torch's exporter to ONNX: silent, and with an error that names the layer."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from io import StringIO
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.shared_changes import SharedChange

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
"""Version of the operators: what torch 2.13 writes best, and onnxruntime reads from 1.17 on."""


def to_onnx(network: nn.Module, inputs: tuple[Tensor, ...], output: str) -> ModelProto:
    """The network as ONNX, for any batch size.

    Args:
        network: ready for use. Its inputs have the names of its `forward`.
        inputs: examples of what it takes, with a batch of two or more.
        output: the name of what it gives.

    Raises:
        GanvasError: a layer cannot be exported; the message names it.
    """
    with quiet_exporter():
        try:
            return _export(network, inputs, output)
        except torch.onnx.errors.OnnxExporterError as error:
            raise GanvasError(
                f"{innermost_failing_layer(network, inputs)} cannot be exported to ONNX: "
                f"{first_cause(error)}"
            ) from error


def _export(network: nn.Module, inputs: tuple[Any, ...], output: str) -> ModelProto:
    """As `to_onnx`, with the errors of torch."""
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        network,
        inputs,
        dynamo=True,
        dynamic_shapes=tuple({0: batch} for _ in inputs),
        output_names=[output],
        opset_version=OPSET,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    return program.model_proto


# -- What cannot be exported ---------------------------------------------------------------------


def innermost_failing_layer(network: nn.Module, inputs: tuple[Any, ...]) -> str:
    """`layer double2.1 (MaxoutActivation)`: the innermost one that cannot be exported alone."""
    calls = recorded_calls(network, inputs)
    name, layer = "", network
    while True:
        inside = [other for other in calls if other.startswith(f"{name}." if name else "")]
        outermost = [
            other for other in inside if not any(other.startswith(f"{it}.") for it in inside)
        ]
        failing = next((other for other in outermost if not can_be_exported(*calls[other])), None)
        if failing is None:
            return f"layer {name.removeprefix('network.')} ({type(layer).__name__})"
        name, layer = failing, calls[failing][0]


def recorded_calls(
    network: nn.Module, inputs: tuple[Any, ...]
) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
    """The layers inside that are called with tensors, by name, and with which tensors."""
    calls: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {}
    names = {module: name for name, module in network.named_modules() if name}

    def record(module: nn.Module, given: tuple[Any, ...]) -> None:
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


def can_be_exported(layer: nn.Module, inputs: tuple[Any, ...]) -> bool:
    """Whether a layer can be exported alone."""
    try:
        _export(Alone(layer), inputs, "output")
    except torch.onnx.errors.OnnxExporterError:
        return False
    return True


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
