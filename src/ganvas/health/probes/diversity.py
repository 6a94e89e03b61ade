"""How different the generated images are from one another, against as many real ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (its name wherever torch is read)
from torch import Tensor

from ganvas.health.probes.subject import NotMeasurable, Numbers, Subject

COARSE = 8
"""Sides of the images that are compared: less than this is texture or noise, and no image."""
BANDWIDTH = 1 / 3
"""Of the real images' median distance: at that distance two images are 0.011 alike."""
NEAREST_REALS = 0.05
"""This share of real images lies nearer to another real one than a duplicate's bound."""


def distance(subject: Subject) -> Numbers:
    """The mean distance |a - b|_2 of two fakes, over that of two reals; 0 where all are one."""
    fake, real = (off_diagonal(distances(images.flatten(1))) for images in pair(subject))
    return {"probe/diversity/distance": float(fake.mean() / real.mean())}


def effective(subject: Subject) -> Numbers:
    """The Vendi score (Friedman and Dieng 2023, eq. 2): the effective number of different images.

    The kernel is Gaussian, exp(-d^2 / 2 s^2), on images reduced to 8x8 by the mean of areas; s is a
    third of the median distance of the reals. So copies count as one, with noise on them or not,
    and images that differ as two reals do count as two.
    """
    fake, real = coarse_distances(subject)
    median = off_diagonal(real).median()
    if float(median) == 0:
        raise NotMeasurable("most real images are the same")
    of_fake, of_real = (vendi(gaussian(d, BANDWIDTH * median)) for d in (fake, real))
    return {
        "probe/diversity/effective": of_fake,
        "probe/diversity/vendi": of_fake / of_real,
    }


def duplicates(subject: Subject) -> Numbers:
    """The share of fakes that lie nearer to another fake than 95 % of reals do to another real.

    Distances are those of `effective`. Reals score 0.05 by construction, one repeated image 1.
    """
    fake, real = (nearest_other(d) for d in coarse_distances(subject))
    bound = real.quantile(NEAREST_REALS)
    return {"probe/diversity/duplicates": float((fake < bound).float().mean())}


def mean_gap(subject: Subject) -> Numbers:
    """|mean fake - mean real|_2 over the reals' root mean squared distance from their mean.

    Of two sets of N images of one distribution about sqrt(2 / N); 1 is as far as a real image is.
    """
    fake, real = (images.flatten(1) for images in pair(subject))
    centre = real.mean(0)
    spread = (real - centre).square().sum(1).mean().sqrt()
    return {"probe/likeness/mean_gap": float((fake.mean(0) - centre).norm() / spread)}


def pair(subject: Subject) -> tuple[Tensor, Tensor]:
    """As many fakes as reals, (N, C, H, W) each."""
    count = min(len(subject.fake), len(subject.real))
    return subject.fake[:count], subject.real[:count]


def coarse_distances(subject: Subject) -> tuple[Tensor, Tensor]:
    """Distances (N, N) between fakes, and between reals, each image reduced to at most 8x8."""
    fake, real = (distances(coarse(images).flatten(1)) for images in pair(subject))
    return fake, real


def coarse(images: Tensor) -> Tensor:
    """Images of at most 8x8 by the mean of areas; (N, C, H, W) -> (N, C, h, w)."""
    height, width = (min(side, COARSE) for side in images.shape[2:])
    return F.adaptive_avg_pool2d(images, (height, width))


def distances(rows: Tensor) -> Tensor:
    """Euclidean distances between all pairs, copies at exactly zero; (n, d) -> (n, n)."""
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")


def off_diagonal(square: Tensor) -> Tensor:
    """The entries of a symmetric (n, n) above its diagonal: each pair once."""
    row, column = torch.triu_indices(len(square), len(square), offset=1, device=square.device)
    return square[row, column]


def nearest_other(square: Tensor) -> Tensor:
    """Each row's distance to the nearest that is not itself; (n, n) -> (n,)."""
    return square.clone().fill_diagonal_(torch.inf).amin(1)


def gaussian(square: Tensor, bandwidth: Tensor) -> Tensor:
    """exp(-d^2 / 2 s^2) of distances."""
    return torch.exp(-square.square() / (2 * bandwidth.square()))


def vendi(kernel: Tensor) -> float:
    """exp of the entropy of the eigenvalues of K / n; (n, n), ones on the diagonal -> 1 to n."""
    shares = torch.linalg.eigvalsh(kernel.cpu().double() / len(kernel)).clamp(min=0)
    return float(torch.exp(-torch.xlogy(shares, shares).sum()))
