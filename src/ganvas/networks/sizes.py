"""The image sizes that networks support, and how a size is split into doublings.

Every network starts from a small base grid and doubles it. A size fits when both sides are a base
times the same power of two, the smaller base is 3 to 7, and there are at least two doublings:
28 = 7 x 2^2, 32 = 4 x 2^3, 64x96 = (4 x 6) x 2^4, 256x64 = (16 x 4) x 2^4.

One size is not that of an image: `POINT`, 1x1. Its "channels" are the coordinates of a point in
space, unbounded real numbers, as in the published mode-coverage benchmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

from ganvas.errors import RecipeError
from ganvas.formatting import format_image_size

SMALLEST_BASE, LARGEST_BASE = 3, 7
FEWEST_DOUBLINGS = 2
POINT = (1, 1)


@dataclass(frozen=True)
class ImageShape:
    """Shape of the generator's output and the discriminator's input: channels, height, width.

    Images have 1 to 4 channels, points any number. The input of a packed discriminator has the
    channels of all images in a pack.
    """

    channels: int
    height: int
    width: int

    @property
    def is_point(self) -> bool:
        """Whether this is the shape of a point in space, not of an image."""
        return (self.height, self.width) == POINT

    def halved(self, times: int) -> ImageShape:
        """The shape after so many halvings of both sides."""
        return ImageShape(self.channels, self.height // 2**times, self.width // 2**times)

    def __str__(self) -> str:
        if self.is_point:
            return f"points in {self.channels} dimensions"
        channels = CHANNEL_NAMES.get(self.channels, f"{self.channels} channels")
        return f"{format_image_size((self.height, self.width))}, {channels}"


CHANNEL_NAMES = {1: "grey", 2: "grey with alpha", 3: "colour", 4: "colour with alpha"}


@dataclass(frozen=True)
class Doubling:
    """A split size: `height = base_height * 2**doublings`, and likewise the width."""

    base_height: int
    base_width: int
    doublings: int


def split(height: int, width: int) -> Doubling | None:
    """Split a size with as many doublings as possible; None if the size does not fit."""
    for doublings in range(min(height, width).bit_length(), FEWEST_DOUBLINGS - 1, -1):
        factor = 2**doublings
        if height % factor or width % factor:
            continue
        smaller_base = min(height, width) // factor
        if SMALLEST_BASE <= smaller_base <= LARGEST_BASE:
            return Doubling(height // factor, width // factor, doublings)
    return None


def doubling_of(image: ImageShape) -> Doubling:
    """Split an image's size.

    Raises:
        RecipeError: the size does not fit; the message names the nearest that do.
    """
    doubling = split(image.height, image.width)
    if doubling is None:
        raise RecipeError([f"size: {size_problem(image.height, image.width)}"])
    return doubling


def size_problem(height: int, width: int) -> str | None:
    """Why a size does not fit, with the nearest sizes that do; None if it fits."""
    if split(height, width) is not None:
        return None
    nearest = " or ".join(format_image_size(size) for size in nearest_sizes(height, width))
    return (
        f"size {format_image_size((height, width))} does not fit: both sides must be a base "
        f"doubled the same number of times, at least twice, the smaller base being "
        f"{SMALLEST_BASE} to {LARGEST_BASE}. Nearest: {nearest}"
    )


def nearest_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """The fitting sizes nearest below and above in area (square sizes stay square)."""
    shorter, longer = sorted((height, width))
    fitting = set()
    for doublings in range(FEWEST_DOUBLINGS, max(shorter.bit_length(), FEWEST_DOUBLINGS) + 1):
        factor = 2**doublings
        for base in range(SMALLEST_BASE, LARGEST_BASE + 1):
            short = base * factor
            for multiple in (longer // factor, longer // factor + 1):
                long = short if shorter == longer else max(short, multiple * factor)
                fitting.add((short, long) if height <= width else (long, short))

    def distance(size: tuple[int, int]) -> int:
        return abs(size[0] - height) + abs(size[1] - width)

    below = [size for size in fitting if size[0] * size[1] < height * width]
    above = [size for size in fitting if size[0] * size[1] > height * width]
    return [min(side, key=lambda size: (distance(size), size)) for side in (below, above) if side]
