"""The kernel distance against numpy and torchmetrics, its bias and its interval by repetition."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from ganvas.errors import GanvasError
from ganvas.metrics import inputs
from ganvas.metrics.kernel import kernel_distance, witness
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


def test_one_subset_of_all_samples_agrees_with_numpy() -> None:
    real, fake = draw(60, 7, 0), draw(60, 7, 1) * 1.5 + 0.3
    estimate = kernel_distance(real, fake, seed=0)
    assert estimate.value == pytest.approx(by_numpy(real, fake), rel=1e-4)
    assert estimate.details == {"subsets": 1, "subset_size": 60, "spread": 0.0}


def test_the_same_subsets_agree_with_torchmetrics() -> None:
    real, fake = draw(90, 7, 0), draw(70, 7, 1) + 0.3
    estimate = kernel_distance(real, fake, seed=5, subsets=12, subset_size=30)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        metric = KernelInceptionDistance(nn.Identity(), subsets=12, subset_size=30)
        metric.update(real, real=True)
        metric.update(fake, real=False)
        torch.manual_seed(derive_seed(5, "kernel distance"))
        mean, spread = metric.compute()
    assert estimate.value == pytest.approx(float(mean), rel=1e-5)
    assert estimate.details["spread"] == pytest.approx(float(spread), rel=1e-4)


def test_kernel_distance_is_unbiased() -> None:
    """Subsets of one set are zero apart on average: the mean lies within 3 standard errors of 0."""
    pool = draw(4000, 6, 0)
    pairs = pool.view(20, 2, 100, 6)
    distances = [kernel_distance(x, y, 0, 20, 50).value for x, y in pairs]
    assert abs(np.mean(distances)) < 3 * np.std(distances, ddof=1) / np.sqrt(len(distances))
    # and it can tell: a shift of a third of a standard deviation is far outside
    moved = [kernel_distance(x, y + 0.33, 0, 20, 50).value for x, y in pairs]
    assert np.mean(moved) > 6 * np.std(distances, ddof=1) / np.sqrt(len(distances))


def test_the_seed_decides_and_global_random_state_does_not_change() -> None:
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
    estimates = [kernel_distance(real, draw(300, 6, 1 + s) + shift, s, 10, 100) for s in range(120)]
    values = np.array([estimate.value for estimate in estimates])
    errors = np.array([(estimate.interval[1] - estimate.value) / 1.96 for estimate in estimates])
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.25)


def test_the_witness_compares_no_sample_with_itself() -> None:
    real, fake = draw(5, 4, 0), draw(7, 4, 1)
    picked = torch.tensor([4, 1, 6])
    found = witness(fake, real, fake[picked], picked)
    for index, sample in enumerate(fake):
        others = [fake[other] for other in picked.tolist() if other != index]
        near_fake, near_real = (
            np.mean([(float(sample @ other) / 4 + 1) ** 3 for other in group])
            for group in (others, real)
        )
        assert float(found[index]) == pytest.approx(near_fake - near_real, abs=1e-5)


def test_degenerate_sets_warn_or_are_refused() -> None:
    estimate = kernel_distance(draw(50, 4, 0), torch.zeros(50, 4), 0)
    assert estimate.warnings == ("all 50 generated samples are identical",)
    with pytest.raises(GanvasError, match="real: at least 4 samples are needed, got 3"):
        kernel_distance(draw(3, 4, 0), draw(50, 4, 0), 0)
    with pytest.raises(GanvasError, match="subset of at least two"):
        kernel_distance(draw(50, 4, 0), draw(50, 4, 0), 0, subset_size=1)
    with pytest.raises(GanvasError, match="real: 50 of 50 rows"):
        kernel_distance(torch.full((50, 4), torch.inf), draw(50, 4, 0), 0)


def test_a_broken_torchmetrics_is_one_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(inputs.importlib, "import_module", broken)
    with pytest.raises(GanvasError, match=r"torchvision::nms.*install the one that fits"):
        kernel_distance(draw(9, 4, 0), draw(9, 4, 1), seed=0)
