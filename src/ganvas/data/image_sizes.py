"""How large images are, how much cropping loses, and which square size suits them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganvas.data.decoding import crop_box
from ganvas.data.settings import DataSettings

SUGGESTED_SIDES = (64, 32)
"""The largest first. Above 64, training takes a GPU and days, so `check` never suggests it."""
NOTEWORTHY_LOSS = 0.02


@dataclass(frozen=True)
class Sizes:
    """Sizes of the usable images, upright, each (width, height) in pixels."""

    median: tuple[int, int]
    smallest: tuple[int, int]
    largest: tuple[int, int]
    cropped: int
    """How many images lose more than 2 % of their area to `fit="crop"`."""
    cropped_area: float
    """Mean fraction of the area that `fit="crop"` loses, over all images."""


def measure_sizes(sizes: Sequence[tuple[int, int]], settings: DataSettings) -> Sizes | None:
    """Summary of sizes (width, height); None without images."""
    if not sizes:
        return None
    crop = DataSettings(size=settings.size, fit="crop")
    losses = []
    for width, height in sizes:
        left, top, right, bottom = crop_box((width, height), crop) or (0, 0, width, height)
        losses.append(1 - (right - left) * (bottom - top) / (width * height))
    widths, heights = np.median(np.array(sizes), axis=0)
    return Sizes(
        median=(round(widths), round(heights)),
        smallest=min(sizes, key=lambda size: size[0] * size[1]),
        largest=max(sizes, key=lambda size: size[0] * size[1]),
        cropped=sum(loss > NOTEWORTHY_LOSS for loss in losses),
        cropped_area=round(float(np.mean(losses)), 4),
    )


def is_enlarged(image: tuple[int, int], settings: DataSettings) -> bool:
    """Whether an image (width, height) is smaller than the size to train at, as it is fitted."""
    height, width = settings.size
    smaller = image[0] < width, image[1] < height
    return all(smaller) if settings.fit == "pad" else any(smaller)


def suggested_side(sizes: Sizes | None) -> int:
    """The largest suggested side that does not enlarge the median image, else the smallest side."""
    short = 0 if sizes is None else min(sizes.median)
    return next((side for side in SUGGESTED_SIDES if side <= short), SUGGESTED_SIDES[-1])
