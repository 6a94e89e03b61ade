"""Modes and reverse KL against published floors, closed forms and repeated draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics.modes import mode_coverage, nearest_mode


def uniform(count: int) -> Tensor:
    return torch.full((count,), 1 / count)


def drawn(shares: Tensor, m: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.multinomial(shares, m, replacement=True, generator=random)


def grid() -> Tensor:
    """PacGAN's 25 centres, two apart."""
    line = torch.arange(-4.0, 5.0, 2.0)
    return torch.cartesian_prod(line, line)


@pytest.mark.parametrize(
    ("modes", "m", "floor", "spread"),
    [(1000, 26_000, 0.0194, 0.0008), (25, 2500, 0.0048, 0.0014), (8, 2500, 0.0014, 0.0007)],
)
def test_a_perfect_sampler_scores_the_published_floor(
    modes: int, m: int, floor: float, spread: float
) -> None:
    """(K - 1) / 2m, and its spread sqrt((K - 1) / 2) / m, as simulated before this was written."""
    estimates = [mode_coverage(drawn(uniform(modes), m, s), uniform(modes)) for s in range(60)]
    values = [estimate["reverse-kl"].value for estimate in estimates]
    assert np.mean(values) == pytest.approx(floor, abs=3.5 * spread / math.sqrt(60) + 0.00005)
    assert np.std(values, ddof=1) == pytest.approx(spread, rel=0.35)
    details = estimates[0]["reverse-kl"].details
    assert details["perfect"] == pytest.approx((modes - 1) / (2 * m))
    assert all(estimate["modes"].value == modes for estimate in estimates)


def test_the_interval_of_covered_modes_is_the_jackknifes() -> None:
    """Each of 12 samples left out once; the published factor (m - 1) / m is left out too."""
    modes = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 5, 5])
    estimate = mode_coverage(modes, uniform(20))["modes"]
    without = [len(set(modes.tolist()[:i] + modes.tolist()[i + 1 :])) for i in range(len(modes))]
    error = math.sqrt(np.var(without) * len(modes))
    assert estimate.interval == pytest.approx((6 - 1.96 * error, 6 + 1.96 * error), rel=1e-4)


def test_a_perfect_grid_has_9889_percent_high_quality() -> None:
    m, sigma = 100_000, 0.05
    random = torch.Generator().manual_seed(0)
    mode = torch.randint(0, 25, (m,), generator=random)
    points = grid()[mode] + sigma * torch.randn(m, 2, generator=random)
    nearest = nearest_mode(points, grid(), sigma)
    inside = nearest >= 0
    assert torch.equal(nearest[inside], mode[inside])
    quality = mode_coverage(nearest, uniform(25))["high-quality"]
    expected = 1 - math.exp(-4.5)
    assert quality.value == pytest.approx(0.9889, abs=4 * math.sqrt(expected * 0.0111 / m))
    assert quality.interval[0] < expected < quality.interval[1]


def test_a_point_belongs_to_its_nearest_mode_closer_than_three_sigma() -> None:
    centres = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    points = torch.tensor([[0.1, 0.0], [0.6, 0.0], [0.0, 0.89], [0.0, 0.91], [-9.0, 0.0]])
    assert nearest_mode(points, centres, 0.3).tolist() == [0, 1, 0, -1, -1]


def test_reverse_kl_is_scipys_entropy_over_samples_that_belong_to_a_mode() -> None:
    expected = torch.tensor([0.1, 0.2, 0.3, 0.4])
    counts = [7, 0, 20, 13]
    modes = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    modes = torch.cat([modes, torch.full((60,), -1)])
    scores = mode_coverage(modes, expected)
    assert scores["reverse-kl"].value == pytest.approx(stats.entropy(counts, expected.numpy()))
    assert scores["modes"].value == 3
    assert scores["high-quality"].value == 0.4


def test_order_does_not_matter() -> None:
    modes = drawn(torch.tensor([0.7, 0.2, 0.1]), 500, 0)
    assert mode_coverage(modes.flip(0), uniform(3)) == mode_coverage(modes, uniform(3))


@pytest.mark.parametrize("unevenness", [0.0, 0.1, 1.0])
def test_reverse_kl_interval_has_the_width_of_repeated_draws(unevenness: float) -> None:
    """At the floor, where the variance is of second order, close to it, and far from it."""
    normal = torch.randn(100, generator=torch.Generator().manual_seed(0))
    shares = torch.softmax(unevenness * normal, 0)
    estimates = [
        mode_coverage(drawn(shares, 3000, s), uniform(100))["reverse-kl"] for s in range(150)
    ]
    measured = np.std([estimate.value for estimate in estimates], ddof=1)
    stated = np.mean([(estimate.interval[1] - estimate.value) / 1.96 for estimate in estimates])
    assert stated == pytest.approx(measured, rel=0.25)


def test_modes_interval_covers_repeated_draws() -> None:
    """Efron and Stein: the jackknife is too wide, here by less than twice."""
    estimates = [
        mode_coverage(drawn(uniform(300), 700, s), uniform(300))["modes"] for s in range(150)
    ]
    measured = np.std([estimate.value for estimate in estimates], ddof=1)
    stated = np.mean([(estimate.value - estimate.interval[0]) / 1.96 for estimate in estimates])
    assert 1.0 < stated / measured < 2.0
    assert all(estimate.interval[1] <= 300 for estimate in estimates)


def test_collapse_to_one_of_25_modes() -> None:
    scores = mode_coverage(torch.zeros(1000, dtype=torch.int64), uniform(25))
    assert scores["modes"].value == 1
    assert scores["reverse-kl"].value == pytest.approx(math.log(25), rel=1e-6)
    assert scores["high-quality"].value == 1.0
    for estimate in scores.values():
        assert estimate.warnings == ("the samples belong to 1 of 25 modes",)


def test_without_samples_in_any_mode_reverse_kl_is_undefined() -> None:
    scores = mode_coverage(torch.full((50,), -1), torch.tensor([0.25, 0.75]))
    assert (scores["modes"].value, scores["high-quality"].value) == (0, 0.0)
    assert scores["reverse-kl"].value == pytest.approx(math.log(4))
    assert "reverse KL is undefined" in scores["reverse-kl"].warnings[0]


def test_few_samples_per_mode_give_a_warning() -> None:
    scores = mode_coverage(drawn(uniform(100), 300, 0), uniform(100))["reverse-kl"]
    assert scores.warnings == ("300 samples for 100 modes: reverse KL is mostly its own bias",)


def test_invalid_modes_are_refused() -> None:
    modes = torch.zeros(3, dtype=torch.int64)
    with pytest.raises(GanvasError, match=r"sum to 1, got .* with sum 2"):
        mode_coverage(modes, torch.ones(2))
    with pytest.raises(GanvasError, match="must be above 0"):
        mode_coverage(modes, torch.tensor([1.0, 0.0]))
    with pytest.raises(GanvasError, match="0 to 3 or -1 for none is possible; got 0 to 4"):
        mode_coverage(torch.tensor([0, 4]), uniform(4))
    with pytest.raises(GanvasError, match="int64 of shape"):
        mode_coverage(torch.zeros(3), uniform(4))
    with pytest.raises(GanvasError, match="at least one"):
        mode_coverage(modes[:0], uniform(4))
    with pytest.raises(GanvasError, match="points: 1 of 2 rows"):
        nearest_mode(torch.tensor([[0.0, torch.nan], [0.0, 0.0]]), grid(), 0.1)
    with pytest.raises(GanvasError, match="standard deviation must be above 0, got 0"):
        nearest_mode(grid(), grid(), 0.0)
