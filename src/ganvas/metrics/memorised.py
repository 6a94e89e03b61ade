"""Memorised images: are samples nearer to the training images than real images can be?"""

from __future__ import annotations

from torch import Tensor

from ganvas.metrics.estimate import LEVEL, Estimate, proportion
from ganvas.metrics.inputs import check_features, identical_warnings
from ganvas.metrics.neighbours import nearest

REAL_SHARE = 0.05


def memorised(train: Tensor, held_out: Tensor, fake: Tensor) -> Estimate:
    """The share of samples nearer to a training image than all but 5 % of held-out images are.

    So real images that were not trained on score 0.05 by construction, a generator that repeats
    training images scores 1, and one whose samples are far from all real images scores 0: little
    is no praise. How near is the distance of features to their nearest neighbour among all
    training images. The interval is over new samples; training and held-out images stay as they
    are.

    Args:
        train: (n, d), all that was trained on. On the CPU a mapped file does.
        held_out: (h, d), from the same source and never trained on.
        fake: (m, d).

    Returns:
        The share, with the details `threshold` (the distance), and `real_low` and `real_high`:
        between them lies, 95 %, what endlessly many other real images would score; it would be
        0.05 if the held-out images were endless too.

    Raises:
        GanvasError: an empty set, numbers that are not finite, different d.
    """
    check_features(train=train, held_out=held_out, fake=fake)
    from scipy.stats import beta

    to_train = nearest(held_out, train).sort().values
    h = len(to_train)
    rank = min(int(REAL_SHARE * h), h - 1)  # this many held-out images are nearer
    threshold = to_train[rank]
    hits = int((nearest(fake, train) < threshold).sum())
    warnings = identical_warnings(real=train, generated=fake)
    if float(threshold) == 0:
        warnings += (
            f"more than {REAL_SHARE:.0%} of held-out images are exact copies of training images:"
            " nothing can be nearer, so nothing counts as memorised",
        )
    found = proportion(hits, len(fake), warnings)
    # The share of a distribution below the r-th smallest of h draws follows Beta(r, h + 1 - r).
    low, high = beta.interval(LEVEL, rank + 1, h - rank)
    return Estimate(
        found.value,
        found.interval,
        found.method,
        found.warnings,
        {"threshold": float(threshold) ** 0.5, "real_low": float(low), "real_high": float(high)},
    )
