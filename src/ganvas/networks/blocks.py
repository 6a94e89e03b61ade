"""Layers that the networks share: norms, resampling convolutions, blocks, initial weights.

This module, `convolutions.py` and `grouped.py` import torch. A description imports them inside the
functions that build its network, so the description itself is quick to import.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal, TypeVar, assert_never

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganvas.networks.labels import ConditionalBatchNorm, sequential
from ganvas.networks.network import NormName
from ganvas.networks.sizes import ImageShape

Resampling = Literal["none", "up", "down"]
Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)

RELU_GAIN = math.sqrt(2.0)
"""The gain that keeps the variance through a ReLU, as in the published residual blocks."""
LEAK = 0.2
LEAKY_GAIN = math.sqrt(2.0 / (1.0 + LEAK**2))
"""The gain that keeps the variance through a leaky ReLU of this slope."""


def named_sequential(stages: Mapping[str, nn.Module]) -> nn.Sequential:
    """An `nn.Sequential` with named stages, which state dicts and health messages show."""
    return nn.Sequential(OrderedDict(stages))


# -- Normalisation -------------------------------------------------------------------------------


def image_norm(norm: NormName, channels: int, condition_dim: int = 0) -> nn.Module:
    """Normalisation of (N, C, H, W), with a gain and a bias per channel.

    Above a `condition_dim` of 0, batch normalisation takes a condition (N, condition_dim) too.

    "layer" takes one mean and one variance per sample over (C, H, W), as the critics of Gulrajani
    2017 do (section 4); in torch that is group normalisation with a single group.
    """
    match norm:
        case "none":
            return nn.Identity()
        case "batch":
            if condition_dim:
                return ConditionalBatchNorm(channels, condition_dim)
            return nn.BatchNorm2d(channels)
        case "layer":
            return nn.GroupNorm(1, channels)
        case _:
            assert_never(norm)


def vector_norm(norm: NormName, features: int) -> nn.Module:
    """Normalisation of (N, F), with a gain and a bias per feature."""
    return nn.BatchNorm1d(features) if norm == "batch" else image_norm(norm, features)


# -- Output --------------------------------------------------------------------------------------


def output_range(image: ImageShape) -> nn.Module:
    """The last layer of a fully-connected generator: tanh for images, the identity for points."""
    return nn.Identity() if image.is_point else nn.Tanh()


# -- Initial weights -----------------------------------------------------------------------------


def init_normal_(network: nn.Module, gain_deviation: float = 0.02) -> None:
    """DCGAN's initial weights (Radford 2016, section 4): N(0, 0.02); gains of norms N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm) and module.affine:
            nn.init.normal_(module.weight, 1.0, gain_deviation)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def glorot(layer: Layer, gain: float = 1.0) -> Layer:
    """Draw a layer's weights Glorot-uniform with this gain, set its bias to zero, and return it."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def he_normal(layer: Layer, gain: float = 1.0) -> Layer:
    """Draw a layer's weights N(0, gain^2 / fan-in) (He 2015), set its bias to zero, return it."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


# -- Resampling convolutions ---------------------------------------------------------------------


def neighbour_sums(kernels: Tensor) -> Tensor:
    """Sum every 2x2 neighbourhood of zero-padded kernels: (O, I, 3, 3) -> (O, I, 4, 4)."""
    return F.avg_pool2d(kernels, kernel_size=2, stride=1, padding=1, divisor_override=1)


class UpsamplingConvolution(nn.Conv2d):
    """Nearest-neighbour doubling, then a 3x3 convolution: (N, I, H, W) -> (N, O, 2H, 2W).

    Computed as one 4x4 transposed convolution of stride 2: a doubled image repeats each pixel, so
    the taps that meet the same pixel are summed beforehand. Equal up to rounding, with 16 products
    for 4 outputs instead of 36. Weights keep the 3x3 shape.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1, bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        return F.conv_transpose2d(images, self.kernels(), self.bias, stride=2, padding=1)

    def kernels(self) -> Tensor:
        """The kernels of the transposed convolution: (I, O, 4, 4)."""
        # A transposed convolution reads its kernel backwards and wants (I, O, kH, kW).
        return neighbour_sums(self.weight.flip(2, 3)).transpose(0, 1)

    def as_transposed(self) -> nn.ConvTranspose2d:
        """The same convolution with the sums as its weights, which are no longer trained."""
        folded = nn.ConvTranspose2d(
            self.in_channels,
            self.out_channels,
            kernel_size=4,
            stride=2,
            padding=1,
            bias=self.bias is not None,
            device="meta",  # draws no weights
        )
        folded.weight = nn.Parameter(self.kernels().detach().contiguous(), requires_grad=False)
        if self.bias is not None:
            folded.bias = nn.Parameter(self.bias.detach().clone(), requires_grad=False)
        return folded


def fold_kernels(network: nn.Module) -> nn.Module:
    """The network with spectral norms and sums of kernels computed once and for all, to be used and
    not trained.

    Changes it in place.
    """
    if parametrize.is_parametrized(network, "weight"):
        # Not removed: a copy of a layer shares its class, from which that would take the weight.
        parametrizations = network.get_submodule("parametrizations.weight")
        assert isinstance(parametrizations, parametrize.ParametrizationList)
        parametrizations.original.data = parametrizations().detach()
        parametrizations[0] = nn.Identity()
    for name, child in network.named_children():
        folded = fold_kernels(child)
        if isinstance(folded, UpsamplingConvolution):
            folded = folded.as_transposed()
        setattr(network, name, folded)
    return network


class PoolingConvolution(nn.Conv2d):
    """A 3x3 convolution, then 2x2 average pooling: (N, I, 2H, 2W) -> (N, O, H, W).

    Computed as one 4x4 convolution of stride 2, whose kernel is the average of four shifted ones.
    Equal up to rounding, with 16 products for an output instead of 36.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        kernels = neighbour_sums(self.weight) / 4  # (O, I, 4, 4)
        return F.conv2d(images, kernels, self.bias, stride=2, padding=1)


def convolution(in_channels: int, out_channels: int, resampling: Resampling) -> nn.Conv2d:
    """The 3x3 convolution of a residual block, with a bias (Glorot-uniform, gain sqrt 2)."""
    match resampling:
        case "none":
            layer = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        case "up":
            layer = UpsamplingConvolution(in_channels, out_channels)
        case "down":
            layer = PoolingConvolution(in_channels, out_channels)
        case _:
            assert_never(resampling)
    return glorot(layer, RELU_GAIN)


# -- Residual blocks -----------------------------------------------------------------------------


class Shortcut(nn.Module):
    """The shortcut of a block: the identity, or a 1x1 convolution where the shape changes.

    A 1x1 convolution commutes with pooling and with doubling, so it always runs at the lower of the
    two resolutions; the published networks do it in either order.
    """

    def __init__(self, in_channels: int, out_channels: int, resampling: Resampling) -> None:
        super().__init__()
        self.resampling = resampling
        changes = in_channels != out_channels or resampling != "none"
        self.convolution = (
            glorot(nn.Conv2d(in_channels, out_channels, kernel_size=1))
            if changes
            else nn.Identity()
        )

    def forward(self, images: Tensor) -> Tensor:
        if self.resampling == "down":
            images = F.avg_pool2d(images, 2)
        images = self.convolution(images)
        if self.resampling == "up":
            images = F.interpolate(images, scale_factor=2.0, mode="nearest")
        return images


def inner_channels(
    in_channels: int, out_channels: int, resampling: Resampling, widens_at_once: bool
) -> int:
    """Channels between a block's two convolutions.

    A halving block widens only at its second convolution, as in both papers' code, because the
    first one runs at the full resolution. A block that sees images widens at once: their few
    channels would be a bottleneck.
    """
    return in_channels if resampling == "down" and not widens_at_once else out_channels


class PreactivationBlock(nn.Module):
    """Norm, ReLU, 3x3, norm, ReLU, 3x3, plus the shortcut (Gulrajani 2017, app. F; Miyato 2018).

    (N, in_channels, H, W) -> (N, out_channels, H', W'): H' is 2H up, H / 2 down, else H.

    Args:
        resampling: "up" doubles before the first convolution, "down" pools after the second; the
            shortcut does the same.
        residual: False omits the shortcut and keeps everything else.
        sees_images: the block is a discriminator's first; it neither normalises nor rectifies
            its input, which is an image (the "optimized" block of both papers' code).
        condition_dim: above 0 the block is called with a condition (N, condition_dim) too.
        widens_at_once: a halving block widens at its first convolution, as in Brock 2019.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resampling: Resampling,
        norm: NormName,
        *,
        residual: bool,
        sees_images: bool = False,
        condition_dim: int = 0,
        widens_at_once: bool = False,
    ) -> None:
        super().__init__()
        inner = inner_channels(in_channels, out_channels, resampling, sees_images or widens_at_once)
        self.enter = (
            nn.Identity()
            if sees_images
            else sequential(image_norm(norm, in_channels, condition_dim), nn.ReLU())
        )
        self.convolution1 = convolution(in_channels, inner, "up" if resampling == "up" else "none")
        self.between = sequential(image_norm(norm, inner, condition_dim), nn.ReLU(inplace=True))
        self.convolution2 = convolution(
            inner, out_channels, "down" if resampling == "down" else "none"
        )
        self.shortcut = Shortcut(in_channels, out_channels, resampling) if residual else None

    def forward(self, images: Tensor, *condition: Tensor) -> Tensor:
        inner = self.convolution1(self.enter(images, *condition))
        outer: Tensor = self.convolution2(self.between(inner, *condition))
        return outer if self.shortcut is None else outer + self.shortcut(images)


class PostactivationBlock(nn.Module):
    """The tutorial's block: 3x3, norm, ReLU, 3x3, norm, plus the shortcut, ReLU (He 2016).

    Shapes and arguments as in `PreactivationBlock`. The tutorial prints it for equal shapes only;
    where the resolution changes, doubling and pooling belong to the convolutions, before the norms.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resampling: Resampling,
        norm: NormName,
        *,
        residual: bool,
        sees_images: bool = False,
        condition_dim: int = 0,
    ) -> None:
        super().__init__()
        inner = inner_channels(in_channels, out_channels, resampling, sees_images)
        self.convolution1 = convolution(in_channels, inner, "up" if resampling == "up" else "none")
        self.between = sequential(image_norm(norm, inner, condition_dim), nn.ReLU(inplace=True))
        self.convolution2 = convolution(
            inner, out_channels, "down" if resampling == "down" else "none"
        )
        self.norm = image_norm(norm, out_channels, condition_dim)
        self.shortcut = Shortcut(in_channels, out_channels, resampling) if residual else None

    def forward(self, images: Tensor, *condition: Tensor) -> Tensor:
        inner = self.convolution1(images)
        outer: Tensor = self.convolution2(self.between(inner, *condition))
        outer = self.norm(outer, *condition)
        return torch.relu(outer if self.shortcut is None else outer + self.shortcut(images))


class SumPool(nn.Module):
    """Sum over the grid: (N, C, H, W) -> (N, C)."""

    def forward(self, images: Tensor) -> Tensor:
        return images.sum(dim=(2, 3))


class MeanPool(nn.Module):
    """Mean over the grid: (N, C, H, W) -> (N, C)."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean(dim=(2, 3))
