"""Maxout: PacGAN's networks for points in the plane (Lin 2018), which make images too.

The generator is an ordinary fully-connected one. A unit of the discriminator is the largest of a
few linear pieces (Goodfellow 2013, section 3), so none is ever silent as a ReLU can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ganvas.networks.network import Architecture, Networks, NormName

if TYPE_CHECKING:
    from torch import nn

    from ganvas.networks.sizes import ImageShape


@dataclass(frozen=True, kw_only=True)
class Maxout(Architecture):
    """Fully-connected layers in both players, maxout units in the discriminator (Lin 2018)."""

    name: ClassVar[str] = "maxout"
    makes_points: ClassVar[bool] = True

    generator_width: Annotated[int, Ge(1)] = 400
    """Features of every hidden layer of the generator."""
    generator_hidden_layers: Annotated[int, Ge(1)] = 4
    """Hidden layers of the generator."""
    generator_norm: NormName = "batch"
    """Normalisation in each hidden layer of the generator, before its ReLU."""
    discriminator_width: Annotated[int, Ge(1)] = 200
    """Features of every hidden layer of the discriminator."""
    discriminator_hidden_layers: Annotated[int, Ge(1)] = 3
    """Hidden layers of the discriminator."""
    discriminator_norm: NormName = "none"
    """Normalisation after each hidden layer of the discriminator."""
    pieces: Annotated[int, Ge(2)] = 5
    """Linear pieces of which a unit of the discriminator takes the largest."""

    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        return Networks(generator(self, image, latent_dim), discriminator(self, image))

    @property
    def couples_samples(self) -> bool:
        return self.discriminator_norm == "batch"


def generator(config: Maxout, image: ImageShape, latent_dim: int) -> nn.Module:
    """(N, Z) -> hidden layers with ReLU -> tanh, but for points -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import draw_normal, named, output_range, vector_norm

    shape = (image.channels, image.height, image.width)
    bias = config.generator_norm == "none"  # a norm's own bias makes the layer's idle
    stages: dict[str, nn.Module] = {}
    features = latent_dim
    for index in range(1, config.generator_hidden_layers + 1):
        stages[f"hidden{index}"] = nn.Sequential(
            nn.Linear(features, config.generator_width, bias=bias),
            vector_norm(config.generator_norm, config.generator_width),
            nn.ReLU(inplace=True),
        )  # (N, generator_width)
        features = config.generator_width
    pixels = image.channels * image.height * image.width
    stages["image"] = nn.Sequential(
        nn.Linear(features, pixels), output_range(image), nn.Unflatten(1, shape)
    )  # (N, C, H, W)
    network = named(stages)
    draw_normal(network, gain_deviation=0.0)
    return network


def discriminator(config: Maxout, image: ImageShape) -> nn.Module:
    """(N, C, H, W) -> hidden layers of maxout units -> (N,)."""
    from torch import Tensor, nn

    from ganvas.networks.blocks import draw_normal, named, vector_norm

    class Largest(nn.Module):
        """The largest of each unit's pieces: (N, F * pieces) -> (N, F)."""

        def forward(self, values: Tensor) -> Tensor:
            pieces = values.reshape(len(values), -1, config.pieces)  # (N, F, pieces)
            return pieces.amax(2)

    width = config.discriminator_width
    stages: dict[str, nn.Module] = {"pixels": nn.Flatten()}  # (N, C * H * W)
    features = image.channels * image.height * image.width
    for index in range(1, config.discriminator_hidden_layers + 1):
        stages[f"hidden{index}"] = nn.Sequential(
            nn.Linear(features, width * config.pieces),
            Largest(),
            vector_norm(config.discriminator_norm, width),
        )  # (N, discriminator_width)
        features = width
    stages["logit"] = nn.Sequential(nn.Linear(features, 1), nn.Flatten(0))  # (N,)
    network = named(stages)
    draw_normal(network, gain_deviation=0.0)
    return network
