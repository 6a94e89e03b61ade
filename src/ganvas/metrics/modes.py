"""Modes: which of the known kinds of sample a generator makes, and how evenly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, normal_interval, proportion
from ganvas.metrics.inputs import check_features

HIGH_QUALITY = 3.0
"""How many standard deviations from its mode a point may lie (Srivastava 2017; Lin 2018)."""

NO_MODE = -1
"""Stands for the mode of a sample that belongs to none."""


def nearest_mode(points: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """The nearest of Gaussian modes that all have covariance sigma^2 I; -1 for points of none.

    A point belongs to its nearest mode if it lies less than three standard deviations away
    (Srivastava 2017; Lin 2018).

    Args:
        points: (m, 2), or any other dimension.
        centres: (K, 2).
        sigma: standard deviation along each axis, > 0.

    Raises:
        GanvasError: numbers that are not finite, different dimensions, sigma not positive.
    """
    check_features(points=points, centres=centres)
    if not sigma > 0:
        raise GanvasError(f"modes: the standard deviation must be above 0, got {sigma}")
    distances = torch.cdist(
        points.double(), centres.double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    distance, mode = distances.min(dim=1)
    return torch.where(distance < HIGH_QUALITY * sigma, mode, NO_MODE)


def mode_coverage(modes: Tensor, expected: Tensor) -> dict[str, Estimate]:
    """How many modes are hit, how unevenly, and how many samples hit one.

    modes: how many of the K have at least one sample (Metz 2017). Its variance is jackknifed:
        without one sample the count falls by one if that sample was alone, so f (1 - f / m) with
        f modes that have a single sample; rather too wide than too narrow (Efron and Stein 1981).
    reverse-kl: sum_k p_k log(p_k / u_k) in nats, p the shares among samples that belong to a mode,
        u what is expected (Metz 2017; Lin 2018). Biased upwards: of m samples a perfect generator
        gets (K - 1) / 2m and not 0, given as the detail `perfect`. The interval is of that biased
        number, by the delta method with its degenerate case (see `reverse_kl`).
    high-quality: the share of samples that belong to a mode (Srivastava 2017).

    Args:
        modes: (m,) int64, the mode of each sample, -1 for none.
        expected: (K,) probabilities, all above 0.

    Returns:
        By name. If no sample belongs to a mode the reverse KL has no value; the largest there is,
        log(1 / min u), stands in its place, with a warning.

    Raises:
        GanvasError: no samples, a mode outside 0..K-1 and -1, not probabilities.
    """
    check_modes(modes, expected)
    counts = torch.bincount(modes[modes != NO_MODE], minlength=len(expected)).double()
    m, inside, hit = len(modes), int(counts.sum()), int((counts > 0).sum())
    alone = int((counts == 1).sum())
    low, high = normal_interval(hit, math.sqrt(alone * (1 - alone / m)))
    warnings: tuple[str, ...] = ()
    if hit < 2:
        warnings = (f"the samples belong to {hit} of {len(expected):,} modes",)
    return {
        "modes": Estimate(
            hit,
            (max(0.0, low), min(float(len(expected)), high)),
            "jackknife",
            warnings,
            {"of": len(expected)},
        ),
        "reverse-kl": reverse_kl(counts, expected.double().to(counts.device), warnings),
        "high-quality": proportion(inside, m, warnings),
    }


def reverse_kl(counts: Tensor, expected: Tensor, warnings: tuple[str, ...] = ()) -> Estimate:
    """KL(counts / sum || expected) with its interval.

    The first-order variance is V = (sum p l^2 - KL^2) / m with l = log(p / u). Where p = u it is 0
    and the second order counts: 2 m KL is chi-squared, with variance (K - 1) / 2 m^2. V from
    observed p is then too large by twice that, so (K - 1) / 2 m^2 is taken off it, and is the
    least it can be. K counts the modes that were hit.
    """
    m = int(counts.sum())
    modes = len(expected)
    if m == 0:
        worst = math.log(1 / float(expected.min()))
        warning = (
            "no sample belongs to a mode, so reverse KL has no value: the largest possible one"
            " stands here"
        )
        return Estimate(worst, (worst, worst), "none", (warning, *warnings))
    there = counts > 0
    shares = counts[there] / m
    logs = (shares / expected[there]).log()
    value = max(0.0, float((shares * logs).sum()))  # rounding may leave -1e-16
    first_order = (float((shares * logs.square()).sum()) - value**2) / m
    degenerate = (int(there.sum()) - 1) / (2 * m**2)
    variance = max(first_order - degenerate, degenerate)
    low, high = normal_interval(value, math.sqrt(variance))
    if m < 5 * modes:
        warnings += (f"{m:,} samples for {modes:,} modes: reverse KL is mostly its own bias",)
    return Estimate(
        value,
        (max(0.0, low), high),
        "delta method and its degenerate case",
        warnings,
        {"perfect": (modes - 1) / (2 * m)},
    )


def check_modes(modes: Tensor, expected: Tensor) -> None:
    """Raises GanvasError for what is not a mode for each sample and a probability for each mode."""
    if modes.ndim != 1 or modes.dtype != torch.int64 or len(modes) == 0:
        raise GanvasError(
            f"modes: expected int64 of shape (m,), at least one, got {modes.dtype}"
            f" {tuple(modes.shape)}"
        )
    total = float(expected.double().sum())
    if expected.ndim != 1 or not bool((expected > 0).all()) or abs(total - 1) > 1e-4:
        raise GanvasError(
            "modes: expected probabilities must be above 0 and sum to 1, got"
            f" {tuple(expected.shape)} with sum {total:.6g}"
        )
    lowest, highest = int(modes.min()), int(modes.max())
    if lowest < NO_MODE or highest >= len(expected):
        raise GanvasError(
            f"modes: there are {len(expected)}, so 0 to {len(expected) - 1} or -1 for none is"
            f" possible; got {lowest} to {highest}"
        )
