"""What a conditional generator makes of its labels, beside training images of the same labels.

For a few labels and latents, every label is generated from every latent. Images are compared at
8x8, where labels differ by more than texture. Without labels there are no such numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.health.probes.context import (
    LabelledImages,
    NotMeasurable,
    ProbeContext,
    ProbeValues,
)
from ganvas.health.probes.distances import off_diagonal, pairwise_distances


def labels(context: ProbeContext) -> ProbeValues:
    """All numbers about labels; empty where the generator takes none."""
    if context.labelled is None:
        return {}
    real = context.labelled
    fake = context.generated_by_label(real.distinct).flatten(2)
    return effect(fake, real) | told(fake, real) | diversity(fake, real)


def effect(fake: Tensor, real: LabelledImages) -> ProbeValues:
    """How much of what distinguishes two images is their label.

    E / (E + W), with E the mean squared distance of two labels' images from one latent, and W that
    of two latents' images with one label: 0 where labels are ignored, 1 where they alone count.
    Of real images, which have no latents, E is that of any two images with different labels: 0.5
    where labels do not matter.

    Args:
        fake: (L, Z, D).
    """
    # Twice the variance is the mean squared distance of two.
    of_labels, of_latents = (float(fake.var(dim).sum(-1).mean()) for dim in (0, 1))
    if of_labels + of_latents == 0:
        raise NotMeasurable("all generated images are the same")
    squares = off_diagonal(pairwise_distances(real.images.flatten(1)).square())
    equal = off_diagonal((real.labels[:, None] == real.labels).float()).bool()
    between, within = float(squares[~equal].mean()), float(squares[equal].mean())
    return {
        "probe/labels/effect": of_labels / (of_labels + of_latents),
        "probe/labels/effect_real": between / (between + within),
    }


def told(fake: Tensor, real: LabelledImages) -> ProbeValues:
    """How often the nearest of the labels' mean real images is that of an image's own label.

    Above chance (Cohen 1960): (f - 1 / L) / (1 - 1 / L) for the fraction f, each label as
    important as any other. A real image is no part of the mean that it is compared with. Nothing
    is trained, and near-copies among the real images do not help.
    """
    rows, kinds = real.images.flatten(1), real.distinct
    members = real.labels == kinds[:, None]  # (L, M)
    counts = members.sum(1)
    means = members.float() @ rows / counts[:, None]
    # |x - m'| = n / (n - 1) |x - m|, with m' the mean of the others.
    without_itself = torch.where(members.T, counts / (counts - 1), 1.0)  # (M, L)
    real_right = (torch.cdist(rows, means) * without_itself).argmin(1) == members.float().argmax(0)
    own = torch.arange(len(kinds), device=kinds.device)[:, None]
    fake_right = torch.cdist(fake, means.expand(len(kinds), -1, -1)).argmin(2) == own  # (L, Z)
    by_label = (members * real_right).sum(1) / counts
    chance = 1 / len(kinds)
    return {
        f"probe/labels/{name}": (float(fraction) - chance) / (1 - chance)
        for name, fraction in (("told", fake_right.float().mean()), ("told_real", by_label.mean()))
    }


def diversity(fake: Tensor, real: LabelledImages) -> ProbeValues:
    """The mean distance of two fakes with one label, over that of two reals with that label.

    Labels whose real images are all the same are left out.
    """
    ratios = []
    for images, label in zip(fake, real.distinct, strict=True):
        members = real.images[real.labels == label].flatten(1)
        spread, usual = (
            float(off_diagonal(pairwise_distances(s)).mean()) for s in (images, members)
        )
        if usual > 0:
            ratios.append(spread / usual)
    if not ratios:
        raise NotMeasurable("the real images of each label are the same")
    return {
        "probe/labels/diversity": sum(ratios) / len(ratios),
        "probe/labels/diversity_least": min(ratios),
    }
