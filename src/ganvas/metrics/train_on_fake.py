"""Are samples with their labels as good to learn from as real images?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ganvas.metrics.classifier import train_classifier
from ganvas.metrics.estimate import Estimate, proportion
from ganvas.metrics.inputs import identical_warnings

FEWEST_TO_LEARN_FROM = 100
"""Samples of all labels together."""

IMAGES_SEEN = 30_000
"""Images that training takes, counting repeats."""


def train_on_fake(
    held_out: Tensor,
    held_out_labels: Tensor,
    fake: Tensor,
    fake_labels: Tensor,
    names: Sequence[str],
    seed: int,
) -> Estimate:
    """The accuracy on held-out images of a classifier that was trained on samples alone.

    GAN-train (Shmelkov 2018, section 3), also called the classification accuracy score (Ravuri and
    Vinyals 2019). It falls if samples look unlike their labels, lack details or lack variety. The
    interval is over held-out images, with samples and training fixed.

    Args:
        held_out, fake: uint8 (n, C, H, W) and (m, C, H, W), sides of at least 12.
        held_out_labels, fake_labels: int64 (n,) and (m,), indices of `names`.
        names: of the labels, at least two.
        seed: decides the classifier's initial weights and its order of images.

    Raises:
        GanvasError: the images are unsuitable, or training diverged.
    """
    classifier = train_classifier(
        fake.cpu().numpy(),
        fake_labels.cpu().numpy(),
        tuple(names),
        held_out.cpu().numpy(),
        held_out_labels.cpu().numpy(),
        seed=seed,
        device=fake.device,
        images_seen=IMAGES_SEEN,
    )
    right = round(classifier.training.accuracy * len(held_out))
    warnings = identical_warnings(generated=fake.flatten(1))
    estimate = proportion(right, len(held_out), warnings)
    return replace(estimate, method="Wilson, over held-out images")
