"""Precision, recall, density and coverage: are samples real, and are all the real ones there?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, normal_interval, proportion
from ganvas.metrics.inputs import check_features, identical_warnings
from ganvas.metrics.neighbours import kth_nearest, tiles

NEIGHBOURS = 5
"""How many a ball reaches to; each set must have one image more."""


@dataclass(frozen=True)
class Balls:
    """Which samples lie in the balls around which, counted.

    A ball reaches from its centre to the k-th nearest sample of the centre's own set.

    real_around_fake: (m,) in how many balls of real images each generated one lies.
    fake_in_real: (n,) how many generated images lie in each real one's ball.
    only_fake_in_real: (n,) which one it is, where there is one; anything elsewhere.
    fake_around_real: (n,) in how many balls of generated images each real one lies.
    only_fake_around_real: (n,) whose ball it is, where it is one; anything elsewhere.
    """

    real_around_fake: Tensor
    fake_in_real: Tensor
    only_fake_in_real: Tensor
    fake_around_real: Tensor
    only_fake_around_real: Tensor


def prdc(real: Tensor, fake: Tensor, k: int = NEIGHBOURS) -> dict[str, Estimate]:
    """The four shares, from balls that reach to the k-th nearest neighbour.

    precision: generated images in some real image's ball (Kynkaanniemi 2019, eq. 2).
    recall: real images in some generated image's ball (the same, roles exchanged).
    density: real balls around a generated image, over k (Naeem 2020); it may exceed 1.
    coverage: real images whose ball holds a generated one (Naeem 2020).

    Intervals are over new generated samples, the real ones staying as they are. Distances are made
    in tiles, so memory beside the features is the same for 50,000 samples as for 10,000.

    Args:
        real: (n, d), n > k.
        fake: (m, d), m > k. All four, coverage most of all, depend on n and m: compare equal ones.

    Returns:
        By name; coverage has the detail `identical`, its expectation for two sets of one
        distribution at these n and m (1 - 2^-k for large n = m).

    Raises:
        GanvasError: no more samples than k, numbers that are not finite, different d.
    """
    if k < 1:
        raise GanvasError(f"prdc: k is how many neighbours a ball reaches to, at least 1, got {k}")
    check_features(at_least=k + 1, real=real, fake=fake)
    n, m = len(real), len(fake)
    found = count_balls(real, fake, k)
    warnings = identical_warnings(real=real, generated=fake)
    density = found.real_around_fake.double() / k
    return {
        "precision": proportion(int((found.real_around_fake > 0).sum()), m, warnings),
        "recall": reached(found.fake_around_real, found.only_fake_around_real, m, warnings),
        "density": Estimate(
            float(density.mean()),
            normal_interval(float(density.mean()), float(density.std()) / m**0.5),
            "normal, over generated samples",
            warnings,
        ),
        "coverage": reached(
            found.fake_in_real,
            found.only_fake_in_real,
            m,
            warnings + saturated(n, m),
            {"identical": expected_coverage(n, m, k)},
        ),
    }


def count_balls(real: Tensor, fake: Tensor, k: int) -> Balls:
    """All counts in one pass over the distances between the two sets."""
    n, m, device = len(real), len(fake), real.device
    real_radii, fake_radii = kth_nearest(real, k), kth_nearest(fake, k)
    real_around_fake = torch.zeros(m, dtype=torch.float64, device=device)
    of_real = torch.zeros(4, n, dtype=torch.float64, device=device)
    for rows, columns, tile in tiles(real, fake):
        # Counts and sums of positions by one product each. A sum of one position is that position.
        position = torch.arange(tile.shape[1], device=device, dtype=tile.dtype)
        summands = torch.stack([torch.ones_like(position), position], dim=1)  # (columns, 2)
        inside = (tile <= real_radii[rows, None]).to(tile.dtype)
        real_around_fake[columns] += inside.sum(0)
        in_real = inside @ summands
        inside = (tile <= fake_radii[columns]).to(tile.dtype)
        sums = torch.cat([in_real, inside @ summands], dim=1).T.double()
        sums[[1, 3]] += columns.start * sums[[0, 2]]
        of_real[:, rows] += sums
    return Balls(real_around_fake, *of_real)


def reached(
    counts: Tensor,
    only: Tensor,
    samples: int,
    warnings: tuple[str, ...],
    details: dict[str, float] | None = None,
) -> Estimate:
    """The share of real images with a count above zero, jackknifed over the generated samples.

    Without sample j the share falls by the images that only j reaches; balls are kept as they are.
    (Efron and Stein 1981: such an interval is rather too wide than too narrow.)

    Args:
        counts: (n,) how many generated samples reach each real image.
        only: (n,) which one does where it is one.
        samples: how many generated samples there are.
    """
    share = float((counts > 0).double().mean())
    alone = only[counts == 1].long()
    losses = torch.bincount(alone, minlength=samples).double() / len(counts)
    error = float((losses - losses.mean()).square().sum()) ** 0.5
    low, high = normal_interval(share, error)
    return Estimate(
        share,
        (max(0.0, low), min(1.0, high)),
        "jackknife over generated samples",
        warnings,
        details or {},
    )


def expected_coverage(n: int, m: int, k: int) -> float:
    """Coverage of n real by m generated samples of the same continuous distribution.

    A ball holds no generated sample if the k nearest of the n - 1 + m others are all real.
    """
    empty = 1.0
    for nearer in range(k):
        empty *= (n - 1 - nearer) / (n - 1 + m - nearer)
    return 1 - empty


def saturated(n: int, m: int) -> tuple[str, ...]:
    """A warning where so many samples are thrown at the balls that nearly all are hit."""
    if m <= 2 * n:
        return ()
    return (
        f"{m:,} generated samples against {n:,} real ones: coverage is close to 1 even for poor"
        " samples; compare equal counts",
    )
