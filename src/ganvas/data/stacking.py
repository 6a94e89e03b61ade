"""Stacked digits: three images of ten classes in the channels of one image make 1000 modes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ganvas.data.generated import GeneratedDataset, PrepareSource, frozen_random
from ganvas.data.prepared import Blocks, DatasetMetadata, PreparedData
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import DataError
from ganvas.networks.sizes import POINT

STACKED = "stacked:"
"""Before the location of the images that are stacked."""
CLASSES = 10
PLACE_VALUES = np.array([100, 10, 1])
"""Decimal value of the class in each channel: digits 4, 0, 7 are mode 407."""

_CHUNK = 1024  # stacks per block


def is_stacked(location: str) -> bool:
    """Whether the images of a location are stacks."""
    return location.startswith(STACKED)


@dataclass(frozen=True, eq=False)
class Stacked(GeneratedDataset):
    """Fixed random stacks of another source's images (Srivastava 2017; Lin 2018).

    Training stacks consist of training images, held-out stacks of held-out images. So no held-out
    image is ever trained on in any channel.
    """

    recipe: ClassVar[str] = "stacked-modern"

    base: Source
    """Labelled images of ten classes; colour is converted to grey."""
    training: int = 128_000
    """Number of stacks to train on, as in VEEGAN and PacGAN."""
    held_out: int = 26_000
    """Number of held-out stacks: the papers' sample count. None where no image is held out."""

    def generate(
        self, settings: DataSettings, prepare: PrepareSource
    ) -> tuple[DatasetMetadata, Blocks]:
        """Prepare the images, and draw the three of each stack.

        Raises:
            DataError: the settings do not suit, or some class has no usable image.
        """
        self.check_settings(settings)
        digits = prepare(self.base, base_settings(settings))
        classes = _classes(digits)
        random = frozen_random(0)
        sides = [(digits.training, self.training), (digits.held_out, self.held_out)]
        picks = [
            side[random.randint(len(side), size=(count, 3), dtype=np.int64)]
            for side, count in sides
            if len(side)
        ]
        every = np.concatenate(picks)  # (N, 3)
        fingerprint = hashlib.blake2b(
            json.dumps(["stacked", digits.fingerprint]).encode() + every.tobytes(), digest_size=16
        )
        metadata = DatasetMetadata(
            shape=(len(every), 3, digits.shape.height, digits.shape.width),
            dtype="uint8",
            labels=classes[every] @ PLACE_VALUES,
            label_names=tuple(f"{mode:03}" for mode in range(CLASSES**3)),
            held_out=np.arange(len(picks[0]), len(every)),
            fingerprint=fingerprint.hexdigest(),
            unusable=digits.unusable,
            pixel_range=digits.pixel_range,
            duplicates=digits.duplicates,
        )
        return metadata, _stacks(digits, every)

    def check_settings(self, settings: DataSettings) -> None:
        """Raise a `DataError` unless the settings suit images with three channels."""
        if settings.size == POINT:
            raise DataError(
                f"{self.location} holds images, but the recipe makes points. "
                f"Take a recipe for images, such as {self.recipe}"
            )
        if settings.channels not in ("auto", "3"):
            raise DataError(
                f"{self.location} stacks three images in three channels, but the recipe asks for "
                f"{settings.channels}: set channels to auto"
            )
        if settings.labels != "scores":
            raise DataError(
                f"{self.location} stacks one image of each of three labels, so its labels are "
                f"needed as they are, but the recipe says {settings.labels}: set labels to scores"
            )


def _classes(digits: PreparedData) -> npt.NDArray[np.int64]:  # (N,)
    """The class of each image; a `DataError` if a class has no training image."""
    assert digits.labels is not None  # `open_stacked` checked them
    names = digits.label_names
    counts = np.bincount(digits.labels[digits.training], minlength=len(names))
    if not counts.all():
        missing = ", ".join(names[number] for number in np.flatnonzero(counts == 0))
        raise DataError(
            f"{digits.location} has no usable image to train on of the label {missing}; "
            "stacking needs some of each of the ten"
        )
    return digits.labels


def open_stacked(base: Source | GeneratedDataset) -> Stacked:
    """Stacks of an open source.

    Raises:
        DataError: not labelled images of ten classes.
    """
    needed = "stacking takes labelled images of ten classes, such as digits"
    if isinstance(base, GeneratedDataset):
        raise DataError(f"{base.location} cannot be stacked: {needed}")
    unlabelled = sum(item.label is None for item in base.items)
    if unlabelled:
        raise DataError(f"{base.location}: {unlabelled:,} images have no label, but {needed}")
    if len(base.label_names) != CLASSES:
        raise DataError(f"{base.location} has {len(base.label_names)} labels, but {needed}")
    return Stacked(f"stacked-{base.name}", f"{STACKED}{base.location}", base)


def base_settings(settings: DataSettings) -> DataSettings:
    """The settings of the single images of stacks."""
    return replace(settings, channels="1")


def _stacks(digits: PreparedData, picks: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(picks), _CHUNK):
        yield digits.images[picks[start : start + _CHUNK], 0]  # (n, 3, H, W)
