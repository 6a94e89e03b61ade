"""The result of every measurement: a named figure with its spread and, if any, a target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number: the median over repetitions, the smallest and the largest."""

    key: str
    """Its name in files, such as `dcgan-32/ratio`: figures with the same key can be compared."""
    meaning: str
    """What was measured, as the table says it."""
    unit: str
    value: float
    low: float
    high: float
    repetitions: int
    at_least: float | None = None
    """The target, if larger is better."""
    at_most: float | None = None
    """The target, if smaller is better."""

    @property
    def meets_target(self) -> bool | None:
        """Whether the median meets the target; None without a target."""
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
    """The figure of repeated measurements."""
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
    """How often the training loops take turns."""
    seconds: float
    """Length of a turn."""
    colour_width: int
    """Width of the 64x64 networks."""
    resnet_width: int
    """Width of the residual networks with WGAN-GP, and of BigGAN."""
    r3gan_width: int
    """Width of R3GAN."""
    style_width: int
    """Width of StyleGAN2."""
    published_width: int
    """Width of R3GAN on CUDA, with a batch of 64."""
    batches: tuple[int, ...]
    """Batch sizes to compare."""
    sides: tuple[int, ...]
    """Image sizes to compare."""
    shared_images: int
    """Budget of a run that one or two processes train."""
    quality_images: int
    """The largest budget for the quality target."""
    evaluations: int
    """Evaluations within that budget. The images to the target are known to this step."""
    repetitions: int
    """Repetitions of everything else."""
    photographs: int
    """JPEG files to prepare."""
    small_files: int
    """Tiny PNG files to find again."""
    large_data: int
    """Images in the data set of the memory measurement."""
    evaluated: int
    """Images that `ganvas evaluate` is timed with, as many generated as real ones."""
    evaluated_for_memory: int
    """Images that its peak memory is measured with."""


FULL = Effort(
    rounds=6,
    seconds=6.0,
    colour_width=64,
    resnet_width=32,
    r3gan_width=64,
    style_width=128,
    published_width=768,
    batches=(16, 32, 64, 128, 256),
    sides=(16, 32, 64),
    shared_images=10_240,
    quality_images=60_000,
    evaluations=8,
    repetitions=7,
    photographs=500,
    small_files=100_000,
    large_data=100_000,
    evaluated=10_000,
    evaluated_for_memory=50_000,
)
QUICK = Effort(
    rounds=2,
    seconds=0.2,
    colour_width=16,
    resnet_width=8,
    r3gan_width=16,
    style_width=16,
    published_width=64,
    batches=(16, 64),
    sides=(16, 32),
    shared_images=256,
    quality_images=96,
    evaluations=2,
    repetitions=1,
    photographs=32,
    small_files=300,
    large_data=2_000,
    evaluated=200,
    evaluated_for_memory=400,
)
