"""The policy `diffaugment`: colour, translation and cutout (Zhao 2020, section 3).

At probability 1 it is the paper's policy "color,translation,cutout", in which every image gets all
of it. Ranges and order are the authors'. There is no turn and no mirror, so what leaks into the
generator's images is harmless in photographs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.objectives.augment_random import AugmentRandom, Policy, arange_like, colour_channels

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


def transform(images: Tensor, draws: AugmentRandom) -> Tensor:
    """The whole policy on images (N, C, H, W), see `Policy.transform`."""
    return cut_out(translate(colour_jitter(images, draws), draws), draws)


augment = Policy(transform, uniforms=12)


def colour_jitter(images: Tensor, draws: AugmentRandom) -> Tensor:
    """Change brightness, saturation and contrast of the colours; alpha keeps its values."""
    brightness = draws.with_probability(draws.uniform(-BRIGHTNESS, BRIGHTNESS), 0.0)
    saturation = draws.with_probability(draws.uniform(0, SATURATION), 1.0)
    contrast = draws.with_probability(draws.uniform(*CONTRAST), 1.0)
    brightness, saturation, contrast = (
        value.view(-1, 1, 1, 1) for value in (brightness, saturation, contrast)
    )
    colours = colour_channels(images)
    colour, alpha = images[:, :colours] + brightness, images[:, colours:]
    if colours > 1:  # a grey pixel is its own mean
        colour = torch.lerp(colour.mean(1, keepdim=True), colour, saturation)
    colour = torch.lerp(colour.mean((1, 2, 3), keepdim=True), colour, contrast)
    return torch.cat([colour, alpha], 1) if alpha.shape[1] else colour


def translate(images: Tensor, draws: AugmentRandom) -> Tensor:
    """Move by whole pixels, up to `TRANSLATION`; what is uncovered becomes mid-grey (0)."""
    channels, height, width = images.shape[1:]
    down, right = (_pixels(side, TRANSLATION) for side in (height, width))
    by_rows = draws.integer(2 * down + 1) - down
    by_columns = draws.integer(2 * right + 1) - right
    moved = draws.with_probability(torch.stack([by_rows, by_columns], 1), 0.0)
    rows = arange_like(images, height) - moved[:, :1]  # (N, H)
    columns = arange_like(images, width) - moved[:, 1:]  # (N, W)
    inside = _within(rows, height)[:, :, None] & _within(columns, width)[:, None, :]
    rows, columns = rows.clamp(0, height - 1), columns.clamp(0, width - 1)
    index = (rows[:, :, None] * width + columns[:, None, :]).long()  # (N, H, W)
    source = index.flatten(1)[:, None].expand(-1, channels, -1)
    return images.flatten(2).gather(2, source).view_as(images).masked_fill(~inside[:, None], 0.0)


def cut_out(images: Tensor, draws: AugmentRandom) -> Tensor:
    """Set a rectangle to mid-grey, half as wide and high as the image, maybe partly outside."""
    inside = []
    for side in images.shape[2:]:
        length = _pixels(side, CUTOUT)
        first = draws.integer(side + 1 - length % 2) - length // 2
        inside.append(_within(arange_like(images, side) - first[:, None], length))  # (N, side)
    rows, columns = inside
    hole = rows[:, None, :, None] & (columns & draws.happens()[:, None])[:, None, None, :]
    return images.masked_fill(hole, 0.0)


def _pixels(side: int, fraction: float) -> int:
    """A fraction of a side in whole pixels, rounded as the authors do."""
    return int(side * fraction + 0.5)


def _within(position: Tensor, count: int) -> Tensor:
    """Where a position is one of 0, 1, ... `count` - 1."""
    return (position >= 0) & (position < count)
