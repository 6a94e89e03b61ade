"""The policy `diffaugment`: colour, translation and cutout (Zhao 2020, section 3).

At probability 1 it is the paper's policy "color,translation,cutout", in which every image gets all
of it. Ranges and order are the authors'. There is no turn and no mirror, so what leaks into the
generator's images is harmless in photographs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.objectives.augment_random import Draw, Policy, colour_channels, grid_of, with_alpha_of

BRIGHTNESS = 0.5
"""The most that is added or subtracted, where black is -1 and white is 1."""
SATURATION = 2.0
"""The largest factor of a pixel's distance from its mean over channels; the smallest is 0."""
CONTRAST = (0.5, 1.5)
"""The factors of the distance from the image's mean."""
TRANSLATION = 0.125
"""The largest translation, relative to the side."""
CUTOUT = 0.5
"""Length of the hole, relative to each side."""


UNIFORM = (
    "brightness", "brightness?", "saturation", "saturation?", "contrast", "contrast?",
    "down", "right", "moved?", "hole_row", "hole_column", "hole?",
)  # fmt: skip
"""In the order of drawing; a name with ? decides whether the transformation happens."""
DRAWS = (
    Draw("brightness", "brightness?", -BRIGHTNESS, 2 * BRIGHTNESS),
    Draw("saturation", "saturation?", 0.0, SATURATION, otherwise=1.0),
    Draw("contrast", "contrast?", CONTRAST[0], CONTRAST[1] - CONTRAST[0], otherwise=1.0),
    # Of all possible places in order, relative to their number; the one in the middle is no move.
    Draw("down", "moved?", otherwise=0.5),
    Draw("right", "moved?", otherwise=0.5),
    Draw("hole_row"),
    Draw("hole_column"),
    Draw("hole_row", "hole?", low=1.0, span=0.0),  # 1 if there is a hole, else 0
)


def transform(images: Tensor, quantities: Tensor) -> Tensor:
    """The whole policy on images (N, C, H, W), see `Policy.transform`."""
    brightness, saturation, contrast, down, right, hole_row, hole_column, hole = quantities
    jittered = colour_jitter(images, brightness, saturation, contrast)
    return cut_out(translate(jittered, down, right), hole_row, hole_column, hole)


augment = Policy(transform, DRAWS, UNIFORM)


def colour_jitter(
    images: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor
) -> Tensor:
    """Change the colours, by (N, 1) each; alpha keeps its values.

    All of it is one matrix and one offset for each image, so that images are gone through once.
    """
    brightness, saturation, contrast = (
        value[..., None] for value in (brightness, saturation, contrast)
    )
    colours = colour_channels(images)
    colour = images[:, :colours].flatten(2)
    # The matrix keeps the mean, and with a contrast of 1 the offset is the brightness exactly.
    offset = brightness + (1 - contrast) * colour.mean((1, 2), keepdim=True)
    matrix = contrast
    if colours > 1:  # a grey pixel is its own mean
        identity = torch.eye(colours, dtype=images.dtype, device=images.device)
        matrix = contrast * (saturation * identity + (1 - saturation) / colours)
    return with_alpha_of(images, torch.baddbmm(offset, matrix, colour))


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Move by whole pixels, up to `TRANSLATION`; what is uncovered becomes mid-grey (0).

    Args:
        down, right: (N, 1), which of the possible moves, in [0, 1).
    """
    channels, height, width = images.shape[1:]
    grid = grid_of(images)
    most_down, most_right = (_pixels(side, TRANSLATION) for side in (height, width))
    by_rows = (down * (2 * most_down + 1)).floor() - most_down
    by_columns = (right * (2 * most_right + 1)).floor() - most_right
    rows = grid.rows - by_rows[:, :, None]  # (N, H, 1)
    columns = (grid.columns - by_columns)[:, None, :]  # (N, 1, W)
    inside = _within(rows, height) * _within(columns, width)  # (N, H, W)
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    index = torch.add(columns, rows, alpha=width).long()
    source = index.flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, source).view(images.shape) * inside[:, None]


def cut_out(images: Tensor, row: Tensor, column: Tensor, hole: Tensor) -> Tensor:
    """Set a rectangle to mid-grey, half as wide and high as the image, maybe partly outside.

    Args:
        row, column: (N, 1), which of its possible places, in [0, 1).
        hole: (N, 1), 1 for a rectangle, 0 for none.
    """
    height, width = images.shape[2:]
    grid = grid_of(images)

    def first(drawn: Tensor, side: int, length: int) -> Tensor:
        """(N, 1), the first row or column of the rectangle."""
        return (drawn * (side + 1 - length % 2)).floor() - length // 2

    high, wide = _pixels(height, CUTOUT), _pixels(width, CUTOUT)
    rows = _within(grid.rows - first(row, height, high)[:, :, None], high)  # (N, H, 1)
    columns = _within(grid.columns - first(column, width, wide), wide * hole)  # (N, W)
    return images * (1 - rows * columns[:, None, :])[:, None]


def _pixels(side: int, fraction: float) -> int:
    """A fraction of a side in whole pixels, rounded as the authors do."""
    return int(side * fraction + 0.5)


def _within(position: Tensor, count: int | Tensor) -> Tensor:
    """1 where a position is one of 0, 1, ... `count` - 1, else 0.

    Numbers: on CPUs, truth values for each pixel take ten times as long.
    """
    return ((position >= 0) & (position < count)).to(position.dtype)
