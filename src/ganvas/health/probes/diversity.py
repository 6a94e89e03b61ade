"""The diversity of generated images, compared with that of equally many real images."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.health.probes.context import NotMeasurable, ProbeContext, ProbeValues
from ganvas.health.probes.distances import downsample, off_diagonal, pairwise_distances

BANDWIDTH = 1 / 3
"""As a fraction of the reals' median distance, at which two images have a kernel of 0.011."""
DUPLICATE_QUANTILE = 0.05
"""The fraction of real images that count as duplicates, which sets the distance bound."""


def mean_distance(context: ProbeContext) -> ProbeValues:
    """The mean distance |a - b|_2 of two fakes, over that of two reals; 0 where all are equal."""
    fake, real = (
        off_diagonal(pairwise_distances(images.flatten(1))) for images in equal_counts(context)
    )
    return {"probe/diversity/distance": float(fake.mean() / real.mean())}


def effective_number(context: ProbeContext) -> ProbeValues:
    """The Vendi score (Friedman and Dieng 2023, eq. 2): the effective number of different images.

    The kernel is Gaussian, exp(-d^2 / 2 s^2), on images average-pooled to 8x8; s is a third of the
    reals' median distance. So copies count as one, with or without noise, and images that differ
    as much as two reals do count as two.
    """
    fake, real = downsampled_distances(context)
    median = off_diagonal(real).median()
    if float(median) == 0:
        raise NotMeasurable("most real images are the same")
    fake_number, real_number = (vendi(gaussian(d, BANDWIDTH * median)) for d in (fake, real))
    return {
        "probe/diversity/effective": fake_number,
        "probe/diversity/vendi": fake_number / real_number,
    }


def duplicates(context: ProbeContext) -> ProbeValues:
    """The fraction of fakes nearer to another fake than 95 % of reals are to another real.

    Uses the distances of `effective_number`. Reals score 0.05 by construction, one repeated image
    scores 1.
    """
    fake, real = (nearest_other(d) for d in downsampled_distances(context))
    bound = real.quantile(DUPLICATE_QUANTILE)
    return {"probe/diversity/duplicates": float((fake < bound).float().mean())}


def mean_gap(context: ProbeContext) -> ProbeValues:
    """|mean fake - mean real|_2 over the reals' root mean squared distance from their mean.

    About sqrt(2 / N) for two sets of N images of one distribution; 1 is as far as a real image
    is from the mean.
    """
    fake, real = (images.flatten(1) for images in equal_counts(context))
    centre = real.mean(0)
    spread = (real - centre).square().sum(1).mean().sqrt()
    return {"probe/likeness/mean_gap": float((fake.mean(0) - centre).norm() / spread)}


def equal_counts(context: ProbeContext) -> tuple[Tensor, Tensor]:
    """Equally many fakes and reals, (N, C, H, W) each."""
    count = min(len(context.fake), len(context.real))
    return context.fake[:count], context.real[:count]


def downsampled_distances(context: ProbeContext) -> tuple[Tensor, Tensor]:
    """Distances (N, N) among fakes, and among reals, of images of at most 8x8."""
    fake, real = (
        pairwise_distances(downsample(images).flatten(1)) for images in equal_counts(context)
    )
    return fake, real


def nearest_other(matrix: Tensor) -> Tensor:
    """Each row's distance to the nearest other row; (n, n) -> (n,)."""
    return matrix.clone().fill_diagonal_(torch.inf).amin(1)


def gaussian(matrix: Tensor, bandwidth: Tensor) -> Tensor:
    """exp(-d^2 / 2 s^2) of distances."""
    return torch.exp(-matrix.square() / (2 * bandwidth.square()))


def vendi(kernel: Tensor) -> float:
    """exp of the entropy of the eigenvalues of K / n; (n, n), ones on the diagonal -> 1 to n."""
    eigenvalues = torch.linalg.eigvalsh(kernel.cpu().double() / len(kernel)).clamp(min=0)
    return float(torch.exp(-torch.xlogy(eigenvalues, eigenvalues).sum()))
