"""The Frechet distance against closed forms, scipy and torchmetrics, its interval against draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.linalg
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from ganvas.errors import GanvasError
from ganvas.metrics import inputs
from ganvas.metrics.frechet import (
    distance_terms,
    eigenvalues,
    frechet_distance,
    optimal_transport,
    singular_values,
    terms_from_covariances,
    terms_from_samples,
)

Matrix = npt.NDArray[np.float64]


def draw(count: int, d: int, seed: int) -> Tensor:
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


def with_moments(mean: Matrix, covariance: Matrix, count: int, seed: int) -> Tensor:
    """Samples whose own mean and unbiased covariance are exactly these."""
    noise = np.random.default_rng(seed).standard_normal((count, len(mean)))
    noise -= noise.mean(0)
    white = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise.T))).T
    return torch.from_numpy(white @ np.linalg.cholesky(covariance).T + mean)


def by_scipy(real: Tensor, fake: Tensor) -> float:
    """The definition, with a matrix square root."""
    x, y = real.double().numpy(), fake.double().numpy()
    a, b = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(a @ b).real
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a + b - 2 * root))


def test_two_gaussians_agree_with_the_closed_form() -> None:
    first, second = np.array([4.0, 1.0, 0.25]), np.array([1.0, 9.0, 0.25])
    real = with_moments(np.zeros(3), np.diag(first), 200, 0)
    fake = with_moments(np.array([1.0, 2.0, 0.0]), np.diag(second), 300, 1)
    estimate = frechet_distance(real, fake)
    # |mu - nu|^2 = 5, and (2 - 1)^2 + (1 - 3)^2 + 0 of the standard deviations
    assert estimate.value == pytest.approx(10.0, abs=1e-9)
    assert estimate.details["mean_term"] == pytest.approx(5.0, abs=1e-9)
    assert estimate.details["covariance_term"] == pytest.approx(5.0, abs=1e-9)


def test_covariances_that_do_not_commute_agree_with_scipy() -> None:
    mixing = np.random.default_rng(0).standard_normal((2, 6, 6))
    real = draw(400, 6, 0) @ torch.from_numpy(mixing[0]).float()
    fake = draw(300, 6, 1) @ torch.from_numpy(mixing[1]).float() + 0.5
    assert frechet_distance(real, fake).value == pytest.approx(by_scipy(real, fake), rel=1e-6)


class Features(nn.Identity):
    """Lets torchmetrics take features in place of images."""

    num_features = 24


@pytest.mark.parametrize(
    "counts", [(60, 40), (12, 40), (200, 12), (8, 8)], ids=["many", "few real", "few fake", "few"]
)
def test_samples_and_covariances_give_the_distance_of_torchmetrics(
    counts: tuple[int, int],
) -> None:
    """With more samples than dimensions, and with fewer, where covariances are singular."""
    mixing = draw(24, 24, 0)
    real, fake = draw(counts[0], 24, 1) @ mixing, draw(counts[1], 24, 2) @ mixing * 1.1 + 0.2
    reference = FrechetInceptionDistance(Features())
    reference.update(real.double(), real=True)
    reference.update(fake.double(), real=False)
    expected = float(reference.compute())
    ways = [terms_from_samples(real, fake), terms_from_covariances(real, fake)]
    for mean_term, covariance_term, _ in ways:
        shift = (fake.double().mean(0) - real.double().mean(0)).square().sum()
        assert mean_term == pytest.approx(float(shift), rel=1e-9)
        assert mean_term + covariance_term == pytest.approx(expected, rel=1e-5)
    first, second = (influence - influence.mean() for _, _, influence in ways)
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("count", "way"), [(16, terms_from_samples), (17, terms_from_covariances)])
def test_more_than_two_samples_for_each_dimension_are_many(
    count: int, way: Callable[[Tensor, Tensor], tuple[float, float, Tensor]]
) -> None:
    real, fake = draw(count, 8, 0), draw(9, 8, 1)
    assert distance_terms(real, fake)[:2] == way(real, fake)[:2]


def test_fewer_samples_than_dimensions_are_noted() -> None:
    real, fake = draw(20, 32, 0), draw(200, 32, 1)
    estimate = frechet_distance(real, fake)
    # The symmetric form of the trace: the product itself has no square root that scipy can find.
    root = scipy.linalg.sqrtm(np.cov(fake.double().numpy().T)).real
    inner = np.linalg.eigvalsh(root @ np.cov(real.double().numpy().T) @ root)
    trace = np.trace(np.cov(real.double().numpy().T)) + np.trace(np.cov(fake.double().numpy().T))
    shift = (real.double().mean(0) - fake.double().mean(0)).square().sum()
    expected = float(shift) + trace - 2 * np.sqrt(inner.clip(min=0)).sum()
    assert estimate.value == pytest.approx(expected, rel=1e-6)
    assert estimate.warnings == ()
    assert estimate.notes == (
        "20 real samples are no more than the 32 dimensions: the distance is biased upwards;"
        " compare it with that of real images, not with zero",
    )
    assert all(np.isfinite(estimate.interval))
    notes = [frechet_distance(draw(n, 8, 0), draw(50, 8, 1)).notes for n in (7, 8, 9)]
    assert list(map(bool, notes)) == [True, True, False]


def test_a_set_has_distance_zero_to_itself_in_any_order() -> None:
    real = draw(300, 8, 0)
    assert frechet_distance(real, real).value == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(real, real.flip(0)).value == pytest.approx(0.0, abs=1e-9)


def test_blocks_and_order_do_not_change_the_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(150, 5, 0), draw(130, 5, 1) * 2
    whole = frechet_distance(real, fake)
    monkeypatch.setattr(inputs, "BLOCK_ROWS", 7)
    blocks = frechet_distance(real.flip(0), fake[torch.randperm(130)])
    assert blocks.value == pytest.approx(whole.value, rel=1e-10)
    assert blocks.interval == pytest.approx(whole.interval, rel=1e-8)


def test_equal_distributions_have_the_documented_bias() -> None:
    d, n = 16, 1000
    distances = [
        frechet_distance(draw(n, d, 2 * s), draw(n, d, 2 * s + 1)).value for s in range(20)
    ]
    expected = (d + d * (d + 1) / 4) * 2 / n
    assert np.mean(distances) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_the_interval_is_as_wide_as_new_samples_vary(shift: float) -> None:
    real = draw(500, 4, 0)
    estimates = [frechet_distance(real, draw(400, 4, 1 + s) * 1.2 + shift) for s in range(120)]
    values = np.array([estimate.value for estimate in estimates])
    errors = np.array([(estimate.interval[1] - estimate.value) / 1.96 for estimate in estimates])
    # the standard deviation of 120 draws is itself known to 6.5 %
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.2)
    inside = [
        estimate.interval[0] <= values.mean() <= estimate.interval[1] for estimate in estimates
    ]
    assert np.mean(inside) >= 0.88


@pytest.mark.parametrize("rank", [6, 3])
def test_optimal_transport_takes_one_covariance_to_the_other(rank: int) -> None:
    basis = draw(6, 6, 0).double()
    source = basis[:, :rank] @ basis[:, :rank].T
    target = basis[:, :rank] @ torch.diag(torch.arange(1.0, rank + 1).double()) @ basis[:, :rank].T
    transport, root_trace = optimal_transport(source, target)
    torch.testing.assert_close(transport, transport.T, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(transport @ source @ transport, target, atol=1e-6, rtol=1e-6)
    roots = torch.linalg.eigvals(source @ target).real.clamp(min=0).sqrt()
    torch.testing.assert_close(root_trace, roots.sum(), atol=1e-5, rtol=1e-6)


def test_a_collapsed_generator_gives_a_warning() -> None:
    estimate = frechet_distance(draw(200, 4, 0), torch.zeros(50, 4))
    # The distance to a point: all of the real variance, and the distance of the means.
    real = draw(200, 4, 0).double()
    expected = float(real.var(0).sum() + real.mean(0).square().sum())
    assert estimate.value == pytest.approx(expected, rel=1e-9)
    assert estimate.warnings == ("all 50 generated samples are identical",)


def test_unsuitable_sets_are_refused() -> None:
    with pytest.raises(GanvasError, match=r"different dimensions .* real 4, fake 5"):
        frechet_distance(draw(9, 4, 0), draw(9, 5, 0))
    broken = draw(9, 4, 0)
    broken[2, 1] = torch.nan
    broken[5, 0] = torch.inf
    with pytest.raises(GanvasError, match="fake: 2 of 9 rows hold NaN or infinity"):
        frechet_distance(draw(9, 4, 0), broken)
    with pytest.raises(GanvasError, match="real: at least 2 samples are needed, got 0"):
        frechet_distance(torch.zeros(0, 4), draw(9, 4, 0))


@pytest.mark.parametrize("gives_up", [False, True])
def test_eigenvalues_fall_back_when_torchs_solver_fails(
    monkeypatch: pytest.MonkeyPatch, gives_up: bool
) -> None:
    """It has done so for scores of few samples, most of whose eigenvalues are zero."""
    rows = torch.randn(5, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    singular = rows.T @ rows

    def refuse(matrix: Tensor) -> None:
        raise torch.linalg.LinAlgError("the algorithm failed to converge")

    if gives_up:
        monkeypatch.setattr(torch.linalg, "eigh", refuse)
    values, vectors = eigenvalues(singular)
    torch.testing.assert_close((vectors * values) @ vectors.T, singular)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(40, dtype=torch.float64))
    assert (values[:35].abs() < 1e-12).all()
    assert (values.diff() >= 0).all()


@pytest.mark.parametrize("gives_up", [False, True])
def test_singular_values_fall_back_when_torchs_solver_fails(
    monkeypatch: pytest.MonkeyPatch, gives_up: bool
) -> None:
    matrix = draw(7, 4, 0).double()
    expected = torch.linalg.eigvalsh(matrix.T @ matrix).flip(0).sqrt()

    def refuse(matrix: Tensor, full_matrices: bool) -> None:
        raise torch.linalg.LinAlgError("the algorithm failed to converge")

    if gives_up:
        monkeypatch.setattr(torch.linalg, "svd", refuse)
    left, values = singular_values(matrix)
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close((left * values.square()) @ left.T, matrix @ matrix.T)
