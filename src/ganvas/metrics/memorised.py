"""Memorised images: are samples nearer to the training images than held-out images are?"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ganvas.metrics.estimate import LEVEL, Estimate, proportion
from ganvas.metrics.inputs import check_features, identical_warnings
from ganvas.metrics.neighbours import nearest_distances

REAL_FRACTION = 0.05


def memorised(train: Tensor, held_out: Tensor, fake: Tensor) -> Estimate:
    """The fraction of samples nearer to a training image than all but 5 % of held-out images.

    Real images that were not trained on score 0.05 by construction, and a generator that repeats
    training images scores 1. Samples far from all real images score 0, so a low score alone means
    nothing. Distances are those of features to the nearest neighbour among all training images.
    The interval is over new samples, with training and held-out images fixed.

    Args:
        train: (n, d), all training images. On the CPU it may be memory-mapped.
        held_out: (h, d), from the same source and never trained on.
        fake: (m, d).

    Returns:
        The fraction, with the details `threshold` (the distance), and `real_low` and `real_high`:
        the 95 % interval of what infinitely many other real images would score. With infinitely
        many held-out images this would be exactly 0.05.

    Raises:
        GanvasError: an empty set, values that are not finite, different d.
    """
    check_features(train=train, held_out=held_out, fake=fake)
    from scipy.stats import beta

    to_train = nearest_distances(held_out, train).sort().values
    h = len(to_train)
    rank = min(int(REAL_FRACTION * h), h - 1)  # number of held-out images that are nearer
    threshold = to_train[rank]
    hits = int((nearest_distances(fake, train) < threshold).sum())
    warnings = identical_warnings(real=train, generated=fake)
    if float(threshold) == 0:
        warnings += (
            f"more than {REAL_FRACTION:.0%} of held-out images are exact copies of training images:"
            " nothing can be nearer, so nothing counts as memorised",
        )
    fraction = proportion(hits, len(fake), warnings)
    # The mass of a distribution below the r-th smallest of h draws follows Beta(r, h + 1 - r).
    low, high = beta.interval(LEVEL, rank + 1, h - rank)
    return replace(
        fraction,
        details={
            "threshold": float(threshold) ** 0.5,
            "real_low": float(low),
            "real_high": float(high),
        },
    )
