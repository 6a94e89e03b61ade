"""Precision, recall, density, coverage against brute force, published numbers and repetition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.metrics import neighbours
from ganvas.metrics.prdc import expected_coverage, prdc


def draw(count: int, d: int, seed: int) -> Tensor:
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


def values(real: Tensor, fake: Tensor, k: int = 5) -> dict[str, float]:
    return {name: estimate.value for name, estimate in prdc(real, fake, k).items()}


def by_brute_force(real: Tensor, fake: Tensor, k: int) -> dict[str, float]:
    """The definitions, on whole matrices of scipy's distances."""
    x, y = real.double().numpy(), fake.double().numpy()
    real_radii = np.sort(cdist(x, x), axis=1)[:, k]
    fake_radii = np.sort(cdist(y, y), axis=1)[:, k]
    distances = cdist(x, y)
    in_real, in_fake = distances <= real_radii[:, None], distances <= fake_radii
    return {
        "precision": in_real.any(0).mean(),
        "recall": in_fake.any(1).mean(),
        "density": in_real.sum() / (k * len(y)),
        "coverage": in_real.any(1).mean(),
    }


@pytest.mark.parametrize("d", [2, 40, 300])
@pytest.mark.parametrize("k", [1, 5])
def test_it_agrees_with_brute_force(d: int, k: int) -> None:
    real, fake = draw(150, d, 0), draw(170, d, 1) * 0.9 + 0.3
    assert values(real, fake, k) == pytest.approx(by_brute_force(real, fake, k), abs=1e-12)


def test_balls_hold_what_lies_on_their_edge() -> None:
    """Kynkaanniemi 2019, eq. 1: at most the radius, as where images are copies of each other."""
    line, on_edges = torch.tensor([[0.0], [1], [2], [3]]), torch.tensor([[-1.0], [4], [10], [30]])
    there, back = values(line, on_edges, 1), values(on_edges, line, 1)
    assert there["precision"] == back["recall"] == 0.5
    assert there == by_brute_force(line, on_edges, 1)
    assert back == by_brute_force(on_edges, line, 1)


def test_tiles_and_order_do_not_change_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = draw(150, 9, 0), draw(170, 9, 1) + 0.3
    whole = prdc(real, fake)
    monkeypatch.setattr(neighbours, "ROWS", 32)
    monkeypatch.setattr(neighbours, "COLUMNS", 20)
    tiled = prdc(real.flip(0), fake.flip(0))
    for name, estimate in whole.items():
        assert tiled[name].value == pytest.approx(estimate.value, abs=1e-12), name
        assert tiled[name].interval == pytest.approx(estimate.interval, abs=1e-9), name


def test_two_sets_of_normals_score_as_in_the_authors_example() -> None:
    """10,000 against 10,000 standard normals in 1,000 dimensions, k = 5, as in the README of the
    authors' own implementation. One draw of theirs; over six of ours precision had a standard
    deviation of 0.011, recall 0.008, density 0.07 and coverage 0.007."""
    scores = values(draw(10_000, 1000, 0), draw(10_000, 1000, 1))
    assert scores["precision"] == pytest.approx(0.4772, abs=0.045)
    assert scores["recall"] == pytest.approx(0.4705, abs=0.035)
    assert scores["density"] == pytest.approx(1.0555, abs=0.28)
    assert scores["coverage"] == pytest.approx(0.9735, abs=0.03)


@pytest.mark.parametrize(("n", "m", "k"), [(100, 100, 5), (60, 120, 3), (120, 60, 1)])
def test_coverage_of_identical_distributions(n: int, m: int, k: int) -> None:
    pool = draw(200 * (n + m), 3, 0).view(200, n + m, 3)
    estimates = [prdc(samples[:n], samples[n:], k)["coverage"] for samples in pool]
    expected = estimates[0].details["identical"]
    coverages = [estimate.value for estimate in estimates]
    error = np.std(coverages, ddof=1) / np.sqrt(len(estimates))
    assert abs(np.mean(coverages) - expected) < 3.5 * error


def test_expected_coverage_by_hand() -> None:
    """One other real and one generated sample: each is the nearer one in half of all cases."""
    assert expected_coverage(2, 1, 1) == 1 / 2
    assert expected_coverage(3, 2, 2) == pytest.approx(1 - 2 / 4 * 1 / 3)


def test_coverage_of_large_identical_sets_is_0969() -> None:
    assert expected_coverage(50_000, 50_000, 5) == pytest.approx(1 - 2**-5, abs=1e-4)


def test_intervals_are_as_wide_as_new_samples_vary() -> None:
    """Recall's and coverage's jackknife may be wider, up to twice, and not much narrower."""
    real = draw(250, 6, 0)
    estimates = [prdc(real, draw(250, 6, 1 + s) + 0.2) for s in range(80)]
    for name in estimates[0]:
        measured = np.std([estimate[name].value for estimate in estimates], ddof=1)
        low, high = np.mean([estimate[name].interval for estimate in estimates], axis=0)
        ratio = (high - low) / 2 / 1.96 / measured
        assert 0.8 < ratio < 2.2, name


def test_distant_samples_and_copies() -> None:
    real = draw(200, 4, 0)
    assert values(real, real + 100) == {
        "precision": 0.0,
        "recall": 0.0,
        "density": 0.0,
        "coverage": 0.0,
    }
    copies = values(real, real)
    assert (copies["precision"], copies["recall"], copies["coverage"]) == (1.0, 1.0, 1.0)


def test_identical_samples_give_a_warning_and_low_coverage() -> None:
    real = draw(200, 300, 0) * 10 + 3
    scores = prdc(real, real[:1].expand(100, 300).contiguous())
    assert scores["coverage"].value <= 0.2
    assert scores["recall"].value == 1 / 200  # the copied one lies in a ball of radius zero
    for estimate in scores.values():
        assert estimate.warnings == ("all 100 generated samples are identical",)


def test_unequal_counts_give_a_warning() -> None:
    scores = prdc(draw(40, 3, 0), draw(100, 3, 1))
    assert "coverage is close to 1 even for poor" in scores["coverage"].warnings[0]
    assert scores["precision"].warnings == ()


def test_unsuitable_sets_are_refused() -> None:
    with pytest.raises(GanvasError, match="fake: at least 6 samples are needed, got 5"):
        prdc(draw(50, 3, 0), draw(5, 3, 0))
    with pytest.raises(GanvasError, match="k is how many neighbours"):
        prdc(draw(50, 3, 0), draw(50, 3, 0), k=0)
    with pytest.raises(GanvasError, match="real: expected floating numbers"):
        prdc(torch.zeros(50, 3, dtype=torch.uint8), draw(50, 3, 0))
