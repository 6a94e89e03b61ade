"""Layers of FastGAN (Liu 2021): skip-layer excitation, fixed noise, two scales, decoders.

Imports torch. `fastgan.py` describes the networks that are made of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import Tensor, nn

from ganvas.networks.blocks import LEAK, UpsamplingConvolution, image_norm
from ganvas.networks.labels import Stages, sequential
from ganvas.networks.network import NormName

Grid = tuple[int, int]


class Beside(nn.Sequential):
    """Modules in order, beside the longest path from input to output (probes of depth skip it)."""


class OnSphere(nn.Module):
    """Latents (N, Z) -> the same directions at length sqrt(Z), as most have anyway (Sauer 2021)."""

    def forward(self, latents: Tensor) -> Tensor:
        return F.normalize(latents) * math.sqrt(latents.shape[1])


class FixedNoise(nn.Module):
    """Adds one map of normal noise to all channels, times a learned strength that starts at 0.

    Liu 2021 draws new noise for every image. Here it is drawn once, with the weights, and is part
    of the network: so an image stays a function of its latents, wherever it is made (StyleGAN's
    code calls this constant noise).
    """

    noise: Tensor
    """(1, 1, H, W)"""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.register_buffer("noise", torch.randn(1, 1, *grid))
        self.strength = nn.Parameter(torch.zeros(1))

    @property
    def added(self) -> Tensor:
        """What it adds to every channel of every image, (1, 1, H, W)."""
        return self.strength * self.noise

    def forward(self, images: Tensor) -> Tensor:
        return images + self.added.to(images.dtype)


# -- Skip-layer excitation -----------------------------------------------------------------------


class Excitation(Beside):
    """The gates of an earlier map: (N, in_channels, H, W) -> (N, out_channels, 1, 1), in (0, 1).

    Liu 2021, section 3.1: pooling to a small grid, a convolution of that grid's size, an
    activation, a 1x1 convolution and a sigmoid. Activation and missing biases are the code's.
    """

    def __init__(self, in_channels: int, out_channels: int, grid: Grid, pooling: int) -> None:
        super().__init__(
            nn.AvgPool2d(pooling) if pooling > 1 else nn.Identity(),
            nn.Conv2d(in_channels, out_channels, grid, bias=False),
            nn.SiLU(),
            nn.Conv2d(out_channels, out_channels, kernel_size=1, bias=False),
            nn.Sigmoid(),
        )


class Excited(nn.Module):
    """A stage whose channels are multiplied by the gates of an earlier map (Liu 2021, eq. 1)."""

    def __init__(self, stage: nn.Module, excitation: Excitation) -> None:
        super().__init__()
        self.stage = stage
        self.excitation = excitation

    def forward(self, images: Tensor, earlier: Tensor, *condition: Tensor) -> Tensor:
        excited: Tensor = self.stage(images, *condition) * self.excitation(earlier)
        return excited


def maps_of(
    stages: Iterable[nn.Module], images: Tensor, skip: int, *condition: Tensor
) -> list[Tensor]:
    """The input and what each stage makes of it, in order.

    An `Excited` stage takes the map `skip` before its own too.
    """
    maps = [images]
    for stage in stages:
        earlier = [maps[-skip]] if isinstance(stage, Excited) else []
        maps.append(stage(maps[-1], *earlier, *condition))
    return maps


class ExcitedStages(Stages):
    """Stages in order, some of them `Excited`; all take the condition, if there is one."""

    def __init__(self, stages: Mapping[str, nn.Module], skip: int) -> None:
        super().__init__(stages)
        self.skip = skip

    def forward(self, images: Tensor, *condition: Tensor) -> Tensor:
        return maps_of(self.children(), images, self.skip, *condition)[-1]


# -- Generator -----------------------------------------------------------------------------------


def gated(
    convolution: nn.Conv2d | nn.ConvTranspose2d, norm: NormName, *, condition_dim: int = 0
) -> list[nn.Module]:
    """A convolution, its norm, and a gated linear unit, which halves the channels (Dauphin 2017).

    GLU(a, b) = a * sigmoid(b), with a the first half of the channels.
    """
    channels = convolution.out_channels
    return [convolution, image_norm(norm, channels, condition_dim), nn.GLU(dim=1)]


def doubling_stage(
    in_channels: int, out_channels: int, grid: Grid, *, double: bool, condition_dim: int
) -> nn.Module:
    """Nearest-neighbour doubling, 3x3, batch norm, GLU; `double` adds a second convolution.

    Both of a double stage have noise before their norms (the published code's UpBlockComp).

    Args:
        grid: of the result.
    """
    first = UpsamplingConvolution(in_channels, 2 * out_channels, bias=False)
    convolution, *rest = gated(first, "batch", condition_dim=condition_dim)
    if not double:
        return sequential(convolution, *rest)
    second = nn.Conv2d(out_channels, 2 * out_channels, kernel_size=3, padding=1, bias=False)
    again, *rest_again = gated(second, "batch", condition_dim=condition_dim)
    return sequential(convolution, FixedNoise(grid), *rest, again, FixedNoise(grid), *rest_again)


# -- Discriminator -------------------------------------------------------------------------------


def rectified(convolution: nn.Conv2d, norm: NormName) -> list[nn.Module]:
    """A convolution, its norm and a leaky ReLU."""
    return [
        convolution,
        image_norm(norm, convolution.out_channels),
        nn.LeakyReLU(LEAK, inplace=True),
    ]


def strided(in_channels: int, out_channels: int, norm: NormName) -> list[nn.Module]:
    """A 4x4 convolution of stride 2, its norm and a leaky ReLU."""
    halving = nn.Conv2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False)
    return rectified(halving, norm)


class PooledPath(Beside):
    """The way around a halving block: average pooling, 1x1, norm, leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int, norm: NormName) -> None:
        narrow = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        super().__init__(nn.AvgPool2d(2), *rectified(narrow, norm))


class HalvingBlock(nn.Module):
    """The mean of two ways to half the resolution: strided and 3x3 convolutions, and pooling.

    (N, in_channels, H, W) -> (N, out_channels, H / 2, W / 2); Liu 2021, figure 4, as in its code.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: NormName) -> None:
        super().__init__()
        square = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.body = nn.Sequential(
            *strided(in_channels, out_channels, norm), *rectified(square, norm)
        )
        self.pooled = PooledPath(in_channels, out_channels, norm)

    def forward(self, images: Tensor) -> Tensor:
        halved: Tensor = (self.body(images) + self.pooled(images)) / 2
        return halved


@dataclass(frozen=True)
class Features:
    """What a `TwoScaleDiscriminator` sees in images."""

    maps: list[Tensor]
    """After the stem and each halving; the last is twice the base grid."""
    small: Tensor
    """Of the small stack, twice the base grid."""


class TwoScaleDiscriminator(Stages):
    """(images (N, C, H, W), labels) -> logits (N, K), one for each place of two last maps.

    Args:
        stages: by name: the stem, and halvings, of which some are `Excited`.
        heads: `small`, then `logit` and `small_logit`, which give (N, k); perhaps `projection` for
            labels, added to every logit, and `decoders`.
        skip: of the excitations.
        shrinking: how many times smaller the small stack sees the image.
    """

    small: nn.Module
    logit: nn.Module
    small_logit: nn.Module
    projection: nn.Module
    decoders: nn.Module

    def __init__(
        self,
        stages: Mapping[str, nn.Module],
        heads: Mapping[str, nn.Module],
        *,
        skip: int,
        shrinking: int,
    ) -> None:
        super().__init__({**stages, **heads})
        self.stages = tuple(stages)
        self.skip = skip
        self.shrinking = shrinking

    def forward(self, images: Tensor, *labels: Tensor) -> Tensor:
        return self.logits(self.features(images), *labels)

    def reconstruct(
        self, images: Tensor, uniform: Tensor, *labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (N, K) as by `forward`, and from the same features `Decoders`' errors (N,).

        Args:
            uniform: (N, 1, 1, 1) in [0, 1), which chooses a quadrant of each image.
        """
        features = self.features(images)
        return self.logits(features, *labels), self.decoders(images, features, uniform)

    def features(self, images: Tensor) -> Features:
        """What both stacks see."""
        stem, *halvings = map(self.get_submodule, self.stages)
        maps = maps_of(halvings, stem(images), self.skip)
        return Features(maps, self.small(F.avg_pool2d(images, self.shrinking)))

    def logits(self, features: Features, *labels: Tensor) -> Tensor:
        """(N, K)"""
        last = features.maps[-1]
        logits = torch.cat([self.logit(last), self.small_logit(features.small)], 1)
        return logits + self.projection(last, *labels)[:, None] if labels else logits


# -- Self-supervision ----------------------------------------------------------------------------


class Decoder(Beside):
    """Features -> images in [-1, 1], doubled once for each width (Liu 2021, section 3.2).

    Args:
        widths: channels after each doubling.
        channels: of the images.
    """

    def __init__(self, in_channels: int, widths: list[int], channels: int, norm: NormName) -> None:
        layers: list[nn.Module] = []
        for width in widths:
            layers += gated(UpsamplingConvolution(in_channels, 2 * width, bias=False), norm)
            in_channels = width
        image = nn.Conv2d(in_channels, channels, kernel_size=3, padding=1, bias=False)
        super().__init__(*layers, image, nn.Tanh())


class Decoders(nn.Module):
    """Errors (N,) of three images that are made from a discriminator's features (Liu 2021, eq. 4).

    The whole image from the last map and from the small stack, and a quadrant of it from that
    quadrant of the map before. The paper compares by a perceptual distance; this is the mean
    squared difference, as in lightweight-gan's code. The three are added.
    """

    def __init__(self, whole: Decoder, quadrant: Decoder, small: Decoder) -> None:
        super().__init__()
        self.whole = whole
        self.quadrant = quadrant
        self.small = small

    def forward(self, images: Tensor, features: Features, uniform: Tensor) -> Tensor:
        before_last, last = features.maps[-2:]
        part = self.quadrant(quadrants(before_last, uniform))
        return (
            squared_error(self.whole(last), images)
            + squared_error(part, quadrants(images, uniform))
            + squared_error(self.small(features.small), images)
        )


def squared_error(decoded: Tensor, images: Tensor) -> Tensor:
    """Mean squared difference (N,) from images (N, C, H, W) averaged down to the decoded size."""
    shrunk = F.avg_pool2d(images, images.shape[3] // decoded.shape[3])
    return (decoded - shrunk).square().flatten(1).mean(1)


def quadrants(images: Tensor, uniform: Tensor) -> Tensor:
    """A quarter of each image, (N, C, H, W) -> (N, C, H / 2, W / 2).

    Args:
        uniform: (N, 1, 1, 1) in [0, 1): the quarters in order are the upper left, the upper right,
            the lower left and the lower right one.
    """
    upper, lower = images.chunk(2, dim=2)
    left, right = torch.where(uniform < 0.5, upper, lower).chunk(2, dim=3)
    return torch.where((2 * uniform) % 1 < 0.5, left, right)
