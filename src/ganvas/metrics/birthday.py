"""The birthday paradox test: how many distinct images does a generator produce?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import QUANTILE, Estimate
from ganvas.metrics.inputs import check_features, identical_warnings
from ganvas.metrics.neighbours import distance_tiles
from ganvas.randomness import named_generator

BATCH_SIZE = 400
REAL_FRACTION = 0.05
"""The fraction of batches of real images with a near-duplicate; it defines the threshold."""
MIN_BATCH_SIZE = 2
IMAGES_PER_BATCH_IMAGE = 10
"""Images needed per image of a batch; with fewer, less than five pairs define the threshold."""
MAX_IMAGES = 10_000
"""Larger sets are subsampled: the number of pairs grows as the square."""


def birthday(
    real: Tensor,
    fake: Tensor,
    batch: int = BATCH_SIZE,
    seed: int = 0,
    held_out: int | None = None,
) -> Estimate:
    """The fraction of batches of generated images that hold a near-duplicate.

    Arora and Zhang 2017 look for duplicates in batches by eye: if half of the batches of s images
    have one, the generator produces at most about s^2 distinct images. Here a pair of images is a
    near-duplicate if the distance of its features is within a threshold, chosen so that 5 % of
    batches of real images have one. So real images score 0.05, and a collapsed generator 1.

    If a fraction c of all pairs are near-duplicates, the fraction of batches is
    1 - exp(-s (s - 1) / 2 c), the approximation of the birthday problem. If near-duplicates
    cluster around a few images, the true fraction is somewhat smaller. The interval accounts for
    pairs that share an image, and for the few real pairs that determine the threshold.

    Args:
        real: (n, d), n >= 20, the images that determine the threshold.
        fake: (m, d), m >= 20.
        batch: s; smaller if a set has fewer than ten times as many images.
        seed: decides the 10,000 images of a larger set that are used.
        held_out: number of other real images that replace the samples for the floor. The batch is
            small enough for them too, so that value and floor use the same batch.

    Returns:
        The fraction, with the details `threshold`, `batch`, `near_pairs`, and the support size of
        Arora and Zhang, 1 / c: `support` if there is a near-duplicate, and `support_at_least`,
        from the upper end of the interval of c.

    Raises:
        GanvasError: too few samples, values that are not finite, different d.
    """
    if batch < 2:
        raise GanvasError(f"birthday: a batch has at least 2 images, got {batch}")
    check_features(real=real, fake=fake)
    real, fake = subsample(real, seed, "real"), subsample(fake, seed, "generated")
    counts = {"real": len(real), "generated": len(fake)}
    if held_out is not None:
        counts["held-out"] = held_out
    size, warnings = choose_batch_size(counts, batch)
    threshold, rank, threshold_warnings = real_threshold(real, size)
    warnings += identical_warnings(real=real, generated=fake) + threshold_warnings
    neighbours = near_duplicate_counts(fake, threshold)
    pairs = pair_count(len(fake))
    near = float(neighbours.sum()) / 2
    low, high = count_interval(near, variance_of_count(neighbours, near) + near**2 / rank)
    details = {"threshold": threshold, "batch": size, "near_pairs": near}
    details |= support_sizes(pairs, near, high)
    fraction, lowest, highest = (
        -math.expm1(-pair_count(size) * count / pairs) for count in (near, low, high)
    )
    method = "score interval for the number of near pairs"
    return Estimate(fraction, (lowest, highest), method, warnings, details)


def support_sizes(pairs: int, near: float, high: float) -> dict[str, float]:
    """The support size of Arora and Zhang, 1 / c, if there are near pairs; and its lower end.

    Args:
        pairs: of all samples.
        near: of them, near-duplicates.
        high: the upper end of the interval of `near`.
    """
    support = {"support": pairs / near} if near else {}
    return {"support_at_least": max(1.0, pairs / high), **support}


def real_threshold(real: Tensor, size: int) -> tuple[float, float, tuple[str, ...]]:
    """The distance within which `REAL_FRACTION` of batches of `size` real images have a pair.

    Returns:
        The distance, its rank among all pairs of real images, and a warning if it is 0.
    """
    rank = pair_count(len(real)) * -math.log1p(-REAL_FRACTION) / pair_count(size)
    threshold = kth_pair_distance(real, rank)
    if threshold > 0:
        return threshold, rank, ()
    warning = (
        f"more than {REAL_FRACTION:.0%} of batches of real images hold an exact copy: only exact"
        " copies count as near-duplicates, and real images score more than that"
    )
    return threshold, rank, (warning,)


def choose_batch_size(counts: dict[str, int], wanted: int) -> tuple[int, tuple[str, ...]]:
    """The wanted batch size, or a smaller one and a warning if a set has too few images.

    Args:
        counts: number of images, by the name of the set.
    """
    fewest = min(counts, key=lambda name: counts[name])
    count = counts[fewest]
    size = min(wanted, count // IMAGES_PER_BATCH_IMAGE)
    if size < MIN_BATCH_SIZE:
        least = MIN_BATCH_SIZE * IMAGES_PER_BATCH_IMAGE
        raise GanvasError(f"birthday: at least {least} {fewest} images are needed, got {count}")
    if size == wanted:
        return size, ()
    needed = IMAGES_PER_BATCH_IMAGE * wanted
    return size, (
        f"batches of {size} and not {wanted}, which need {needed:,} {fewest} images; there are "
        f"{count:,}",
    )


def subsample(samples: Tensor, seed: int, name: str) -> Tensor:
    """The samples, or `MAX_IMAGES` random ones of a larger set."""
    if len(samples) <= MAX_IMAGES:
        return samples
    order = torch.randperm(len(samples), generator=named_generator(seed, f"birthday {name}"))
    return samples[order[:MAX_IMAGES].sort().values.to(samples.device)]


def pair_count(count: int) -> int:
    """Number of pairs among `count` images."""
    return count * (count - 1) // 2


def kth_pair_distance(samples: Tensor, rank: float) -> float:
    """The distance of the `rank`-th nearest of all pairs, interpolated between whole ranks."""
    below, above = math.floor(rank), math.ceil(rank)
    smallest = samples.new_empty(0)
    limit = math.inf
    for _, _, tile in distance_tiles(samples, samples, above_diagonal=True):
        smallest = torch.cat([smallest.to(tile.dtype), tile[tile < limit]])
        smallest = smallest.topk(min(above, len(smallest)), largest=False).values
        if len(smallest) == above:
            limit = float(smallest[-1])
    first, second = smallest[[below - 1, above - 1]].double().sqrt().tolist()
    return float(first + (second - first) * (rank - below))


def near_duplicate_counts(samples: Tensor, threshold: float) -> Tensor:
    """Number of other samples within the threshold of each sample; (m, d) -> (m,) float64."""
    neighbours = torch.zeros(len(samples), dtype=torch.float64, device=samples.device)
    for rows, columns, tile in distance_tiles(samples, samples, above_diagonal=True):
        near = tile <= threshold**2
        neighbours[rows] += near.sum(1)
        neighbours[columns] += near.sum(0)
    return neighbours


def variance_of_count(neighbours: Tensor, near: float) -> float:
    """The variance of the number of near pairs among m samples, over new samples.

    Pairs (i, j) and (i, k) are dependent. The number is a U-statistic; if c is the fraction of near
    pairs and q the fraction of triples with two of them, its variance per pair of samples is
    c (1 - c) + 2 (m - 2)(q - c^2) (Serfling 1980, section 5.2), with an unbiased estimate of q.
    It is never less than for independent pairs.

    Args:
        neighbours: (m,) near-duplicates of each sample.
        near: number of near pairs.
    """
    m = len(neighbours)
    fraction = near / pair_count(m)
    triples = float((neighbours * (neighbours - 1)).sum()) / (m * (m - 1) * (m - 2))
    covariance = max(0.0, triples - fraction**2)
    return pair_count(m) * (fraction * (1 - fraction) + 2 * (m - 2) * covariance)


def count_interval(count: float, variance: float) -> tuple[float, float]:
    """Wilson's score interval for the mean of a count, Poisson in bundles of variance / count."""
    bundle = max(1.0, variance / count) if count else 1.0
    bundles = count / bundle
    middle = bundles + QUANTILE**2 / 2
    half_width = QUANTILE * math.sqrt(bundles + QUANTILE**2 / 4)
    return bundle * (middle - half_width), bundle * (middle + half_width)
