"""Images resampled, coloured and cut, all at once, and gradients on the way back.

Each image is changed by an affine function of its pixels. So the derivative is the transpose of its
linear part, whose derivative is that linear part again. Written out, autograd starts one operation
instead of many, and keeps no image.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganvas.objectives.resampling import add_resampled, resample


class Change(NamedTuple):
    """What is done to each of N images, in this order."""

    affine: Tensor
    """(3, 2, N, 1), from where pixels are taken, see `resample`."""
    matrix: Tensor
    """(N, C, C), what the channels of a pixel are multiplied by."""
    offset: Tensor
    """(N, C, 1) or (N, 1, 1), what is added to them."""
    mask: Tensor
    """(N, 1, H W), what all channels of a pixel are multiplied by at last."""


def change_images(images: Tensor, change: Change) -> Tensor:
    """Change images (N, C, H, W); differentiable any number of times in the images."""
    changed: Tensor = _Change.apply(images, change)  # type: ignore[no-untyped-call]
    return changed


class _Change(torch.autograd.Function):
    """Images (N, C, H, W) -> changed images."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, change: Change) -> Tensor:
        ctx.change = change
        values = resample(images.contiguous(), change.affine).flatten(2)
        values = torch.baddbmm(change.offset, change.matrix, values).mul_(change.mask)
        return values.view(images.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Transposed.apply(gradient, ctx.change), None  # type: ignore[no-untyped-call]


class _Transposed(torch.autograd.Function):
    """The transpose of the linear part of `_Change`."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, change: Change) -> Tensor:
        ctx.change = change
        values = torch.bmm(change.matrix.mT, gradient.contiguous().flatten(2) * change.mask)
        return add_resampled(values.view(gradient.shape), change.affine)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        linear = ctx.change._replace(offset=torch.zeros_like(ctx.change.offset))
        return _Change.apply(gradient, linear), None  # type: ignore[no-untyped-call]
