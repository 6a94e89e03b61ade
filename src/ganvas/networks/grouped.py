"""Layers of Huang 2024 (R3GAN): grouped blocks, bilinear resampling, one weight per grid position.

Imports torch, like `blocks.py`, so descriptions import it only inside the functions that build.
"""

from __future__ import annotations

import math

import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.networks.blocks import LEAK, LEAKY_GAIN, he_normal, named_sequential
from ganvas.networks.filtering import bilinear_filter, filter_channels
from ganvas.precision import without_autocast


def match_channels(in_channels: int, out_channels: int) -> nn.Module:
    """A 1x1 convolution without a bias if the number of channels changes, else the identity."""
    if in_channels == out_channels:
        return nn.Identity()
    return he_normal(nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False))


class Bilinear(nn.Module):
    """Base of doubling and halving: a filter, and a 1x1 convolution if the channels change.

    The filter is never applied in bfloat16: on a CPU its gradient took 7 to 20 times as long.
    """

    filter: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = match_channels(in_channels, out_channels)
        self.register_buffer("filter", bilinear_filter(), persistent=False)


class BilinearDoubling(Bilinear):
    """A 1x1 convolution if channels change, then bilinear: (N, I, H, W) -> (N, O, 2H, 2W).

    Pixels beyond the border count as zeros; `F.interpolate` would repeat the last pixel.
    """

    def forward(self, images: Tensor) -> Tensor:
        images = self.convolution(images)
        channels = images.shape[1]
        kernels = (4 * self.filter).expand(
            channels, 1, 4, 4
        )  # a quarter of the taps reach each pixel
        with without_autocast(images):
            images = images.to(kernels.dtype)
            return F.conv_transpose2d(images, kernels, stride=2, padding=1, groups=channels)


class BilinearHalving(Bilinear):
    """Bilinear with an antialiasing filter, then 1x1: (N, I, 2H, 2W) -> (N, O, H, W)."""

    def forward(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        kernels = self.filter.expand(channels, 1, 4, 4)
        with without_autocast(images):
            images = images.to(kernels.dtype)
            halved = filter_channels(images, kernels, stride=2, padding=1)
        outputs: Tensor = self.convolution(halved)
        return outputs


class LearnedConstant(nn.ConvTranspose2d):
    """Multiplies each channel by a learned grid: (N, C, 1, 1) -> (N, C, H, W).

    This is a depthwise transposed convolution, computed as one product.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__(channels, channels, grid, groups=channels, bias=False)

    def forward(self, scales: Tensor, output_size: list[int] | None = None) -> Tensor:
        return scales * self.weight[:, 0]


class WeightedPool(nn.Conv2d):
    """A weighted sum over the grid of each channel: (N, C, H, W) -> (N, C, 1, 1).

    This is a depthwise convolution over the whole grid, computed as a product and a sum, because
    torch computes the second derivative of a grouped convolution one group at a time.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__(channels, channels, grid, groups=channels, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images * self.weight[:, 0]).sum((2, 3), keepdim=True)


class GroupedBlock(nn.Module):
    """x + f(x) with f = 1x1, leaky ReLU, grouped 3x3, leaky ReLU, 1x1; the shape stays.

    Initial weights by fix-up (Zhang 2019): the last convolution is zero, so that the block starts
    as the identity, and the two before it are scaled by depth^(-1/4). Only convolutions before an
    activation have biases.

    Args:
        channels: of input and output; twice as many inside.
        group_channels: channels per group; if they do not divide the inner channels, the largest
            common divisor is taken.
        depth: number of blocks in the whole network.
    """

    EXPANSION = 2

    def __init__(self, channels: int, group_channels: int, depth: int) -> None:
        super().__init__()
        inner = self.EXPANSION * channels
        groups = inner // math.gcd(inner, group_channels)
        gain = LEAKY_GAIN * depth**-0.25
        spatial = nn.Conv2d(inner, inner, kernel_size=3, padding=1, groups=groups)
        narrow = nn.Conv2d(inner, channels, kernel_size=1, bias=False)
        nn.init.zeros_(narrow.weight)
        self.body = named_sequential(
            {
                "widen": he_normal(nn.Conv2d(channels, inner, kernel_size=1), gain),
                "activation1": nn.LeakyReLU(LEAK, inplace=True),
                "spatial": he_normal(spatial, gain),
                "activation2": nn.LeakyReLU(LEAK, inplace=True),
                "narrow": narrow,
            }
        )

    def forward(self, images: Tensor) -> Tensor:
        residual: Tensor = self.body(images)
        return images + residual
