"""The birthday paradox test: how few different images does a generator seem to know?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import QUANTILE, Estimate
from ganvas.metrics.inputs import check_features, identical_warnings
from ganvas.metrics.neighbours import tiles
from ganvas.randomness import named_generator

BATCH = 400
REAL_SHARE = 0.05
"""How often a batch of real images may hold a near-duplicate: it decides what near is."""
FEWEST_PER_BATCH = 2
SAMPLES_PER_BATCH = 10
"""With fewer samples than this for one of the batch, less than five pairs decide what near is."""
MOST = 10_000
"""More samples than this are drawn from, not all used: pairs grow as their square."""


def birthday(
    real: Tensor,
    fake: Tensor,
    batch: int = BATCH,
    seed: int = 0,
    held_out: int | None = None,
) -> Estimate:
    """The share of batches of generated images that hold a near-duplicate.

    Arora and Zhang 2017 look for duplicates in batches by eye: where half of the batches of s
    images have one, the generator knows no more than about s^2 images. Here a pair of images is a
    near-duplicate if its features lie no further apart than a threshold, set so that 5 % of batches
    of real images have one; 0.05 is what real images score, and 1 is collapse.

    With c the share of all pairs that are near-duplicates, the share of batches is
    1 - exp(-s (s - 1) / 2 c), the approximation of the birthday problem. Where near-duplicates
    crowd around a few images the true share is somewhat smaller. The interval takes into account
    that pairs share images, and how few pairs of real ones the threshold rests on.

    Args:
        real: (n, d), n >= 20, the images that the threshold is set by.
        fake: (m, d), m >= 20.
        batch: s; smaller where there are not ten times as many images of every set.
        seed: which 10,000 are used of more; of fewer all are.
        held_out: how many other real images there are to take the samples' place for the floor.
            The batch is small enough for them too, so that value and floor are of one protocol.

    Returns:
        The share, with the details `threshold`, `batch`, `near_pairs`, and what Arora and Zhang
        call the support size, 1 / c: `support` where a near-duplicate was found, and
        `support_at_least`, from the upper end of the interval of c.

    Raises:
        GanvasError: too few samples, numbers that are not finite, different d.
    """
    if batch < 2:
        raise GanvasError(f"birthday: a batch has at least 2 images, got {batch}")
    check_features(real=real, fake=fake)
    real, fake = at_most(real, seed, "real"), at_most(fake, seed, "generated")
    counts = {"real": len(real), "generated": len(fake)}
    if held_out is not None:
        counts["held-out"] = held_out
    size, warnings = batch_for(counts, batch)
    threshold, rank, said = real_threshold(real, size)
    warnings += identical_warnings(real=real, generated=fake) + said
    degrees = near_duplicates(fake, threshold)
    pairs = pairs_of(len(fake))
    found = float(degrees.sum()) / 2
    low, high = count_interval(found, variance_of_count(degrees, found) + found**2 / rank)
    details = {
        "threshold": threshold,
        "batch": size,
        "near_pairs": found,
        "support_at_least": max(1.0, pairs / high),
    }
    if found:
        details["support"] = pairs / found
    share, lowest, highest = (
        -math.expm1(-pairs_of(size) * count / pairs) for count in (found, low, high)
    )
    return Estimate(
        share, (lowest, highest), "score interval for the number of near pairs", warnings, details
    )


def real_threshold(real: Tensor, size: int) -> tuple[float, float, tuple[str, ...]]:
    """The distance that a pair lies within in `REAL_SHARE` of batches of `size` real images.

    Returns:
        The distance, its rank among all pairs of real images, and a warning where it is 0.
    """
    rank = pairs_of(len(real)) * -math.log1p(-REAL_SHARE) / pairs_of(size)
    threshold = pair_distance(real, rank)
    if threshold > 0:
        return threshold, rank, ()
    return (
        threshold,
        rank,
        (
            f"more than {REAL_SHARE:.0%} of batches of real images hold an exact copy: only exact"
            " copies count as near-duplicates, and real images score more than that",
        ),
    )


def batch_for(counts: dict[str, int], wanted: int) -> tuple[int, tuple[str, ...]]:
    """The wanted size of a batch, or a smaller one and a warning where a set has too few images.

    Args:
        counts: how many images there are, by the name of the set.
    """
    fewest = min(counts, key=lambda name: counts[name])
    count = counts[fewest]
    size = min(wanted, count // SAMPLES_PER_BATCH)
    if size < FEWEST_PER_BATCH:
        least = FEWEST_PER_BATCH * SAMPLES_PER_BATCH
        raise GanvasError(f"birthday: at least {least} {fewest} images are needed, got {count}")
    if size == wanted:
        return size, ()
    needed = SAMPLES_PER_BATCH * wanted
    return size, (
        f"batches of {size} and not {wanted}, which need {needed:,} {fewest} images and there are "
        f"{count:,}",
    )


def at_most(samples: Tensor, seed: int, name: str) -> Tensor:
    """The samples, or `MOST` of them at random."""
    if len(samples) <= MOST:
        return samples
    order = torch.randperm(len(samples), generator=named_generator(seed, f"birthday {name}"))
    return samples[order[:MOST].sort().values.to(samples.device)]


def pairs_of(count: int) -> int:
    """How many pairs there are."""
    return count * (count - 1) // 2


def pair_distance(samples: Tensor, rank: float) -> float:
    """The distance that the `rank` nearest of all pairs do not exceed, between whole ranks on the
    line between their distances."""
    below, above = math.floor(rank), math.ceil(rank)
    smallest = samples.new_empty(0)
    limit = math.inf
    for _, _, tile in tiles(samples, samples, above_diagonal=True):
        smallest = torch.cat([smallest.to(tile.dtype), tile[tile < limit]])
        smallest = smallest.topk(min(above, len(smallest)), largest=False).values
        if len(smallest) == above:
            limit = float(smallest[-1])
    first, second = smallest[[below - 1, above - 1]].double().sqrt().tolist()
    return float(first + (second - first) * (rank - below))


def near_duplicates(samples: Tensor, threshold: float) -> Tensor:
    """How many others lie within the threshold of each sample; (m, d) -> (m,) float64."""
    degrees = torch.zeros(len(samples), dtype=torch.float64, device=samples.device)
    for rows, columns, tile in tiles(samples, samples, above_diagonal=True):
        near = tile <= threshold**2
        degrees[rows] += near.sum(1)
        degrees[columns] += near.sum(0)
    return degrees


def variance_of_count(degrees: Tensor, found: float) -> float:
    """The variance of the number of near pairs among m samples, over new ones.

    Pairs (i, j) and (i, k) depend on each other. The count is a U-statistic; with c the share of
    near pairs and q that of triples with two of them its variance is, per pair of samples,
    c (1 - c) + 2 (m - 2)(q - c^2) (Serfling 1980, section 5.2), q estimated without bias from
    how many near ones each sample has. Never less than if they were independent.
    """
    m = len(degrees)
    share = found / pairs_of(m)
    triples = float((degrees * (degrees - 1)).sum()) / (m * (m - 1) * (m - 2))
    shared = max(0.0, triples - share**2)
    return pairs_of(m) * (share * (1 - share) + 2 * (m - 2) * shared)


def count_interval(found: float, variance: float) -> tuple[float, float]:
    """Both ends for the expected count: Wilson's score interval of a Poisson count, as wide as if
    pairs came in bundles of variance / found."""
    bundle = max(1.0, variance / found) if found else 1.0
    bundles = found / bundle
    middle = bundles + QUANTILE**2 / 2
    reach = QUANTILE * math.sqrt(bundles + QUANTILE**2 / 4)
    return bundle * (middle - reach), bundle * (middle + reach)
