"""Points in the plane with known modes, for measuring mode coverage without a feature network."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ganvas.command_line import ganvas_command
from ganvas.data.generated import GeneratedDataset, PrepareSource, frozen_random
from ganvas.data.prepared import Blocks, DatasetMetadata
from ganvas.data.settings import DataSettings
from ganvas.errors import DataError
from ganvas.formatting import format_image_size
from ganvas.networks.sizes import POINT

Plane = npt.NDArray[np.float64]  # (N, 2): x and y

TRAINING_POINTS = 100_000
"""As many as PacGAN trains on; held-out points come on top."""


@dataclass(frozen=True, eq=False)
class Points(GeneratedDataset):
    """Points (N, 2, 1, 1) of a distribution in the plane, float32, in the units of its paper.

    They are neither quantised nor rescaled, since that would change the published settings.
    """

    recipe: ClassVar[str] = "points-modern"

    @property
    @abstractmethod
    def modes(self) -> int:
        """Number of modes, which are the labels; 0 without distinct modes."""

    @abstractmethod
    def draw(
        self, count: int, random: np.random.RandomState
    ) -> tuple[Plane, npt.NDArray[np.int64]]:
        """New points (count, 2), and the mode (count,) of each."""

    def generate(
        self, settings: DataSettings, prepare: PrepareSource
    ) -> tuple[DatasetMetadata, Blocks]:
        """`draw_dataset`; points are made from no images."""
        return self.draw_dataset(settings)

    def draw_dataset(self, settings: DataSettings) -> tuple[DatasetMetadata, Blocks]:
        """100,000 points to train on, and `settings.held_out` times as many held-out points.

        Raises:
            DataError: the settings are for images.
        """
        self._check_settings(settings)
        held_out = round(settings.held_out * TRAINING_POINTS)
        training = self.draw(TRAINING_POINTS, frozen_random(0))
        rest = self.draw(
            held_out, frozen_random(1)
        )  # another seed, so that training keeps its points
        points = np.concatenate([training[0], rest[0]]).astype(np.float32)
        labels = np.concatenate([training[1], rest[1]]) if self.modes else None
        names = tuple(str(mode) for mode in range(self.modes))
        content = hashlib.blake2b(json.dumps([self.name, names]).encode(), digest_size=16)
        for array in (points, labels):
            content.update(b"" if array is None else array.tobytes())
        metadata = DatasetMetadata(
            shape=(len(points), 2, *POINT),
            dtype="float32",
            labels=labels,
            label_names=names,
            held_out=np.arange(TRAINING_POINTS, len(points)),
            fingerprint=content.hexdigest(),
        )
        return metadata, iter([points.reshape(metadata.shape)])

    def _check_settings(self, settings: DataSettings) -> None:
        if settings.size != POINT:
            command = ganvas_command("train", self.recipe, self.location)
            raise DataError(
                f"{self.name} holds points in the plane (size {format_image_size(POINT)}), but the "
                f"recipe is for images of {format_image_size(settings.size)}. Take a recipe for "
                f"points, such as {self.recipe}: {command}"
            )
        if settings.channels not in ("auto", "2"):
            raise DataError(
                f"{self.name} holds points with two coordinates, but the recipe asks for "
                f"{settings.channels}: set channels to auto"
            )


@dataclass(frozen=True, eq=False)
class Mixture(Points):
    """Equally likely Gaussians of equal spread, each of them a mode."""

    centres: Plane = field(repr=False)
    """(K, 2); the row is the number of the mode, and its label."""
    sigma: float
    """Standard deviation of every mode, along both axes."""

    @property
    def modes(self) -> int:
        """K."""
        return len(self.centres)

    def draw(
        self, count: int, random: np.random.RandomState
    ) -> tuple[Plane, npt.NDArray[np.int64]]:
        """Points from independently chosen modes."""
        modes = random.randint(self.modes, size=count, dtype=np.int64)
        noise = self.sigma * random.standard_normal((count, 2))
        return self.centres[modes] + noise, modes


@dataclass(frozen=True, eq=False)
class SwissRoll(Points):
    """A rolled-up band without modes: the toy of Gulrajani 2017, figure 1, in its code's units."""

    noise: float = 0.25
    """Standard deviation across the band, before it is scaled."""
    scale: float = 7.5
    """Divisor of all coordinates."""

    @property
    def modes(self) -> int:
        """0: a band has no distinct modes."""
        return 0

    def draw(
        self, count: int, random: np.random.RandomState
    ) -> tuple[Plane, npt.NDArray[np.int64]]:
        """t (cos t, sin t) with t even over [1.5 pi, 4.5 pi], and noise (Marsland 2009)."""
        angle = 1.5 * math.pi * (1 + 2 * random.uniform(size=count))
        band = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        noise = self.noise * random.standard_normal((count, 2))
        return (band + noise) / self.scale, np.zeros(count, np.int64)


def _ring(modes: int = 8) -> Plane:
    angles = 2 * math.pi * np.arange(modes) / modes
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _grid() -> Plane:
    return np.array(list(itertools.product((-4.0, -2.0, 0.0, 2.0, 4.0), repeat=2)))


MIXTURES: dict[str, Mixture] = {
    # Srivastava 2017 (VEEGAN), section 4.1; sizes as in PacGAN's code (Lin 2018)
    "ring": Mixture("ring", "ring", centres=_ring(), sigma=0.01),
    "grid": Mixture("grid", "grid", centres=_grid(), sigma=0.05),
}
"""The point sets with modes, by name and location; mode coverage needs the centres."""

POINTS: dict[str, Points] = {
    **MIXTURES,
    "swiss-roll": SwissRoll("swiss-roll", "swiss-roll"),
}
"""All point sets, by name and location."""
