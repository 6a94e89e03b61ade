"""The families of metrics: how each is computed, and which real images give its floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from ganvas.metrics import frechet, kernel, sliced_wasserstein, two_samples
from ganvas.metrics.birthday import IMAGES_PER_BATCH_IMAGE, MIN_BATCH_SIZE, birthday
from ganvas.metrics.estimate import Estimate, proportion
from ganvas.metrics.inception_score import FEWEST_PER_SPLIT, SPLITS, inception_score
from ganvas.metrics.intra_frechet import FEWEST_PER_LABEL, intra_frechet_distance
from ganvas.metrics.memorised import memorised
from ganvas.metrics.modes import mode_coverage
from ganvas.metrics.prdc import NEIGHBOURS, prdc
from ganvas.metrics.train_on_fake import FEWEST_TO_LEARN_FROM, train_on_fake
from ganvas.metrics.two_samples import two_sample_test


@dataclass(frozen=True)
class SetLabels:
    """The labels of three sets, int64 (N,) each, as indices of `names`."""

    training: Tensor
    held_out: Tensor
    fake: Tensor
    names: tuple[str, ...]


@dataclass(frozen=True)
class FeatureSets:
    """What a metric compares: three sets of the same kind, one row per image.

    Features (N, D) float32, pixels (N, C, H, W) uint8, class logits (N, K), and modes or recognised
    labels (N,) int64.
    """

    training: Tensor
    held_out: Tensor
    fake: Tensor
    expected: Tensor | None = None
    """For modes: the expected fraction (K,) of each."""
    labels: SetLabels | None = None
    """For metrics that see labels."""


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
    seconds: about how long it takes to compute its scores from features, and as long for those of
        real images. Measured with 2,000 samples and 1,000 held-out images of Fashion-MNIST on one
        thread.
    uses_seed: whether its estimates depend on the seed, beside the samples.
    labels: whether it sees labels. "any" also measures a generator that takes none: its samples get
        labels as often as the data has them. "learned" needs one that takes them.
    """

    kind: Literal["features", "pixels", "thumbnails", "classes", "labels", "modes"]
    estimate: Callable[[FeatureSets, int], Estimates]
    real_reference: Callable[[FeatureSets], FeatureSets]
    split: str = "held-out"
    fewest: int = 1
    whole_training_set: bool = False
    seconds: float = 0.0
    uses_seed: bool = True
    labels: Literal["unseen", "any", "learned"] = "unseen"


def training_as_fake(sets: FeatureSets) -> FeatureSets:
    """Training images replace the samples, as many as there are samples if there are enough."""
    count = len(sets.fake)
    labels = sets.labels and replace(sets.labels, fake=sets.labels.training[:count])
    return replace(sets, fake=sets.training[:count], labels=labels)


def held_out_as_fake(sets: FeatureSets) -> FeatureSets:
    """Held-out images replace the samples, for metrics that compare with training images."""
    count = len(sets.fake)
    labels = sets.labels and replace(sets.labels, fake=sets.labels.held_out[:count])
    return replace(sets, fake=sets.held_out[:count], labels=labels)


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


def intra_frechet(sets: FeatureSets, seed: int) -> Estimates:
    """The Frechet distance to held-out images of the same label, averaged over labels."""
    assert sets.labels is not None
    labels = sets.labels
    estimate = intra_frechet_distance(
        sets.held_out, labels.held_out, sets.fake, labels.fake, labels.names
    )
    return {"intra-fd": estimate}


def learned_from_fake(sets: FeatureSets, seed: int) -> Estimates:
    """The accuracy on held-out images of a classifier trained on what replaces the samples."""
    assert sets.labels is not None
    labels = sets.labels
    estimate = train_on_fake(
        sets.held_out, labels.held_out, sets.fake, labels.fake, labels.names, seed
    )
    return {"train-on-fake": estimate}


def recognised(sets: FeatureSets, seed: int) -> Estimates:
    """The fraction of samples that are recognised as their own label."""
    assert sets.labels is not None
    right = int((sets.fake == sets.labels.fake).sum())
    return {"label-accuracy": proportion(right, len(sets.fake), same_label_warning(sets.fake))}


def same_label_warning(recognised: Tensor) -> tuple[str, ...]:
    """A warning if all samples look like one label."""
    if len(recognised) > 1 and bool((recognised == recognised[0]).all()):
        return (f"all {len(recognised):,} samples are recognised as the same label",)
    return ()


FAMILIES: dict[str, MetricFamily] = {
    "fd": MetricFamily(
        "features",
        lambda sets, seed: {"fd": frechet.frechet_distance(sets.held_out, sets.fake)},
        training_as_fake,
        fewest=frechet.FEWEST,
        seconds=1.0,
        uses_seed=False,
    ),
    "kid": MetricFamily(
        "features",
        lambda sets, seed: {"kid": kernel.kernel_distance(sets.held_out, sets.fake, seed)},
        training_as_fake,
        fewest=kernel.FEWEST,
        seconds=8.0,
    ),
    "prdc": MetricFamily(
        "features",
        lambda sets, seed: prdc(sets.held_out, sets.fake),
        training_as_fake,
        fewest=NEIGHBOURS + 1,
        seconds=0.25,
        uses_seed=False,
    ),
    "birthday": MetricFamily(
        "features",
        birthdays,
        held_out_as_fake,
        split="training",
        fewest=MIN_BATCH_SIZE * IMAGES_PER_BATCH_IMAGE,
        seconds=0.25,
    ),
    "memorised": MetricFamily(
        "features",
        lambda sets, seed: {"memorised": memorised(sets.training, sets.held_out, sets.fake)},
        half_held_out_as_fake,
        split="training and held-out",
        whole_training_set=True,
        seconds=0.5,
        uses_seed=False,
    ),
    "swd": MetricFamily(
        "pixels",
        lambda sets, seed: {
            "swd": sliced_wasserstein.sliced_wasserstein(sets.held_out, sets.fake, seed)
        },
        training_as_fake,
        fewest=sliced_wasserstein.FEWEST,
        seconds=1.25,
    ),
    "c2st": MetricFamily(
        "pixels",
        lambda sets, seed: {"c2st": two_sample_test(sets.held_out, sets.fake, seed)},
        training_as_fake,
        fewest=two_samples.FEWEST,
        seconds=3.0,
    ),
    "modes": MetricFamily("modes", modes, training_as_fake, split="training", uses_seed=False),
    "inception-score": MetricFamily(
        "classes",
        lambda sets, seed: {"inception-score": inception_score(sets.fake, seed=seed)},
        training_as_fake,
        split="none",
        fewest=FEWEST_PER_SPLIT * SPLITS,
    ),
    "intra-fd": MetricFamily(
        "features",
        intra_frechet,
        training_as_fake,
        fewest=5 * FEWEST_PER_LABEL,
        seconds=0.25,
        uses_seed=False,
        labels="any",
    ),
    "train-on-fake": MetricFamily(
        "thumbnails",
        learned_from_fake,
        training_as_fake,
        fewest=FEWEST_TO_LEARN_FROM,
        seconds=8.0,
        labels="learned",
    ),
    "label-accuracy": MetricFamily(
        "labels",
        recognised,
        held_out_as_fake,
        split="none",
        fewest=2,
        uses_seed=False,
        labels="learned",
    ),
}
"""Every family of `metrics.names`."""
