"""Convolutions that compute the weight's gradient by im2col on CPUs where that is faster.

im2col (Chellapilla 2006): the patches under the kernel become the rows of a matrix, so that the
sum over all positions and images is one matrix product. In bfloat16 on AVX-512 it was 1.3 to 6.6
times as fast as torch's own gradient for kernels with many channels and few positions, where a
GAN's networks have most of their weights (docs/speed.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.precision import has_avx512_without_amx

MOST_POSITIONS = 16
"""Most positions of a kernel for im2col; from 8x8 on, the patches cost more than they save."""
FEWEST_CHANNELS = 128
"""Fewest input and output channels; with fewer, Python's overhead exceeds the gain.

A kernel with one position, as from latents to a grid, is a matrix product, and gains with any
number: 1.3 times with 8 and 32 channels, 10 times with 100 and 256.
"""


class Convolution(nn.Conv2d):
    """(N, I, H, W) -> (N, O, H', W'), without groups, dilation or a padding mode."""

    def forward(self, images: Tensor) -> Tensor:
        assert isinstance(self.padding, tuple)
        geometry = ConvolutionGeometry(self.stride, self.padding, transposed=False)
        return geometry.convolve(images, self.weight, self.bias)


class TransposedConvolution(nn.ConvTranspose2d):
    """(N, I, H, W) -> (N, O, H', W'), without groups, dilation or output padding."""

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        assert isinstance(self.padding, tuple)
        geometry = ConvolutionGeometry(self.stride, self.padding, transposed=True)
        return geometry.convolve(images, self.weight, self.bias)


@dataclass(frozen=True)
class ConvolutionGeometry:
    """Stride and padding of a convolution, each as (rows, columns)."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    transposed: bool

    def convolve(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution, with the faster way to compute the weight's gradient."""
        if self.im2col_is_faster(inputs, weight):
            operands = (inputs, weight, bias)
            rounded = (None if tensor is None else tensor.bfloat16() for tensor in operands)
            outputs: Tensor = Im2colConvolution.apply(*rounded, self)  # type: ignore[no-untyped-call]
            return outputs
        return self.convolve_by_torch(inputs, weight, bias)

    def convolve_by_torch(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """torch's own convolution."""
        convolve = F.conv_transpose2d if self.transposed else F.conv2d
        return convolve(inputs, weight, bias, self.stride, self.padding)

    def im2col_is_faster(self, inputs: Tensor, weight: Tensor) -> bool:
        """Whether the weight's gradient is needed, and im2col computes it faster.

        Measured on AVX-512 only: AMX and the compiler use other kernels.
        """
        needs_gradient = weight.requires_grad and torch.is_grad_enabled()
        if not needs_gradient or inputs.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        in_bfloat16 = (
            torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        )
        if not in_bfloat16 or not has_avx512_without_amx():
            return False
        positions = self.positions(inputs, weight)
        wide = min(weight.shape[:2]) >= FEWEST_CHANNELS
        return positions == 1 or (wide and positions <= MOST_POSITIONS)

    def positions(self, inputs: Tensor, weight: Tensor) -> int:
        """Number of positions of the kernel in an image."""
        if self.transposed:
            return math.prod(inputs.shape[2:])
        sizes = zip(inputs.shape[2:], weight.shape[2:], self.stride, self.padding, strict=True)
        return math.prod((side + 2 * pad - kernel) // step + 1 for side, kernel, step, pad in sizes)

    def input_gradient(self, inputs: Tensor, grad_outputs: Tensor, weight: Tensor) -> Tensor:
        """The gradient of the inputs, by torch's own kernel."""
        gradients: tuple[Tensor, ...] = torch.ops.aten.convolution_backward(
            grad_outputs,
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
        return gradients[0]

    def weight_gradient(self, inputs: Tensor, grad_outputs: Tensor, weight: Tensor) -> Tensor:
        """The weight's gradient, from inputs and the outputs' gradient, (N, C, H, W) each.

        `coarse` has one pixel for each position of the kernel, `fine` the patch under it.
        """
        coarse, fine = (inputs, grad_outputs) if self.transposed else (grad_outputs, inputs)
        height, width = weight.shape[2:]
        rows = coarse.permute(0, 2, 3, 1).flatten(0, 2)  # (N * positions, channels)
        product = rows.t() @ self.patches(fine, height, width)
        return product.view(len(product), height, width, -1).permute(0, 3, 1, 2)

    def patches(self, pixels: Tensor, height: int, width: int) -> Tensor:
        """(N, C, H, W) -> (N * positions, height * width * C): the pixels under the kernel."""
        rows, columns = self.padding
        padded = F.pad(pixels.permute(0, 2, 3, 1), (0, 0, columns, columns, rows, rows))
        windows = padded.unfold(1, height, self.stride[0]).unfold(2, width, self.stride[1])
        return windows.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)


class Im2colConvolution(torch.autograd.Function):
    """torch's convolution, except for the gradient of its weight; twice differentiable too."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        geometry: ConvolutionGeometry,
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.geometry = geometry
        return geometry.convolve_by_torch(inputs, weight, bias)

    @staticmethod
    def backward(
        ctx: Any, grad_outputs: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        inputs, weight = ctx.saved_tensors
        geometry = ctx.geometry
        needs_input, needs_weight, needs_bias, _ = ctx.needs_input_grad
        input_grad = weight_grad = bias_grad = None
        if needs_input:
            input_grad = geometry.input_gradient(inputs, grad_outputs, weight)
        if needs_weight:
            weight_grad = geometry.weight_gradient(inputs, grad_outputs, weight)
        if needs_bias:
            bias_grad = grad_outputs.sum((0, 2, 3))
        return input_grad, weight_grad, bias_grad, None
