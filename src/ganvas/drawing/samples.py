"""Samples as a picture: a grid of images, or a plot of points."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
from PIL import Image

from ganvas import storage
from ganvas.drawing.captions import with_margins
from ganvas.drawing.grids import draw_points, enlarge, make_grid, to_pillow

MIN_DISPLAY_SIZE = 64
"""Smaller images are enlarged in grids, so that a person can see them."""


def write_samples(
    path: Path, samples: npt.NDArray[Any], extent: float | None, columns: int | None = None
) -> None:
    """Write samples of `generate` as a PNG: a grid of images, small ones enlarged, or points.

    Args:
        path: the PNG.
        samples: images (N, H, W, C) or points (N, 2).
        extent: for points, half the side of the square around 0 that is drawn.
        columns: of the grid; None makes it about square.
    """
    buffer = io.BytesIO()
    picture_of(samples, extent, columns).save(buffer, format="PNG")
    storage.write_bytes(path, buffer.getvalue())


def picture_of(
    samples: npt.NDArray[Any], extent: float | None, columns: int | None = None
) -> Image.Image:
    """Samples as `write_samples` draws them."""
    if extent is not None:
        return to_pillow(draw_points(samples, extent))
    return enlarge(to_pillow(make_grid(samples, columns)), display_factor(samples.shape[1:3]))


def write_strips(
    path: Path, strips: npt.NDArray[Any], rows: Sequence[str], columns: Sequence[str]
) -> None:
    """Write strips of images as a PNG: a row for each, small images enlarged.

    Args:
        path: the PNG.
        strips: uint8 (D, T, H, W, C).
        rows: a text beside each of the D strips.
        columns: a text above each of the T columns.
    """
    images = strips.reshape(-1, *strips.shape[2:])
    grid = picture_of(images, None, columns=len(columns))
    buffer = io.BytesIO()
    with_margins(grid, rows, columns).save(buffer, format="PNG")
    storage.write_bytes(path, buffer.getvalue())


def display_factor(size: tuple[int, int]) -> int:
    """The factor that enlarges images of this height and width for display."""
    return max(1, MIN_DISPLAY_SIZE // max(size))
