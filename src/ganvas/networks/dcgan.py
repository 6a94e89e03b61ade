"""DCGAN: convolutions in place of fully-connected layers (Radford 2016).

At 32x32 and the default width it is the tutorial's generator (table 1) and critic (table 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from ganvas.networks.conditioning import (
    Conditioning,
    DiscriminatorConditioning,
    GeneratorConditioning,
    conditioning_problems,
    usual_generator_conditioning,
)
from ganvas.networks.network import Dimensions, Discriminator, Generator, NormName
from ganvas.networks.sizes import ImageShape

if TYPE_CHECKING:
    from torch import nn

LARGEST_MULTIPLIER = 8
"""Channels double with each halving of the resolution up to this multiple of the width."""


@dataclass(frozen=True, kw_only=True)
class DCGANGenerator(Conditioning, Generator):
    """Transposed convolutions, one for each doubling of the resolution."""

    name: ClassVar[str] = "dcgan"
    grows: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image; they double with each halving, up to 8 times this."""
    norm: NormName = "batch"
    """Normalisation of every layer but the output."""
    upsampling: Literal["transposed", "resize"] = "transposed"
    """How it doubles: a 4x4 transposed convolution, or repeated pixels and a 3x3 one."""
    conditioning: GeneratorConditioning = "none"
    """How labels enter: gains and biases of batch norms, for each label (batch-norm) or from one
    embedding (shared; chunks: with part of the latents); or beside the latents (concatenation)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)

    @property
    def usual_conditioning(self) -> GeneratorConditioning:
        return usual_generator_conditioning(self.norm)

    def problems(self, image: ImageShape) -> list[str]:
        return conditioning_problems(self.conditioning, self.norm)


@dataclass(frozen=True, kw_only=True)
class DCGANDiscriminator(Conditioning, Discriminator):
    """Strided convolutions, one for each halving of the resolution."""

    name: ClassVar[str] = "dcgan"
    grows: ClassVar[bool] = True

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image; they double with each halving, up to 8 times this."""
    norm: NormName = "none"
    """Normalisation of every layer but the first and the last."""
    activation: Literal["leaky-relu", "relu"] = "leaky-relu"
    """Activation after each layer; leaky-relu has slope 0.2."""
    conditioning: DiscriminatorConditioning = "none"
    """How labels enter: an embedding times the last features, added to the logit (projection)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return self.norm == "batch"

    @property
    def usual_conditioning(self) -> DiscriminatorConditioning:
        return "projection"


def channels_after(halvings: int, width: int) -> int:
    """Channels after this many halvings (at least 1) of the image's resolution."""
    multiplier: int = 2 ** (halvings - 1)
    return width * min(multiplier, LARGEST_MULTIPLIER)


def build_generator(config: DCGANGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> base grid -> doublings -> tanh -> (N, C, H, W).

    "resize" avoids the checkerboard artefacts of transposed convolutions (Odena 2016).
    """
    from torch import nn

    from ganvas.networks.blocks import (
        UpsamplingConvolution,
        image_norm,
        init_normal_,
    )
    from ganvas.networks.convolutions import TransposedConvolution
    from ganvas.networks.first_layers import FirstConvolution
    from ganvas.networks.growing import enlarging
    from ganvas.networks.labels import LabelPlan, sequential

    image, doubling = dimensions.image, dimensions.doubling
    halvings = doubling.doublings + dimensions.later_doublings  # from the full image to the base
    plan = LabelPlan.of(config.conditioning, dimensions.latent_dim, dimensions.num_labels, halvings)
    base = (doubling.base_height, doubling.base_width)
    bias = config.norm == "none"  # the norm has a bias of its own
    channels = channels_after(halvings, config.width)
    stages: dict[str, nn.Module] = {
        "latents": nn.Unflatten(1, (plan.input_dim, 1, 1)),  # (N, Z, 1, 1)
        "grid": sequential(
            FirstConvolution(plan.input_dim, channels, base, bias=bias),
            image_norm(config.norm, channels, plan.condition_dim),
            nn.ReLU(inplace=True),
        ),  # (N, channels, base_height, base_width)
    }

    def upsample(in_channels: int, out_channels: int, bias: bool) -> nn.Module:
        if config.upsampling == "resize":
            return UpsamplingConvolution(in_channels, out_channels, bias=bias)
        return TransposedConvolution(
            in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=bias
        )

    for index in range(1, doubling.doublings):
        narrower = channels_after(halvings - index, config.width)
        stages[f"double{index}"] = sequential(
            upsample(channels, narrower, bias),
            image_norm(config.norm, narrower, plan.condition_dim),
            nn.ReLU(inplace=True),
        )  # (N, narrower, base_height * 2**index, base_width * 2**index)
        channels = narrower
    stages["image"] = nn.Sequential(upsample(channels, image.channels, False), nn.Tanh())
    network = plan.assemble(stages | enlarging(dimensions))
    init_normal_(network)
    return network


def build_discriminator(config: DCGANDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> halvings -> base grid -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import image_norm, init_normal_, named_sequential
    from ganvas.networks.convolutions import Convolution
    from ganvas.networks.growing import averaging
    from ganvas.networks.labels import LabelProjection, ProjectionDiscriminator

    def activation() -> nn.Module:
        if config.activation == "relu":
            return nn.ReLU(inplace=True)
        return nn.LeakyReLU(0.2, inplace=True)

    image, doubling = dimensions.image, dimensions.doubling
    stages = averaging(dimensions)
    channels = image.channels
    first = 1 + dimensions.later_doublings
    for index in range(first, first + doubling.doublings):
        wider = channels_after(index, config.width)
        # Normalising the layer that sees the images makes samples oscillate (Radford 2016, 3).
        norm: NormName = "none" if index == first else config.norm
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
    if config.uses_labels:
        projection = LabelProjection(channels, dimensions.num_labels, nn.Identity())
        network: nn.Module = ProjectionDiscriminator(stages, projection)
    else:
        network = named_sequential(stages)
    init_normal_(network)
    return network
