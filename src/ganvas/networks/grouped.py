"""Layers of Huang 2024 (R3GAN): grouped blocks, bilinear resampling, one weight for each place.

Imported like `blocks.py` by the functions that build networks.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F  # noqa: N812  (its name wherever torch is read)
from torch import Tensor, nn

from ganvas.networks.blocks import LEAK, LEAKY_GAIN, he_normal, named_sequential


def bilinear_filter() -> Tensor:
    """[1, 3, 3, 1] in both directions, of sum 1: (1, 1, 4, 4)."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(taps, taps)[None, None]


def widening(in_channels: int, out_channels: int) -> nn.Module:
    """A 1x1 convolution without a bias where the number of channels changes, else nothing."""
    if in_channels == out_channels:
        return nn.Identity()
    return he_normal(nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False))


def in_own_numbers(images: Tensor) -> AbstractContextManager[None]:
    """Where nothing is cast to bfloat16.

    In it the gradient of a filter of each channel by itself takes a CPU 7 to 20 times as long.
    """
    if images.is_meta:  # where only shapes are of interest
        return nullcontext()
    return torch.autocast(images.device.type, enabled=False)


class Bilinear(nn.Module):
    """What doubling and halving have: a filter, and a 1x1 convolution where the width changes."""

    filter: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.convolution = widening(in_channels, out_channels)
        self.register_buffer("filter", bilinear_filter(), persistent=False)


class BilinearDoubling(Bilinear):
    """A 1x1 convolution if it widens, then bilinear: (N, I, H, W) -> (N, O, 2H, 2W).

    Zeros lie beyond the border, where `F.interpolate` repeats the last pixel.
    """

    def forward(self, images: Tensor) -> Tensor:
        images = self.convolution(images)
        channels = images.shape[1]
        kernels = (4 * self.filter).expand(channels, 1, 4, 4)  # a quarter of the taps meet a pixel
        with in_own_numbers(images):
            images = images.to(kernels.dtype)
            return F.conv_transpose2d(images, kernels, stride=2, padding=1, groups=channels)


class BilinearHalving(Bilinear):
    """Bilinear with an antialiasing filter, then 1x1: (N, I, 2H, 2W) -> (N, O, H, W)."""

    def forward(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        kernels = self.filter.expand(channels, 1, 4, 4)
        with in_own_numbers(images):
            images = images.to(kernels.dtype)
            halved = F.conv2d(images, kernels, stride=2, padding=1, groups=channels)
        made: Tensor = self.convolution(halved)
        return made


class LearnedConstant(nn.ConvTranspose2d):
    """Times a learned grid for each channel: (N, C, 1, 1) -> (N, C, H, W).

    A transposed convolution of each channel by itself, computed as the one product that it is.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__(channels, channels, grid, groups=channels, bias=False)

    def forward(self, numbers: Tensor, output_size: list[int] | None = None) -> Tensor:
        return numbers * self.weight[:, 0]


class WeightedPool(nn.Conv2d):
    """Sums each channel over the grid with weights of its own: (N, C, H, W) -> (N, C, 1, 1).

    A convolution of each channel by itself over the whole grid, computed as a product and a sum:
    torch goes back through the gradient of a grouped convolution one group at a time.
    """

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__(channels, channels, grid, groups=channels, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images * self.weight[:, 0]).sum((2, 3), keepdim=True)


class GroupedBlock(nn.Module):
    """What it sees plus 1x1, leaky ReLU, grouped 3x3, leaky ReLU, 1x1 of it; keeps the shape.

    First weights by fix-up (Zhang 2019): the last convolution is zero, so that the block starts as
    the identity, and the two before it are scaled by depth^(-1/4). Biases only before activations.

    Args:
        channels: of input and output; twice as many inside.
        group_channels: of a group; where they do not divide the inside, their largest common
            divisor is taken.
        depth: blocks of the whole network.
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
        inside: Tensor = self.body(images)
        return images + inside
