"""Modes: which of the known modes of the data a generator produces, and how evenly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.estimate import Estimate, normal_interval, proportion
from ganvas.metrics.inputs import check_features

HIGH_QUALITY = 3.0
"""Largest distance of a point to its mode, in standard deviations (Srivastava 2017; Lin 2018)."""

NO_MODE = -1
"""The mode of a sample that belongs to none."""


def nearest_mode(points: Tensor, centres: Tensor, sigma: float) -> Tensor:
    """The nearest of Gaussian modes with covariance sigma^2 I, or -1.

    A point belongs to its nearest mode if its distance is below three standard deviations
    (Srivastava 2017; Lin 2018).

    Args:
        points: (m, 2), or any other dimension.
        centres: (K, 2).
        sigma: standard deviation along each axis, > 0.

    Raises:
        GanvasError: values that are not finite, different dimensions, sigma not positive.
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
    """How many modes are covered, how unevenly, and how many samples belong to one.

    modes: how many of the K modes have at least one sample (Metz 2017). With f modes that have a
        single sample, the jackknife variance is f (1 - f / m); this interval tends to be too wide
        (Efron and Stein 1981).
    reverse-kl: sum_k p_k log(p_k / u_k) in nats, with p the fractions of the samples that belong to
        a mode and u the expected ones (Metz 2017; Lin 2018). Biased upwards: with m samples a
        perfect generator scores (K - 1) / 2m and not 0; this is the detail `perfect`. The interval
        is that of the biased value (see `reverse_kl`).
    high-quality: the fraction of samples that belong to a mode (Srivastava 2017).

    Args:
        modes: (m,) int64, the mode of each sample, -1 for none.
        expected: (K,) probabilities, all above 0.

    Returns:
        By name. If no sample belongs to a mode, the reverse KL is undefined; its largest possible
        value, log(1 / min u), is given with a warning.

    Raises:
        GanvasError: no samples, a mode that is not -1 to K - 1, or not probabilities.
    """
    check_modes(modes, expected)
    counts = torch.bincount(modes[modes != NO_MODE], minlength=len(expected)).double()
    m, high_quality, covered = len(modes), int(counts.sum()), int((counts > 0).sum())
    single = int((counts == 1).sum())
    low, high = normal_interval(covered, math.sqrt(single * (1 - single / m)))
    warnings: tuple[str, ...] = ()
    if covered < 2:
        warnings = (f"the samples belong to {covered} of {len(expected):,} modes",)
    return {
        "modes": Estimate(
            covered,
            (max(0.0, low), min(float(len(expected)), high)),
            "jackknife",
            warnings,
            {"of": len(expected)},
        ),
        "reverse-kl": reverse_kl(counts, expected.double().to(counts.device), warnings),
        "high-quality": proportion(high_quality, m, warnings),
    }


def reverse_kl(counts: Tensor, expected: Tensor, warnings: tuple[str, ...] = ()) -> Estimate:
    """KL(counts / sum || expected) with its interval.

    By the delta method. The first-order variance is V = (sum p l^2 - KL^2) / m with l = log(p / u).
    If p = u it is 0 and the second order matters: 2 m KL is chi-squared, with variance
    (K - 1) / 2 m^2. V from observed p is then too large by twice that, so the variance is
    V - (K - 1) / 2 m^2, and at least (K - 1) / 2 m^2. K is the number of covered modes.
    """
    m = int(counts.sum())
    modes = len(expected)
    if m == 0:
        worst = math.log(1 / float(expected.min()))
        warning = (
            "no sample belongs to a mode, so reverse KL is undefined: this is its largest possible"
            " value"
        )
        return Estimate(worst, (worst, worst), "none", (warning, *warnings))
    covered = counts > 0
    fractions = counts[covered] / m
    logs = (fractions / expected[covered]).log()
    value = max(0.0, float((fractions * logs).sum()))  # rounding may give -1e-16
    first_order = (float((fractions * logs.square()).sum()) - value**2) / m
    degenerate = (int(covered.sum()) - 1) / (2 * m**2)
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
    """Raise a `GanvasError` unless each sample has a mode and each mode a probability."""
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
