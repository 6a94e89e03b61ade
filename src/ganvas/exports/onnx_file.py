"""A trained generator as one ONNX file, which runs where torch and ganvas are not.

The graph takes `latents` and, of a conditional generator, `labels`, of any batch size. What it
takes and gives is written into the file too (`onnx_metadata`). Its inner tensor `label_mixtures`
can be made an input in place of `labels`, to go from label to label (`onnx_network.py`, which reads
such files).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import ganvas
from ganvas import storage
from ganvas.errors import GanvasError
from ganvas.exports.comparison import check_same_samples
from ganvas.exports.names import Output, Weights
from ganvas.exports.onnx_exporter import to_onnx
from ganvas.exports.request import ExportRequest
from ganvas.extras import check_extra
from ganvas.generators.config import generator_config
from ganvas.generators.onnx_network import (
    FORMAT,
    IMAGES,
    METADATA_KEY,
    MIXTURES,
    POINTS,
    UNSIGNED,
    OnnxNetwork,
    from_onnx,
    signed,
)
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import to_uint8
from ganvas.networks.blocks import fold_kernels
from ganvas.torch_state import usual_torch

if TYPE_CHECKING:
    from onnx import ModelProto

LARGEST_FLOAT16 = 65504.0


def write_onnx(request: ExportRequest) -> str:
    """Write an ONNX file that makes the same images as torch, and say how nearly."""
    content, comparison = checked_onnx(request)
    storage.make_directory(request.out.parent)
    storage.write_bytes(request.out, content)
    return comparison


def checked_onnx(request: ExportRequest) -> tuple[bytes, str]:
    """An ONNX file that makes the same images as torch, and how nearly.

    Raises:
        GanvasError: see `onnx_bytes`; or the images are others.
    """
    content = onnx_bytes(request.trained, request.weights, request.output)
    exported = from_onnx(content, str(request.out))
    comparison = check_same_samples(
        request.trained, exported.sample, exact=request.weights == "float32"
    )
    return content, comparison


@usual_torch()
def onnx_bytes(
    trained: TrainedGenerator, weights: Weights = "float32", output: Output = "float"
) -> bytes:
    """The generator as an ONNX file.

    Inputs are `latents` float32 (N, latent_dim) and, if it takes labels, `labels` int64 (N,).
    The output is `images`: float32 (N, C, H, W) in [-1, 1], or uint8 (N, H, W, C) in [0, 255]; of
    a generator of points `points`, float32 (N, C).

    Args:
        trained: what `ganvas.load` gives.
        weights: float16 halves the file; what is computed with them is float32 all the same.
        output: of a generator of images.

    Raises:
        GanvasError: a library is missing, points are wanted as uint8, or a layer cannot be
            exported; the message names it.
    """
    check_extra("onnx", "exporting to ONNX", "onnx", "onnxscript")
    if isinstance(trained.network, OnnxNetwork):
        raise GanvasError("this generator is in an ONNX file already: export the run that it is of")
    if trained.makes_points and output == "uint8":
        raise GanvasError("this generator makes points, which are no pixels: leave out --output")
    exported = ExportedGenerator(trained, output).eval().requires_grad_(False)
    inputs: tuple[Tensor, ...] = (torch.zeros(2, trained.latent_dim),)
    if trained.label_set is not None:
        inputs += (torch.zeros(2, dtype=torch.int64),)
    model = to_onnx(exported, inputs, POINTS if trained.makes_points else IMAGES)
    if trained.label_set is not None:
        name_mixtures(model)
    if weights == "float16":
        store_weights_as_float16(model)
    describe(model, onnx_metadata(trained, weights, output))
    content: bytes = model.SerializeToString(deterministic=True)
    return signed(content)


class ExportedGenerator(nn.Module):
    """The generator from latents and labels to what the file gives, on the CPU."""

    def __init__(self, trained: TrainedGenerator, output: Output) -> None:
        super().__init__()
        self.network = fold_kernels(copy.deepcopy(trained.network).cpu())
        self.num_labels = len(trained.label_names)
        self.makes_points = trained.makes_points
        self.output = output

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        bound = () if labels is None else (self.mixtures(labels),)
        outputs: Tensor = self.network(latents, *bound)
        if self.makes_points:
            return outputs.flatten(1)  # (N, C)
        if self.output == "float":
            return outputs.clamp(-1.0, 1.0)  # (N, C, H, W)
        return to_uint8(outputs).permute(0, 2, 3, 1)  # (N, H, W, C)

    def mixtures(self, labels: Tensor) -> Tensor:
        """Labels int64 (N,) as mixtures of labels (N, K), each of one label."""
        known = torch.arange(self.num_labels)
        # The look-up makes a label that does not exist an error. It would get no embedding at all.
        return (known.index_select(0, labels)[:, None] == known).float()


def onnx_metadata(trained: TrainedGenerator, weights: Weights, output: Output) -> dict[str, Any]:
    """What the file says about itself; `onnx_network.from_onnx` reads it."""
    if trained.makes_points:
        gives = "float32 (N, 2): x and y in the units of the data, without bounds"
    elif output == "uint8":
        gives = "uint8 (N, height, width, channels) in [0, 255]"
    else:
        gives = "float32 (N, channels, height, width) in [-1, 1]"
    return {
        "format": FORMAT,
        "images_seen": trained.images_seen,
        "weights": weights,
        "checksum": UNSIGNED,
        "identity": trained.identity,
        **generator_config(trained, gives),
    }


def name_mixtures(model: ModelProto) -> None:
    """Give the tensor that labels become first its name, by which it can be made an input."""
    compared = {node.output[0] for node in model.graph.node if node.op_type == "Equal"}
    cast = next(node for node in model.graph.node if compared.intersection(node.input))
    before = cast.output[0]
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [MIXTURES if name == before else name for name in names]
    for value in model.graph.value_info:
        value.name = MIXTURES if value.name == before else value.name


def describe(model: ModelProto, about: Mapping[str, Any]) -> None:
    """Write into the model who made it and what it takes and gives, and nothing else.

    The exporter notes for each node the lines of Python that it came from, with the folders of this
    machine.
    """
    from onnx import helper

    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    model.graph.name = "generator"
    model.graph.ClearField("metadata_props")
    model.producer_name, model.producer_version = "ganvas", ganvas.__version__
    helper.set_model_props(model, {METADATA_KEY: json.dumps(about, ensure_ascii=False)})


def store_weights_as_float16(model: ModelProto) -> None:
    """Store weights of two and more dimensions as float16, and cast them before their use.

    Biases and gains stay as they are: they are few. So does a tensor with a number that float16
    cannot hold.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or np.abs(values).max() > LARGEST_FLOAT16:
            continue
        name = tensor.name
        stored = f"{name}_float16"
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
