"""Precision, recall, density and coverage of samples, from k-nearest-neighbour balls."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, normal_interval, proportion
from ganvas.metrics.inputs import check_features, identical_warnings
from ganvas.metrics.neighbours import distance_tiles, kth_nearest_distances

NEIGHBOURS = 5
"""k: the ball of an image reaches to its k-th nearest neighbour. Each set needs k + 1 images."""


@dataclass(frozen=True)
class NeighbourCounts:
    """How many samples of one set lie in the balls of the other.

    The ball of an image reaches to the k-th nearest image of its own set.

    real_around_fake: (m,) number of real images whose ball holds each generated image.
    fake_in_real: (n,) number of generated images in each real image's ball.
    single_fake_in_real: (n,) index of that image, where the number is 1; undefined elsewhere.
    fake_around_real: (n,) number of generated images whose ball holds each real image.
    single_fake_around_real: (n,) index of that image, where the number is 1; undefined elsewhere.
    """

    real_around_fake: Tensor
    fake_in_real: Tensor
    single_fake_in_real: Tensor
    fake_around_real: Tensor
    single_fake_around_real: Tensor


def prdc(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> dict[str, Estimate]:
    """The four scores, from balls that reach to the k-th nearest neighbour.

    precision: fraction of generated images in some real image's ball (Kynkaanniemi 2019, eq. 2).
    recall: fraction of real images in some generated image's ball (the same, roles exchanged).
    density: mean number of real balls around a generated image, over k (Naeem 2020); may exceed 1.
    coverage: fraction of real images whose ball holds a generated image (Naeem 2020).

    Intervals are over new generated samples, with the real ones fixed. Distances are computed in
    tiles, so the memory beside the features is the same for 50,000 samples as for 10,000.

    Args:
        real: (n, d), n > k.
        fake: (m, d), m > k. All four, coverage most of all, depend on n and m: compare equal ones.

    Returns:
        By name; coverage has the detail `identical`, its expectation for two sets of one
        distribution at these n and m (1 - 2^-k for large n = m).

    Raises:
        GanvasError: no more samples than k, values that are not finite, different d.
    """
    if k < 1:
        raise GanvasError(f"prdc: k is how many neighbours a ball reaches to, at least 1, got {k}")
    check_features(at_least=k + 1, real=real, fake=fake)
    n, m = len(real), len(fake)
    counts = count_neighbours(real, fake, k)
    warnings = identical_warnings(real=real, generated=fake)
    density = counts.real_around_fake.double() / k
    return {
        "precision": proportion(int((counts.real_around_fake > 0).sum()), m, warnings),
        "recall": coverage_estimate(
            counts.fake_around_real, counts.single_fake_around_real, m, warnings
        ),
        "density": Estimate(
            float(density.mean()),
            normal_interval(float(density.mean()), float(density.std()) / m**0.5),
            "normal, over generated samples",
            warnings,
        ),
        "coverage": coverage_estimate(
            counts.fake_in_real,
            counts.single_fake_in_real,
            m,
            warnings + saturation_warnings(n, m),
            {"identical": expected_coverage(n, m, k)},
        ),
    }


def count_neighbours(real: Tensor, fake: Tensor, k: int) -> NeighbourCounts:
    """All counts, in one pass over the distances between the two sets."""
    n, m, device = len(real), len(fake), real.device
    real_radii, fake_radii = kth_nearest_distances(real, k), kth_nearest_distances(fake, k)
    real_around_fake = torch.zeros(m, dtype=torch.float64, device=device)
    per_real = torch.zeros(4, n, dtype=torch.float64, device=device)
    for rows, columns, tile in distance_tiles(real, fake):
        # One product gives counts and sums of indices; with a count of 1 the sum is the index.
        index = torch.arange(tile.shape[1], device=device, dtype=tile.dtype)
        summands = torch.stack([torch.ones_like(index), index], dim=1)  # (columns, 2)
        inside = (tile <= real_radii[rows, None]).to(tile.dtype)
        real_around_fake[columns] += inside.sum(0)
        in_real = inside @ summands
        inside = (tile <= fake_radii[columns]).to(tile.dtype)
        sums = torch.cat([in_real, inside @ summands], dim=1).T.double()
        sums[[1, 3]] += columns.start * sums[[0, 2]]
        per_real[:, rows] += sums
    return NeighbourCounts(real_around_fake, *per_real)


def coverage_estimate(
    counts: Tensor,
    single: Tensor,
    samples: int,
    warnings: tuple[str, ...],
    details: dict[str, float] | None = None,
) -> Estimate:
    """The fraction of real images with a count above zero, with a jackknife interval.

    Leaving out generated sample j lowers the fraction by the real images that only j covers; the
    balls stay the same. Such an interval tends to be too wide (Efron and Stein 1981).

    Args:
        counts: (n,) number of generated samples that cover each real image.
        single: (n,) index of that sample, where the number is 1.
        samples: number of generated samples.
    """
    fraction = float((counts > 0).double().mean())
    sole = single[counts == 1].long()
    losses = torch.bincount(sole, minlength=samples).double() / len(counts)
    error = float((losses - losses.mean()).square().sum()) ** 0.5
    low, high = normal_interval(fraction, error)
    return Estimate(
        fraction,
        (max(0.0, low), min(1.0, high)),
        "jackknife over generated samples",
        warnings,
        details or {},
    )


def expected_coverage(n: int, m: int, k: int) -> float:
    """Expected coverage of n real by m generated samples of the same continuous distribution.

    A ball holds no generated sample if the k nearest of the n - 1 + m other samples are all real.
    """
    empty = 1.0
    for nearer in range(k):
        empty *= (n - 1 - nearer) / (n - 1 + m - nearer)
    return 1 - empty


def saturation_warnings(n: int, m: int) -> tuple[str, ...]:
    """A warning if so many samples are generated that nearly all balls hold one."""
    if m <= 2 * n:
        return ()
    return (
        f"{m:,} generated samples against {n:,} real ones: coverage is close to 1 even for poor"
        " samples; compare equal counts",
    )
