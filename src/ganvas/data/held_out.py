"""Which images are held out for scores, and how many are needed."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from ganvas.formatting import format_count, format_first

FEWEST_HELD_OUT = 20
"""With fewer held-out images, scores mean nothing."""

FEWEST_TO_SCORE = 2
"""A label with fewer images cannot be scored: none would be left to see that it is recognised."""

LISTED = 5
"""How many rare labels a warning names."""

TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Fractions to suggest, the smallest first; holding out more than half is never suggested."""


def choose_held_out(
    digests: Sequence[bytes],
    fraction: float,
    labels: npt.NDArray[np.int64] | None = None,
    groups: Sequence[Hashable] | None = None,
) -> npt.NDArray[np.int64]:
    """The indices of held-out images, ascending: those whose contents have the lowest hashes.

    A choice by content keeps copies of an image on one side of the split, needs no seed, does not
    depend on the order of the images, and moves few of them across it when some are added.

    An image stays in training if without it its label would have no image there, but for labels of
    a single image. So fewer than `fraction` may be held out where most labels have two or three.

    Args:
        digests: of the contents, one per image.
        fraction: of the distinct images.
        labels: (N,), class numbers; None: choose by content alone.
        groups: what each image is a part of, such as an animation; None: of nothing. The images of
            a group stay on one side. One with more images than may still be held out is trained on.
    """
    together: dict[bytes, list[int]] = defaultdict(list)
    for index, part in enumerate(digests if groups is None else _lowest(digests, groups)):
        together[part].append(index)
    left = count_held_out(len(set(digests)), fraction)
    training = Counter(labels.tolist()) if labels is not None else Counter()
    rare = {label for label, count in training.items() if count < FEWEST_TO_SCORE}
    chosen: list[int] = []
    for part in sorted(together):
        indices = together[part]
        size = len({digests[index] for index in indices})
        leaving = Counter(labels[indices].tolist()) if labels is not None else Counter()
        empties = any(training[label] == leaving[label] for label in leaving if label not in rare)
        if size <= left and not empties:
            left -= size
            training -= leaving
            chosen += indices
        if left == 0:
            break
    return np.array(sorted(chosen), np.int64)


def _lowest(digests: Sequence[bytes], groups: Sequence[Hashable]) -> list[bytes]:
    """For each image the lowest digest of those that must stay on its side: its copies, the other
    images of its group, their copies, and so on."""
    lower = {digest: digest for digest in digests}

    def lowest(digest: bytes) -> bytes:
        while lower[digest] != digest:
            lower[digest] = digest = lower[lower[digest]]
        return digest

    first: dict[Hashable, bytes] = {}
    for digest, group in zip(digests, groups, strict=True):
        if group is not None:
            low, high = sorted((lowest(digest), lowest(first.setdefault(group, digest))))
            lower[high] = low
    return [lowest(digest) for digest in digests]


def can_be_scored(
    labels: npt.NDArray[np.int64], held_out: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.bool_]:
    """(count,), which labels have `FEWEST_TO_SCORE` images, of which one is trained on.

    Args:
        labels: (N,), class numbers below `count`.
        held_out: (M,), indices of held-out images.
    """
    images = np.bincount(labels, minlength=count)
    training = images - np.bincount(labels[held_out], minlength=count)
    return (images >= FEWEST_TO_SCORE) & (training > 0)


def rare_labels_warning(names: Sequence[str], labels: int, others: str = "") -> str:
    """The warning that names the labels that cannot be scored.

    Args:
        names: of these labels, at least one.
        labels: how many there are in all.
        others: where those beyond the first few are listed.
    """
    scored = labels - len(names)
    modes = "counts over the other labels" if scored > 1 else "cannot be measured: it needs two"
    return (
        f"rare labels: {format_count(len(names), 'label')} cannot be scored, because that needs "
        f"{FEWEST_TO_SCORE} different images of a label, one of them to train on: "
        f"{format_first(names, LISTED, others)}. The metric modes {modes}"
    )


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


def fraction_for_scores(
    images: int, training: int, held_out_at: Callable[[float], int]
) -> float | None:
    """The smallest tenth that holds out enough for scores and leaves `training` images to train on.

    None where there are too few images for both.

    Args:
        images: how many distinct ones there are.
        training: how many of them training needs.
        held_out_at: how many would be held out at a fraction.
    """
    for fraction in TENTHS:
        held_out = held_out_at(fraction)
        if held_out >= FEWEST_HELD_OUT and images - held_out >= training:
            return fraction
    return None
