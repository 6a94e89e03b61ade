"""The inception score: is each sample of a clear class, and are the classes diverse?"""

from __future__ import annotations

import math
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, students_interval
from ganvas.metrics.inputs import check_features, identical_warnings, torchmetrics_image
from ganvas.randomness import DrawFrom, named_generator
from ganvas.shared_changes import SharedChange

SPLITS = 10
"""The score is the mean over this many parts."""
FEWEST_PER_SPLIT = 2


@contextmanager
def _warnings_ignored() -> Iterator[None]:
    """torchmetrics warns of the memory for stored features."""
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", UserWarning)
        yield


WARNINGS_IGNORED = SharedChange(_warnings_ignored)


def inception_score(logits: Tensor, splits: int = SPLITS, seed: int = 0) -> Estimate:
    """exp of the mean KL(p(y | x) || p(y)), averaged over disjoint random parts of the samples.

    Salimans 2016, section 4; computed by torchmetrics in float64. From 1 to the number of classes.
    It uses no real images, and is lower with fewer images per part. The interval is Student's t
    over the parts.

    Args:
        logits: (m, classes) of Inception, m >= 2 splits.
        splits: number of parts, at least 2.
        seed: decides which samples form a part; the global random state does not change.

    Returns:
        The score, with the details `parts` and `spread`: the standard deviation over parts, as
        other tools report it.

    Raises:
        GanvasError: too few samples, values that are not finite, no torchmetrics.
    """
    if splits < 2:
        raise GanvasError(f"inception score: at least 2 splits are needed, got {splits}")
    check_features(at_least=FEWEST_PER_SPLIT * splits, generated=logits)
    module = torchmetrics_image("inception")
    with WARNINGS_IGNORED(), DrawFrom(named_generator(seed, "inception score")):
        # No sync: with several processes only one gets here.
        metric = module.InceptionScore(nn.Identity(), splits=splits, sync_on_compute=False)
        metric.to(logits.device)
        metric.update(logits.double())
        mean, deviation = (float(number) for number in metric.compute())
    m, classes = logits.shape
    largest_part = math.ceil(m / splits)
    parts = math.ceil(m / largest_part)
    low, high = students_interval(mean, deviation / math.sqrt(parts), parts - 1)
    warnings = identical_warnings(generated=logits)
    if largest_part < classes:
        warnings += (
            f"parts of {largest_part:,} samples for {classes:,} classes: the score is biased"
            " downwards; compare it at equal counts only",
        )
    return Estimate(
        mean,
        (max(1.0, low), high),
        f"Student's t over {parts} disjoint parts",
        warnings,
        {"parts": parts, "spread": deviation},
    )
