"""Strided: the small networks of the stacked-MNIST benchmark (Metz 2017, as in Lin 2018's code).

Three 3x3 convolutions of stride 2 in each player, at any size: sides are halved and rounded up, as
28, 14, 7, 4. The benchmark's discriminator is so narrow that training collapses reliably, which
the benchmark needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge

from ganvas.networks.network import Dimensions, Discriminator, Generator, NormName

if TYPE_CHECKING:
    from torch import nn

    from ganvas.networks.sizes import ImageShape

HALVINGS = 3
SLOPE = 0.3
"""Slope of the discriminator's LeakyReLU, as in the published code."""


@dataclass(frozen=True, kw_only=True)
class StridedGenerator(Generator):
    """Three 3x3 transposed convolutions of stride 2."""

    name: ClassVar[str] = "strided"

    width: Annotated[int, Ge(1)] = 8
    """Channels next to the image; they double with each halving."""
    norm: NormName = "batch"
    """Normalisation of every layer but the output."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_generator(self, dimensions)


@dataclass(frozen=True, kw_only=True)
class StridedDiscriminator(Discriminator):
    """Three 3x3 convolutions of stride 2, a quarter as wide as the generator."""

    name: ClassVar[str] = "strided"

    width: Annotated[int, Ge(1)] = 2
    """Channels next to the image; they double with each halving."""
    norm: NormName = "none"
    """Normalisation of every layer but the output, the first included."""

    def build(self, dimensions: Dimensions) -> nn.Module:
        return build_discriminator(self, dimensions)

    @property
    def uses_batch_statistics(self) -> bool:
        return self.norm == "batch"


def grids(image: ImageShape) -> list[tuple[int, int]]:
    """Height and width at each resolution, from the image's down: halves, rounded up."""
    sides = [(image.height, image.width)]
    for _ in range(HALVINGS):
        height, width = sides[-1]
        sides.append(((height + 1) // 2, (width + 1) // 2))
    return sides


def build_generator(config: StridedGenerator, dimensions: Dimensions) -> nn.Module:
    """(N, Z) -> linear to the smallest grid -> three doublings -> 3x3, tanh -> (N, C, H, W)."""
    from torch import nn

    from ganvas.networks.blocks import image_norm, init_normal_, named_sequential
    from ganvas.networks.first_layers import FirstLinear

    image = dimensions.image
    *larger, smallest = grids(image)
    norm = config.norm
    channels = config.width * 2**HALVINGS
    stages: dict[str, nn.Module] = {
        "grid": nn.Sequential(
            FirstLinear(dimensions.latent_dim, channels * smallest[0] * smallest[1]),
            nn.Unflatten(1, (channels, *smallest)),
            image_norm(norm, channels),
            nn.ReLU(inplace=True),
        )  # (N, 8 width, ceil(H / 8), ceil(W / 8))
    }
    below = smallest
    for index, above in enumerate(reversed(larger), start=1):
        # A doubling gives 2h - 1 rows; where the larger side is even, one more is padded.
        missing = (above[0] - (2 * below[0] - 1), above[1] - (2 * below[1] - 1))
        stages[f"double{index}"] = nn.Sequential(
            nn.ConvTranspose2d(
                channels,
                channels // 2,
                kernel_size=3,
                stride=2,
                padding=1,
                output_padding=missing,
                bias=norm == "none",  # the norm has a bias of its own
            ),
            image_norm(norm, channels // 2),
            nn.ReLU(inplace=True),
        )
        channels //= 2
        below = above
    stages["image"] = nn.Sequential(
        nn.Conv2d(channels, image.channels, kernel_size=3, padding=1), nn.Tanh()
    )
    network = named_sequential(stages)
    init_normal_(network, gain_deviation=0.0)
    return network


def build_discriminator(config: StridedDiscriminator, dimensions: Dimensions) -> nn.Module:
    """(N, C, H, W) -> three halvings -> linear -> (N,)."""
    from torch import nn

    from ganvas.networks.blocks import image_norm, init_normal_, named_sequential

    image, norm = dimensions.image, config.norm
    stages: dict[str, nn.Module] = {}
    channels = image.channels
    for index in range(1, HALVINGS + 1):
        wider = config.width * 2 ** (index - 1)
        stages[f"halve{index}"] = nn.Sequential(
            nn.Conv2d(channels, wider, kernel_size=3, stride=2, padding=1, bias=norm == "none"),
            image_norm(norm, wider),
            nn.LeakyReLU(SLOPE, inplace=True),
        )
        channels = wider
    height, width = grids(image)[-1]
    stages["logit"] = nn.Sequential(
        nn.Flatten(), nn.Linear(channels * height * width, 1), nn.Flatten(0)
    )  # (N,)
    network = named_sequential(stages)
    init_normal_(network, gain_deviation=0.0)
    return network
