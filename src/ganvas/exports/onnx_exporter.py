"""torch's exporter to ONNX, with an error that names the layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.exports.tracing import first_cause, innermost_failing_layer, quiet_exporter

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 20
"""Version of the operators: the default of torch 2.13."""


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
            layer = innermost_failing_layer(network, inputs, can_be_exported)
            raise GanvasError(
                f"{layer} cannot be exported to ONNX: {first_cause(error)}"
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


def can_be_exported(layer: nn.Module, inputs: tuple[Any, ...]) -> bool:
    """Whether a layer can be exported alone."""
    try:
        _export(layer, inputs, "output")
    except torch.onnx.errors.OnnxExporterError:
        return False
    return True
