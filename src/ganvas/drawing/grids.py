"""Images side by side, or points in a plot, as one picture; and pictures as PNG files."""

from __future__ import annotations

import io
import itertools
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas import storage
from ganvas.images import Pixels

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

POINTS_TO_SHADE = 1_250
"""A pixel that the dots of a fraction 1 / 1,250 of all points cover has darkness 1 - 1/e."""
SIDE_OF_DOTS = 256
"""From this side on, a point covers its neighbour pixels, too: alone they are hard to see."""


def make_grid(images: Pixels, columns: int | None = None, gap: int = 2) -> Pixels:
    """Lay out images (N, H, W, C) in one image (H', W', C), row by row, on white.

    Args:
        images: uint8, at least one.
        columns: images per row; None makes the grid about square.
        gap: pixels between images and around them.
    """
    count, height, width, channels = images.shape
    columns = min(count, columns or math.ceil(math.sqrt(count * height / width)))
    rows = math.ceil(count / columns)
    shape = (rows * (height + gap) + gap, columns * (width + gap) + gap, channels)
    grid = np.full(shape, 255, np.uint8)
    for index, image in enumerate(images):
        top = gap + index // columns * (height + gap)
        left = gap + index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid


def draw_points(points: npt.NDArray[np.float32], extent: float, side: int = 384) -> Pixels:
    """Draw points (N, 2) in the square from -extent to extent, y upwards: (side, side, 1), grey.

    Each is a dot of 3x3 pixels, or of one in a plot below `SIDE_OF_DOTS`. A pixel is darker if the
    dots of a larger fraction of all points cover it, on a fixed scale: plots with the same extent
    are comparable, whatever their number of points. Points outside are drawn on the border.
    """
    inside = np.clip(points, -extent, extent)
    edges = np.linspace(-extent, extent, side + 1)
    counts, _, _ = np.histogram2d(-inside[:, 1], inside[:, 0], bins=(edges, edges))
    if side >= SIDE_OF_DOTS:
        padded = np.pad(counts, 1)
        shifts = itertools.product(range(3), repeat=2)
        counts = sum((padded[y : y + side, x : x + side] for y, x in shifts), np.zeros_like(counts))
    darkness = 1 - np.exp(-counts * POINTS_TO_SHADE / len(points))
    return np.round(255 * (1 - darkness)).astype(np.uint8)[:, :, None]


def to_pillow(pixels: Pixels) -> Image.Image:
    """numpy uint8 (H, W, C), C of 1 to 4, -> a Pillow image of the matching mode."""
    channels = pixels.shape[2]
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels, mode=_MODES[channels])


def enlarge(picture: Image.Image, factor: int) -> Image.Image:
    """Scale an image up without smoothing, so that a person can see its pixels."""
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.NEAREST)


def write_png(path: Path, pixels: Pixels, factor: int = 1) -> None:
    """Write uint8 (H, W, C) as a PNG, atomically, enlarged `factor` times."""
    buffer = io.BytesIO()
    enlarge(to_pillow(pixels), factor).save(buffer, format="PNG")
    storage.write_bytes(path, buffer.getvalue())
