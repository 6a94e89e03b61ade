"""A generator in an ONNX file, run by onnxruntime: it samples like the one it was exported from.

`exports/onnx_file.py` writes such files.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ganvas import json_files
from ganvas.errors import RunError
from ganvas.extras import check_extra
from ganvas.generators.config import GeneratorConfig, from_config
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.images import to_signed

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT = 1
"""Version of the names and shapes of inputs and outputs, and of the metadata."""
METADATA_KEY = "ganvas"
"""The entry of the file's metadata that holds an `OnnxConfig`, as JSON."""

LATENTS, LABELS, MIXTURES = "latents", "labels", "label_mixtures"
"""Inputs, and the tensor inside that labels become first: float32 (N, K), 1 at the label."""
IMAGES, POINTS = "images", "points"
"""The output: of images (N, C, H, W), or (N, H, W, C) if they are uint8; of points (N, C)."""

UNSIGNED = "0" * 64
"""In the place of the checksum while it is computed."""

ERRORS_ONLY = 3
"""onnxruntime's severity of messages."""


class OnnxConfig(GeneratorConfig):
    """The fields of a file's metadata that are read."""

    format: int
    images_seen: int
    checksum: NotRequired[str]
    """See `checksum_of`; files of earlier versions lack it."""
    identity: NotRequired[str]
    """Of the generator that it was exported from; files of earlier versions lack it."""


class OnnxNetwork(nn.Module):
    """The network in an ONNX file as a module: what it computes, onnxruntime computes.

    Args:
        content: of the file.
    """

    content: Tensor

    def __init__(self, content: bytes) -> None:
        super().__init__()
        # As a buffer, so that the state dict holds what decides the images.
        self.register_buffer("content", torch.frombuffer(bytearray(content), dtype=torch.uint8))
        self._session = session_of(content)
        self._mixing_session: InferenceSession | None = None

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], or points (N, C, 1, 1), on the CPU.

        Args:
            latents: float32 (N, Z).
            labels: int64 (N,) or mixtures of labels (N, K), if the network takes labels.
        """
        inputs = {LATENTS: latents.numpy()}
        session = self._session
        if labels is not None and labels.is_floating_point():
            inputs[MIXTURES] = labels.numpy()
            session = self.mixing_session()
        elif labels is not None:
            inputs[LABELS] = labels.numpy()
        (output,) = session.run(None, inputs)
        return from_output(output)

    def metadata(self) -> dict[str, str]:
        """What is written in the file beside the graph."""
        about: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        return about

    def mixing_session(self) -> InferenceSession:
        """A session that takes mixtures of labels in place of labels."""
        if self._mixing_session is None:
            self._mixing_session = session_of(taking_mixtures(self.content.numpy().tobytes()))
        return self._mixing_session


def from_output(output: npt.NDArray[Any]) -> Tensor:
    """What a session gives as what a network gives: (N, C, H, W)."""
    tensor = torch.from_numpy(output)
    if output.dtype == np.uint8:
        return to_signed(tensor.permute(0, 3, 1, 2))
    return tensor if tensor.ndim == 4 else tensor[:, :, None, None]


def session_of(content: bytes) -> InferenceSession:
    """A session on the CPU, with as many threads as torch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def taking_mixtures(content: bytes) -> bytes:
    """The file with mixtures of labels, float32 (N, K), as its input in place of labels."""
    check_extra("onnx", "mixing labels in an ONNX file", "onnx")
    import onnx
    from onnx.utils import Extractor

    model = onnx.load_from_string(content)
    outputs = [output.name for output in model.graph.output]
    mixing: bytes = Extractor(model).extract_model([LATENTS, MIXTURES], outputs).SerializeToString()
    return mixing


def checksum_of(content: bytes, written: str) -> str:
    """SHA-256 (64 hex digits) of a file, but for the checksum that is written in its metadata."""
    return hashlib.sha256(_with_checksum(content, written, UNSIGNED)).hexdigest()


def signed(content: bytes) -> bytes:
    """A file whose metadata has the checksum `UNSIGNED`, with its own."""
    return _with_checksum(content, UNSIGNED, checksum_of(content, UNSIGNED))


def _with_checksum(content: bytes, before: str, after: str) -> bytes:
    """A file with another checksum. It stays as long as it was, as protobuf needs."""
    old, new = (f'"checksum": {json.dumps(it)}'.encode() for it in (before, after))
    return content.replace(old, new)


def load_onnx(path: Path) -> TrainedGenerator:
    """The generator in an ONNX file of `ganvas export`.

    Raises:
        RunError: it cannot be read, or is no such file, or of another version.
        GanvasError: onnxruntime is not installed.
    """
    check_extra("onnx", f"reading {path}", "onnxruntime")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    return from_onnx(content, str(path))


def from_onnx(content: bytes, name: str) -> TrainedGenerator:
    """As `load_onnx`, from the content of a file and its name in messages."""
    if not content:
        raise RunError(f"{name} is empty: export it again")
    try:
        network = OnnxNetwork(content)
    except Exception as error:  # onnxruntime's own errors have no base in common
        reason = str(error).rpartition(" : ")[2]
        raise RunError(f"{name} is no ONNX file that onnxruntime can read: {reason}") from error
    try:
        about = network.metadata()
        if METADATA_KEY not in about:
            raise RunError(f"{name} holds no generator: it was not made by ganvas export")
        config = json_files.parse_json(about[METADATA_KEY])
        json_files.check_table(OnnxConfig, config)
        if config["format"] != FORMAT:
            raise RunError(
                f"{name} has format {config['format']}, this ganvas reads format {FORMAT}"
            )
        written = config.get("checksum")
        if written is not None and written != checksum_of(content, written):
            raise RunError(f"{name} is damaged: export it again")
        trained = from_config(config, network.eval(), config["images_seen"])
        return dataclasses.replace(trained, exported_from=config.get("identity", ""))
    except ValueError as error:
        raise RunError(f"{name} is damaged: {error}") from error
