"""Bilinear resampling of images under affine maps, with reflection beyond the edges.

Written with `gather`, because torch's grid_sample is not twice differentiable and, on CUDA, not
deterministic. Memory traffic takes the time, so positions are computed in place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor

from ganvas.objectives.augment_random import grid_of

VALUES_AT_ONCE = 3 * 2**16
"""Values to resample at once on CPUs, about: 16 colour images of 64x64. What lies in between then
stays in the cache (docs/few-images.md)."""


class Corners(NamedTuple):
    """The four pixels between which each pixel of the result lies, and how far between them."""

    first: Tensor
    """int64 (N, 1, H W), the upper left one in images with a border of one pixel."""
    right: Tensor
    """(N, 1, H W), distance from the left ones, 0 to 1."""
    down: Tensor
    """(N, 1, H W), distance from the upper ones."""


def resample(images: Tensor, affine: Tensor) -> Tensor:
    """Apply affine maps to images (N, C, H, W); differentiable any number of times in the images.

    Whole pixels are moved exactly.

    Args:
        affine: (3, 2, N), in pixels to the right and down: how far the source moves with a pixel to
            the right, with a pixel down, and how far the source of the centre is from the centre.
    """
    count = len(images)
    if images.device.type == "cpu":
        count = max(1, VALUES_AT_ONCE // images[0].numel())
    resampled: list[Tensor] = [
        _Resample.apply(part, corners_of(part, maps))  # type: ignore[no-untyped-call]
        for part, maps in zip(
            torch.split(images, count), torch.split(affine, count, 2), strict=True
        )
    ]
    return torch.cat(resampled) if len(resampled) > 1 else resampled[0]


def corners_of(images: Tensor, affine: Tensor) -> Corners:
    """Where the pixels of the result come from.

    Reflection at the outer edges makes a position periodic and even: its distance from the nearest
    multiple of twice the side, 0 to the side.
    """
    grid = grid_of(images)
    side = grid.size[:, None, None, None]
    x, y, shift = affine[..., None, None]  # (2, N, 1, 1)
    # From the upper left corner of the image.
    position = x * grid.x + (y * grid.y).add_(shift).add_(side / 2)  # (2, N, H, W)
    periods = (position / (2 * side)).round_()
    position.addcmul_(periods, side, value=-2).abs_()
    position.add_(0.5)  # from the middle of the first pixel of the border
    corner = torch.floor(position, out=periods)
    right, down = position.sub_(corner).flatten(2)[:, :, None]
    columns, rows = corner.flatten(2)[:, :, None]
    return Corners(torch.add(columns, rows, alpha=images.shape[3] + 2).long(), right, down)


class _Resample(torch.autograd.Function):
    """Images (N, C, H, W) -> resampled images. A linear map: its derivative is its transpose."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, corners: Corners) -> Tensor:
        ctx.corners = corners
        first, right, down = corners
        index = first.expand(-1, images.shape[1], -1)
        bordered = F.pad(images.contiguous(), (1, 1, 1, 1), mode="replicate")
        upper_left, upper_right, lower_left, lower_right = pixels_at_corners(bordered)

        def between(left_pixels: Tensor, right_pixels: Tensor) -> Tensor:
            return left_pixels.gather(2, index).lerp_(right_pixels.gather(2, index), right)

        upper = between(upper_left, upper_right)
        return upper.lerp_(between(lower_left, lower_right), down).view(images.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _ResampleTransposed.apply(gradient, ctx.corners), None  # type: ignore[no-untyped-call]


class _ResampleTransposed(torch.autograd.Function):
    """The transpose of `_Resample`: each pixel is added to the four between which it was taken."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, corners: Corners) -> Tensor:
        ctx.corners = corners
        first, right, down = corners
        count, channels, height, width = gradient.shape
        index = first.expand(-1, channels, -1)
        bordered = gradient.new_zeros(count, channels, height + 2, width + 2)
        upper_left, upper_right, lower_left, lower_right = pixels_at_corners(bordered)

        def add_between(left_pixels: Tensor, right_pixels: Tensor, part: Tensor) -> None:
            of_right = part * right
            right_pixels.scatter_add_(2, index, of_right)
            left_pixels.scatter_add_(2, index, part.sub_(of_right))

        upper = gradient.contiguous().flatten(2)
        lower = upper * down
        upper = upper - lower
        add_between(upper_left, upper_right, upper)
        add_between(lower_left, lower_right, lower)
        # The border repeats the pixels beside it.
        bordered[:, :, 1] += bordered[:, :, 0]
        bordered[:, :, -2] += bordered[:, :, -1]
        bordered[..., 1] += bordered[..., 0]
        bordered[..., -2] += bordered[..., -1]
        return bordered[:, :, 1:-1, 1:-1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Resample.apply(gradient, ctx.corners), None  # type: ignore[no-untyped-call]


def pixels_at_corners(bordered: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Views (N, C, ...) of images, in which the upper left pixel's index finds each corner.

    In order: upper left, upper right, lower left, lower right.
    """
    width = bordered.shape[3]
    pixels = bordered.flatten(2)
    count = pixels.shape[2] - width - 1
    first, second, third, fourth = (
        pixels[:, :, start : start + count] for start in (0, 1, width, width + 1)
    )
    return first, second, third, fourth
