"""What an exported ONNX file holds, and what cannot be exported."""

from __future__ import annotations

import importlib.util
import json
import logging
import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.extras import require_extra

require_extra("onnx")

import onnx
import onnxruntime
from onnx import numpy_helper

import ganvas
from ganvas.errors import GanvasError
from ganvas.exports.onnx_file import onnx_bytes, store_weights_as_float16
from ganvas.generators.onnx_network import from_onnx
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.json_files import to_plain
from tests.builders.generators import LATENT_DIM, POINTS, SETTINGS, small_generator
from tests.builders.operators import list_operators_once


@pytest.fixture(scope="module")
def labelled() -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        list_operators_once(patch)
        return onnx_bytes(small_generator("resnet", labelled=True), "float16", "uint8")


def session_of(content: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def test_the_file_says_what_it_takes_and_gives(labelled: bytes) -> None:
    session = session_of(labelled)
    given = [(it.name, it.type, it.shape) for it in session.get_inputs()]
    assert given == [
        ("latents", "tensor(float)", ["batch", LATENT_DIM]),
        ("labels", "tensor(int64)", ["batch"]),
    ]
    (output,) = session.get_outputs()
    assert (output.name, output.type) == ("images", "tensor(uint8)")
    assert output.shape == ["batch", 16, 16, 1]
    about = json.loads(session.get_modelmeta().custom_metadata_map["ganvas"])
    for name in ("checksum", "identity"):
        assert re.fullmatch("[0-9a-f]{64}", about.pop(name))
    assert about == {
        "format": 1,
        "ganvas": ganvas.__version__,
        "images_seen": 64,
        "weights": "float16",
        "image": {"channels": 1, "height": 16, "width": 16},
        "latent_dim": LATENT_DIM,
        "latents": "standard normal, float32 (N, latent_dim)",
        "output": "uint8 (N, height, width, channels) in [0, 255]",
        "labels": {"names": ["red", "green", "blue"], "training_images": [6, 3, 1]},
        "data": {"name": "noise", "settings": to_plain(SETTINGS)},
    }


def test_the_file_names_no_folder_of_this_machine(labelled: bytes) -> None:
    """The exporter notes the lines of Python that a node came from."""
    for word in (b"site-packages", b".py", b"/home", b"ganvas/networks"):
        assert word not in labelled
    model = onnx.load_from_string(labelled)
    assert (model.producer_name, model.producer_version) == ("ganvas", ganvas.__version__)


def test_kernels_are_summed_before_the_export(labelled: bytes) -> None:
    """Else a file with float16 weights computes the sums anew for every batch."""
    graph = onnx.load_from_string(labelled).graph
    stored = {it.name for it in graph.initializer}
    casts = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    kernels = [node.input[1] for node in graph.node if node.op_type == "ConvTranspose"]
    assert kernels
    assert {casts.get(kernel, kernel) for kernel in kernels} <= stored
    assert [op.version for op in onnx.load_from_string(labelled).opset_import] == [20]


def test_float16_keeps_vectors_and_what_it_cannot_hold() -> None:
    model = onnx.load_from_string(onnx_bytes(small_generator("mlp")))
    whole = len(model.SerializeToString())
    (wide, *_) = [it for it in model.graph.initializer if it.name.endswith("hidden1.0.weight")]
    large = np.full(numpy_helper.to_array(wide).shape, 1e5, np.float32)
    wide.CopyFrom(numpy_helper.from_array(large, wide.name))
    store_weights_as_float16(model)
    dtypes = {
        it.name: (numpy_helper.to_array(it).dtype, len(it.dims)) for it in model.graph.initializer
    }
    assert dtypes[wide.name][0] == np.float32
    assert all(dtype != np.float16 for dtype, dims in dtypes.values() if dims < 2)
    assert any(dtype == np.float16 for dtype, _ in dtypes.values())
    assert len(model.SerializeToString()) < whole
    onnx.checker.check_model(model, full_check=True)


def test_a_label_that_does_not_exist_is_an_error(labelled: bytes) -> None:
    latents = np.zeros((1, LATENT_DIM), np.float32)
    with pytest.raises(Exception, match="out of data bounds"):
        session_of(labelled).run(None, {"latents": latents, "labels": np.array([3])})


def test_points_are_floats(capfd: pytest.CaptureFixture[str]) -> None:
    points = small_generator("mlp", POINTS)
    with pytest.raises(GanvasError, match="points, which are no pixels"):
        onnx_bytes(points, output="uint8")
    exported = from_onnx(onnx_bytes(points), "points.onnx")
    assert (exported.makes_points, exported.extent) == (True, 1.5)
    np.testing.assert_allclose(exported.sample(5), points.sample(5), atol=1e-6)
    with pytest.raises(GanvasError, match="in an ONNX file already"):
        onnx_bytes(exported)
    assert capfd.readouterr() == ("", "")  # the exporter's messages are about itself


class Sorted(nn.Module):
    """A layer that the exporter knows no operator for."""

    def forward(self, values: Tensor) -> Tensor:
        return torch.linalg.eigh(values @ values.t())[0][:, None] * values


def test_a_layer_that_cannot_be_exported_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """Takes three seconds: each layer is exported alone, until the one that fails is found."""
    inner = nn.Sequential(Sorted())
    network = nn.Sequential(nn.Linear(LATENT_DIM, 2), inner, nn.Unflatten(1, (2, 1, 1)))
    level = logging.getLogger("torch").level
    with pytest.raises(GanvasError) as caught:
        onnx_bytes(TrainedGenerator(network.eval(), POINTS, LATENT_DIM, 0))
    message = str(caught.value)
    assert message.startswith("layer 1.0 (Sorted) cannot be exported to ONNX: ")
    assert "\n" not in message
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("torch").level == level


def test_missing_libraries_are_named_with_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name)
    )
    with pytest.raises(GanvasError, match=r"needs onnxscript.*pip install 'ganvas\[onnx\]'"):
        onnx_bytes(small_generator())
