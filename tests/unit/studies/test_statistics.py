"""Effects, tests and intervals over seeds: closed forms, enumeration, published numbers."""

from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ganvas.errors import GanvasError
from ganvas.studies.statistics import (
    ArmScores,
    Failure,
    holm,
    interval_of_mean,
    paired_difference,
    paired_ratio,
    paired_t,
    pairs_needed,
    power_of_t,
    rank_sum_test,
    runs_needed,
    scale_of,
    spread_of,
    summarise,
)

BASE = np.array([422.5, 420.2, 439.7, 431.0, 455.3])
ARM = np.array([325.2, 260.3, 265.9, 401.0, 310.4])
SCORES = st.floats(1e-3, 1e3)
RUNS = st.lists(st.integers(1, 9).map(float) | st.just(math.inf), min_size=1, max_size=7)


def test_t_test_agrees_with_scipy_on_logs() -> None:
    many = np.stack([np.log(ARM) - np.log(BASE), np.log(BASE[::-1]) - np.log(ARM)])
    expected = [
        stats.ttest_rel(np.log(ARM), np.log(BASE)).pvalue,
        stats.ttest_rel(np.log(BASE[::-1]), np.log(ARM)).pvalue,
    ]
    assert paired_t(many) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_equal_differences_use_the_sign_test(n: int) -> None:
    flips = [abs(sum(signs)) >= n for signs in product((-1, 1), repeat=n)]
    assert paired_t(np.full(n, -0.3)) == sum(flips) / len(flips)
    assert paired_t(np.zeros(n)) == 1.0


def test_rounding_does_not_count_as_spread() -> None:
    base = np.array([1.0, 2.0, 3.0, 7.0])
    ratio = np.log(base * 1.1) - np.log(base)
    assert np.ptp(ratio) > 0
    assert spread_of(ratio) == 0
    assert paired_t(ratio) == 2 / 2**4


@given(st.lists(SCORES, min_size=2, max_size=8), st.floats(1e-3, 1e3), st.randoms())
def test_t_test_is_invariant_to_units_order_and_sides(
    scores: list[float], unit: float, random: object
) -> None:
    base = np.array(scores)
    arm = base[::-1] * np.linspace(1, 2, len(base))
    p = paired_t(np.log(arm) - np.log(base))
    assert 0 < p <= 1
    order = np.random.default_rng(len(scores)).permutation(len(scores))
    for other in (base - arm, arm - base):
        assert paired_t(other * unit) == pytest.approx(paired_t(other[order]), rel=1e-6)
    scaled = np.log(arm[order] * unit) - np.log(base[order] * unit)
    assert paired_t(scaled) == pytest.approx(float(p), rel=1e-4)


def test_rank_sum_without_ties_agrees_with_scipy() -> None:
    for arm in (ARM, BASE + np.arange(5) * 7 - 9.1, BASE[:3] - 200):
        result = rank_sum_test(BASE, arm)
        expected = stats.mannwhitneyu(arm, BASE, method="exact")
        assert result.p == pytest.approx(expected.pvalue, rel=1e-12)
        assert result.superiority == 1 - expected.statistic / (len(BASE) * len(arm))


@given(RUNS, RUNS)
def test_rank_sum_with_ties_and_failures_agrees_with_enumeration(
    base: list[float], arm: list[float]
) -> None:
    """The fraction of all assignments of runs to the arm with so small or large a rank sum."""
    ranks = stats.rankdata(arm + base)
    observed = ranks[: len(arm)].sum()
    sums = np.array([ranks[list(who)].sum() for who in combinations(range(len(ranks)), len(arm))])
    p = 2 * min((sums <= observed + 1e-9).mean(), (sums >= observed - 1e-9).mean())
    wins = [1.0 if a < b else 0.5 if a == b else 0.0 for a, b in product(arm, base)]
    result = rank_sum_test(np.array(base), np.array(arm))
    assert result.p == pytest.approx(min(1.0, p), rel=1e-9)
    assert result.superiority == pytest.approx(np.mean(wins), abs=1e-12)


def test_failures_are_worse_than_every_score() -> None:
    base = np.arange(1.0, 6.0)
    arm = np.full(5, math.inf)
    assert rank_sum_test(base, arm).superiority == 0
    assert rank_sum_test(base, arm).p == pytest.approx(2 / math.comb(10, 5))
    assert rank_sum_test(base[:4], arm[:4]).p == pytest.approx(2 / 70)
    assert rank_sum_test(arm, arm).p == 1.0
    assert rank_sum_test(arm, arm).superiority == 0.5


def test_holm_multiplies_sorted_p_values_and_never_falls() -> None:
    """Four hypotheses, sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1, never falling."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([0.9, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_pairs_needed_agree_with_published_values(effect: float, pairs: int) -> None:
    """Small, medium and large effects at 5 %, two-sided, power 80 %: values of G*Power."""
    assert pairs_needed(effect, 1.0) == pairs
    assert pairs_needed(-effect, 1.0) == pairs
    assert power_of_t(pairs, effect, 1.0, 0.05) >= 0.8 > power_of_t(pairs - 1, effect, 1.0, 0.05)


def test_pairs_needed_at_the_ends() -> None:
    assert pairs_needed(1.0, 1e-9) == 3
    assert pairs_needed(1e9, 1.0, alpha=1e-4) == 3
    assert pairs_needed(0.01, 1.0) is None
    assert pairs_needed(0.0, 1.0) is None
    assert pairs_needed(1.0, 0.0) == 6  # signs alone: 2 / 2^6 is the first below 5 %
    assert paired_t(np.ones(5)) > 0.05 >= paired_t(np.ones(6))


def test_runs_needed_by_hand() -> None:
    """(1.960 + 0.842)^2 = 7.849; over 6 (1/4)^2 = 0.375 that is 20.9."""
    assert runs_needed(0.75) == runs_needed(0.25) == 21
    assert runs_needed(1.0) == 6
    assert runs_needed(0.5) is None
    assert runs_needed(0.501) is None


def test_effects_agree_with_scipy() -> None:
    result = paired_difference(BASE, ARM)
    expected = stats.ttest_rel(ARM, BASE).confidence_interval(0.95)
    assert result.value == pytest.approx(np.mean(ARM - BASE))
    assert result.interval == pytest.approx((expected.low, expected.high))
    ratio = paired_ratio(BASE, ARM)
    expected = stats.ttest_rel(np.log(ARM), np.log(BASE)).confidence_interval(0.95)
    assert ratio is not None
    assert ratio.value == pytest.approx(np.prod(ARM / BASE) ** (1 / 5))
    assert ratio.interval == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


def test_effects_without_spread_or_without_a_ratio() -> None:
    doubled = paired_ratio(np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.0]))
    assert doubled is not None
    assert doubled.value == pytest.approx(2)
    assert doubled.interval is None
    assert paired_difference(BASE[:1], ARM[:1]).interval is None
    assert paired_ratio(BASE, np.array([0.0, 1, 2, 3, 4])) is None
    assert paired_ratio(BASE, -ARM) is None


def test_bootstrap_coverage_is_as_documented() -> None:
    """87 % with 8 seeds; two standard errors of 250 studies are 4 %."""
    draws = np.random.default_rng(0).standard_normal((250, 8))
    held = 0
    for scores in draws:
        interval, method = interval_of_mean(scores)
        assert interval is not None
        assert method == "BCa bootstrap, over seeds"
        held += interval[0] <= 0 <= interval[1]
    assert 0.80 < held / len(draws) < 0.93


def test_intervals_of_few_or_constant_scores() -> None:
    assert interval_of_mean(np.array([])) == (None, "no interval: fewer than two scores")
    assert interval_of_mean(np.array([3.0])) == (None, "no interval: fewer than two scores")
    assert interval_of_mean(np.full(5, 3.0)) == (None, "no interval: the scores do not vary")
    interval, method = interval_of_mean(np.array([1.0, 3.0]))
    assert interval == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-3)  # t table, 1 degree
    assert method == "Student's t, over seeds"


@given(st.lists(st.integers(-50, 50).map(float), min_size=3, max_size=6))
def test_bootstrap_interval_lies_within_the_scores(scores: list[float]) -> None:
    interval, method = interval_of_mean(np.array(scores))
    if len(set(scores)) == 1:
        assert interval is None
        assert "do not vary" in method
    else:
        assert interval is not None
        assert min(scores) <= interval[0] <= interval[1] <= max(scores)


def test_a_summary_counts_every_run() -> None:
    arm = ArmScores(
        "resnet", {3: Failure("collapsed"), 0: 3.0, 1: Failure("diverged"), 2: 5.0, 4: 4.5}
    )
    result = summarise(arm)
    assert (result.runs, result.mean, result.median) == (5, pytest.approx(12.5 / 3), 4.5)
    assert result.reasons == ("diverged", "collapsed")
    assert result.failed.value == 0.4


@pytest.mark.parametrize(
    ("failed", "runs", "interval"), [(0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))]
)
def test_failures_have_the_published_interval(
    failed: int, runs: int, interval: tuple[float, float]
) -> None:
    """Newcombe 1998, table I, method 3."""
    arm = ArmScores("a", {seed: Failure("x") if seed < failed else 1.0 for seed in range(runs)})
    assert summarise(arm).failed.interval == pytest.approx(interval, abs=5e-5)


def test_an_arm_that_only_failed_has_no_mean() -> None:
    result = summarise(ArmScores("a", {0: Failure("diverged"), 1: Failure("diverged")}))
    assert (result.mean, result.median, result.interval) == (None, None, None)
    assert result.failed.value == 1.0


def test_arm_scores_report_all_problems() -> None:
    with pytest.raises(GanvasError, match=r"arm 'a': seed 1: the score is nan.*seed 2.*inf.*cost"):
        ArmScores("a", {0: 1.0, 1: math.nan, 2: -math.inf}, cost=0.0)
    with pytest.raises(GanvasError, match="no run has ended yet"):
        ArmScores("a", {})


def test_distances_are_compared_on_logs() -> None:
    assert [scale_of(m) for m in ("fd-lite0", "fd", "swd")] == ["log"] * 3
    plain = ("kid-lite0", "coverage-lite0", "modes", "reverse-kl", "fdx")
    assert [scale_of(m) for m in plain] == ["plain"] * 5
