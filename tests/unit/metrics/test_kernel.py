"""The kernel distance against numpy and torchmetrics, its bias and its interval by repetition."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from ganvas.errors import GanvasError
from ganvas.metrics.kernel import kernel_distance
from ganvas.randomness import derive_seed


def draw(count: int, d: int, seed: int) -> Tensor:
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


def by_numpy(real: Tensor, fake: Tensor) -> float:
    """Binkowski 2018: the unbiased estimator, written out."""
    x, y = real.double().numpy(), fake.double().numpy()

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    within = [
        (kernel(a, a).sum() - np.trace(kernel(a, a))) / (len(a) * (len(a) - 1)) for a in (x, y)
    ]
    return float(sum(within) - 2 * kernel(x, y).mean())


def test_all_samples_in_one_subset_agree_with_numpy() -> None:
    real, fake = draw(60, 7, 0), draw(60, 7, 1) * 1.5 + 0.3
    found = kernel_distance(real, fake, seed=0)
    assert found.value == pytest.approx(by_numpy(real, fake), rel=1e-4)
    assert found.details == {"subsets": 1, "subset_size": 60, "spread": 0.0}


def test_the_same_subsets_give_what_torchmetrics_gives() -> None:
    real, fake = draw(90, 7, 0), draw(70, 7, 1) + 0.3
    found = kernel_distance(real, fake, seed=5, subsets=12, subset_size=30)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        metric = KernelInceptionDistance(nn.Identity(), subsets=12, subset_size=30)
        metric.update(real, real=True)
        metric.update(fake, real=False)
        torch.manual_seed(derive_seed(5, "kernel distance"))
        mean, spread = metric.compute()
    assert found.value == pytest.approx(float(mean), rel=1e-5)
    assert found.details["spread"] == pytest.approx(float(spread), rel=1e-4)


def test_it_is_unbiased() -> None:
    """Subsets of one set are zero apart on average: the mean lies within 3 standard errors of 0."""
    pool = draw(4000, 6, 0)
    pairs = pool.view(20, 2, 100, 6)
    found = [kernel_distance(x, y, 0, 20, 50).value for x, y in pairs]
    assert abs(np.mean(found)) < 3 * np.std(found, ddof=1) / np.sqrt(len(found))
    # and it can tell: a shift of a third of a standard deviation is far outside
    moved = [kernel_distance(x, y + 0.33, 0, 20, 50).value for x, y in pairs]
    assert np.mean(moved) > 6 * np.std(found, ddof=1) / np.sqrt(len(found))


def test_a_seed_decides_and_the_global_generator_is_left_alone() -> None:
    real, fake = draw(90, 7, 0), draw(70, 7, 1)
    before = torch.get_rng_state()
    first = kernel_distance(real, fake, seed=1, subsets=5, subset_size=20)
    assert torch.equal(torch.get_rng_state(), before)
    assert kernel_distance(real, fake, seed=1, subsets=5, subset_size=20) == first
    other = kernel_distance(real, fake, seed=2, subsets=5, subset_size=20)
    assert other.value != first.value


@pytest.mark.parametrize(("shift", "n"), [(0.0, 300), (0.5, 300), (0.0, 100)])
def test_the_interval_is_as_wide_as_new_samples_vary(shift: float, n: int) -> None:
    """Where the sets are equal and where they differ, because other terms count there."""
    real = draw(n, 6, 0)
    found = [kernel_distance(real, draw(300, 6, 1 + s) + shift, s, 10, 100) for s in range(120)]
    values = np.array([one.value for one in found])
    errors = np.array([(one.interval[1] - one.value) / 1.96 for one in found])
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.25)


def test_strange_sets() -> None:
    found = kernel_distance(draw(50, 4, 0), torch.zeros(50, 4), 0)
    assert found.warnings == ("all 50 generated samples are identical",)
    with pytest.raises(GanvasError, match="real: at least 4 samples are needed, got 3"):
        kernel_distance(draw(3, 4, 0), draw(50, 4, 0), 0)
    with pytest.raises(GanvasError, match="subset of at least two"):
        kernel_distance(draw(50, 4, 0), draw(50, 4, 0), 0, subset_size=1)
    with pytest.raises(GanvasError, match="real: 50 of 50 rows"):
        kernel_distance(torch.full((50, 4), torch.inf), draw(50, 4, 0), 0)
