"""What only a CUDA device can show; `make test-gpu` runs it where there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ganvas as library

from .conftest import Result, essence

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("recipe", ["dcgan", "wgan", "wgan-gp", "resnet"])
def test_a_recipe_trains_on_the_gpu_and_samples_without_one(
    tmp_path: Path, images: Path, ganvas: Callable[..., Result], recipe: str
) -> None:
    run = tmp_path / "run"
    assert (
        ganvas("train", recipe, images, "--device", "cuda", "--images", 640, "--out", run).code == 0
    )
    assert library.Run.open(run).environment["device"].startswith("cuda")
    assert library.load(run, "cpu").sample(4).shape == (4, 32, 32, 3)


def test_deterministic_kernels_resume_bit_for_bit(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    flags = ("--device", "cuda", "--deterministic")
    assert ganvas("train", small, images, *flags, "--out", whole).code == 0
    assert ganvas("train", small, images, *flags, "--images", 1000, "--out", parts).code == 0
    assert ganvas("resume", parts, "--images", 2000).code == 0
    assert essence(parts)["tensors"] == essence(whole)["tensors"]
    torch.use_deterministic_algorithms(False)
