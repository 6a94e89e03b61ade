"""Bilinear resampling of images under affine maps, with reflection beyond the edges.

The map is torch's grid_sample. Its transpose is written with `scatter_add_`: torch's own is slower
on CPUs, not deterministic on CUDA, and has no derivative.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ganvas.objectives.augment_random import grid_of


def resample(images: Tensor, affine: Tensor) -> Tensor:
    """Apply affine maps to images (N, C, H, W). Has no derivative: see `add_resampled`.

    With sides that are powers of 2, whole pixels are moved exactly; else there is rounding.

    Args:
        affine: (3, 2, N, 1), in pixels to the right and down: how far the source moves with a pixel
            to the right, with a pixel down, and how far that of the centre is from the centre.
    """
    # Relative to half of the sides: the edges are at -1 and 1.
    position = positions(images, affine / grid_of(images).centre)
    return functional.grid_sample(
        images, position.permute(1, 2, 3, 0), "bilinear", "reflection", align_corners=False
    )


def add_resampled(gradient: Tensor, affine: Tensor) -> Tensor:
    """The transpose of `resample`: each pixel is added to the four between which it was taken.

    Args:
        gradient: (N, C, H, W), contiguous; overwritten.
        affine: of `resample`.
    """
    count, channels, height, width = gradient.shape
    first, right, down = corners_of(gradient, affine)
    index = first.expand(-1, channels, -1)
    bordered = gradient.new_zeros(count, channels, height + 2, width + 2)
    upper_left, upper_right, lower_left, lower_right = pixels_at_corners(bordered)
    upper = gradient.flatten(2)
    lower = upper * down
    upper.sub_(lower)
    for left_pixels, right_pixels, part in (
        (upper_left, upper_right, upper),
        (lower_left, lower_right, lower),
    ):
        of_right = part * right
        right_pixels.scatter_add_(2, index, of_right)
        left_pixels.scatter_add_(2, index, part.sub_(of_right))
    # The border repeats the pixels beside it.
    bordered[:, :, 1] += bordered[:, :, 0]
    bordered[:, :, -2] += bordered[:, :, -1]
    bordered[..., 1] += bordered[..., 0]
    bordered[..., -2] += bordered[..., -1]
    return bordered[:, :, 1:-1, 1:-1]


# -- Positions ------------------------------------------------------------------------------------


def positions(images: Tensor, affine: Tensor) -> Tensor:
    """(2, N, H, W): what affine maps make of the pixels of images, across and down."""
    grid = grid_of(images)
    x, y, shift = affine[..., None].unbind()  # (2, N, 1, 1)
    # One operand that repeats along rows: with two, CPUs do not use vectors.
    return x * grid.x + torch.addcmul(shift, y, grid.y)


class Corners(NamedTuple):
    """The four pixels between which each pixel of the result lies, and how far between them."""

    first: Tensor
    """int64 (N, 1, H W), the upper left one in images with a border of one pixel."""
    right: Tensor
    """(N, 1, H W), distance from the left ones, 0 to 1."""
    down: Tensor
    """(N, 1, H W), distance from the upper ones."""


def corners_of(images: Tensor, affine: Tensor) -> Corners:
    """Where the pixels of the result come from.

    Reflection at the outer edges makes a position periodic and even: its distance from the nearest
    multiple of twice the side, 0 to the side. Memory traffic takes the time, so it is computed in
    place.
    """
    grid = grid_of(images)
    position = positions(images, affine).add_(grid.centre[..., None])
    periods = (position / grid.period).round_()
    position.addcmul_(periods, grid.period, value=-1).abs_()
    position.add_(0.5)  # from the middle of the first pixel of the border
    corner = torch.floor(position, out=periods)
    count, width = images.shape[0], images.shape[3]
    right, down = position.sub_(corner).view(2, count, 1, -1)
    columns, rows = corner.view(2, count, 1, -1)
    return Corners(torch.add(columns, rows, alpha=width + 2).long(), right, down)


def pixels_at_corners(bordered: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views (N, C, ...) of images, in which the upper left pixel's index finds each corner.

    In order: upper left, upper right, lower left, lower right.
    """
    width = bordered.shape[3]
    pixels = bordered.flatten(2)
    count = pixels.shape[2] - width - 1
    first, second, third, fourth = (
        pixels.narrow(2, start, count) for start in (0, 1, width, width + 1)
    )
    return first, second, third, fourth
