"""Networks that no recipe should have: each is a DCGAN with one thing wrong.

Importing this module makes them known to recipes, so whoever reads a run of this benchmark imports
it first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from ganvas.networks import DCGAN, Architecture, ImageShape, Networks, NormName, dcgan
from ganvas.networks.blocks import draw_normal, image_norm, named
from ganvas.networks.sizes import Doubling, doubling_of

LARGEST_HALF = 65_504.0
"""The largest number that half precision holds; what is larger becomes infinite."""


@dataclass(frozen=True, kw_only=True)
class UnevenDCGAN(Architecture):
    """DCGAN whose players differ in width: a discriminator far too narrow, or far too wide."""

    name: ClassVar[str] = "health-uneven"

    generator_width: Annotated[int, Ge(1)] = 32
    """Channels of the generator next to the image."""
    discriminator_width: Annotated[int, Ge(1)] = 32
    """Channels of the discriminator next to the image."""
    discriminator_norm: NormName = "none"
    """Normalisation in the discriminator; its first and last layer have none."""

    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        doubling = doubling_of(image)
        one = DCGAN(width=self.generator_width)
        other = DCGAN(width=self.discriminator_width, discriminator_norm=self.discriminator_norm)
        return Networks(
            dcgan.generator(one, image, doubling, latent_dim),
            dcgan.discriminator(other, image, doubling),
        )

    @property
    def couples_samples(self) -> bool:
        return self.discriminator_norm == "batch"


@dataclass(frozen=True, kw_only=True)
class ThreeTapDCGAN(Architecture):
    """DCGAN whose generator doubles by 3x3 transposed convolutions: taps overlap unevenly.

    A stride of 2 does not divide 3, so that pixels in even and odd places are sums of different
    numbers of taps, which draws a checkerboard (Odena 2016).
    """

    name: ClassVar[str] = "health-three-taps"

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image; they double with each halving, up to 8 times this."""
    discriminator_norm: NormName = "batch"
    """Normalisation in the discriminator; its first and last layer have none."""

    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        doubling = doubling_of(image)
        other = DCGAN(width=self.width, discriminator_norm=self.discriminator_norm)
        return Networks(
            three_tap_generator(self.width, image, doubling, latent_dim),
            dcgan.discriminator(other, image, doubling),
        )

    @property
    def couples_samples(self) -> bool:
        return self.discriminator_norm == "batch"


def three_tap_generator(
    width: int, image: ImageShape, doubling: Doubling, latent_dim: int
) -> nn.Module:
    """(N, Z) -> base grid -> a 3x3 transposed convolution a doubling -> tanh -> (N, C, H, W)."""

    def doubled(in_channels: int, out_channels: int) -> nn.Module:
        return nn.ConvTranspose2d(
            in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False
        )

    base = (doubling.base_height, doubling.base_width)
    channels = dcgan.channels_after(doubling.doublings, width)
    stages: dict[str, nn.Module] = {
        "latents": nn.Unflatten(1, (latent_dim, 1, 1)),
        "grid": nn.Sequential(
            nn.ConvTranspose2d(latent_dim, channels, base, bias=False),
            image_norm("batch", channels),
            nn.ReLU(inplace=True),
        ),  # (N, channels, base_height, base_width)
    }
    for index in range(1, doubling.doublings):
        narrower = dcgan.channels_after(doubling.doublings - index, width)
        stages[f"double{index}"] = nn.Sequential(
            doubled(channels, narrower), image_norm("batch", narrower), nn.ReLU(inplace=True)
        )
        channels = narrower
    stages["image"] = nn.Sequential(doubled(channels, image.channels), nn.Tanh())
    network = named(stages)
    draw_normal(network)
    return network


@dataclass(frozen=True, kw_only=True)
class HalfPrecisionDCGAN(Architecture):
    """DCGAN whose logits pass through half precision, scaled by too much: they overflow in time.

    What a fixed loss scale does in mixed precision. Logits beyond 65,504 / `scale` are infinite.
    """

    name: ClassVar[str] = "health-half-precision"

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image; they double with each halving, up to 8 times this."""
    discriminator_norm: NormName = "batch"
    """Normalisation in the discriminator; its first and last layer have none."""
    scale: Annotated[int, Ge(1)] = 30_000
    """By how much logits are scaled in half precision."""

    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        norm = self.discriminator_norm
        both = DCGAN(width=self.width, discriminator_norm=norm).build(image, latent_dim)
        judged = nn.Sequential(both.discriminator, HalfPrecision(float(self.scale)))
        return both._replace(discriminator=judged)

    @property
    def couples_samples(self) -> bool:
        return self.discriminator_norm == "batch"


class HalfPrecision(nn.Module):
    """(N,) -> (N,), as half precision holds `scale` times the numbers; gradients pass unchanged."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, logits: Tensor) -> Tensor:
        held = (logits.detach() * self.scale).to(torch.float16).float() / self.scale
        return logits + (held - logits.detach())
