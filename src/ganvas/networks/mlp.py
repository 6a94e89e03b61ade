"""MLP: the shallow fully-connected GAN, where the tutorial starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ganvas.networks.network import Architecture, Networks, NormName

if TYPE_CHECKING:
    from torch import nn

    from ganvas.networks.sizes import ImageShape


@dataclass(frozen=True, kw_only=True)
class MLP(Architecture):
    """Fully-connected layers in both players (Goodfellow 2014), blind to which pixels are near."""

    name: ClassVar[str] = "mlp"
    makes_points: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 512
    """Features of every hidden layer, in both players."""
    hidden_layers: Annotated[int, Ge(1)] = 2
    """Hidden layers of each player."""
    generator_norm: NormName = "none"
    """Normalisation after each hidden layer of the generator."""
    discriminator_norm: NormName = "none"
    """Normalisation after each hidden layer of the discriminator."""

    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        return Networks(generator(self, image, latent_dim), discriminator(self, image))

    @property
    def couples_samples(self) -> bool:
        return self.discriminator_norm == "batch"


def generator(config: MLP, image: ImageShape, latent_dim: int) -> nn.Module:
    """(N, Z) -> hidden layers with ReLU -> tanh, but for points -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import RELU_GAIN, glorot, named, output_range, vector_norm

    shape = (image.channels, image.height, image.width)
    stages: dict[str, nn.Module] = {}
    features = latent_dim
    for index in range(1, config.hidden_layers + 1):
        stages[f"hidden{index}"] = nn.Sequential(
            glorot(nn.Linear(features, config.width), RELU_GAIN),
            vector_norm(config.generator_norm, config.width),
            nn.ReLU(inplace=True),
        )  # (N, width)
        features = config.width
    pixels = image.channels * image.height * image.width
    stages["image"] = nn.Sequential(
        glorot(nn.Linear(features, pixels)), output_range(image), nn.Unflatten(1, shape)
    )  # (N, C, H, W)
    return named(stages)


def discriminator(config: MLP, image: ImageShape) -> nn.Module:
    """(N, C, H, W) -> hidden layers with LeakyReLU 0.2 -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import RELU_GAIN, glorot, named, vector_norm

    stages: dict[str, nn.Module] = {"pixels": nn.Flatten()}  # (N, C * H * W)
    features = image.channels * image.height * image.width
    for index in range(1, config.hidden_layers + 1):
        stages[f"hidden{index}"] = nn.Sequential(
            glorot(nn.Linear(features, config.width), RELU_GAIN),
            vector_norm(config.discriminator_norm, config.width),
            nn.LeakyReLU(0.2, inplace=True),
        )  # (N, width)
        features = config.width
    stages["logit"] = nn.Sequential(glorot(nn.Linear(features, 1)), nn.Flatten(0))  # (N,)
    return named(stages)
