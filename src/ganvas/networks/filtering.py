"""Fixed filters of images, the same at every step: bilinear resampling and smoothing.

torch computes the second derivative of a grouped convolution one group at a time, and that of its
kernels too where nothing asks for it. Penalties on gradients need it, so it is written out here.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor


def bilinear_filter() -> Tensor:
    """[1, 3, 3, 1] in both directions, of sum 1: (1, 1, 4, 4)."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(taps, taps)[None, None]


def filter_channels(images: Tensor, kernels: Tensor, stride: int, padding: int) -> Tensor:
    """Convolve each channel with a kernel of its own; differentiable in the images alone.

    Args:
        images: (N, C, H, W).
        kernels: (C, 1, k, k), without gradients.
        stride, padding: of the convolution, in both directions.
    """
    if torch.compiler.is_compiling() or not images.requires_grad:
        return F.conv2d(images, kernels, None, stride, padding, groups=len(kernels))
    filtered: Tensor = Filtering.apply(images, kernels, stride, padding)  # type: ignore[no-untyped-call]
    return filtered


class Filtering(torch.autograd.Function):
    """A filter for each channel, differentiable any number of times (`Unfiltering`)."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, kernels: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(images, kernels)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(images, kernels, None, stride, padding, groups=len(kernels))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        images, kernels = ctx.saved_tensors
        back = Unfiltering.apply(gradient, images.detach(), kernels, ctx.stride, ctx.padding)  # type: ignore[no-untyped-call]
        return back, None, None, None


class Unfiltering(torch.autograd.Function):
    """The derivative of `Filtering`. Both are linear, so each is the derivative of the other."""

    @staticmethod
    def forward(
        ctx: Any, gradient: Tensor, images: Tensor, kernels: Tensor, stride: int, padding: int
    ) -> Tensor:
        """The gradient at the images, of which only the shape and the memory layout count."""
        ctx.save_for_backward(kernels)
        ctx.stride, ctx.padding = stride, padding
        gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            gradient,
            images,
            kernels,
            None,
            (stride, stride),
            (padding, padding),
            (1, 1),
            False,
            (0, 0),
            len(kernels),
            (True, False, False),
        )
        return gradients[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (kernels,) = ctx.saved_tensors
        forth = Filtering.apply(gradient, kernels, ctx.stride, ctx.padding)  # type: ignore[no-untyped-call]
        return forth, None, None, None, None
