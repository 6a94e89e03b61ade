"""BigGAN: latents in chunks, one shared embedding of labels, self-attention (Brock 2019, app. B).

Field values give the published networks at 128x128 and the usual ones at 32x32;
`tests/parity/test_biggan_networks.py` holds their tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from ganvas.networks.conditioning import Conditioning, DiscriminatorConditioning
from ganvas.networks.network import Dimensions, Discriminator, Generator
from ganvas.networks.sizes import ImageShape
from ganvas.networks.widths import Widths

if TYPE_CHECKING:
    from torch import nn

DOUBLINGS_LEFT = {"base": 0, "double": 1}
"""Doublings between the generator's first grid and the discriminator's last."""


@dataclass(frozen=True, kw_only=True)
class AttentiveWidths(Widths):
    """Width and attention: the fields of both networks."""

    attention: Annotated[int, Ge(0)] = 16
    """Self-attention at the finest grid whose shorter side is at most this, or else at the nearest
    that there is; 0: none."""


@dataclass(frozen=True, kw_only=True)
class BigGANGenerator(AttentiveWidths, Conditioning, Generator):
    """Residual blocks, each with a part of the latents for its batch norms, and self-attention."""

    name: ClassVar[str] = "biggan"
    grows: ClassVar[bool] = True

    spectral_norm: bool = True
    """Divide each weight but embeddings by its largest singular value (Zhang 2019)."""
    conditioning: Literal["none", "chunks"] = "none"
    """How labels enter: an embedding beside each block's part of the latents (chunks)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)

    @property
    def usual_conditioning(self) -> Literal["chunks"]:
        return "chunks"


@dataclass(frozen=True, kw_only=True)
class BigGANDiscriminator(AttentiveWidths, Conditioning, Discriminator):
    """Residual blocks that halve, self-attention, and the sum over the last grid."""

    name: ClassVar[str] = "biggan"
    grows: ClassVar[bool] = True

    final_grid: Literal["base", "double"] = "double"
    """The last grid: that of the generator's first, or twice it."""
    final_blocks: Annotated[int, Ge(0)] = 2
    """Blocks after the last halving."""
    conditioning: DiscriminatorConditioning = "none"
    """How labels enter: an embedding times the last features, added to the logit (projection)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return False

    @property
    def usual_conditioning(self) -> DiscriminatorConditioning:
        return "projection"


def attended_halvings(
    config: AttentiveWidths, image: ImageShape, finest: int, coarsest: int
) -> int | None:
    """Halvings of the image down to the grid with attention; None without attention.

    Args:
        finest, coarsest: halvings down to the network's finest and coarsest grid.
    """
    if not config.attention:
        return None
    halvings = finest
    while halvings < coarsest and min(image.height, image.width) >> halvings > config.attention:
        halvings += 1
    return halvings


def build_generator(config: BigGANGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> linear to the base grid -> doubling blocks -> norm, ReLU, 3x3, tanh."""
    from torch import nn

    from ganvas.networks.attention import SelfAttention
    from ganvas.networks.blocks import PreactivationBlock, image_norm
    from ganvas.networks.first_layers import FirstLinear
    from ganvas.networks.growing import enlarging
    from ganvas.networks.labels import LabelPlan
    from ganvas.networks.weights import init_orthogonal_, normalise_spectra

    image, doubling = dimensions.image, dimensions.doubling
    halvings = doubling.doublings + dimensions.later_doublings  # from the full image to the base
    base = (doubling.base_height, doubling.base_width)
    num_labels = dimensions.num_labels if config.uses_labels else 0
    plan = LabelPlan.of("chunks", dimensions.latent_dim, num_labels, halvings)
    channels = config.channels_at(halvings)
    stages: dict[str, nn.Module] = {
        "grid": nn.Sequential(
            FirstLinear(plan.input_dim, channels * base[0] * base[1]),
            nn.Unflatten(1, (channels, *base)),
        )  # (N, channels, base_height, base_width)
    }
    attended = attended_halvings(config, image, finest=0, coarsest=halvings)
    if attended == halvings:
        stages["attention"] = SelfAttention(channels)
    for index in range(1, doubling.doublings + 1):
        narrower = config.channels_at(halvings - index)
        stages[f"double{index}"] = PreactivationBlock(
            channels, narrower, "up", "batch", residual=True, condition_dim=plan.condition_dim
        )
        if attended == halvings - index:
            stages["attention"] = SelfAttention(narrower)
        channels = narrower
    stages["leave"] = nn.Sequential(image_norm("batch", channels), nn.ReLU())
    stages["image"] = nn.Sequential(
        nn.Conv2d(channels, image.channels, kernel_size=3, padding=1), nn.Tanh()
    )
    network = plan.assemble(stages | enlarging(dimensions))
    init_orthogonal_(network)
    if config.spectral_norm:
        normalise_spectra(network)
    return network


def build_discriminator(config: BigGANDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> halving blocks -> final blocks -> ReLU, sum, linear -> (N,)."""
    from torch import nn

    from ganvas.networks.attention import SelfAttention
    from ganvas.networks.blocks import PreactivationBlock, SumPool, named_sequential
    from ganvas.networks.growing import averaging
    from ganvas.networks.labels import LabelProjection, ProjectionDiscriminator
    from ganvas.networks.weights import init_orthogonal_

    doublings = dimensions.doubling.doublings + dimensions.later_doublings  # of the full image
    halvings = doublings - DOUBLINGS_LEFT[config.final_grid]
    # The image itself has no features.
    attended = attended_halvings(config, dimensions.image, finest=1, coarsest=halvings)
    stages = averaging(dimensions)
    channels = dimensions.image.channels
    first = 1 + dimensions.later_doublings
    for index in range(first, halvings + 1):
        wider = config.channels_at(index - 1)
        stages[f"halve{index}"] = PreactivationBlock(
            channels,
            wider,
            "down",
            "none",
            residual=True,
            sees_images=index == first,
            widens_at_once=True,
        )
        if index == attended:
            stages["attention"] = SelfAttention(wider)
        channels = wider
    for index in range(1, config.final_blocks + 1):
        stages[f"final{index}"] = PreactivationBlock(
            channels, channels, "none", "none", residual=True
        )
    stages["logit"] = nn.Sequential(nn.ReLU(), SumPool(), nn.Linear(channels, 1), nn.Flatten(0))
    if config.uses_labels:
        projection = LabelProjection(channels, dimensions.num_labels, nn.ReLU())
        network: nn.Module = ProjectionDiscriminator(stages, projection)
    else:
        network = named_sequential(stages)
    init_orthogonal_(network)
    return network
