"""DCGAN: convolutions in place of fully-connected layers (Radford 2016).

At 32x32 and the default width it is the tutorial's generator (table 1) and critic (table 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from ganvas.networks.network import Architecture, Networks, NormName
from ganvas.networks.sizes import Doubling, doubling_of

if TYPE_CHECKING:
    from torch import nn

    from ganvas.networks.sizes import ImageShape

LARGEST_MULTIPLIER = 8
"""Channels double with each halving of the resolution up to this multiple of the width."""


@dataclass(frozen=True, kw_only=True)
class DCGAN(Architecture):
    """Strided convolutions in both players, one for each doubling of the resolution."""

    name: ClassVar[str] = "dcgan"

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image; they double with each halving, up to 8 times this."""
    generator_norm: NormName = "batch"
    """Normalisation in the generator; its output has none."""
    discriminator_norm: NormName = "none"
    """Normalisation in the discriminator; its first and last layer have none."""
    discriminator_activation: Literal["leaky-relu", "relu"] = "leaky-relu"
    """Activation in the discriminator; leaky-relu has slope 0.2."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """How the generator doubles: a 4x4 transposed convolution, or repeated pixels and a 3x3 one."""

    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        doubling = doubling_of(image)
        return Networks(
            generator(self, image, doubling, latent_dim), discriminator(self, image, doubling)
        )

    @property
    def couples_samples(self) -> bool:
        return self.discriminator_norm == "batch"


def channels_after(halvings: int, width: int) -> int:
    """Channels at the resolution that lies this many halvings (at least 1) below the image's."""
    multiplier: int = 2 ** (halvings - 1)
    return width * min(multiplier, LARGEST_MULTIPLIER)


def generator(config: DCGAN, image: ImageShape, doubling: Doubling, latent_dim: int) -> nn.Module:
    """(N, Z) -> base grid -> one doubling after the other -> tanh -> (N, C, H, W).

    "resize" avoids the checkerboard that transposed convolutions can draw (Odena 2016).
    """
    from torch import nn

    from ganvas.networks.blocks import UpsamplingConvolution, draw_normal, image_norm, named
    from ganvas.networks.convolutions import TransposedConvolution

    base = (doubling.base_height, doubling.base_width)
    bias = config.generator_norm == "none"  # a norm's own bias makes the convolution's idle
    channels = channels_after(doubling.doublings, config.width)
    stages: dict[str, nn.Module] = {
        "latents": nn.Unflatten(1, (latent_dim, 1, 1)),  # (N, Z, 1, 1)
        "grid": nn.Sequential(
            TransposedConvolution(latent_dim, channels, base, stride=1, padding=0, bias=bias),
            image_norm(config.generator_norm, channels),
            nn.ReLU(inplace=True),
        ),  # (N, channels, base_height, base_width)
    }

    def doubled(in_channels: int, out_channels: int, bias: bool) -> nn.Module:
        if config.upsampling == "resize":
            return UpsamplingConvolution(in_channels, out_channels, bias=bias)
        return TransposedConvolution(
            in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=bias
        )

    for index in range(1, doubling.doublings):
        narrower = channels_after(doubling.doublings - index, config.width)
        stages[f"double{index}"] = nn.Sequential(
            doubled(channels, narrower, bias),
            image_norm(config.generator_norm, narrower),
            nn.ReLU(inplace=True),
        )  # (N, narrower, base_height * 2**index, base_width * 2**index)
        channels = narrower
    stages["image"] = nn.Sequential(doubled(channels, image.channels, False), nn.Tanh())
    network = named(stages)
    draw_normal(network)
    return network


def discriminator(config: DCGAN, image: ImageShape, doubling: Doubling) -> nn.Module:
    """(N, C, H, W) -> one halving after the other -> base grid -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import draw_normal, image_norm, named
    from ganvas.networks.convolutions import Convolution

    def activation() -> nn.Module:
        if config.discriminator_activation == "relu":
            return nn.ReLU(inplace=True)
        return nn.LeakyReLU(0.2, inplace=True)

    stages: dict[str, nn.Module] = {}
    channels = image.channels
    for index in range(1, doubling.doublings + 1):
        wider = channels_after(index, config.width)
        # Normalising the layer that sees the images makes samples oscillate (Radford 2016, 3).
        norm: NormName = "none" if index == 1 else config.discriminator_norm
        stages[f"halve{index}"] = nn.Sequential(
            Convolution(channels, wider, kernel_size=4, stride=2, padding=1, bias=norm == "none"),
            image_norm(norm, wider),
            activation(),
        )  # (N, wider, H / 2**index, W / 2**index)
        channels = wider
    base = (doubling.base_height, doubling.base_width)
    stages["logit"] = nn.Sequential(
        nn.Conv2d(channels, 1, base, stride=1, padding=0),  # (N, 1, 1, 1)
        nn.Flatten(0),  # (N,)
    )
    network = named(stages)
    draw_normal(network)
    return network
