"""A transform of images: resampled, coloured and cut at once, and gradients on the way back.

Each image is transformed by an affine function of its pixels. So the derivative is the transpose of
its linear part, whose derivative is that linear part again. Written out, autograd starts one
operation instead of many, and keeps no image.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganvas.objectives.resampling import add_resampled, resample


class ImageTransform(NamedTuple):
    """What is done to each of N images, in this order."""

    affine: Tensor
    """(3, 2, N, 1), from where pixels are taken, see `resample`."""
    matrix: Tensor
    """(N, C, C), what the channels of a pixel are multiplied by."""
    offset: Tensor
    """(N, C, 1) or (N, 1, 1), what is added to them."""
    mask: Tensor
    """(N, 1, H W), what all channels of a pixel are multiplied by at last."""


def transform_images(images: Tensor, transform: ImageTransform) -> Tensor:
    """Transform images (N, C, H, W); differentiable any number of times in the images."""
    transformed: Tensor = _Transform.apply(images, transform)  # type: ignore[no-untyped-call]
    return transformed


class _Transform(torch.autograd.Function):
    """Images (N, C, H, W) -> transformed images."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, transform: ImageTransform) -> Tensor:
        ctx.transform = transform
        values = resample(images.contiguous(), transform.affine).flatten(2)
        values = torch.baddbmm(transform.offset, transform.matrix, values).mul_(transform.mask)
        return values.view(images.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Transposed.apply(gradient, ctx.transform), None  # type: ignore[no-untyped-call]


class _Transposed(torch.autograd.Function):
    """The transpose of the linear part of `_Transform`."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, transform: ImageTransform) -> Tensor:
        ctx.transform = transform
        values = torch.bmm(transform.matrix.mT, gradient.contiguous().flatten(2) * transform.mask)
        return add_resampled(values.view(gradient.shape), transform.affine)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        linear = ctx.transform._replace(offset=torch.zeros_like(ctx.transform.offset))
        return _Transform.apply(gradient, linear), None  # type: ignore[no-untyped-call]
