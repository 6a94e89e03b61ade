"""Maxout: PacGAN's networks for points in the plane (Lin 2018); they support images too.

The generator is an ordinary fully-connected one. A unit of the discriminator is the largest of a
few linear functions (Goodfellow 2013, section 3), so its gradient never vanishes as a ReLU's can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ganvas.networks.network import Dimensions, Discriminator, Generator, NormName

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class MaxoutGenerator(Generator):
    """Fully-connected layers with ReLU, as PacGAN pairs them with a maxout discriminator."""

    name: ClassVar[str] = "maxout"
    supports_points: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 400
    """Features of every hidden layer."""
    hidden_layers: Annotated[int, Ge(1)] = 4
    """Number of hidden layers."""
    norm: NormName = "batch"
    """Normalisation in each hidden layer, before its ReLU."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)


@dataclass(frozen=True, kw_only=True)
class MaxoutDiscriminator(Discriminator):
    """Fully-connected layers of maxout units (Goodfellow 2013, section 3)."""

    name: ClassVar[str] = "maxout"
    supports_points: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 200
    """Features of every hidden layer."""
    hidden_layers: Annotated[int, Ge(1)] = 3
    """Number of hidden layers."""
    norm: NormName = "none"
    """Normalisation after each hidden layer."""
    pieces: Annotated[int, Ge(2)] = 5
    """Linear pieces of which a unit takes the largest."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return self.norm == "batch"


def build_generator(config: MaxoutGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> hidden layers with ReLU -> tanh (images only) -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import init_normal_, named_sequential, output_range, vector_norm
    from ganvas.networks.first_layers import FirstLinear

    image = dimensions.image
    shape = (image.channels, image.height, image.width)
    bias = config.norm == "none"  # the norm has a bias of its own
    stages: dict[str, nn.Module] = {}
    features = dimensions.latent_dim
    for index in range(1, config.hidden_layers + 1):
        linear = FirstLinear if index == 1 else nn.Linear
        stages[f"hidden{index}"] = nn.Sequential(
            linear(features, config.width, bias=bias),
            vector_norm(config.norm, config.width),
            nn.ReLU(inplace=True),
        )  # (N, width)
        features = config.width
    pixels = image.channels * image.height * image.width
    stages["image"] = nn.Sequential(
        nn.Linear(features, pixels), output_range(image), nn.Unflatten(1, shape)
    )  # (N, C, H, W)
    network = named_sequential(stages)
    init_normal_(network, gain_deviation=0.0)
    return network


def build_discriminator(config: MaxoutDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> hidden layers of maxout units -> (N,)."""
    from torch import Tensor, nn

    from ganvas.networks.blocks import init_normal_, named_sequential, vector_norm

    class MaxoutActivation(nn.Module):
        """The largest of each unit's pieces: (N, F * pieces) -> (N, F)."""

        def forward(self, values: Tensor) -> Tensor:
            pieces = values.reshape(len(values), -1, config.pieces)  # (N, F, pieces)
            return pieces.amax(2)

    image, width = dimensions.image, config.width
    stages: dict[str, nn.Module] = {"pixels": nn.Flatten()}  # (N, C * H * W)
    features = image.channels * image.height * image.width
    for index in range(1, config.hidden_layers + 1):
        stages[f"hidden{index}"] = nn.Sequential(
            nn.Linear(features, width * config.pieces),
            MaxoutActivation(),
            vector_norm(config.norm, width),
        )  # (N, width)
        features = width
    stages["logit"] = nn.Sequential(nn.Linear(features, 1), nn.Flatten(0))  # (N,)
    network = named_sequential(stages)
    init_normal_(network, gain_deviation=0.0)
    return network
