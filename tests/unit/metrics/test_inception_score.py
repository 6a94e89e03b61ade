"""The inception score against closed forms, and its splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from ganvas.errors import GanvasError
from ganvas.metrics.inception_score import inception_score


def test_certain_and_uniform_predictions_score_the_number_of_classes() -> None:
    logits = 100 * torch.eye(4).repeat(2000, 1)
    # Random parts of 800 are not quite even: the mean falls short of 4 by (4 - 1) / 2 / 800 of it.
    assert inception_score(logits).value == pytest.approx(4 * (1 - 3 / 1600), rel=0.002)


def test_uncertain_predictions_score_one() -> None:
    estimate = inception_score(torch.zeros(200, 4))
    assert estimate.value == pytest.approx(1.0)
    assert estimate.warnings == ("all 200 generated samples are identical",)


def test_two_large_parts_agree_with_numpy_on_the_whole() -> None:
    """A part of 1,500 scores within half a percent of all 3,000."""
    random = np.random.default_rng(0)
    logits = random.standard_normal((3000, 5)) * 2
    p = softmax(logits, axis=1)
    expected = np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean())
    estimate = inception_score(torch.from_numpy(logits).float(), splits=2)
    assert estimate.value == pytest.approx(expected, rel=0.005)
    assert estimate.details["parts"] == 2


def test_the_interval_is_as_wide_as_new_samples_vary() -> None:
    random = torch.Generator().manual_seed(0)
    estimates = [inception_score(3 * torch.randn(500, 6, generator=random)) for _ in range(60)]
    values = np.array([estimate.value for estimate in estimates])
    inside = [
        estimate.interval[0] <= values.mean() <= estimate.interval[1] for estimate in estimates
    ]
    assert np.mean(inside) >= 0.85
    widths = [(estimate.interval[1] - estimate.interval[0]) / 2 / 2.262 for estimate in estimates]
    assert np.mean(widths) == pytest.approx(values.std(ddof=1), rel=0.3)


def test_the_seed_decides_and_global_random_state_does_not_change() -> None:
    logits = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    first = inception_score(logits, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert inception_score(logits, seed=1) == first
    assert inception_score(logits, seed=2).value != first.value


def test_small_parts_give_a_warning_and_too_few_samples_are_refused() -> None:
    logits = torch.randn(45, 6)
    assert "parts of 5 samples for 6 classes" in inception_score(logits).warnings[0]
    with pytest.raises(GanvasError, match="at least 20 samples are needed, got 19"):
        inception_score(logits[:19])
    with pytest.raises(GanvasError, match="at least 2 splits"):
        inception_score(logits, splits=1)
    with pytest.raises(GanvasError, match="1 of 45 rows"):
        inception_score(logits.index_fill(0, torch.tensor([3]), torch.inf))
