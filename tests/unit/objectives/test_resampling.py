"""Resampling under affine maps against torch's grid_sample, which is another implementation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor

from ganvas.objectives import resampling
from ganvas.objectives.resampling import resample

SIZES = [(16, 16), (7, 7), (12, 20), (1, 5)]


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def maps(count: int) -> Tensor:
    """Maps that turn, stretch and move, and lead far outside the images."""
    maps = drawn(3, 2, count)
    maps[2] *= 30
    return maps


def by_grid_sample(images: Tensor, affine: Tensor) -> Tensor:
    """The same, with positions relative to half of the sides."""
    height, width = images.shape[2:]
    half = torch.tensor([width, height], dtype=images.dtype)[:, None] / 2
    x, y, shift = affine / half
    theta = torch.stack([x * width / 2, y * height / 2, shift], -1).transpose(0, 1)  # (N, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_images_and_gradients_are_those_of_grid_sample(
    channels: int, size: tuple[int, int]
) -> None:
    images, affine = drawn(6, channels, *size).requires_grad_(), maps(6)
    ours, theirs = resample(images, affine), by_grid_sample(images, affine)
    torch.testing.assert_close(ours, theirs)
    upstream = drawn(*images.shape).flip(0)
    gradients = [torch.autograd.grad(result, images, upstream)[0] for result in (ours, theirs)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("at_once", [1, 2, 4, 100])
def test_how_many_images_are_resampled_at_once_changes_nothing(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, affine = drawn(5, 3, 16, 16).float().requires_grad_(), maps(5).float()
    upstream = drawn(*images.shape).float()
    results = []
    for values in (10**9, at_once * 3 * 16 * 16):
        monkeypatch.setattr(resampling, "VALUES_AT_ONCE", values)
        resampled = resample(images, affine)
        (gradient,) = torch.autograd.grad(resampled, images, upstream)
        results.append((resampled, gradient))
    torch.testing.assert_close(*results)


def test_the_memory_layout_changes_nothing() -> None:
    images, affine = drawn(3, 3, 8, 8), maps(3)
    other = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    images = images.requires_grad_()
    results = [resample(inputs, affine) for inputs in (images, other)]
    assert torch.equal(*results)
    upstream = drawn(*images.shape).contiguous(memory_format=torch.channels_last)
    gradients = [
        torch.autograd.grad(result, inputs, upstream)[0]
        for result, inputs in zip(results, (images, other), strict=True)
    ]
    assert torch.equal(*gradients)
