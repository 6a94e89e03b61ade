"""StyleGAN2: latents are mapped to styles, which scale the channels of every convolution.

Karras 2020 (Analyzing and improving the image quality of StyleGAN), in the form of its code for
adaptive augmentation. Fields at 512 and 5 give the published networks up to 64x64;
`tests/parity/test_style_networks.py` holds their parameter counts.
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

LABEL_LAYERS = 8
"""Linear layers of the discriminator's mapping of labels (the published code)."""


@dataclass(frozen=True, kw_only=True)
class GridWidths:
    """The widths of both networks."""

    width: Annotated[int, Ge(1)] = 128
    """Channels of the coarsest grids; 512 in the paper. Styles are as long."""
    full_grids: Annotated[int, Ge(1)] = 3
    """Number of coarsest grids at full width; each finer grid halves it (5 in the paper)."""

    def widths(self, doubling: Doubling) -> list[int]:
        """Channels of every grid, the coarsest first; at least one."""
        grids = range(doubling.doublings + 1)
        return [max(1, self.width // 2 ** max(0, grid + 1 - self.full_grids)) for grid in grids]


@dataclass(frozen=True, kw_only=True)
class StyleGenerator(GridWidths, Conditioning, Generator):
    """Modulated convolutions from a learned constant, output skips; a space of styles."""

    name: ClassVar[str] = "style"
    grows: ClassVar[bool] = True
    bounded_output: ClassVar[bool] = False
    has_styles: ClassVar[bool] = True

    mapping_layers: Annotated[int, Ge(1)] = 2
    """Linear layers from latents to styles; 8 in the paper, 2 for CIFAR-10."""
    conditioning: Concatenation = "none"
    """How labels enter: an embedding beside the latents (concatenation)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)

    @property
    def usual_conditioning(self) -> Concatenation:
        return "concatenation"


@dataclass(frozen=True, kw_only=True)
class StyleDiscriminator(GridWidths, Conditioning, Discriminator):
    """Residual halvings with smoothed pixels; minibatch standard deviation."""

    name: ClassVar[str] = "style"
    grows: ClassVar[bool] = True

    residual: bool = True
    """Shortcuts around the halvings; off in the published settings for CIFAR-10."""
    deviation_group: Annotated[int, Ge(1)] = 1
    """Images of a group whose standard deviation the discriminator sees (minibatch standard
    deviation; 4 in the paper, 32 for CIFAR-10); it must divide the batch. 1: off."""
    conditioning: DiscriminatorConditioning = "none"
    """How labels enter: the last features times a mapped label are the logit (projection)."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return self.deviation_group > 1

    @property
    def group_size(self) -> int:
        return self.deviation_group

    @property
    def needs_labels(self) -> bool:
        return self.uses_labels

    @property
    def usual_conditioning(self) -> DiscriminatorConditioning:
        return "projection"


def build_generator(config: StyleGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> styles; learned constant -> styled doublings -> (N, C, H, W), unbounded."""
    from ganvas.networks.growing import enlarging
    from ganvas.networks.modulated import ConstantGrid, DoubledGrid, MappingNetwork, StyleNetwork

    doubling, channels = dimensions.doubling, dimensions.image.channels
    width, *finer = config.widths(doubling)
    style_dim = config.width
    num_labels = dimensions.num_labels if config.uses_labels else 0
    height, breadth = doubling.base_height, doubling.base_width
    grids: dict[str, nn.Module] = {
        "grid": ConstantGrid(width, style_dim, (height, breadth), channels)
    }
    for index, narrower in enumerate(finer, start=1):
        grid = (height * 2**index, breadth * 2**index)
        grids[f"double{index}"] = DoubledGrid(width, narrower, style_dim, grid, channels)
        width = narrower
    mapping = MappingNetwork(dimensions.latent_dim, num_labels, style_dim, config.mapping_layers)
    return StyleNetwork(mapping, grids, enlarging(dimensions))


def build_discriminator(config: StyleDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> 1x1 -> halvings -> 3x3 and two linear layers -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import named_sequential
    from ganvas.networks.convolutions import Convolution
    from ganvas.networks.equalised import (
        HalvingLayers,
        MinibatchDeviation,
        ScaledLeakyReLU,
        equalised,
    )
    from ganvas.networks.growing import averaging
    from ganvas.networks.labels import LabelledDiscriminator
    from ganvas.networks.modulated import LabelMapping, MappedLogit

    image, doubling = dimensions.image, dimensions.doubling
    width, *coarser = reversed(config.widths(doubling))
    stages = averaging(dimensions)
    stages["image"] = nn.Sequential(
        equalised(nn.Conv2d(image.channels, width, kernel_size=1)), ScaledLeakyReLU()
    )
    for index, wider in enumerate(coarser, start=dimensions.later_doublings + 1):
        stages[f"halve{index}"] = HalvingLayers(width, wider, residual=config.residual)
        width = wider
    deviation = [MinibatchDeviation(config.deviation_group)] if config.deviation_group > 1 else []
    stages["grid"] = nn.Sequential(
        *deviation,
        equalised(Convolution(width + len(deviation), width, kernel_size=3, padding=1)),
        ScaledLeakyReLU(),
    )
    positions = doubling.base_height * doubling.base_width
    vector: list[nn.Module] = [
        nn.Flatten(),
        equalised(nn.Linear(width * positions, width)),
        ScaledLeakyReLU(),
    ]
    if config.uses_labels:
        vector.append(equalised(nn.Linear(width, width)))
        mapping = LabelMapping(dimensions.num_labels, width, LABEL_LAYERS)
        stages["logit"] = MappedLogit(vector, mapping)
        return LabelledDiscriminator(stages)
    logit = equalised(nn.Linear(width, 1))
    stages["logit"] = nn.Sequential(*vector, logit, nn.Flatten(0))
    return named_sequential(stages)
