"""What is scored: the samples of a generator, or images that another program made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import torch
from torch import Tensor

from ganvas.data.decoding import upright_size
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import Channels, DataSettings
from ganvas.data.source import Source, UnusableImage
from ganvas.errors import DataError, GanvasError
from ganvas.formatting import format_image_size
from ganvas.images import to_signed
from ganvas.latents.latents import BATCH_SIZE
from ganvas.networks import ImageShape
from ganvas.randomness import named_generator
from ganvas.runs.data import open_images, prepare_images
from ganvas.runs.directories import is_generator, is_run, is_study, runs_inside


class Samples(Protocol):
    """What `measure` asks of a `TrainedGenerator`, or of what takes its place."""

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width of every sample."""

    @property
    def device(self) -> torch.device:
        """Where the samples are, and where their features are computed."""

    @property
    def images_seen(self) -> int:
        """Of training; 0 where it is not known."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels that samples are made of; empty where they have none."""

    @property
    def makes_points(self) -> bool:
        """Whether they are points in the plane."""

    def batches(self, n: int, seed: int = 0, indices: range | None = None) -> Iterator[Tensor]:
        """As `TrainedGenerator.batches`."""

    def draw_labels(self, n: int, seed: int = 0) -> Tensor | None:
        """As `RandomInputs.draw_labels`."""


@dataclass(frozen=True, eq=False)
class GivenImages:
    """Images that another program made, as `Samples`: each at most once, in an order of the seed.

    Whatever they are, they have no labels, and nobody knows how long their generator was trained.
    """

    prepared: PreparedData
    device: torch.device
    images_seen: int = 0
    label_names: tuple[str, ...] = ()
    makes_points: bool = False

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width of every image."""
        return self.prepared.shape

    def batches(self, n: int, seed: int = 0, indices: range | None = None) -> Iterator[Tensor]:
        """float32 (B, C, H, W) in [-1, 1]; n is at most the number of images."""
        count = len(self.prepared.images)
        order = torch.randperm(count, generator=named_generator(seed, "order of given images"))
        chosen = order[:n] if indices is None else order[indices.start : indices.stop]
        for rows in torch.split(chosen, BATCH_SIZE):
            pixels = torch.from_numpy(self.prepared.images[rows.numpy()])
            yield to_signed(pixels.to(self.device))

    def draw_labels(self, n: int, seed: int = 0) -> Tensor | None:
        """None: they have no labels."""


def source_of_images(path: Path, quiet: bool) -> Source | None:
    """Images at a path that is not ganvas's own; None where it is, or holds none."""
    if is_generator(path) or is_run(path) or is_study(path) or not path.exists():
        return None
    if path.is_dir() and runs_inside(path):  # with grids of samples, which are images too
        return None
    try:
        source = open_images(path, quiet)
    except DataError:
        return None
    return source if isinstance(source, Source) else None


def size_of_images(source: Source) -> tuple[int, int]:
    """Height and width of images that a generator is said to have made.

    Raises:
        DataError: they have several sizes, and fitting them to one would change their scores.
    """
    first_of: dict[tuple[int, int], str] = {}
    for index, item in enumerate(source.items):
        try:
            width, height = upright_size(source.read(index))
        except UnusableImage:
            continue  # preparation names it
        first_of.setdefault((height, width), item.name)
    if len(first_of) > 1:
        (size, name), (other, other_name), *_ = first_of.items()
        raise DataError(
            f"{source.name}: {name} is {format_image_size(size)}, {other_name} "
            f"{format_image_size(other)}, but a generator makes images of one size, and fitting "
            "them would change their scores. Give images of one size"
        )
    if not first_of:
        raise DataError(f"{source.name}: no image can be read. Look at it: ganvas check")
    return next(iter(first_of))


def prepared_pair(
    source: Source, data: str | Path, quiet: bool, verify: bool
) -> tuple[PreparedData, PreparedData, DataSettings]:
    """The given images, the real ones at their size, and how the real ones were prepared.

    Where only one of them has colours, the other's greys become colours: a generator that makes no
    colours is worse for it.
    """
    size = size_of_images(source)
    real = DataSettings(size=size)
    given = replace(real, held_out=0.0, keep_duplicates=True, labels="off")
    pair = [prepare_images(given, source.location, quiet, verify)]
    pair.append(prepare_images(real, data, quiet, verify))
    most = max(prepared.shape.channels for prepared in pair)
    real = replace(real, channels=cast(Channels, str(most)))
    if pair[0].shape.channels < most:
        pair[0] = prepare_images(replace(given, channels=real.channels), source.location, quiet)
    if pair[1].shape.channels < most:
        pair[1] = prepare_images(real, data, quiet)
    return pair[0], pair[1], real


def check_enough(prepared: PreparedData, n: int | None) -> None:
    """Raise a `GanvasError` where there are fewer given images than samples are asked for."""
    if n is not None and n > len(prepared.images):
        raise GanvasError(
            f"{prepared.name} holds {len(prepared.images):,} images, and -n asks for {n:,}"
        )
