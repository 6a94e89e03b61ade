"""ResNet: residual blocks in both players (Gulrajani 2017, Miyato 2018, and the tutorial's block).

Field values give four published networks; `tests/parity/test_published_networks.py` holds their
tables.
"""

from __future__ import annotations

import math
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
from ganvas.networks.sizes import Doubling, ImageShape, split
from ganvas.networks.widths import Widths

if TYPE_CHECKING:
    from torch import nn

    from ganvas.networks.blocks import Resampling

Grid = Literal["half", "base", "double"]
DOUBLINGS_LEFT: dict[Grid, int] = {"half": -1, "base": 0, "double": 1}
"""Doublings between the base grid and each grid."""


@dataclass(frozen=True, kw_only=True)
class BlockSettings(Widths):
    """Width and blocks: the fields of both networks."""

    blocks_per_resolution: Annotated[int, Ge(1)] = 1
    """Blocks at each resolution; the first of them resamples."""
    residual: bool = True
    """Add each block's input to its output; off: the same network without shortcuts."""
    block: Literal["preactivation", "postactivation"] = "preactivation"
    """Order inside a block: norm and ReLU first (WGAN-GP, SNGAN), or the tutorial's, ReLU last."""


@dataclass(frozen=True, kw_only=True)
class ResNetGenerator(BlockSettings, Conditioning, Generator):
    """Residual blocks, with upsampling inside the blocks."""

    name: ClassVar[str] = "resnet"
    grows: ClassVar[bool] = True

    norm: NormName = "batch"
    """Normalisation in the blocks."""
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
class ResNetDiscriminator(BlockSettings, Conditioning, Discriminator):
    """Residual blocks, with downsampling inside the blocks."""

    name: ClassVar[str] = "resnet"
    grows: ClassVar[bool] = True

    norm: NormName = "none"
    """Normalisation in the blocks."""
    stem: Literal["block", "convolution"] = "block"
    """The first layer: a halving block, or a 3x3 convolution."""
    final_grid: Grid = "double"
    """The last grid: half the generator's first grid, the same, or twice it."""
    final_blocks: Annotated[int, Ge(0)] = 2
    """Blocks after the last halving."""
    head: Literal["sum", "mean", "flatten"] = "sum"
    """How the last grid becomes a logit: ReLU and its sum or mean, or all pixels (flatten)."""
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

    def problems(self, image: ImageShape) -> list[str]:
        doubling = split(image.height, image.width)
        if doubling is None or self.final_grid != "half":
            return []
        base = (doubling.base_height, doubling.base_width)
        if base[0] % 2 == 0 and base[1] % 2 == 0:
            return []
        return [
            f"final_grid: half of the first grid needs even sides, but "
            f"{image.height}x{image.width} starts from {base[0]}x{base[1]}; choose base or double"
        ]


def block(
    config: BlockSettings,
    in_channels: int,
    out_channels: int,
    resampling: Resampling,
    norm: NormName,
    sees_images: bool = False,
    condition_dim: int = 0,
) -> nn.Module:
    """One block in the configured order, with or without its shortcut."""
    from ganvas.networks.blocks import PostactivationBlock, PreactivationBlock

    block_type = PostactivationBlock if config.block == "postactivation" else PreactivationBlock
    return block_type(
        in_channels,
        out_channels,
        resampling,
        norm,
        residual=config.residual,
        sees_images=sees_images,
        condition_dim=condition_dim,
    )


def build_generator(config: ResNetGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> linear to the base grid -> doubling blocks -> 3x3, tanh -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import glorot, image_norm
    from ganvas.networks.first_layers import FirstLinear
    from ganvas.networks.growing import enlarging
    from ganvas.networks.labels import LabelPlan

    image, doubling = dimensions.image, dimensions.doubling
    halvings = doubling.doublings + dimensions.later_doublings  # from the full image to the base
    base = (doubling.base_height, doubling.base_width)
    norm = config.norm
    stages_with_norm = halvings * config.blocks_per_resolution
    plan = LabelPlan.of(
        config.conditioning, dimensions.latent_dim, dimensions.num_labels, stages_with_norm
    )
    channels = config.channels_at(halvings)
    stages: dict[str, nn.Module] = {
        "grid": nn.Sequential(
            glorot(FirstLinear(plan.input_dim, channels * base[0] * base[1])),
            nn.Unflatten(1, (channels, *base)),
        )  # (N, channels, base_height, base_width)
    }
    for index in range(1, doubling.doublings + 1):
        narrower = config.channels_at(halvings - index)
        stages[f"double{index}"] = block(
            config, channels, narrower, "up", norm, condition_dim=plan.condition_dim
        )
        for extra in range(2, config.blocks_per_resolution + 1):
            stages[f"double{index}_{extra}"] = block(
                config, narrower, narrower, "none", norm, condition_dim=plan.condition_dim
            )
        channels = narrower
    if config.block == "preactivation":  # a postactivation block ends with a ReLU already
        # Unconditional in a conditional generator too, as in Miyato 2018's code.
        stages["leave"] = nn.Sequential(image_norm(norm, channels), nn.ReLU())
    stages["image"] = nn.Sequential(
        glorot(nn.Conv2d(channels, image.channels, kernel_size=3, padding=1)), nn.Tanh()
    )
    return plan.assemble(stages | enlarging(dimensions))


def build_discriminator(config: ResNetDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> stem and halving blocks -> final blocks -> head -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import glorot, named_sequential
    from ganvas.networks.growing import averaging
    from ganvas.networks.labels import LabelProjection, ProjectionDiscriminator

    image, doubling, norm = dimensions.image, dimensions.doubling, config.norm
    halvings = doubling.doublings - DOUBLINGS_LEFT[config.final_grid]
    stages = averaging(dimensions)
    channels = image.channels
    level = dimensions.later_doublings
    if config.stem == "convolution":
        channels = config.channels_at(level)
        stages["stem"] = glorot(nn.Conv2d(image.channels, channels, kernel_size=3, padding=1))
        level += 1
    first = 1 + dimensions.later_doublings
    for index in range(first, first + halvings):
        wider = config.channels_at(level)
        sees_images = index == first and config.stem == "block"
        stages[f"halve{index}"] = block(config, channels, wider, "down", norm, sees_images)
        for extra in range(2, config.blocks_per_resolution + 1):
            stages[f"halve{index}_{extra}"] = block(config, wider, wider, "none", norm)
        channels = wider
        level += 1
    for index in range(1, config.final_blocks + 1):
        stages[f"final{index}"] = block(config, channels, channels, "none", norm)
    stages["logit"] = head(config, channels, doubling)
    if not config.uses_labels:
        return named_sequential(stages)
    deviation = math.sqrt(2 / (channels + dimensions.num_labels))  # Glorot's
    projection = LabelProjection(channels, dimensions.num_labels, nn.ReLU(), deviation)
    return ProjectionDiscriminator(stages, projection)


def head(config: ResNetDiscriminator, channels: int, doubling: Doubling) -> nn.Module:
    """From the last grid (N, channels, h, w) to logits (N,)."""
    from torch import nn

    from ganvas.networks.blocks import MeanPool, SumPool, glorot

    if config.head == "flatten":
        sides = (doubling.base_height, doubling.base_width)
        height, width = (int(side * 2.0 ** DOUBLINGS_LEFT[config.final_grid]) for side in sides)
        # No ReLU, like the published network with this head (Gulrajani 2017, 64x64).
        return nn.Sequential(
            nn.Flatten(), glorot(nn.Linear(channels * height * width, 1)), nn.Flatten(0)
        )
    pool = SumPool() if config.head == "sum" else MeanPool()
    return nn.Sequential(nn.ReLU(), pool, glorot(nn.Linear(channels, 1)), nn.Flatten(0))
