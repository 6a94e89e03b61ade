"""Which images are held out for scores, and how many are needed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FEWEST_HELD_OUT = 20
"""With fewer held-out images, scores mean nothing."""

TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Fractions to suggest, the smallest first; holding out more than half is never suggested."""


def choose_held_out(digests: Sequence[bytes], fraction: float) -> npt.NDArray[np.int64]:
    """The indices of held-out images: those whose contents have the lowest hashes.

    A choice by content keeps copies of an image on one side of the split, needs no seed, and moves
    few images across it when some are added.
    """
    contents = sorted(set(digests))
    chosen = set(contents[: count_held_out(len(contents), fraction)])
    return np.array([i for i, content in enumerate(digests) if content in chosen], np.int64)


def count_held_out(images: int, fraction: float) -> int:
    """How many of this many distinct images are held out."""
    return round(fraction * images)


def fewest_images(training: int, fraction: float) -> int:
    """The fewest images that leave `training` of them to train on."""
    return next(n for n in itertools.count(training) if n - count_held_out(n, fraction) >= training)


def fewest_for_scores(fraction: float) -> int:
    """The fewest images with enough held out for scores; `fraction` is above 0."""
    start = int((FEWEST_HELD_OUT - 1) / fraction)
    return next(n for n in itertools.count(start) if count_held_out(n, fraction) >= FEWEST_HELD_OUT)


def fraction_for_scores(images: int, training: int) -> float | None:
    """The smallest tenth that holds out enough for scores and leaves `training` images to train on.

    None where there are too few images for both.
    """
    for fraction in TENTHS:
        held_out = count_held_out(images, fraction)
        if held_out >= FEWEST_HELD_OUT and images - held_out >= training:
            return fraction
    return None
