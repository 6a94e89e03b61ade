"""A discriminator that looks through frozen features (Sauer 2021, Projected GAN).

It is an experiment beside the package: docs/results/projected.md says what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from ganvas.metrics.lite0 import InvertedResidual, folded, published_network
from ganvas.networks import DCGANDiscriminator, Dimensions, Discriminator

TAPS = (24, 40, 112)
"""Channels of EfficientNet-Lite0 at a quarter, an eighth and a sixteenth of its input's side. The
last tap, at 1/32, has 2x2 places for 64x64 pixels, so it is left out."""

MIXED = (64, 128, 256)
"""Channels after random channel mixing (table 6 of the paper)."""

WIDEST, SMALLEST_GRID, NEGATIVE_SLOPE = 256, 4, 0.2


@dataclass(frozen=True, kw_only=True)
class ProjectedDiscriminator(Discriminator):
    """Heads on frozen features of EfficientNet-Lite0, mixed at random."""

    name: ClassVar[str] = "projected"

    side: Annotated[int, Ge(64)] = 64
    """Images are resized to side x side for the features."""
    with_pixels: bool = False
    """Whether a dcgan discriminator of the pixels stands beside the heads (Kumari 2022)."""

    @property
    def uses_batch_statistics(self) -> bool:
        return True

    def build(self, dimensions: Dimensions) -> nn.Module:
        pixels = DCGANDiscriminator().build(dimensions) if self.with_pixels else None
        return Projected(self.side, pixels)


class Features(nn.Module):
    """Lite0 up to 1/16 of its input, mixed by random convolutions (sections 3.2.1 and 3.2.2)."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages())
        self.across_channels = nn.ModuleList(
            nn.Conv2d(*pair, 1) for pair in zip(TAPS, MIXED, strict=True)
        )
        finer = (MIXED[0], *MIXED[:-1])
        self.across_scales = nn.ModuleList(
            nn.Conv2d(*pair, 1) for pair in zip(MIXED, finer, strict=True)
        )
        for layer in (*self.across_channels, *self.across_scales):
            nn.init.kaiming_normal_(layer.weight)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Maps at 1/2, 1/4 and 1/8 of the side, the finest first."""
        maps, mixed = images.flip(2, 3).contiguous(memory_format=torch.channels_last), []
        for stage, mix in zip(self.stages, self.across_channels, strict=True):
            maps = stage(maps)
            mixed.append(mix(maps))
        coarser: Tensor | None = None
        outputs: list[Tensor] = []
        for maps, mix in zip(reversed(mixed), reversed(self.across_scales), strict=True):
            coarser = mix(maps if coarser is None else maps + coarser)
            coarser = F.interpolate(coarser, scale_factor=2, mode="bilinear", align_corners=True)
            outputs.append(coarser)
        return outputs[::-1]


def stages() -> list[nn.Sequential]:
    """Lite0's layers, folded, cut after each tap."""
    layers = folded(published_network())
    groups: list[list[nn.Module]] = [[], [], []]
    halvings = 0
    for layer in layers:
        halvings += stride_of(layer) == 2
        if halvings > len(TAPS) + 1:
            break
        groups[max(halvings - 2, 0)].append(layer)
    return [nn.Sequential(*group) for group in groups]


def stride_of(layer: nn.Module) -> int:
    """The largest stride of its convolutions."""
    inner = layer.layers if isinstance(layer, InvertedResidual) else [layer]
    return max((it.stride[0] for it in inner if isinstance(it, nn.Conv2d)), default=1)


class Projected(nn.Module):
    """Frozen features and a trained head for each scale; perhaps a discriminator of the pixels."""

    def __init__(self, side: int, pixels: nn.Module | None) -> None:
        super().__init__()
        self.side = side
        self.features = Features()
        widths = (MIXED[0], *MIXED[:-1])
        self.heads = nn.ModuleList(
            head(width, side // 2 ** (level + 1)) for level, width in enumerate(widths)
        )
        self.pixels = pixels

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.features.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K), one for each place of each head; half of the loss is the pixels'."""
        colour = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        if colour.shape[-1] != self.side:
            colour = F.interpolate(colour, (self.side, self.side), mode="bilinear")
        maps = self.features(colour)
        logits = torch.cat([head(it) for head, it in zip(self.heads, maps, strict=True)], 1)
        if self.pixels is None:
            return logits
        own = self.pixels(images)[:, None]
        return torch.cat([own.expand_as(logits), logits], 1)


def head(width: int, grid: int) -> nn.Sequential:
    """The separable head of the published code: halvings down to a grid of 4x4, then logits."""
    layers: list[nn.Module] = []
    while grid > SMALLEST_GRID:
        wider = min(2 * width, WIDEST)
        layers += [
            spectral_norm(nn.Conv2d(width, width, 3, padding=1, groups=width)),
            spectral_norm(nn.Conv2d(width, wider, 1)),
            nn.BatchNorm2d(wider),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.AvgPool2d(2),
        ]
        width, grid = wider, grid // 2
    return nn.Sequential(
        *layers, spectral_norm(nn.Conv2d(width, 1, SMALLEST_GRID, bias=False)), nn.Flatten()
    )
