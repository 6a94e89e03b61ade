"""torch's convolutions, whose weights' gradients a CPU finds by im2col where that is faster.

im2col (Chellapilla 2006): the patches that a kernel is laid over become the rows of a matrix, and
what is summed over all places and images becomes one product. In bfloat16 on AVX-512 that was 1.3
to 6.6 times as fast as the library's own way wherever a wide kernel is laid down in few places,
which is where a GAN's networks have most of their weights (docs/speed.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name that everybody gives it
from torch import Tensor, nn

from ganvas.precision import has_avx512_alone

FEW = 16
"""Places that a kernel is laid down in; from 8x8 on the patches take longer than they save."""
WIDE = 128
"""Channels on both sides of a convolution, below which Python takes what the product saves."""


class Convolution(nn.Conv2d):
    """(N, I, H, W) -> (N, O, H', W'), without groups, dilation and padding in words."""

    def forward(self, images: Tensor) -> Tensor:
        assert isinstance(self.padding, tuple)
        grid = Grid(self.stride, self.padding, transposed=False)
        return grid.convolve(images, self.weight, self.bias)


class TransposedConvolution(nn.ConvTranspose2d):
    """(N, I, H, W) -> (N, O, H', W'), without groups, dilation and output padding."""

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert isinstance(self.padding, tuple)
        grid = Grid(self.stride, self.padding, transposed=True)
        return grid.convolve(images, self.weight, self.bias)


@dataclass(frozen=True)
class Grid:
    """Where a kernel is laid down: rows and columns of each."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    transposed: bool

    def convolve(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution, whose weight gets its gradient in the faster way."""
        if self.gains(inputs, weight):
            tensors = (None if one is None else one.bfloat16() for one in (inputs, weight, bias))
            convolved: Tensor = ByIm2col.apply(*tensors, self)  # type: ignore[no-untyped-call]
            return convolved
        return self.plain(inputs, weight, bias)

    def plain(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """torch's own."""
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        return convolve(inputs, weight, bias, self.stride, self.padding)

    def gains(self, inputs: Tensor, weight: Tensor) -> bool:
        """Whether the weight's gradient is asked for, and found faster by im2col.

        AMX has other kernels, on which nobody measured it, and so has what the compiler makes.
        """
        wanted = weight.requires_grad and torch.is_grad_enabled()
        if not wanted or inputs.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        in_bfloat16 = (
            torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        )
        if not in_bfloat16 or not has_avx512_alone():
            return False
        return min(weight.shape[:2]) >= WIDE and self.places(inputs, weight) <= FEW

    def places(self, inputs: Tensor, weight: Tensor) -> int:
        """How often the kernel is laid down in an image."""
        if self.transposed:
            return math.prod(inputs.shape[2:])
        sizes = zip(inputs.shape[2:], weight.shape[2:], self.stride, self.padding, strict=True)
        return math.prod((side + 2 * pad - kernel) // step + 1 for side, kernel, step, pad in sizes)

    def input_gradient(self, inputs: Tensor, slope: Tensor, weight: Tensor) -> Tensor:
        """From the slope at the outputs, as torch finds it by itself."""
        found: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            slope,
            inputs,
            weight,
            None,
            self.stride,
            self.padding,
            (1, 1),
            self.transposed,
            (0, 0),
            1,
            (True, False, False),
        )
        return found[0]

    def weight_gradient(self, inputs: Tensor, slope: Tensor, weight: Tensor) -> Tensor:
        """From the inputs and the slope at the outputs (N, C, H, W each), shaped like the weight.

        Of the two, `many` has a patch of numbers where `few` has one.
        """
        few, many = (inputs, slope) if self.transposed else (slope, inputs)
        height, width = weight.shape[2:]
        rows = few.permute(0, 2, 3, 1).flatten(0, 2)  # (N * places, channels)
        product = rows.t() @ self.patches(many, height, width)
        return product.view(len(product), height, width, -1).permute(0, 3, 1, 2)

    def patches(self, pixels: Tensor, height: int, width: int) -> Tensor:
        """(N, C, H, W) -> (N * places, height * width * C): what lies under the kernel in each."""
        over, beside = self.padding
        padded = F.pad(pixels.permute(0, 2, 3, 1), (0, 0, beside, beside, over, over))
        under = padded.unfold(1, height, self.stride[0]).unfold(2, width, self.stride[1])
        return under.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)


class ByIm2col(torch.autograd.Function):
    """torch's convolution, but for the gradient of its weight. Differentiable as often as it is."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, grid: Grid
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.grid = grid
        return grid.plain(inputs, weight, bias)

    @staticmethod
    def backward(
        ctx: Any, slope: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        inputs, weight = ctx.saved_tensors
        grid = ctx.grid
        for_inputs, for_weight, for_bias, _ = ctx.needs_input_grad
        of_inputs = grid.input_gradient(inputs, slope, weight) if for_inputs else None
        of_weight = grid.weight_gradient(inputs, slope, weight) if for_weight else None
        return of_inputs, of_weight, slope.sum((0, 2, 3)) if for_bias else None, None
