"""Which images are never trained on, and how many those must be for scores."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FEWEST_HELD_OUT = 20
"""Held-out images below which no score is worth printing."""

TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares to advise, from the smallest: to hold out more than half is no way to train."""


def choose_held_out(digests: Sequence[bytes], share: float) -> npt.NDArray[np.int64]:
    """Which images are never trained on: those whose contents have the lowest hashes.

    A choice by content keeps copies of an image on one side, needs no seed, and moves few images
    when some are added.
    """
    contents = sorted(set(digests))
    chosen = set(contents[: count_held_out(len(contents), share)])
    return np.array([i for i, content in enumerate(digests) if content in chosen], np.int64)


def count_held_out(images: int, share: float) -> int:
    """How many of so many different images are never trained on."""
    return round(share * images)


def fewest_images(training: int, share: float) -> int:
    """How many images there must be so that, with this share held out, so many train."""
    return next(n for n in itertools.count(training) if n - count_held_out(n, share) >= training)


def fewest_for_scores(share: float) -> int:
    """How many images there must be so that, with this share (> 0) held out, there are scores."""
    start = int((FEWEST_HELD_OUT - 1) / share)
    return next(n for n in itertools.count(start) if count_held_out(n, share) >= FEWEST_HELD_OUT)


def fraction_for_scores(images: int, training: int) -> float | None:
    """The smallest tenth that holds out enough for scores and leaves so many images to train on;
    None where there are too few images for both."""
    for share in TENTHS:
        held_out = count_held_out(images, share)
        if held_out >= FEWEST_HELD_OUT and images - held_out >= training:
            return share
    return None
