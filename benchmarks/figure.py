"""What every measurement comes to: named figures with their spread and, where set, a target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number: the median over repetitions, the smallest and the largest."""

    key: str
    """Names it in files, so that two of them can be compared: `dcgan-32/ratio`."""
    meaning: str
    """What it is, in words."""
    unit: str
    value: float
    low: float
    high: float
    repetitions: int
    at_least: float | None = None
    """The target, where a larger number is better."""
    at_most: float | None = None
    """The target, where a smaller number is better."""

    @property
    def meets_target(self) -> bool | None:
        """Whether the median does; None without a target."""
        if self.at_least is not None:
            return self.value >= self.at_least
        if self.at_most is not None:
            return self.value <= self.at_most
        return None


def figure(
    key: str,
    meaning: str,
    unit: str,
    values: Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    """The figure that repeated measurements come to."""
    return Figure(
        key=key,
        meaning=meaning,
        unit=unit,
        value=statistics.median(values),
        low=min(values),
        high=max(values),
        repetitions=len(values),
        at_least=at_least,
        at_most=at_most,
    )


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    """Alternations of the training loops."""
    seconds: float
    """Length of each loop's turn in a round."""
    colour_width: int
    """Of the 64x64 networks."""
    resnet_width: int
    """Of the residual networks with WGAN-GP."""
    r3gan_width: int
    """Of R3GAN."""
    published_width: int
    """Of R3GAN on CUDA, beside a batch of 64."""
    batches: tuple[int, ...]
    """Batch sizes whose speed is compared."""
    sides: tuple[int, ...]
    """Image sizes whose speed is compared."""
    shared_images: int
    """Images of a run that one or two processes train."""
    quality_images: int
    """Images that the recipe with the longest way to a stated quality is given."""
    evaluations: int
    """On that way: the answer is as coarse."""
    repetitions: int
    """Of everything else."""
    photographs: int
    """JPEG files to prepare."""
    large_data: int
    """Images in the data set whose memory is watched."""
    scored: int
    """Images that `ganvas evaluate` is timed with, generated and real ones each."""
    weighed: int
    """Images that its memory is watched with."""


FULL = Effort(
    rounds=6,
    seconds=6.0,
    colour_width=64,
    resnet_width=32,
    r3gan_width=64,
    published_width=768,
    batches=(16, 32, 64, 128, 256),
    sides=(16, 32, 64),
    shared_images=10_240,
    quality_images=60_000,
    evaluations=8,
    repetitions=7,
    photographs=500,
    large_data=100_000,
    scored=10_000,
    weighed=50_000,
)
QUICK = Effort(
    rounds=2,
    seconds=0.2,
    colour_width=16,
    resnet_width=8,
    r3gan_width=16,
    published_width=64,
    batches=(16, 64),
    sides=(16, 32),
    shared_images=256,
    quality_images=96,
    evaluations=2,
    repetitions=1,
    photographs=32,
    large_data=2_000,
    scored=200,
    weighed=400,
)
