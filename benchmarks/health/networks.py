"""Networks that no recipe should have: DCGANs with one thing wrong.

Importing this module registers them, so it must be imported before a run of this benchmark is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from torch import Tensor, nn

from ganvas.networks import Dimensions
from ganvas.networks.blocks import image_norm, init_normal_, named_sequential
from ganvas.networks.dcgan import DCGANDiscriminator, DCGANGenerator, channels_after
from ganvas.networks.network import Generator
from ganvas.networks.sizes import doubling_of


@dataclass(frozen=True, kw_only=True)
class ThreeTapGenerator(Generator):
    """DCGAN that doubles by 3x3 transposed convolutions, whose kernels overlap unevenly.

    A stride of 2 does not divide 3, so pixels in even and odd places are sums of different numbers
    of taps, which draws a checkerboard (Odena 2016).
    """

    name: ClassVar[str] = "health-three-taps"

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image; they double with each halving, up to 8 times this."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        """(N, Z) -> base grid -> a 3x3 transposed convolution per doubling -> tanh."""
        image, latent_dim = dimensions.image, dimensions.latent_dim
        doubling = doubling_of(image)
        base = (doubling.base_height, doubling.base_width)
        channels = channels_after(doubling.doublings, self.width)
        grid = nn.ConvTranspose2d(latent_dim, channels, base, bias=False)
        stages: dict[str, nn.Module] = {
            "latents": nn.Unflatten(1, (latent_dim, 1, 1)),
            "grid": normalised(grid, channels),  # (N, channels, base_height, base_width)
        }
        for index in range(1, doubling.doublings):
            narrower = channels_after(doubling.doublings - index, self.width)
            stages[f"double{index}"] = normalised(doubled(channels, narrower), narrower)
            channels = narrower
        stages["image"] = nn.Sequential(doubled(channels, image.channels), nn.Tanh())
        network = named_sequential(stages)
        init_normal_(network)
        return network


def doubled(in_channels: int, out_channels: int) -> nn.Module:
    """(N, C, H, W) -> (N, C', 2 H, 2 W)."""
    return nn.ConvTranspose2d(
        in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=False
    )


def normalised(convolution: nn.Module, channels: int) -> nn.Module:
    """A convolution, batch normalisation and ReLU."""
    return nn.Sequential(convolution, image_norm("batch", channels), nn.ReLU(inplace=True))


@dataclass(frozen=True, kw_only=True)
class HalfPrecisionDiscriminator(DCGANDiscriminator):
    """DCGAN whose logits pass through half precision with a scale that is too large.

    They overflow during training, as with a fixed loss scale in mixed precision: logits beyond
    65,504 / `scale` are infinite.
    """

    name: ClassVar[str] = "health-half-precision"

    scale: Annotated[int, Ge(1)] = 30_000
    """Factor on the logits in half precision."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return nn.Sequential(super().build(dimensions), HalfPrecision(float(self.scale)))


class HalfPrecision(nn.Module):
    """(N,) -> (N,): `scale` times the logits, rounded to half precision; the gradient is 1."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, logits: Tensor) -> Tensor:
        rounded = (logits.detach() * self.scale).to(torch.float16).float() / self.scale
        return logits + (rounded - logits.detach())


@dataclass(frozen=True, kw_only=True)
class ConstantLatentsGenerator(DCGANGenerator):
    """DCGAN that takes labels, and the same latents for every sample: one image a label."""

    name: ClassVar[str] = "health-constant-latents"

    def build(self, dimensions: Dimensions) -> nn.Module:
        return ConstantLatents(super().build(dimensions))


class ConstantLatents(nn.Module):
    """(latents (N, Z), labels) -> images, with ones in place of the latents."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        images: Tensor = self.generator(torch.ones_like(latents), labels)
        return images
