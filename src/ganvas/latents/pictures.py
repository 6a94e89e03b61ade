"""Pictures that a user names, brought to what a generator makes, exactly as training images are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ganvas.data.decoding import decode
from ganvas.data.formats import KIND_BYTES, readable_format
from ganvas.data.image_files import IMAGE_SUFFIXES, open_files
from ganvas.data.reading import parallel_map
from ganvas.data.settings import DataSettings, TrainingData
from ganvas.data.source import Source, UnusableImage
from ganvas.data.sources import open_source
from ganvas.errors import DataError
from ganvas.images import Pixels
from ganvas.networks import ImageShape
from ganvas.system_errors import reason_of

UNREADABLE = "Leave it out, or convert it, such as to a small PNG of 8 bits"
"""What to do with a file that is there and cannot be used."""


@dataclass(frozen=True)
class Pictures:
    """What was read.

    names: of each picture, with the folders below the one that was named.
    pixels: uint8 (N, H, W, C).
    problems: why others cannot be used, one sentence each.
    """

    names: list[str]
    pixels: Pixels
    problems: list[str]


def read_pictures(paths: Sequence[Path], shape: ImageShape, data: TrainingData | None) -> Pictures:
    """Read image files, folders and archives of images.

    Args:
        shape: of the generator's images.
        data: how its training images were prepared, where that is known; otherwise as by default.
    """
    settings = DataSettings() if data is None else data.settings
    settings = dataclasses.replace(settings, size=(shape.height, shape.width))
    names: list[str] = []
    planes: list[npt.NDArray[np.uint8]] = []
    problems: list[str] = []
    for path in paths:
        try:
            source = source_of(path)
        except DataError as error:
            problems.append(str(error))
            continue
        for item, outcome in zip(source.items, decoded(source, settings, shape), strict=True):
            if isinstance(outcome, str):
                whole = path if path.is_file() else path / item.name
                problems.append(f"{whole}: {outcome}. {UNREADABLE}")
            else:
                names.append(item.name)
                planes.append(outcome.transpose(1, 2, 0))
    empty = np.empty((0, shape.height, shape.width, shape.channels), np.uint8)
    return Pictures(names, np.ascontiguousarray(np.stack(planes)) if planes else empty, problems)


def source_of(path: Path) -> Source:
    """One image file, or a folder or an archive of images. Raises a `DataError`."""
    if path.is_file():
        try:
            with path.open("rb") as file:
                start = file.read(KIND_BYTES)
        except OSError as error:
            raise DataError(f"cannot read {path}: {reason_of(error)}") from error
        if path.suffix.lower() in IMAGE_SUFFIXES or readable_format(start) is not None:
            return open_files(path.parent, [(path.name, str(path))])
    elif not path.exists():
        raise DataError(f"{path}: no such file or folder")
    source = open_source(path)
    assert isinstance(source, Source)  # only built-in names, which are no paths, give others
    return source


def decoded(
    source: Source, settings: DataSettings, shape: ImageShape
) -> Iterator[npt.NDArray[np.uint8] | str]:
    """Each image as uint8 (C, H, W), or why it cannot be used."""

    def decode_one(index: int) -> npt.NDArray[np.uint8] | str:
        try:
            return decode(source.read(index), settings, shape.channels)
        except UnusableImage as error:
            return error.problem  # without a flag of training: all is prepared as it was then

    return parallel_map(decode_one, range(len(source.items)))
