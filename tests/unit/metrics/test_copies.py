"""The two tests for copies, birthday and memorised, against brute force and repetition."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist
from scipy.stats import binom
from torch import Tensor

from ganvas.errors import GanvasError
from ganvas.evaluation.families import FAMILIES, FeatureSets
from ganvas.metrics import birthday as birthday_module
from ganvas.metrics import neighbours
from ganvas.metrics.birthday import (
    birthday,
    kth_pair_distance,
    near_duplicate_counts,
    real_threshold,
    variance_of_count,
)
from ganvas.metrics.memorised import memorised


def draw(count: int, d: int, seed: int) -> Tensor:
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


def repeated(templates: Tensor, count: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return templates[torch.randint(0, len(templates), (count,), generator=random)]


def test_threshold_is_the_distance_at_the_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS", 16)
    monkeypatch.setattr(neighbours, "COLUMNS", 40)
    samples = draw(101, 5, 0)
    distances = np.sort(pdist(samples.double().numpy()))
    assert kth_pair_distance(samples, 7.0) == pytest.approx(distances[6], rel=1e-9)
    between = 0.75 * distances[6] + 0.25 * distances[7]
    assert kth_pair_distance(samples, 7.25) == pytest.approx(between, rel=1e-9)
    near = cdist(samples.double().numpy(), samples.double().numpy()) <= between
    np.testing.assert_array_equal(near_duplicate_counts(samples, between), near.sum(1) - 1)


def test_the_rank_of_the_threshold_gives_5_percent_of_batches_exactly() -> None:
    _, rank, _ = real_threshold(draw(400, 4, 0), 30)
    near = rank / (400 * 399 / 2)
    assert 1 - np.exp(-30 * 29 / 2 * near) == pytest.approx(0.05, rel=1e-9)


def test_the_variance_of_the_number_of_near_pairs_counts_triples() -> None:
    """Serfling 1980, section 5.2, with all triples looked at one by one."""
    samples, m = repeated(draw(3, 2, 0), 14, 1).double(), 14
    near = cdist(samples, samples) <= 0.1
    c = np.mean([near[i, j] for i, j in itertools.combinations(range(m), 2)])
    q = np.mean([near[i, j] and near[i, k] for i, j, k in itertools.permutations(range(m), 3)])
    expected = m * (m - 1) / 2 * (c * (1 - c) + 2 * (m - 2) * (q - c**2))
    neighbours_of = torch.from_numpy(near.sum(1) - 1).double()
    assert variance_of_count(neighbours_of, float(neighbours_of.sum()) / 2) == pytest.approx(
        expected
    )


def test_real_images_score_5_percent_within_their_intervals() -> None:
    pool = draw(60 * 1200, 8, 0).view(60, 2, 600, 8)
    estimates = [birthday(real, other) for real, other in pool]
    values = [estimate.value for estimate in estimates]
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values) - 0.05) < 3.5 * error
    inside = [estimate.interval[0] <= 0.05 <= estimate.interval[1] for estimate in estimates]
    assert np.mean(inside) >= 0.85
    assert birthday(pool[0, 0], pool[0, 0]).value == pytest.approx(0.05, abs=0.01)


def test_repeating_50_images_is_detected() -> None:
    real = draw(1000, 300, 0)
    estimate = birthday(real, repeated(real[:50], 1000, 1))
    assert estimate.value > 0.9999
    assert estimate.interval[0] > 0.999
    assert estimate.details["support"] == pytest.approx(50, rel=0.1)
    assert estimate.details["support_at_least"] < estimate.details["support"]


def test_the_fraction_is_that_of_random_batches() -> None:
    """The definition itself: batches are drawn and looked at. 2,000 of them are off by 0.01."""
    real = draw(1000, 16, 0)
    fake = repeated(draw(4000, 16, 1), 1000, 2)
    estimate = birthday(real, fake)
    size, threshold = int(estimate.details["batch"]), estimate.details["threshold"]
    distances = torch.cdist(fake, fake).fill_diagonal_(torch.inf)
    random = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(2000):
        batch = torch.randperm(len(fake), generator=random)[:size]
        hits += bool((distances[batch][:, batch] <= threshold).any())
    assert 0.2 < estimate.value < 0.95
    assert estimate.value == pytest.approx(hits / 2000, abs=0.04)


def test_few_samples_give_smaller_batches() -> None:
    estimate = birthday(draw(300, 4, 0), draw(500, 4, 1))
    assert estimate.details["batch"] == 30
    assert estimate.warnings == (
        "batches of 30 and not 400, which need 4,000 real images; there are 300",
    )
    assert birthday(draw(300, 4, 0), draw(500, 4, 1), batch=20).warnings == ()


@pytest.mark.parametrize(("support", "batch"), [(500, 30), (5000, 100), (20_000, 200)])
def test_uniform_support_gives_the_birthday_paradox(support: int, batch: int) -> None:
    """Draws of `support` different images far apart: duplicates are copies, and their share is the
    product that the paradox is known by. 4,000 draws hold 8 million / support pairs of copies."""
    images = 1e6 * draw(support, 8, 0)
    estimate = birthday(draw(4000, 8, 1), repeated(images, 4000, 2), batch)
    none = 1.0
    for earlier in range(batch):
        none *= 1 - earlier / support
    pairs = 4000 * 3999 / 2 / support
    assert estimate.details["near_pairs"] == pytest.approx(pairs, abs=4 * pairs**0.5)
    assert estimate.details["support"] == pytest.approx(support, rel=4 / pairs**0.5)
    # Between the product and its exponential lie s^3 / 6 S^2 in the exponent.
    apart = batch**3 / (6 * support**2)
    assert estimate.value == pytest.approx(1 - none, abs=apart + 4 * (1 - none) / pairs**0.5)
    assert estimate.interval[0] - apart <= 1 - none <= estimate.interval[1] + apart


def test_value_and_floor_use_the_same_batch_and_threshold() -> None:
    """Batches as large for the samples as for the few held-out images, and near is as near."""
    sets = FeatureSets(draw(900, 4, 0), draw(250, 4, 1), draw(1000, 4, 2))
    family = FAMILIES["birthday"]
    value = family.estimate(sets, 0)["birthday"]
    floor = family.estimate(family.real_reference(sets), 0)["birthday"]
    assert value.details["batch"] == floor.details["batch"] == 25
    assert value.details["threshold"] == floor.details["threshold"]
    assert "need 4,000 held-out images; there are 250" in value.warnings[0]
    with pytest.raises(GanvasError, match="at least 20 held-out images are needed, got 19"):
        family.estimate(replace(sets, held_out=sets.held_out[:19]), 0)


def test_the_seed_decides_the_subsample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(birthday_module, "MAX_IMAGES", 200)
    real, fake = draw(300, 4, 0), draw(250, 4, 1)
    first = birthday(real, fake, seed=0)
    assert first.details["batch"] == 20
    assert birthday(real, fake, seed=0) == first
    assert birthday(real, fake, seed=1) != first


def test_duplicate_real_images_give_a_warning() -> None:
    real = repeated(draw(30, 4, 0), 400, 1)
    estimate = birthday(real, draw(400, 4, 2))
    assert estimate.details["threshold"] == 0.0
    assert estimate.value == 0.0
    assert "hold an exact copy" in estimate.warnings[1]


def test_without_near_pairs_the_support_has_a_bound() -> None:
    estimate = birthday(draw(400, 4, 0), draw(400, 4, 1) * 1000)
    assert estimate.value == 0.0
    assert "support" not in estimate.details
    # No pair among 79,800: at most about QUANTILE^2 = 3.84 were to be expected.
    assert estimate.details["support_at_least"] == pytest.approx(79_800 / 3.84, rel=0.01)
    assert 0.0 < estimate.interval[1] < 0.1


def test_birthday_refuses_unsuitable_input() -> None:
    with pytest.raises(GanvasError, match="at least 20 generated images are needed, got 19"):
        birthday(draw(50, 4, 0), draw(19, 4, 0))
    with pytest.raises(GanvasError, match="a batch has at least 2"):
        birthday(draw(50, 4, 0), draw(50, 4, 0), batch=1)
    with pytest.raises(GanvasError, match="real: 1 of 50 rows"):
        birthday(draw(50, 4, 0).index_fill(0, torch.tensor([3]), torch.nan), draw(50, 4, 0))


@pytest.mark.parametrize("d", [3, 400])
def test_memorised_agrees_with_brute_force(d: int) -> None:
    train, held_out, fake = draw(300, d, 0), draw(200, d, 1), draw(250, d, 2) * 0.9
    to_train = cdist(held_out.double(), train.double()).min(1)
    threshold = np.sort(to_train)[10]  # ten of 200 are nearer
    share = (cdist(fake.double(), train.double()).min(1) < threshold).mean()
    estimate = memorised(train, held_out, fake)
    assert estimate.value == share
    assert estimate.details["threshold"] == pytest.approx(threshold, rel=1e-5)


def test_held_out_images_score_5_percent_and_others_nearly() -> None:
    train, held_out = draw(500, 6, 0), draw(400, 6, 1)
    assert memorised(train, held_out, held_out).value == 0.05
    scores = []
    inside = 0
    for seed in range(60):
        parts = draw(1900, 6, 2 + seed)
        estimate = memorised(parts[:300], parts[300:500], parts[500:])
        scores.append(estimate.value)
        inside += estimate.details["real_low"] <= estimate.value <= estimate.details["real_high"]
    # The share below the 11th smallest of 200 draws is 11 / 201 on average, and not 0.05.
    assert abs(np.mean(scores) - 11 / 201) < 3.5 * np.std(scores, ddof=1) / np.sqrt(60)
    assert inside >= 50


@pytest.mark.parametrize(("h", "nearer"), [(200, 10), (30, 1), (12, 0)])
def test_what_real_images_would_score_has_the_binomial_interval(h: int, nearer: int) -> None:
    """The mass below the r-th of h draws is below x where r of h or more are, each with chance x;
    r - 1 of the draws are nearer than the threshold."""
    details = memorised(draw(50, 3, 0), draw(h, 3, 1), draw(60, 3, 2)).details
    below = binom.sf(nearer, h, [details["real_low"], details["real_high"]])
    assert below == pytest.approx([0.025, 0.975], rel=1e-6)


def test_repeated_training_images_are_memorised_and_noise_is_not() -> None:
    train, held_out = draw(500, 300, 0), draw(200, 300, 1)
    copies = repeated(train[:50], 300, 2)
    assert memorised(train, held_out, copies).value == 1.0
    nearly = copies + 0.1 * draw(300, 300, 3)
    assert memorised(train, held_out, nearly).value == 1.0
    assert memorised(train, held_out, copies + 2 * draw(300, 300, 3)).value == 0.0


def test_memorised_warns_of_copies_and_identical_samples() -> None:
    train = draw(100, 4, 0)
    copies = memorised(train, train, train)
    assert "exact copies of training images" in copies.warnings[0]
    with pytest.raises(GanvasError, match="held_out: at least 1 samples are needed, got 0"):
        memorised(train, train[:0], train)
