"""What only a CUDA device can show; `make test-gpu` runs it where there is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ganvas as library
from ganvas.data.pixels import Mapped, Resident
from ganvas.data.stream import ImageStream
from tests.unit.tiny import tiny_data

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


@pytest.mark.parametrize("kind", [Resident, Mapped])
def test_images_that_lie_on_the_gpu_or_are_sent_there_are_those_of_the_file(
    kind: type[Resident] | type[Mapped],
) -> None:
    data = tiny_data(130)
    there = ImageStream(data, seed=1, pixels=kind(data.images, torch.device("cuda")))
    here = ImageStream(data, seed=1)
    for count in (8, 8, 8, 5, 100, 300):
        images = there.next(count).images
        assert images.is_cuda
        assert torch.equal(images.cpu(), here.next(count).images)


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
