"""MLP: the shallow fully-connected GAN with which the tutorial starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ganvas.networks.conditioning import Concatenation, Conditioning
from ganvas.networks.network import Dimensions, Discriminator, Generator, NormName

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class MLPGenerator(Conditioning, Generator):
    """Fully-connected layers (Goodfellow 2014), blind to which pixels are near."""

    name: ClassVar[str] = "mlp"
    supports_points: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 512
    """Features of every hidden layer."""
    hidden_layers: Annotated[int, Ge(1)] = 2
    """Number of hidden layers."""
    norm: NormName = "none"
    """Normalisation after each hidden layer."""
    conditioning: Concatenation = "none"
    """How labels enter: an embedding beside the latents (Mirza 2014)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)

    @property
    def usual_conditioning(self) -> Concatenation:
        return "concatenation"


@dataclass(frozen=True, kw_only=True)
class MLPDiscriminator(Conditioning, Discriminator):
    """Fully-connected layers (Goodfellow 2014), blind to which pixels are near."""

    name: ClassVar[str] = "mlp"
    supports_points: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 512
    """Features of every hidden layer."""
    hidden_layers: Annotated[int, Ge(1)] = 2
    """Number of hidden layers."""
    norm: NormName = "none"
    """Normalisation after each hidden layer."""
    conditioning: Concatenation = "none"
    """How labels enter: an embedding beside the pixels (Mirza 2014)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return self.norm == "batch"

    @property
    def usual_conditioning(self) -> Concatenation:
        return "concatenation"


def build_generator(config: MLPGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> hidden layers with ReLU -> tanh (images only) -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import (
        RELU_GAIN,
        glorot,
        output_range,
        vector_norm,
    )
    from ganvas.networks.first_layers import FirstLinear
    from ganvas.networks.labels import LabelPlan

    image = dimensions.image
    shape = (image.channels, image.height, image.width)
    stages: dict[str, nn.Module] = {}
    plan = LabelPlan.of(config.conditioning, dimensions.latent_dim, dimensions.num_labels, stages=0)
    features = plan.input_dim
    for index in range(1, config.hidden_layers + 1):
        linear = FirstLinear if index == 1 else nn.Linear
        stages[f"hidden{index}"] = nn.Sequential(
            glorot(linear(features, config.width), RELU_GAIN),
            vector_norm(config.norm, config.width),
            nn.ReLU(inplace=True),
        )  # (N, width)
        features = config.width
    pixels = image.channels * image.height * image.width
    stages["image"] = nn.Sequential(
        glorot(nn.Linear(features, pixels)), output_range(image), nn.Unflatten(1, shape)
    )  # (N, C, H, W)
    return plan.assemble(stages)


def build_discriminator(config: MLPDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> hidden layers with LeakyReLU 0.2 -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import RELU_GAIN, glorot, vector_norm
    from ganvas.networks.labels import LabelPlan

    image = dimensions.image
    pixels = image.channels * image.height * image.width
    plan = LabelPlan.of(config.conditioning, pixels, dimensions.num_labels, stages=0)
    stages: dict[str, nn.Module] = {"pixels": nn.Flatten()}  # (N, C * H * W)
    features = plan.input_dim
    for index in range(1, config.hidden_layers + 1):
        stages[f"hidden{index}"] = nn.Sequential(
            glorot(nn.Linear(features, config.width), RELU_GAIN),
            vector_norm(config.norm, config.width),
            nn.LeakyReLU(0.2, inplace=True),
        )  # (N, width)
        features = config.width
    stages["logit"] = nn.Sequential(glorot(nn.Linear(features, 1)), nn.Flatten(0))  # (N,)
    return plan.assemble(stages)
