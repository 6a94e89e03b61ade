"""What is known of each image of a source once it was decoded, and sums over them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from ganvas.data.bit_depth import PixelValues, WithoutRange
from ganvas.data.decoding import decode, is_grey, upright_size
from ganvas.data.frames import FramesSource, count_frames
from ganvas.data.mirroring import Thumbnail, thumbnail
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, UnusableImage
from ganvas.data.value_spans import picture_values

_MODE_NAMES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "I": "32-bit grey",
    "I;16": "16-bit grey",
    "I;16B": "16-bit grey",
    "F": "floating point",
}


class Header(NamedTuple):
    """Size, mode and values of an image, or why it is unusable."""

    size: tuple[int, int]
    mode: str
    problem: str | None
    values: PixelValues | None = None
    """The values of its pixels; all that they can be, where it is decoded smaller."""
    frames: int = 1
    thumbnail: Thumbnail | None = None
    """Of an image that is compared with mirrored ones."""
    grey: bool = False
    """Whether it can hold no colour, as preparation decides it."""
    without_range: bool = False
    """Whether it is unusable because its values need a range, which would be that of all images."""


def decode_header(
    source: Source, settings: DataSettings, compared: frozenset[int], index: int
) -> Header:
    """What is known of one image, decoded as training would decode it.

    Args:
        compared: the images that get a thumbnail.
    """
    try:
        image = source.read(index)
        size, mode, stored = upright_size(image), image.mode, image.size
        frames, grey = count_frames(image), is_grey(image, settings)
        pixels = decode(image, settings, 3)
        values = picture_values(image, pixels, whole=image.size == stored)
    except UnusableImage as problem:
        return Header((0, 0), "", problem.reason, without_range=isinstance(problem, WithoutRange))
    small = thumbnail(pixels) if index in compared else None
    return Header(size, mode, None, values, frames, small, grey)


def frames_of_files(
    source: Source, headers: Sequence[Header], usable: Sequence[int]
) -> dict[str, int]:
    """How many frames each usable file with several has, whether its items are files or frames."""
    if isinstance(source, FramesSource):
        return dict(Counter(source.file_name(i) for i in usable if source.group(i) is not None))
    several = [index for index in usable if headers[index].frames > 1]
    return {source.items[index].name: headers[index].frames for index in several}


def exact_copies(
    source: Source, digests: Sequence[bytes], usable: Sequence[int]
) -> tuple[tuple[str, ...], ...]:
    """Groups of names with exactly the same content."""
    groups: dict[bytes, list[str]] = defaultdict(list)
    for index in usable:
        groups[digests[index]].append(source.items[index].name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def mode_fractions(modes: Sequence[str]) -> dict[str, float]:
    """The fraction of the images in each pixel mode, the most frequent first."""
    names = Counter(_MODE_NAMES.get(mode, mode) for mode in modes)
    return {name: round(count / len(modes), 4) for name, count in names.most_common()}
