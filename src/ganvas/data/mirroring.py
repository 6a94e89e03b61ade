"""Whether mirrored images would be further images of the same kind: what `--flip` assumes.

What pictures show cannot be known here. Two kinds of evidence can: names, and whether images that
are mirrored lie farther from the others than the images themselves do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas.formatting import format_percent

Thumbnail = npt.NDArray[np.float32]
"""(SIDE, SIDE), grey, 0 to 255."""

SIDE = 16
SAMPLE = 512
"""Most images that are compared."""
FEWEST = 200
"""With fewer the measured fraction is too uncertain: its standard deviation is 0.05 at 200."""
SMALLEST_CHANGE = 2.0
"""Mean difference from its mirror image, of 255, below which an image is its own mirror image."""

ALIKE = 0.58
UNLIKE = 0.65
"""Limits of the fraction. It was 0.41 to 0.59 for smooth random pictures, 0.73 to 0.77 for
Fashion-MNIST, whose shoes point one way, 0.83 to 0.87 for digits, 0.65 to 0.77 for letters."""

SIGNS = re.compile(
    r"mnist|svhn|omniglot|digit|letter|alphabet|character|glyph|handwriting|captcha|license.?plate"
)
"""Names of data sets of digits and letters; all of them hold signs but one (`CLOTHES`)."""
CLOTHES = re.compile(r"fashion")
WORDS = frozenset(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


def sampled(count: int) -> frozenset[int]:
    """The indices of the images to compare, out of `count`, at equal distances."""
    return frozenset(range(0, count, max(1, math.ceil(count / SAMPLE))))


def thumbnail(pixels: npt.NDArray[np.uint8]) -> Thumbnail:
    """A small grey version of pixels (C, H, W)."""
    grey = Image.fromarray(pixels.mean(0, dtype=np.float32))
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32)


def mirrored_farther(thumbnails: Sequence[Thumbnail]) -> float | None:
    """The fraction of images that are farther from the others when mirrored; ties count half.

    Distances are to the nearest other image, in thumbnails. 0.5 where images and mirror images are
    equally likely. None for fewer than `FEWEST` images, or if mirroring changes nothing.
    """
    if len(thumbnails) < FEWEST:
        return None
    images = np.stack(thumbnails)
    mirrored = images[:, :, ::-1]
    if float(np.abs(images - mirrored).mean()) < SMALLEST_CHANGE:
        return None
    others = images.reshape(len(images), -1)
    own = nearest(others, others)
    mirror = nearest(mirrored.reshape(len(images), -1), others)
    return float((mirror > own).mean() + (mirror == own).mean() / 2)


def nearest(points: Thumbnail, others: Thumbnail) -> npt.NDArray[np.float32]:
    """(N,), squared distances from each point to the nearest of the others but that of its row."""
    squares = (points**2).sum(1)[:, None] + (others**2).sum(1) - 2 * points @ others.T
    np.fill_diagonal(squares, np.inf)
    smallest: npt.NDArray[np.float32] = squares.min(1)
    return smallest


def against_mirroring(name: str, labels: Sequence[str], farther: float | None) -> str | None:
    """Why mirrored images would be wrong, as far as that can be known; None where it cannot.

    Args:
        name: of the data set.
        labels: their names.
        farther: what `mirrored_farther` returned.
    """
    named = "the names are those of digits or letters: mirrored, one is another sign"
    if shows_signs(name, ()):
        return named
    if farther is not None and farther >= UNLIKE:
        part = format_percent(farther)
        return f"mirrored images look unlike the others: {part} are farther from them than before"
    if not shows_signs(name, labels):
        return None
    if all(label.isdecimal() for label in labels):
        return (
            f"the labels {labels[0]} to {labels[-1]} may be digits, and a mirrored digit is "
            "another sign; add --flip if they only number classes of other things"
        )
    return named


def shows_signs(name: str, labels: Sequence[str]) -> bool:
    """Whether names say that the images are digits or letters.

    Args:
        name: of the data set.
        labels: their names. Digits may only number classes, and count all the same.
    """
    lower = name.lower()
    if CLOTHES.search(lower):
        return False
    signs = [label for label in labels if len(label) == 1 or label.lower() in WORDS]
    return bool(SIGNS.search(lower)) or (len(labels) > 1 and len(signs) == len(labels))
