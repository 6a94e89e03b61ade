"""What an architecture is: a frozen description that builds a generator and a discriminator."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from ganvas.networks.sizes import POINT, ImageShape, size_problem

if TYPE_CHECKING:
    from torch import nn

NormName = Literal["none", "batch", "layer"]
"""Normalisation: over a batch, per channel; or over one sample, with a gain per channel."""

ARCHITECTURES: dict[str, type[Architecture]] = {}
"""Every known architecture by name; a class that derives from `Architecture` enters by itself."""


class Networks(NamedTuple):
    """The two players.

    generator: `forward(latents (N, Z)) -> images (N, C, H, W)`, each value in [-1, 1], of an
        architecture that is not `bounded` mostly; points (N, C, 1, 1) have no bounds.
    discriminator: `forward(images (N, C, H, W) in [-1, 1]) -> logits (N,)`, unbounded.
    """

    generator: nn.Module
    discriminator: nn.Module


@dataclass(frozen=True, kw_only=True)
class Architecture(ABC):
    """Base of every architecture description: fields that only this architecture has, and `build`.

    Descriptions import no torch (the command line's help reads them); `build` does.
    """

    name: ClassVar[str]
    makes_points: ClassVar[bool] = False
    """Whether it can be built for points (`sizes.POINT`) too, with a generator without bounds."""
    bounded: ClassVar[bool] = True
    """Whether its images end in [-1, 1]; of others, what lies beyond is clamped when they become
    pixels (`images.to_uint8`)."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if inspect.isabstract(cls):
            return
        if cls.name in ARCHITECTURES and ARCHITECTURES[cls.name].__module__ != cls.__module__:
            raise TypeError(f"two architectures are called {cls.name!r}: give one another name")
        ARCHITECTURES[cls.name] = cls

    @abstractmethod
    def build(self, image: ImageShape, latent_dim: int) -> Networks:
        """Make both networks with freshly drawn weights from torch's global generator."""

    def build_packed(self, image: ImageShape, latent_dim: int, pac: int) -> Networks:
        """Make both networks, the discriminator for packs of `pac` images (Lin 2018).

        The generator, and with `pac` 1 both, get the weights that `build` would give them.
        """
        networks = self.build(image, latent_dim)
        if pac == 1:
            return networks
        # The second generator is thrown away: cheaper than a second way to build in every file.
        packed = ImageShape(pac * image.channels, image.height, image.width)
        return networks._replace(discriminator=self.build(packed, latent_dim).discriminator)

    @property
    @abstractmethod
    def couples_samples(self) -> bool:
        """Whether the discriminator's logit for one image depends on the others of its batch.

        True under batch normalisation. A gradient penalty is then undefined: it is a statement
        about the gradient at one input (Gulrajani 2017, section 4).
        """

    def size_problem(self, height: int, width: int) -> str | None:
        """Why it cannot be built for this size, naming what can; None where it can.

        Every architecture takes the same image sizes; points are made by some.
        """
        if (height, width) != POINT:
            return size_problem(height, width)
        if self.makes_points:
            return None
        makers = " or ".join(sorted(n for n, kind in ARCHITECTURES.items() if kind.makes_points))
        return (
            f"1x1 is the size of points, but {self.name} makes images. Choose {makers} for points"
        )

    def problems(self, image: ImageShape) -> list[str]:
        """What cannot be built for this image shape, one line per problem.

        Each line starts with the field's name (`final_grid: ...`). A size that does not fit
        (`size_problem`) is not repeated here.
        """
        return []
