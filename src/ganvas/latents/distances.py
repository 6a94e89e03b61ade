"""How far images are from pictures: distances to minimise, and others to score with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the usual name

from ganvas.extras import check_extra
from ganvas.metrics.features import FULL_PRECISION
from ganvas.metrics.lite0 import MODULES, SIDE, load_lite0, network_input

Description = tuple[Tensor, ...]
"""What a distance compares, each (N, ...): it is computed once of pictures that do not change."""

SMALLEST_SIDE = 4
"""The pyramid of pixels ends when its shorter side would be smaller."""

TAPS = (4, 6, 12, 17)
"""Layers of Lite0 whose maps are compared, as Sauer 2021: 24 channels at a quarter of the side, 40
at an eighth, 112 at 1/16 and 320 at 1/32."""

WINDOW, DEVIATION = 11, 1.5
"""Of the windows of SSIM, in pixels."""

INSTEAD = "The distance pixels needs no network"

DESCRIBED_AT_A_TIME = 32
"""Images, so that features of many take little memory."""

SMALL_SIDE = 64
"""Images up to this size are seen by Lite0 at this size, which takes half the time."""


class Distance(Protocol):
    """What projection minimises."""

    def describe(self, images: Tensor) -> Description:
        """What is compared of images (N, C, H, W) in [-1, 1]; gradients pass."""
        ...

    def terms(self, images: Description, targets: Description) -> Mapping[str, Tensor]:
        """The summands of the distance by name, each (N,); one side may have a single row."""
        ...


@dataclass(frozen=True, eq=False)
class PixelDistance:
    """The mean absolute difference of pixels, averaged over the full size, a half, a quarter, ...

    Small sizes see where things lie when details do not overlap yet.
    """

    def describe(self, images: Tensor) -> Description:
        """The images at every size."""
        levels = [images]
        while min(levels[-1].shape[2:]) >= 2 * SMALLEST_SIDE:
            levels.append(F.avg_pool2d(levels[-1], 2))
        return tuple(levels)

    def terms(self, images: Description, targets: Description) -> Mapping[str, Tensor]:
        """`pixels`, in [0, 2]."""
        levels = [
            (image - target).abs().mean((1, 2, 3))
            for image, target in zip(images, targets, strict=True)
        ]
        return {"pixels": torch.stack(levels).mean(0)}


@dataclass(frozen=True, eq=False)
class FeatureDistance:
    """How different the maps of EfficientNet-Lite0 are at four depths.

    Zhang 2018, equation 1 with all weights 1: at every position the channels are scaled to length
    1, and squared differences are summed over channels, then averaged over positions and depths.
    """

    layers: nn.Sequential

    def describe(self, images: Tensor) -> Description:
        """The scaled maps at every depth."""
        maps = seen_by_lite0(images)
        described = []
        for number in range(TAPS[-1] + 1):
            maps = self.layers[number](maps)
            if number in TAPS:
                described.append(F.normalize(maps, dim=1))
        return tuple(described)

    def terms(self, images: Description, targets: Description) -> Mapping[str, Tensor]:
        """`features`, in [0, 4]."""
        depths = [
            (image - target).square().sum(1).mean((1, 2))
            for image, target in zip(images, targets, strict=True)
        ]
        return {"features": torch.stack(depths).mean(0)}


@dataclass(frozen=True, eq=False)
class PixelAndFeatureDistance:
    """The sum of both."""

    pixels: PixelDistance
    features: FeatureDistance

    def describe(self, images: Tensor) -> Description:
        """What both compare: the maps, then the sizes."""
        return self.features.describe(images) + self.pixels.describe(images)

    def terms(self, images: Description, targets: Description) -> Mapping[str, Tensor]:
        """`pixels` and `features`."""
        depths = len(TAPS)
        return {
            **self.pixels.terms(images[depths:], targets[depths:]),
            **self.features.terms(images[:depths], targets[:depths]),
        }


def feature_distance(device: torch.device) -> PixelAndFeatureDistance:
    """Pixels and features.

    Raises:
        MissingExtra: the extra `features` is not installed.
        GanvasError: its weights are damaged.
    """
    network = load_lite0(device).network
    assert isinstance(network, nn.Sequential)
    return PixelAndFeatureDistance(PixelDistance(), FeatureDistance(network))


def check_installed() -> None:
    """Raise a `MissingExtra` unless features are installed."""
    check_extra("features", "the distance of features", *MODULES, instead=INSTEAD)


def seen_by_lite0(images: Tensor) -> Tensor:
    """Images (N, C, H, W) in [-1, 1] as Lite0 takes them (`metrics/lite0.py`), with gradients.

    Grey is tiled, alpha composed over white, and the size is `SMALL_SIDE`, or `SIDE` for larger.
    """
    if images.shape[1] in (2, 4):
        alpha = (images[:, -1:] + 1) / 2
        images = images[:, :-1] * alpha + 1 - alpha
    images = images.expand(-1, 3, -1, -1)
    side = SMALL_SIDE if max(images.shape[2:]) <= SMALL_SIDE else SIDE
    if images.shape[2:] != (side, side):
        images = F.interpolate(images, (side, side), mode="bicubic", antialias=True)
    return network_input(images.add(1).mul(127.5).clamp(0, 255))


def described(distance: Distance, images: Tensor) -> Description:
    """As `Distance.describe`, without gradients and a few images at a time."""
    with torch.no_grad(), FULL_PRECISION():
        parts = [distance.describe(batch) for batch in torch.split(images, DESCRIBED_AT_A_TIME)]
    return tuple(torch.cat(column) for column in zip(*parts, strict=True))


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The distance (N,): the sum of its terms."""
    return torch.stack(tuple(terms.values())).sum(0)


def root_mean_square(images: Tensor, targets: Tensor) -> Tensor:
    """Root mean square difference of uint8 images (N, C, H, W), in grey levels (0 to 255)."""
    return (images.double() - targets.double()).square().mean((1, 2, 3)).sqrt()


def structural_similarity(images: Tensor, targets: Tensor) -> Tensor:
    """SSIM of uint8 images (N, C, H, W), at most 1: the mean over all windows that lie inside.

    Wang 2004, equation 13, with Gaussian windows of 11 pixels, or as many as fit, and a standard
    deviation of 1.5.
    """
    side = min(WINDOW, *images.shape[2:])
    places = torch.arange(side, device=images.device, dtype=torch.float64) - (side - 1) / 2
    window = (-(places / DEVIATION).square() / 2).exp()
    weights = window[:, None] * window / window.sum().square()

    def smoothed(maps: Tensor) -> Tensor:
        planes = maps.flatten(0, 1)[:, None]  # (N * C, 1, H, W)
        means = F.conv2d(planes, weights[None, None])
        return means.view(*maps.shape[:2], *means.shape[2:])

    ours, theirs = images.double(), targets.double()
    mean, other_mean = smoothed(ours), smoothed(theirs)
    variance = smoothed(ours.square()) - mean.square()
    other_variance = smoothed(theirs.square()) - other_mean.square()
    covariance = smoothed(ours * theirs) - mean * other_mean
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean * other_mean + low) * (2 * covariance + high)
    most = (mean.square() + other_mean.square() + low) * (variance + other_variance + high)
    return (likeness / most).mean((1, 2, 3))
