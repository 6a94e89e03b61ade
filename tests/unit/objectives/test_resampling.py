"""Resampling under affine maps, and its transpose, against indexing by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganvas.objectives.image_transform import ImageTransform, transform_images
from ganvas.objectives.resampling import add_resampled, resample

SIZES = [(16, 16), (7, 7), (12, 20), (1, 5)]


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def maps(count: int) -> Tensor:
    """Maps that turn, stretch and move, and lead far outside the images."""
    maps = drawn(3, 2, count, 1)
    maps[2] *= 30
    return maps


def reflected(position: Tensor, side: int) -> Tensor:
    """The pixel that stands at a whole position in a row that repeats itself, mirrored."""
    within = position.long() % (2 * side)
    return torch.where(within < side, within, 2 * side - 1 - within)


def by_hand(images: Tensor, affine: Tensor) -> Tensor:
    """Each pixel between four others, which are looked up one by one."""
    count, channels, height, width = images.shape
    columns = torch.arange(width, dtype=images.dtype) - (width - 1) / 2
    rows = torch.arange(height, dtype=images.dtype)[:, None] - (height - 1) / 2
    x, y, shift = affine[..., None]
    across, down = x * columns + y * rows + shift  # (N, H, W)
    across, down = across + (width - 1) / 2, down + (height - 1) / 2
    left, upper = across.floor(), down.floor()
    image = torch.arange(count)[:, None, None, None]
    channel = torch.arange(channels)[:, None, None]
    result = torch.zeros_like(images)
    for row, row_share in ((upper, 1 - (down - upper)), (upper + 1, down - upper)):
        for column, share in ((left, 1 - (across - left)), (left + 1, across - left)):
            place = (reflected(row, height)[:, None], reflected(column, width)[:, None])
            result = result + images[image, channel, *place] * (row_share * share)[:, None]
    return result


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_images_are_those_of_indexing_and_the_transpose_is_its_gradient(
    channels: int, size: tuple[int, int]
) -> None:
    images, affine = drawn(6, channels, *size).requires_grad_(), maps(6)
    expected = by_hand(images, affine)
    torch.testing.assert_close(resample(images, affine), expected)
    upstream = drawn(*images.shape).flip(0)
    (gradient,) = torch.autograd.grad(expected, images, upstream)
    torch.testing.assert_close(add_resampled(upstream.clone(), affine), gradient)


def transform(channels: int, height: int, width: int, count: int = 4) -> ImageTransform:
    matrix, offset = drawn(count, channels, channels), drawn(count, channels, 1)
    return ImageTransform(maps(count), matrix, offset, drawn(count, 1, height * width))


def transformed_by_hand(images: Tensor, transform: ImageTransform) -> Tensor:
    coloured = transform.matrix @ by_hand(images, transform.affine).flatten(2) + transform.offset
    return (coloured * transform.mask).view_as(images)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_transform_resamples_colours_and_cuts_and_so_do_its_derivatives(channels: int) -> None:
    images, done = drawn(4, channels, 8, 6).requires_grad_(), transform(channels, 8, 6)
    upstream = drawn(*images.shape).flip(0).requires_grad_()
    results = []
    for function in (transform_images, transformed_by_hand):
        transformed = function(images, done)
        (gradient,) = torch.autograd.grad(transformed.square(), images, upstream, create_graph=True)
        seconds = torch.autograd.grad(gradient.square().sum(), (images, upstream))
        results.append((transformed, gradient, *seconds))
    torch.testing.assert_close(*results)


def test_derivatives_of_a_transform_equal_finite_differences() -> None:
    images, done = drawn(2, 3, 5, 4).requires_grad_(), transform(3, 5, 4, count=2)
    assert torch.autograd.gradcheck(lambda images: transform_images(images, done), images)
    assert torch.autograd.gradgradcheck(lambda images: transform_images(images, done), images)


def test_the_memory_layout_changes_nothing() -> None:
    images, done = drawn(4, 3, 8, 8), transform(3, 8, 8)
    other = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    images = images.requires_grad_()
    results = [transform_images(inputs, done) for inputs in (images, other)]
    assert torch.equal(*results)
    upstream = drawn(*images.shape).contiguous(memory_format=torch.channels_last)
    gradients = [
        torch.autograd.grad(result, inputs, upstream)[0]
        for result, inputs in zip(results, (images, other), strict=True)
    ]
    assert torch.equal(*gradients)
