"""The Frechet distance within labels: does a sample look like the images of its own label?"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.formatting import format_first
from ganvas.metrics.estimate import Estimate, normal_interval
from ganvas.metrics.frechet import BIASED, distance_terms
from ganvas.metrics.inputs import check_features, identical_warnings

FEWEST_PER_LABEL = 20
"""Held-out images of a label, and samples of it; a label with fewer is left out."""

NAMED = 5
"""Labels that a warning names."""


def intra_frechet_distance(
    real: Tensor,
    real_labels: Tensor,
    fake: Tensor,
    fake_labels: Tensor,
    names: Sequence[str],
) -> Estimate:
    """The mean over labels of the Frechet distance between real images and samples of a label.

    Miyato and Koyama 2018 (section 5) and StudioGAN call it intra-FID, with the training images of
    a label; here they are images that the generator never saw. With few of them each distance is
    biased upwards, by as much for other real images: read it beside theirs. The interval is over
    new samples, with labels and real images fixed.

    Args:
        real, fake: features (n, d) and (m, d).
        real_labels, fake_labels: int64 (n,) and (m,), indices of `names`.
        names: of the labels.

    Returns:
        The mean, with the details `labels` (how many are in it), `of` (how many there are),
        `worst` (the largest distance), and the mean's `mean_term`.

    Raises:
        GanvasError: no label has enough images and samples, or values are not finite.
    """
    check_features(real=real, fake=fake)
    distances, errors, mean_terms, left_out = [], [], [], []
    smallest = len(real)
    for label, name in enumerate(names):
        of_real, of_fake = real[real_labels == label], fake[fake_labels == label]
        if min(len(of_real), len(of_fake)) < FEWEST_PER_LABEL:
            left_out.append(name)
            continue
        mean_term, covariance_term, influence = distance_terms(of_real, of_fake)
        distances.append(max(0.0, mean_term + covariance_term))
        errors.append(float(influence.std()) / len(of_fake) ** 0.5)
        mean_terms.append(mean_term)
        smallest = min(smallest, len(of_real), len(of_fake))
    if not distances:
        raise GanvasError(
            f"none of {len(names)} labels has {FEWEST_PER_LABEL} held-out images and as many "
            "samples. Hold out more images, or generate more: n (-n)"
        )
    value = sum(distances) / len(distances)
    error = sum(error**2 for error in errors) ** 0.5 / len(errors)
    low, high = normal_interval(value, error)
    warnings = identical_warnings(real=real, generated=fake)
    warnings += left_out_warnings(left_out, len(names))
    details = {
        "labels": float(len(distances)),
        "of": float(len(names)),
        "worst": max(distances),
        "mean_term": sum(mean_terms) / len(mean_terms),
    }
    method = "delta method over generated samples of each label"
    notes = (bias_note(smallest, real.shape[1]),) if smallest <= real.shape[1] else ()
    return Estimate(value, (max(0.0, low), high), method, warnings, details, notes)


def left_out_warnings(left_out: Sequence[str], labels: int) -> tuple[str, ...]:
    """A warning that names the labels that are not in the mean; none if all are.

    Args:
        labels: how many there are.
    """
    if not left_out:
        return ()
    return (
        f"{len(left_out)} of {labels} labels are left out, with fewer than {FEWEST_PER_LABEL} "
        f"held-out images or samples: {format_first(left_out, NAMED)}",
    )


def bias_note(smallest: int, dimensions: int) -> str:
    """What it means that a label has no more images than there are dimensions."""
    return f"a label has {smallest:,} images, no more than the {dimensions:,} dimensions: {BIASED}"
