"""Tensor files are read back exactly, or refused."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
import safetensors.torch
import torch

from ganvas import tensor_file
from ganvas.errors import RunError

VALUES = {
    "images_seen": 10**12,
    "sums": {"discriminator/loss/r1": 0.1 + 0.2},
    "note": "é",
    "n": None,
}


def some_tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "generator/weight": torch.randn(3, 2, 2),
        "transposed": torch.randn(4, 3).t(),
        "double": torch.randn(3, dtype=torch.float64),
        "half": torch.randn(3).half(),
        "steps": torch.tensor(7),
        "adam/step": torch.tensor(3.0),
        "random": torch.arange(50, dtype=torch.uint8),
        "mask": torch.tensor([True, False]),
        "empty": torch.empty(0, 4),
        "odd": torch.tensor([float("nan"), float("inf"), -0.0, 1e-45]),
    }


@pytest.fixture
def small_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    tensor_file.write(path, {"w": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)}, {"seen": 64})
    return path


def refused(path: Path) -> str:
    with pytest.raises(RunError) as caught:
        tensor_file.read(path)
    return str(caught.value)


def test_everything_comes_back_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "000064000.safetensors"
    tensors = some_tensors()
    tensor_file.write(path, tensors, VALUES)
    found, values = tensor_file.read(path)
    assert values == VALUES
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        assert found[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes(), name


def test_equal_content_makes_equal_files(tmp_path: Path) -> None:
    contents = set()
    for index in range(5):
        path = tmp_path / f"{index}.safetensors"
        tensor_file.write(path, some_tensors(), VALUES)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_parameters_are_written_without_their_gradient_history(tmp_path: Path) -> None:
    layer = torch.nn.Linear(2, 2)
    tensor_file.write(tmp_path / "a.safetensors", dict(layer.named_parameters()), {})
    found, _ = tensor_file.read(tmp_path / "a.safetensors")
    assert torch.equal(found["weight"], layer.weight)
    assert not found["weight"].requires_grad


def test_file_cut_at_any_byte_is_refused(small_file: Path) -> None:
    whole = small_file.read_bytes()
    for end in range(len(whole)):
        small_file.write_bytes(whole[:end])
        assert str(small_file) in refused(small_file)


def test_any_changed_byte_is_refused(small_file: Path) -> None:
    whole = small_file.read_bytes()
    rng = random.Random(0)
    for position in range(len(whole)):
        for change in {1 << rng.randrange(8), rng.randrange(1, 256), 0x20}:
            damaged = bytearray(whole)
            damaged[position] ^= change
            small_file.write_bytes(damaged)
            assert str(small_file) in refused(small_file), (position, change)


def test_appended_bytes_are_refused(small_file: Path) -> None:
    small_file.write_bytes(small_file.read_bytes() + b"\0")
    refused(small_file)


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    assert "absent.safetensors is missing: it was deleted" in refused(
        tmp_path / "absent.safetensors"
    )
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"w": torch.ones(2)}, foreign)
    assert "foreign.safetensors was not written by ganvas" in refused(foreign)
    pickled = tmp_path / "pickled.safetensors"
    torch.save({"w": torch.ones(2)}, pickled)
    assert "cannot be read" in refused(pickled)


def test_full_disk_leaves_the_checkpoint_before_it(
    small_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="free some space"):
        tensor_file.write(small_file, some_tensors(), VALUES)
    assert tensor_file.read(small_file)[1] == {"seen": 64}
    assert [path.name for path in small_file.parent.iterdir()] == [small_file.name]
