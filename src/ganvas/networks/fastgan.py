"""FastGAN: gated convolutions, and channels scaled by much coarser maps (Liu 2021).

Made for few images and short training. Field values give the published networks, apart from the
differences that `tests/parity/test_fastgan_networks.py` counts. At 32x32 the published distances
of excitations are longer than the networks, so the defaults are shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge

from ganvas.networks.conditioning import Conditioning, DiscriminatorConditioning
from ganvas.networks.network import Dimensions, Discriminator, Generator, NormName
from ganvas.networks.sizes import Doubling, doubling_of

if TYPE_CHECKING:
    from torch import nn

    from ganvas.networks.excitation import Decoders

GENERATOR_UNITS = (16.0, 8.0, 4.0, 2.0, 2.0, 1.0, 0.5, 0.25, 0.125)
"""Channels of the generator's grids in units of its width, from the coarsest on."""
LAST_UNITS, SMALL_UNITS, HEAD_UNITS = 8.0, 4.0, 16.0
"""The same of the discriminator: its last map, that of the small stack, and before the logits."""
DECODER_UNITS = (2.0, 1.0, 1.0, 0.5)
"""The same of a decoder's doublings."""
MOST_HALVINGS = 5
"""Residual halvings; a larger image is first halved by plain convolutions."""
SMALL_DOUBLINGS = 5
"""Most doublings of the image that the small stack sees: 128x128 of a 4x4 grid."""


@dataclass(frozen=True, kw_only=True)
class FastGANGenerator(Conditioning, Generator):
    """Gated convolutions with batch normalisation, latents on a sphere, skip-layer excitation."""

    name: ClassVar[str] = "fastgan"

    width: Annotated[int, Ge(1)] = 16
    """Grids have 16, 8, 4, 2, 2, 1, ... times as many channels, the coarsest first (paper: 64)."""
    convolutions: Literal["alternate", "single", "double"] = "alternate"
    """At each resolution: one (single), two (double), or two and one in turn (alternate; paper)."""
    skip: Annotated[int, Ge(1)] = 3
    """Doublings between a map and the coarser one that scales its channels; 4 in the paper."""
    conditioning: Literal["none", "batch-norm", "shared"] = "none"
    """How labels enter: gains and biases of batch norms, for each label (batch-norm) or from one
    embedding (shared)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)

    @property
    def usual_conditioning(self) -> Literal["shared"]:
        """As in the conditional FastGAN of Sauer 2021's code."""
        return "shared"


@dataclass(frozen=True, kw_only=True)
class FastGANDiscriminator(Conditioning, Discriminator):
    """Residual halvings with skip-layer excitation, beside a small stack on the halved image."""

    name: ClassVar[str] = "fastgan"

    width: Annotated[int, Ge(1)] = 16
    """The coarsest grid has 8 times as many channels, each finer one half as many (paper: 64)."""
    norm: NormName = "none"
    """Normalisation of every layer but the first of both stacks and the logits."""
    skip: Annotated[int, Ge(1)] = 2
    """Halvings between a map and the finer one that scales its channels; 3 in the paper."""
    decoders: bool = False
    """Decoders that reconstruct real images from features, for the penalty reconstruction."""
    conditioning: DiscriminatorConditioning = "none"
    """How labels enter: an embedding times the last features, added to all logits (projection)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return self.norm == "batch"

    @property
    def reconstructs(self) -> bool:
        return self.decoders

    @property
    def usual_conditioning(self) -> DiscriminatorConditioning:
        return "projection"


def channels_of(units: float, width: int) -> int:
    """Channels of so many units of the width, at least one."""
    return max(1, int(units * width))


def build_generator(config: FastGANGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> sphere -> base grid -> doublings -> 3x3, tanh -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import init_normal_
    from ganvas.networks.excitation import (
        Excitation,
        Excited,
        ExcitedStages,
        OnSphere,
        doubling_stage,
        gated,
    )
    from ganvas.networks.first_layers import FirstConvolution
    from ganvas.networks.labels import LabelPlan

    image = dimensions.image
    doubling = doubling_of(image)
    base = (doubling.base_height, doubling.base_width)
    plan = LabelPlan.of(config.conditioning, dimensions.latent_dim, dimensions.num_labels, stages=1)
    units = [*GENERATOR_UNITS, *[GENERATOR_UNITS[-1]] * doubling.doublings]
    channels = [channels_of(units[grid], config.width) for grid in range(doubling.doublings + 1)]
    first = FirstConvolution(plan.input_dim, 2 * channels[0], base, bias=False)
    doublings: dict[str, nn.Module] = {}
    for index in range(1, doubling.doublings + 1):
        stage = doubling_stage(
            channels[index - 1],
            channels[index],
            (base[0] * 2**index, base[1] * 2**index),
            double=config.convolutions == "double"
            or (config.convolutions == "alternate" and index % 2 == 1),
            condition_dim=plan.condition_dim,
        )
        source = index - config.skip
        if source >= 0:
            excitation = Excitation(channels[source], channels[index], base, pooling=2**source)
            stage = Excited(stage, excitation)
        doublings[f"double{index}"] = stage
    to_image = nn.Conv2d(channels[-1], image.channels, kernel_size=3, padding=1, bias=False)
    network = plan.assemble(
        {
            "grid": nn.Sequential(
                OnSphere(), nn.Unflatten(1, (plan.input_dim, 1, 1)), *gated(first, "batch")
            ),  # (N, channels[0], base_height, base_width)
            "doublings": ExcitedStages(doublings, config.skip),
            "image": nn.Sequential(to_image, nn.Tanh()),
        }
    )
    init_normal_(network)
    return network


def build_discriminator(config: FastGANDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> residual halvings, and a small stack -> (N, K), one logit for each place."""
    from torch import nn

    from ganvas.networks.blocks import init_normal_
    from ganvas.networks.excitation import Excitation, Excited, HalvingBlock, TwoScaleDiscriminator

    doubling = doubling_of(dimensions.image)
    base = (doubling.base_height, doubling.base_width)
    # Down to twice the base grid, which the heads see.
    halvings = min(doubling.doublings - 1, MOST_HALVINGS)
    channels = [channels_of(LAST_UNITS / 2**k, config.width) for k in range(halvings, -1, -1)]
    plain_halvings = doubling.doublings - 1 - halvings
    stages: dict[str, nn.Module] = {
        "stem": nn.Sequential(
            *plain_stack(dimensions.image.channels, channels[0], plain_halvings, config.norm)
        )
    }
    for index in range(1, halvings + 1):
        stage: nn.Module = HalvingBlock(channels[index - 1], channels[index], config.norm)
        source = index - config.skip
        if source >= 0:
            pooling = 2 ** (halvings - source + 1)
            excitation = Excitation(channels[source], channels[index], base, pooling)
            stage = Excited(stage, excitation)
        stages[f"halve{index}"] = stage
    heads = build_heads(config, dimensions, doubling, channels)
    shrinking = 2 ** (doubling.doublings - small_doublings(doubling))
    network = TwoScaleDiscriminator(stages, heads, skip=config.skip, shrinking=shrinking)
    init_normal_(network)
    return network


def build_heads(
    config: FastGANDiscriminator, dimensions: Dimensions, doubling: Doubling, channels: list[int]
) -> dict[str, nn.Module]:
    """The small stack, and what both last maps are for, by name.

    Args:
        channels: of the maps of the large stack.
    """
    from torch import nn

    from ganvas.networks.excitation import Beside, rectified
    from ganvas.networks.labels import LabelProjection

    base = (doubling.base_height, doubling.base_width)
    image_channels, norm = dimensions.image.channels, config.norm
    small = channels_of(SMALL_UNITS, config.width)
    widest = channels_of(HEAD_UNITS, config.width)
    widen = nn.Conv2d(channels[-1], widest, kernel_size=1, bias=False)
    heads: dict[str, nn.Module] = {
        "small": Beside(*plain_stack(image_channels, small, small_doublings(doubling) - 1, norm)),
        "logit": nn.Sequential(
            *rectified(widen, norm), nn.Conv2d(widest, 1, base, bias=False), nn.Flatten()
        ),  # (N, (base_height + 1) * (base_width + 1))
        "small_logit": Beside(nn.Conv2d(small, 1, base, bias=False), nn.Flatten()),
    }
    if config.uses_labels:
        heads["projection"] = LabelProjection(channels[-1], dimensions.num_labels, nn.Identity())
    if config.decoders:
        heads["decoders"] = build_decoders(config, image_channels, doubling, channels, small)
    return heads


def build_decoders(
    config: FastGANDiscriminator,
    image_channels: int,
    doubling: Doubling,
    channels: list[int],
    small: int,
) -> Decoders:
    """From twice the base grid, up to four doublings: no further than what they reconstruct.

    Args:
        channels: of the maps of the large stack.
        small: channels of the small stack's map.
    """
    from ganvas.networks.excitation import Decoder, Decoders

    widths = [channels_of(units, config.width) for units in DECODER_UNITS]

    def decoder(in_channels: int, doublings: int) -> Decoder:
        return Decoder(in_channels, widths[:doublings], image_channels, config.norm)

    return Decoders(
        whole=decoder(channels[-1], doubling.doublings - 1),
        quadrant=decoder(channels[-2], doubling.doublings - 2),
        small=decoder(small, small_doublings(doubling) - 1),
    )


def plain_stack(
    in_channels: int, out_channels: int, halvings: int, norm: NormName
) -> list[nn.Module]:
    """4x4 convolutions of stride 2, one for each halving, or one of 3x3; the first has no norm."""
    from torch import nn

    from ganvas.networks.excitation import rectified, strided

    if halvings == 0:
        keeping = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        return rectified(keeping, "none")
    layers: list[nn.Module] = []
    for remaining in range(halvings - 1, -1, -1):
        wider = max(1, out_channels // 2**remaining)
        layers += strided(in_channels, wider, norm if layers else "none")
        in_channels = wider
    return layers


def small_doublings(doubling: Doubling) -> int:
    """Doublings of the image that the small stack sees, at most half as large as the image."""
    return min(doubling.doublings - 1, SMALL_DOUBLINGS)
