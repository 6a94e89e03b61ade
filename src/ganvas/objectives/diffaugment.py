"""The policy `diffaugment`: colour, translation and cutout (Zhao 2020, section 3).

At probability 1 it is the paper's policy "color,translation,cutout", in which every image gets all
of it. Ranges and order are the authors'. There is no turn and no mirror, so what leaks into the
generator's images is harmless in photographs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.objectives.augment_random import Draw, Policy, colour_channels, grid_of

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
    """Change the colours, by (N, 1) each; alpha keeps its values."""
    brightness, saturation, contrast = (
        value[:, :, None, None] for value in (brightness, saturation, contrast)
    )
    colours = colour_channels(images)
    colour, alpha = images[:, :colours] + brightness, images[:, colours:]
    if colours > 1:  # a grey pixel is its own mean
        colour = torch.lerp(colour.mean(1, keepdim=True), colour, saturation)
    colour = torch.lerp(colour.mean((1, 2, 3), keepdim=True), colour, contrast)
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


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
    inside = _within(rows, height) & _within(columns, width)  # (N, H, W)
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    index = torch.add(columns, rows, alpha=width).long()
    source = index.flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, source).view_as(images).masked_fill(~inside[:, None], 0.0)


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
    return images.masked_fill((rows & columns[:, None, :])[:, None], 0.0)


def _pixels(side: int, fraction: float) -> int:
    """A fraction of a side in whole pixels, rounded as the authors do."""
    return int(side * fraction + 0.5)


def _within(position: Tensor, count: int | Tensor) -> Tensor:
    """Where a position is one of 0, 1, ... `count` - 1."""
    return (position >= 0) & (position < count)
