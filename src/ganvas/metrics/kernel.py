"""The kernel distance between two sets of features: KID when they are Inception's."""

from __future__ import annotations

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, normal_interval
from ganvas.metrics.inputs import (
    check_features,
    identical_warnings,
    row_blocks,
    torchmetrics_image,
)
from ganvas.randomness import named_generator

FEWEST = 4
"""Samples of each set that the distance and its interval need."""
SUBSETS = 100
SUBSET_SIZE = 1000
REFERENCES = 1000
"""Samples of each set that represent it when the interval is computed."""


def kernel_distance(
    real: Tensor, fake: Tensor, seed: int, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE
) -> Estimate:
    """Unbiased squared maximum mean discrepancy with the kernel (x.y / d + 1)^3.

    Binkowski 2018: the mean over random subsets of equal size, each computed by torchmetrics.
    With fewer samples than `subset_size`, subsets are as large as the smaller set. Unbiased: the
    distance of a distribution to itself is zero on average, so single values may be negative. The
    interval is over new generated samples, with the real ones fixed, and over other subsets.

    Args:
        real: (n, d), n >= 4.
        fake: (m, d), m >= 4.
        seed: decides the subsets; the global random state does not change.

    Returns:
        The distance, with the details `subsets`, `subset_size` and `spread`: the standard deviation
        over subsets, as other tools report it. It is not the standard error of the mean.

    Raises:
        GanvasError: too few samples, values that are not finite, different d, no torchmetrics.
    """
    if subsets < 1 or subset_size < 2:
        raise GanvasError(
            "kernel distance: at least one subset of at least two samples is needed, got"
            f" {subsets} of {subset_size}"
        )
    check_features(at_least=FEWEST, real=real, fake=fake)
    poly_mmd = torchmetrics_image("kid").poly_mmd
    size = min(subset_size, len(real), len(fake))
    if size == len(real) == len(fake):
        subsets = 1  # all subsets are the same
    random = named_generator(seed, "kernel distance")
    values = []
    for _ in range(subsets):
        real_subset = real[random_indices(len(real), size, random, real.device)]
        fake_subset = fake[random_indices(len(fake), size, random, fake.device)]
        values.append(poly_mmd(real_subset, fake_subset).double())
    distances = torch.stack(values)
    value, spread = float(distances.mean()), float(distances.std(unbiased=False))
    variance = sampling_variance(real, fake, random) + spread**2 / subsets
    return Estimate(
        value,
        normal_interval(value, variance**0.5),
        "delta method over generated samples, and the subsets' own spread",
        identical_warnings(real=real, generated=fake),
        {"subsets": subsets, "subset_size": size, "spread": spread},
    )


def random_indices(count: int, size: int, random: torch.Generator, device: torch.device) -> Tensor:
    """`size` of `count` indices without replacement, the same on every device."""
    return torch.randperm(count, generator=random)[:size].to(device)


def sampling_variance(real: Tensor, fake: Tensor, random: torch.Generator) -> float:
    """The variance of the unbiased estimate from all samples, over new generated ones.

    The estimate is a U-statistic. With the witness w(x) = mean k(x, fake) - mean k(x, real) and
    z = E k~(x, y)^2 of the centred kernel, its variance is 4 (Var w + z / n) / m + 2 z / m^2
    (Serfling 1980, section 5.2). The first term dominates if the sets differ, the others if they
    do not. Both are estimated with witnesses of two disjoint halves a, b of h references each:
    Cov(w_a, w_b) = Var w is free of the halves' noise, which is Var(w_a - w_b) = 4 z / h.
    """
    half = min(REFERENCES, len(real), len(fake)) // 2
    real_picked = random_indices(len(real), 2 * half, random, real.device)
    fake_picked = random_indices(len(fake), 2 * half, random, fake.device)
    witnesses = []
    for part in (slice(0, half), slice(half, None)):
        of_real = real[real_picked[part]]
        of_fake, positions = fake[fake_picked[part]], fake_picked[part]
        witnesses.append(witness(fake, of_real, of_fake, positions))
    first, second = (values - values.mean() for values in witnesses)
    degrees = max(len(fake) - 1, 1)
    slope = max(0.0, float((first * second).sum()) / degrees)
    noise = half / 4 * float((first - second).square().sum()) / degrees
    n, m = len(real), len(fake)
    return 4 * (slope + noise / n) / m + 2 * noise / m**2


def witness(fake: Tensor, of_real: Tensor, of_fake: Tensor, positions: Tensor) -> Tensor:
    """mean k(x, of_fake) - mean k(x, of_real) for every x of fake; (m, d) -> (m,) in float64.

    positions: indices of `of_fake` in fake; no sample is compared with itself.
    """
    total = torch.cat([cubic_kernel(block, of_fake).sum(1) for block in row_blocks(fake)])
    to_real = torch.cat([cubic_kernel(block, of_real).mean(1) for block in row_blocks(fake)])
    others = torch.full_like(total, len(of_fake))
    total[positions] -= (of_fake.square().sum(1) / of_fake.shape[1] + 1).double() ** 3
    others[positions] -= 1
    return total / others - to_real


def cubic_kernel(x: Tensor, y: Tensor) -> Tensor:
    """k of every pair; (n, d), (m, d) -> (n, m) in float64, from products in the dtype of x."""
    return (x @ y.T / x.shape[1] + 1).double() ** 3
