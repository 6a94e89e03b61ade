"""Which maths answers which metric's name, and what stands in for the samples to get its floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor

from ganvas.metrics import frechet, kernel, sliced_wasserstein
from ganvas.metrics.birthday import FEWEST_PER_BATCH, SAMPLES_PER_BATCH, birthday
from ganvas.metrics.estimate import Estimate
from ganvas.metrics.inception_score import FEWEST_PER_SPLIT, SPLITS, inception_score
from ganvas.metrics.memorised import memorised
from ganvas.metrics.modes import mode_coverage
from ganvas.metrics.prdc import NEIGHBOURS, prdc


@dataclass(frozen=True)
class Sides:
    """What a metric looks at: three sets of one kind, first axis the images.

    The kind is one of: features (N, D) float32, pixels (N, C, H, W) uint8, modes (N,) int64.
    """

    training: Tensor
    held_out: Tensor
    fake: Tensor
    expected: Tensor | None = None
    """For modes: the share (K,) that each should have."""


Estimates = dict[str, Estimate]


@dataclass(frozen=True)
class Measure:
    """One family of scores."""

    kind: str
    """features, pixels, classes or modes: what its sides are made of."""
    estimate: Callable[[Sides, int], Estimates]
    """From sides and a seed to estimates by score name."""
    floor: Callable[[Sides], Sides]
    """The same sides with real images in place of the samples."""
    split: str = "held-out"
    """Which real images the samples, or their shares of modes, are compared with."""
    fewest: int = 1
    """How many samples the maths needs."""
    whole_training_set: bool = False
    """Whether it compares with every training image, rather than as many as there are samples."""


def real_for_fake(sides: Sides) -> Sides:
    """Training images play the samples, as many as there are (or as there are samples)."""
    return replace(sides, fake=sides.training[: len(sides.fake)])


def held_out_for_fake(sides: Sides) -> Sides:
    """Held-out images play the samples, as many as there are (or as there are samples): training
    images are what the samples are compared with."""
    return replace(sides, fake=sides.held_out[: len(sides.fake)])


def half_held_out_for_fake(sides: Sides) -> Sides:
    """Every second held-out image plays a sample: the others say how near real images come."""
    return replace(sides, held_out=sides.held_out[::2], fake=sides.held_out[1::2])


def birthdays(sides: Sides, seed: int) -> Estimates:
    """Near-duplicates, in batches for which there are held-out images enough for the floor."""
    held_out = len(sides.held_out)
    return {"birthday": birthday(sides.training, sides.fake, seed=seed, held_out=held_out)}


def modes(sides: Sides, seed: int) -> Estimates:
    """Mode coverage against the shares that the data has."""
    assert sides.expected is not None
    return mode_coverage(sides.fake, sides.expected)


MEASURES: dict[str, Measure] = {
    "fd": Measure(
        "features",
        lambda sides, seed: {"fd": frechet.frechet_distance(sides.held_out, sides.fake)},
        real_for_fake,
        fewest=frechet.FEWEST,
    ),
    "kid": Measure(
        "features",
        lambda sides, seed: {"kid": kernel.kernel_distance(sides.held_out, sides.fake, seed)},
        real_for_fake,
        fewest=kernel.FEWEST,
    ),
    "prdc": Measure(
        "features",
        lambda sides, seed: prdc(sides.held_out, sides.fake),
        real_for_fake,
        fewest=NEIGHBOURS + 1,
    ),
    "birthday": Measure(
        "features",
        birthdays,
        held_out_for_fake,
        split="training",
        fewest=FEWEST_PER_BATCH * SAMPLES_PER_BATCH,
    ),
    "memorised": Measure(
        "features",
        lambda sides, seed: {"memorised": memorised(sides.training, sides.held_out, sides.fake)},
        half_held_out_for_fake,
        split="training and held-out",
        whole_training_set=True,
    ),
    "swd": Measure(
        "pixels",
        lambda sides, seed: {
            "swd": sliced_wasserstein.sliced_wasserstein(sides.held_out, sides.fake, seed)
        },
        real_for_fake,
        fewest=sliced_wasserstein.FEWEST,
    ),
    "modes": Measure("modes", modes, real_for_fake, split="training"),
    "inception-score": Measure(
        "classes",
        lambda sides, seed: {"inception-score": inception_score(sides.fake, seed=seed)},
        real_for_fake,
        split="none",
        fewest=FEWEST_PER_SPLIT * SPLITS,
    ),
}
"""Every family of `metrics.names`."""
