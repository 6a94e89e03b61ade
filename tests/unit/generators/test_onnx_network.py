"""An ONNX file samples like the generator that it was exported from; other files are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.extras import require_extra

require_extra("onnx")

import onnx

from ganvas.errors import DeviceError, GanvasError, RunError
from ganvas.exports.onnx_file import onnx_bytes
from ganvas.generators.files import load
from ganvas.generators.onnx_network import METADATA_KEY, from_onnx
from ganvas.generators.trained_generator import TrainedGenerator
from tests.builders.generators import LABELS, SETTINGS, small_generator


@pytest.fixture(scope="module")
def trained() -> TrainedGenerator:
    return small_generator(labelled=True)


@pytest.fixture(scope="module")
def path(trained: TrainedGenerator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "small.onnx"
    path.write_bytes(onnx_bytes(trained))
    return path


def test_the_same_seeds_give_the_same_latents_labels_and_images(
    path: Path, trained: TrainedGenerator
) -> None:
    loaded = load(path)
    assert (loaded.shape, loaded.images_seen) == (trained.shape, 64)
    assert loaded.label_set == LABELS
    assert loaded.data is not None
    assert loaded.data.settings == SETTINGS
    assert torch.equal(loaded.latents(5, seed=2), trained.latents(5, seed=2))
    for labels in (None, "blue"):
        ours, theirs = (it.sample(300, 2, labels).astype(int) for it in (loaded, trained))
        assert np.abs(ours - theirs).max() <= 1
    walks = [it.interpolate_labels(["red", "blue"], 4).astype(int) for it in (loaded, trained)]
    assert np.abs(walks[0] - walks[1]).max() <= 1
    with pytest.raises(GanvasError, match="'pink' is no label"):
        loaded.sample(1, labels="pink")


def test_other_files_have_other_checksums(path: Path, trained: TrainedGenerator) -> None:
    """Scores name the checksum of the state dict."""
    assert load(path).network.state_dict()["content"].numpy().tobytes() == path.read_bytes()
    assert load(path).device == torch.device("cpu")


def test_it_has_no_checkpoints_and_runs_on_the_cpu(path: Path) -> None:
    with pytest.raises(RunError, match="holds one generator"):
        load(path, checkpoint="best")
    with pytest.raises(DeviceError, match="runs on the CPU"):
        load(path, device="cuda")
    assert load(path, device="auto").latent_dim == 8


def described(path: Path, **changes: object) -> bytes:
    """The file with other metadata."""
    model = onnx.load(path)
    (entry,) = model.metadata_props
    about = {**json.loads(entry.value), **changes}
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(about)})
    content: bytes = model.SerializeToString()
    return content


def test_a_file_that_was_changed_is_damaged(path: Path) -> None:
    """Also where onnxruntime reads it: in a weight, and in the checksum itself."""
    model = onnx.load(path)
    (entry,) = model.metadata_props
    written = json.loads(entry.value)["checksum"].encode()
    (largest,) = sorted(model.graph.initializer, key=lambda it: len(it.raw_data))[-1:]
    content = path.read_bytes()
    assert hashlib.sha256(content.replace(written, b"0" * 64)).hexdigest().encode() == written
    for changed in (largest.raw_data[:64], written):
        damaged = bytearray(content)
        damaged[content.index(changed)] ^= 1
        with pytest.raises(RunError, match=r"^small\.onnx is damaged: export it again$"):
            from_onnx(bytes(damaged), "small.onnx")


def test_a_file_of_before_the_checksum_is_read(path: Path) -> None:
    model = onnx.load(path)
    (entry,) = model.metadata_props
    about = json.loads(entry.value)
    del about["checksum"]
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(about)})
    former = from_onnx(model.SerializeToString(), "former.onnx")
    assert np.array_equal(former.sample(3), load(path).sample(3))


def test_what_is_no_generator_is_refused_in_a_sentence(path: Path, tmp_path: Path) -> None:
    foreign = onnx.load(path)
    foreign.ClearField("metadata_props")
    whole = path.read_bytes()
    cases = {
        "cut": (whole[: len(whole) // 2], "no ONNX file that onnxruntime can read"),
        "empty": (b"", "is empty: export it again"),
        "foreign": (foreign.SerializeToString(), "was not made by ganvas export"),
        "newer": (described(path, format=2), "has format 2, this ganvas reads format 1"),
        "no text": (whole.replace(b'"blue"', b'"\xff\xff\xff\xff"'), "is damaged: 'utf-8' codec"),
        "damaged": (described(path, latent_dim="8"), "is damaged: latent_dim: Input should"),
    }
    for name, (content, message) in cases.items():
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(content)
        with pytest.raises(RunError) as caught:
            load(file)
        assert str(caught.value).startswith(f"{file} ")
        assert message in str(caught.value)
    with pytest.raises(RunError, match="cannot be read: No such file"):
        load(tmp_path / "absent.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        load(tmp_path / "folder.onnx")
