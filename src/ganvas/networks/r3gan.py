"""R3GAN: the modern baseline, residual networks without normalisation (Huang 2024, config E).

Field values give the published networks; `tests/parity/test_r3gan_networks.py` holds their
parameter counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ganvas.networks.conditioning import Concatenation, Conditioning, DiscriminatorConditioning
from ganvas.networks.network import Dimensions, Discriminator, Generator
from ganvas.networks.sizes import Doubling

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class GridSettings:
    """Width, depth and groups: the fields of both networks."""

    width: Annotated[int, Ge(1)] = 64
    """Channels of the coarsest grids; 768 in the paper."""
    full_grids: Annotated[int, Ge(1)] = 2
    """Number of coarsest grids at full width; each finer grid halves it (4 in the paper)."""
    blocks_per_resolution: Annotated[int, Ge(1)] = 2
    """Residual blocks at each resolution."""
    group_channels: Annotated[int, Ge(1)] = 16
    """Channels per group of the 3x3 convolutions, or the largest divisor common with 2 x width."""


@dataclass(frozen=True, kw_only=True)
class R3GANGenerator(GridSettings, Conditioning, Generator):
    """Grouped residual blocks and bilinear upsampling; no normalisation, no tanh at the end."""

    name: ClassVar[str] = "r3gan"
    grows: ClassVar[bool] = True
    bounded_output: ClassVar[bool] = False

    conditioning: Concatenation = "none"
    """How labels enter: an embedding beside the latents (concatenation)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)

    @property
    def usual_conditioning(self) -> Concatenation:
        return "concatenation"


@dataclass(frozen=True, kw_only=True)
class R3GANDiscriminator(GridSettings, Conditioning, Discriminator):
    """Grouped residual blocks and bilinear downsampling; no normalisation."""

    name: ClassVar[str] = "r3gan"
    grows: ClassVar[bool] = True

    conditioning: DiscriminatorConditioning = "none"
    """How labels enter: the last features times an embedding are the logit (projection)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return False

    @property
    def needs_labels(self) -> bool:
        return self.uses_labels

    @property
    def usual_conditioning(self) -> DiscriminatorConditioning:
        return "projection"


def widths(config: GridSettings, doubling: Doubling) -> list[int]:
    """Channels of every grid, the coarsest first; at least one."""
    halvings = [max(0, level + 1 - config.full_grids) for level in range(doubling.doublings + 1)]
    return [max(1, config.width // 2**halving) for halving in halvings]


def blocks(config: GridSettings, grid: int, channels: int, depth: int) -> dict[str, nn.Module]:
    """The residual blocks of one grid; grids are counted from the input of the full network."""
    from ganvas.networks.grouped import GroupedBlock

    return {
        f"block{grid}_{number}": GroupedBlock(channels, config.group_channels, depth)
        for number in range(1, config.blocks_per_resolution + 1)
    }


def build_generator(config: R3GANGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> learned base grid -> blocks and doublings -> 1x1 -> (N, C, H, W), unbounded."""
    from torch import nn

    from ganvas.networks.blocks import he_normal
    from ganvas.networks.first_layers import FirstLinear
    from ganvas.networks.grouped import BilinearDoubling, LearnedConstant
    from ganvas.networks.growing import enlarging
    from ganvas.networks.labels import LabelPlan

    image, doubling = dimensions.image, dimensions.doubling
    plan = LabelPlan.of(config.conditioning, dimensions.latent_dim, dimensions.num_labels, stages=0)
    base = (doubling.base_height, doubling.base_width)
    channels, *finer = widths(config, doubling)
    depth = (1 + len(finer)) * config.blocks_per_resolution
    # One learned image per channel, times a linear function of the latents.
    basis = LearnedConstant(channels, base)
    nn.init.normal_(basis.weight)
    stages: dict[str, nn.Module] = {
        "grid": nn.Sequential(
            he_normal(FirstLinear(plan.input_dim, channels, bias=False)),
            nn.Unflatten(1, (channels, 1, 1)),
            basis,
        ),  # (N, channels, base_height, base_width)
        **blocks(config, 0, channels, depth),
    }
    for index, narrower in enumerate(finer, start=1):
        stages[f"double{index}"] = BilinearDoubling(channels, narrower)
        stages |= blocks(config, index, narrower, depth)
        channels = narrower
    stages["image"] = he_normal(nn.Conv2d(channels, image.channels, kernel_size=1, bias=False))
    return plan.assemble(stages | enlarging(dimensions))


def build_discriminator(config: R3GANDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> 1x1 -> blocks and halvings -> depthwise over the base grid -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import he_normal, named_sequential
    from ganvas.networks.grouped import BilinearHalving, WeightedPool
    from ganvas.networks.growing import averaging
    from ganvas.networks.labels import LabelledDiscriminator, LabelledLogit

    image, doubling = dimensions.image, dimensions.doubling
    base = (doubling.base_height, doubling.base_width)
    channels, *coarser = reversed(widths(config, doubling))
    depth = (1 + len(coarser)) * config.blocks_per_resolution
    first = dimensions.later_doublings
    stages = averaging(dimensions)
    stages["image"] = he_normal(nn.Conv2d(image.channels, channels, kernel_size=1, bias=False))
    stages |= blocks(config, first, channels, depth)
    for index, wider in enumerate(coarser, start=first + 1):
        stages[f"halve{index}"] = BilinearHalving(channels, wider)
        stages |= blocks(config, index, wider, depth)
        channels = wider
    if config.uses_labels:
        vector = [
            he_normal(WeightedPool(channels, base)),
            nn.Flatten(),
            he_normal(nn.Linear(channels, channels, bias=False)),
        ]  # (N, channels)
        stages["logit"] = LabelledLogit(vector, channels, dimensions.num_labels)
        return LabelledDiscriminator(stages)
    stages["logit"] = nn.Sequential(
        he_normal(WeightedPool(channels, base)),
        nn.Flatten(),
        he_normal(nn.Linear(channels, 1, bias=False)),
        nn.Flatten(0),
    )  # (N,)
    return named_sequential(stages)
