"""The only place where pixel ranges change: uint8 [0, 255] in files, [-1, 1] in networks."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from ganvas import storage
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.randomness import draw_uniform

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
Pixels = npt.NDArray[np.uint8]

POINTS_TO_SHADE = 1_250
"""A pixel that holds a fraction 1 / 1,250 of all points has darkness 1 - 1/e."""


def to_signed(pixels: Tensor) -> Tensor:
    """uint8 [0, 255] -> float32 [-1, 1]; points, which are floats already, do not change.

    Points have no standard range, and rescaling would change the effect of published learning
    rates and penalties.
    """
    if pixels.is_floating_point():
        return pixels
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)  # (N, C, H, W)


def to_signed_dequantized(
    pixels: Tensor, generator: torch.Generator, processes: ProcessGroup = SINGLE_PROCESS
) -> Tensor:
    """uint8 -> float32 in [-1, 1), each grey level spread uniformly over its interval of 1/128.

    Gulrajani 2017's CIFAR-10 preprocessing: x/128 - 1 + U(0, 1/128).
    """
    noise = draw_uniform(tuple(pixels.shape), generator, processes)
    return noise.add_(pixels).div_(128.0).sub_(1.0)  # (N, C, H, W)


def to_uint8(images: Tensor) -> Tensor:
    """float [-1, 1] -> uint8 [0, 255], rounded to nearest; values outside are clamped."""
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)


def from_network(images: Tensor) -> npt.NDArray[Any]:
    """Network outputs as numpy arrays: uint8 (N, H, W, C), or points float32 (N, 2), unchanged.

    Args:
        images: float, (N, C, H, W) in [-1, 1], or points (N, 2, 1, 1).
    """
    if images.shape[2:] == (1, 1):
        points: npt.NDArray[Any] = images.float().flatten(1).cpu().numpy()
        return points
    return to_channels_last(to_uint8(images))


def to_channels_last(pixels: Tensor) -> Pixels:
    """uint8 (N, C, H, W) -> numpy uint8 (N, H, W, C), the layout of image libraries."""
    array: Pixels = pixels.cpu().permute(0, 2, 3, 1).contiguous().numpy()
    return array


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

    A pixel is darker if it holds a larger fraction of all points, on a fixed scale: plots with the
    same extent are comparable, whatever their number of points. Points outside are drawn on the
    border.
    """
    inside = np.clip(points, -extent, extent)
    edges = np.linspace(-extent, extent, side + 1)
    counts, _, _ = np.histogram2d(-inside[:, 1], inside[:, 0], bins=(edges, edges))
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
