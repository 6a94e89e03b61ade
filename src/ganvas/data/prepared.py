"""What prepared data is: pixels in a memory-mapped file, labels, and the split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ganvas.data.source import Unusable
from ganvas.formatting import format_count
from ganvas.labels import LabelSet
from ganvas.networks.sizes import CHANNEL_NAMES, ImageShape

Blocks = Iterator[npt.NDArray[Any]]
"""Consecutive arrays (n, C, H, W), so that a large data set is never held in memory whole."""


@dataclass(frozen=True, eq=False)
class PreparedData:
    """Images, decoded and split. Pixels lie in a memory-mapped file and are read on demand."""

    name: str
    """Short name for people."""
    location: str
    """What `open_source` opens again: an absolute path or built-in name, `stacked:` before it."""
    images: npt.NDArray[Any] = field(repr=False)
    """(N, C, H, W), 0 to 255; or points (N, 2, 1, 1), float32: x and y. A read-only memory map."""
    labels: npt.NDArray[np.int64] | None = field(repr=False)
    """(N,), indices into `label_names`; None unless every image has a label."""
    label_names: tuple[str, ...]
    held_out: npt.NDArray[np.int64] = field(repr=False)
    """(M,), ascending: the images that are never trained on."""
    unusable: tuple[Unusable, ...]
    """The images that are left out, and why, in the order of the source."""
    duplicates: int
    """How many exact copies of other images are left out."""
    fingerprint: str
    """Hash of every name, label and content of the source (32 hex digits)."""
    key: str
    """Hash of the fingerprint and of the settings of preparation; names what is derived from these
    images in the cache."""
    pixel_range: str = "full"
    """The values that became 0 and 255, as a setting: `full` or LOW:HIGH."""
    extent: float | None = field(init=False)
    """Half the side of the square around 0 in which points are drawn; None for images. It leaves
    room around the points, so that outliers of a generator are seen."""

    def __post_init__(self) -> None:
        is_point = self.shape.is_point
        extent = round(1.5 * float(np.abs(self.images).max()), 1) if is_point else None
        object.__setattr__(self, "extent", extent)

    @property
    def shape(self) -> ImageShape:
        """Channels, height and width of every image."""
        _, channels, height, width = self.images.shape
        return ImageShape(channels, height, width)

    @cached_property
    def training(self) -> npt.NDArray[np.int64]:
        """(N - M,), ascending: the images to train on."""
        return np.setdiff1d(np.arange(len(self.images)), self.held_out, assume_unique=True)

    @cached_property
    def label_set(self) -> LabelSet | None:
        """The labels and how many training images have each; None without labels."""
        if self.labels is None or not self.label_names:
            return None
        counts = np.bincount(self.labels[self.training], minlength=len(self.label_names))
        return LabelSet(self.label_names, tuple(counts.tolist()))

    def summary(self) -> str:
        """One line for people: what, how many, at which size, how many are held out or left out."""
        count, channels, height, width = self.images.shape
        line = f"{self.name}: {count:,} "
        if self.shape.is_point:
            line += str(self.shape)
        else:
            line += f"images {height}x{width} {CHANNEL_NAMES[channels]}"
        if self.labels is not None:
            line += f", {len(self.label_names):,} labels"
        line += f"; {len(self.training):,} to train on, {len(self.held_out):,} held out"
        if self.duplicates:
            copies = format_count(self.duplicates, "exact copy", "exact copies")
            line += f"; {copies} left out"
        if self.unusable:
            line += f"; {len(self.unusable):,} unusable left out"
        return line


@dataclass(frozen=True, eq=False)
class DatasetMetadata:
    """Everything about prepared data except its pixels."""

    shape: tuple[int, int, int, int]
    """(N, C, H, W)."""
    dtype: Literal["uint8", "float32"]
    """uint8 for images, float32 for points."""
    labels: npt.NDArray[np.int64] | None = field(repr=False)
    """(N,), indices into `label_names`; None unless each has a label."""
    label_names: tuple[str, ...]
    held_out: npt.NDArray[np.int64] = field(repr=False)
    """(M,), ascending: the images or points that are never trained on."""
    fingerprint: str
    """Hash of everything that the data is made from (32 hex digits)."""
    unusable: tuple[Unusable, ...] = ()
    """The images that are left out, and why."""
    duplicates: int = 0
    """How many exact copies of other images are left out."""
    pixel_range: str = "full"
    """The values that became 0 and 255, in what the data is made from."""
