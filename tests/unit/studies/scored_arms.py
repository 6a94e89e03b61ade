"""Arms with made-up scores, for tests of comparisons and recommendations."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.studies.statistics import ArmScores, Failure

NO = None  # a failed run
DCGAN = (402.0, 391.0, 418.0, 399.0, 405.0)
RESNET = (318.0, 301.0, 344.0, 310.0, 322.0)
WGAN_GP = (455.0, 440.0, 502.0, 449.0, 461.0)


def arm(name: str, scores: Sequence[float | None], cost: float | None = None) -> ArmScores:
    """None is a failed run; seeds count from 0."""
    runs = {s: Failure("diverged") if x is None else x for s, x in enumerate(scores)}
    return ArmScores(name, runs, cost)
