"""The families of metrics: how each is computed, and which real images give its floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from ganvas.metrics import frechet, kernel, sliced_wasserstein, two_samples
from ganvas.metrics.birthday import IMAGES_PER_BATCH_IMAGE, MIN_BATCH_SIZE, birthday
from ganvas.metrics.estimate import Estimate
from ganvas.metrics.inception_score import FEWEST_PER_SPLIT, SPLITS, inception_score
from ganvas.metrics.memorised import memorised
from ganvas.metrics.modes import mode_coverage
from ganvas.metrics.prdc import NEIGHBOURS, prdc
from ganvas.metrics.two_samples import two_sample_test


@dataclass(frozen=True)
class FeatureSets:
    """What a metric compares: three sets of the same kind, one row per image.

    Features (N, D) float32, pixels (N, C, H, W) uint8, class logits (N, K) or modes (N,) int64.
    """

    training: Tensor
    held_out: Tensor
    fake: Tensor
    expected: Tensor | None = None
    """For modes: the expected fraction (K,) of each."""


Estimates = dict[str, Estimate]


@dataclass(frozen=True)
class MetricFamily:
    """One family of scores.

    kind: what its feature sets hold.
    estimate: from feature sets and a seed to estimates by score name.
    real_reference: the same sets with real images in place of the samples, for the floor.
    split: the real images with which the samples, or their fractions of modes, are compared.
    fewest: number of samples that the metric needs.
    whole_training_set: whether it compares with every training image, not with as many as samples.
    seconds: about how long it takes to compute its scores from features, and those of real images.
        Measured with 2,000 samples and 1,000 held-out images of Fashion-MNIST on one thread; most
        of it does not depend on these counts.
    """

    kind: Literal["features", "pixels", "classes", "modes"]
    estimate: Callable[[FeatureSets, int], Estimates]
    real_reference: Callable[[FeatureSets], FeatureSets]
    split: str = "held-out"
    fewest: int = 1
    whole_training_set: bool = False
    seconds: float = 0.0


def training_as_fake(sets: FeatureSets) -> FeatureSets:
    """Training images replace the samples, as many as there are samples if there are enough."""
    return replace(sets, fake=sets.training[: len(sets.fake)])


def held_out_as_fake(sets: FeatureSets) -> FeatureSets:
    """Held-out images replace the samples, for metrics that compare with training images."""
    return replace(sets, fake=sets.held_out[: len(sets.fake)])


def half_held_out_as_fake(sets: FeatureSets) -> FeatureSets:
    """Every second held-out image replaces a sample; the others stay held-out images."""
    return replace(sets, held_out=sets.held_out[::2], fake=sets.held_out[1::2])


def birthdays(sets: FeatureSets, seed: int) -> Estimates:
    """Near-duplicates, in batches for which the floor has enough held-out images too."""
    held_out = len(sets.held_out)
    return {"birthday": birthday(sets.training, sets.fake, seed=seed, held_out=held_out)}


def modes(sets: FeatureSets, seed: int) -> Estimates:
    """Mode coverage, compared with the fractions of the data."""
    assert sets.expected is not None
    return mode_coverage(sets.fake, sets.expected)


FAMILIES: dict[str, MetricFamily] = {
    "fd": MetricFamily(
        "features",
        lambda sets, seed: {"fd": frechet.frechet_distance(sets.held_out, sets.fake)},
        training_as_fake,
        fewest=frechet.FEWEST,
        seconds=5.0,
    ),
    "kid": MetricFamily(
        "features",
        lambda sets, seed: {"kid": kernel.kernel_distance(sets.held_out, sets.fake, seed)},
        training_as_fake,
        fewest=kernel.FEWEST,
        seconds=16.0,
    ),
    "prdc": MetricFamily(
        "features",
        lambda sets, seed: prdc(sets.held_out, sets.fake),
        training_as_fake,
        fewest=NEIGHBOURS + 1,
        seconds=0.5,
    ),
    "birthday": MetricFamily(
        "features",
        birthdays,
        held_out_as_fake,
        split="training",
        fewest=MIN_BATCH_SIZE * IMAGES_PER_BATCH_IMAGE,
        seconds=0.5,
    ),
    "memorised": MetricFamily(
        "features",
        lambda sets, seed: {"memorised": memorised(sets.training, sets.held_out, sets.fake)},
        half_held_out_as_fake,
        split="training and held-out",
        whole_training_set=True,
        seconds=1.0,
    ),
    "swd": MetricFamily(
        "pixels",
        lambda sets, seed: {
            "swd": sliced_wasserstein.sliced_wasserstein(sets.held_out, sets.fake, seed)
        },
        training_as_fake,
        fewest=sliced_wasserstein.FEWEST,
        seconds=2.5,
    ),
    "c2st": MetricFamily(
        "pixels",
        lambda sets, seed: {"c2st": two_sample_test(sets.held_out, sets.fake, seed)},
        training_as_fake,
        fewest=two_samples.FEWEST,
        seconds=8.0,
    ),
    "modes": MetricFamily("modes", modes, training_as_fake, split="training"),
    "inception-score": MetricFamily(
        "classes",
        lambda sets, seed: {"inception-score": inception_score(sets.fake, seed=seed)},
        training_as_fake,
        split="none",
        fewest=FEWEST_PER_SPLIT * SPLITS,
    ),
}
"""Every family of `metrics.names`."""
