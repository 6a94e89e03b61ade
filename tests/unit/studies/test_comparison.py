"""Verdicts on arms, for made-up scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.errors import GanvasError
from ganvas.studies.comparison import (
    ArmComparison,
    ArmVerdict,
    compare_arms,
    compare_metric,
)
from ganvas.studies.statistics import ArmScores, Failure, pairs_needed

from .scored_arms import DCGAN, NO, RESNET, WGAN_GP, arm


def only(
    base: Sequence[float | None],
    other: Sequence[float | None],
    *,
    more_is_better: bool = False,
    arms: int = 1,
) -> ArmComparison:
    """The arm's comparison, as one of so many arms (the others repeat the base)."""
    others = [arm(f"copy {i}", base) for i in range(arms - 1)]
    comparison = compare_metric(
        arm("base", base),
        [arm("other", other), *others],
        more_is_better=more_is_better,
        scale="log",
    )
    return comparison.arms[0]


def test_a_study_of_three_architectures() -> None:
    """Three architectures, five seeds; the most expensive one is the best."""
    comparison = compare_metric(
        arm("dcgan", DCGAN, cost=100),
        [arm("wgan-gp", WGAN_GP, cost=190), arm("resnet", RESNET, cost=340)],
        more_is_better=False,
        scale="log",
    )
    assert [one.verdict for one in comparison.arms] == ["worse", "better"]
    assert [one.test for one in comparison.arms] == ["paired t on logs"] * 2
    assert comparison.pareto == ("dcgan", "resnet")
    assert comparison.recommendation == (
        "resnet, if 3.4 times the training time can be accepted; else dcgan"
    )
    resnet = comparison.arms[1]
    assert resnet.difference is not None
    assert resnet.difference.value == pytest.approx(-84)
    assert resnet.difference.interval is not None
    assert resnet.difference.interval[0] < -84 < resnet.difference.interval[1] < 0
    assert [summary.name for summary in comparison.summaries] == ["dcgan", "wgan-gp", "resnet"]


def test_one_failure_leaves_five_seeds_too_few() -> None:
    """The same, but one of resnet's five runs failed."""
    comparison = only(DCGAN, (*RESNET[:4], NO))
    assert comparison.test == "ranks, failures last"
    assert comparison.verdict == "too few seeds to say"
    assert comparison.more_seeds is not None
    assert comparison.more_seeds > 0
    assert "needed to tell" in comparison.why


def test_with_more_seeds_one_failure_still_allows_a_verdict() -> None:
    base = [400 + 3.0 * s for s in range(10)]
    better = [300 + 2.0 * s for s in range(9)]
    assert only(base, [*better, NO]).verdict == "better"


def test_an_arm_is_not_better_by_its_surviving_runs_alone() -> None:
    base = [400 + 3.0 * s for s in range(8)]
    survivors = [100 + 1.0 * s for s in range(4)]
    assert only(base[:4], survivors).verdict == "better"
    assert only(base, [*survivors, NO, NO, NO, NO]).verdict != "better"


def test_failures_alone_make_an_arm_or_the_base_worse() -> None:
    assert only(DCGAN, [NO] * 5).verdict == "worse"
    assert only([NO] * 5, DCGAN).verdict == "better"
    assert only(DCGAN[:3], [NO] * 3).verdict == "too few seeds to say"
    assert only([NO] * 5, [NO] * 5).verdict == "too few seeds to say"


def test_an_arm_is_better_than_a_base_that_fails() -> None:
    base, better = (*DCGAN[:4], NO), RESNET
    assert only(base, better).verdict == "better"
    assert only(base, better).p == pytest.approx(2 / 252)


def test_direction_of_the_metric_decides_the_verdict() -> None:
    base, more = (0.20, 0.22, 0.21, 0.19), (0.30, 0.31, 0.33, 0.30)
    assert only(base, more, more_is_better=True).verdict == "better"
    assert only(base, more, more_is_better=False).verdict == "worse"
    assert only((*base, 0.2), (*more, NO), more_is_better=True).test == "ranks, failures last"
    assert only((*base, NO), (*more, 0.3), more_is_better=True).verdict == "better"
    assert only((*base, NO), (*more, 0.3), more_is_better=False).verdict != "better"


def test_holm_correction_demands_more_with_many_arms() -> None:
    base, other = (100.0, 101.0, 99.0, 102.0), (93.0, 98.0, 92.0, 95.0)
    alone, among_ten = only(base, other), only(base, other, arms=10)
    assert alone.p == among_ten.p
    assert alone.verdict == "better"
    assert among_ten.adjusted == pytest.approx(10 * (alone.p or 0))
    assert among_ten.verdict == "too few seeds to say"
    assert (among_ten.needed or 0) > (alone.needed or 0)


def test_too_few_seeds_name_the_number_missing() -> None:
    wide = (300.0, 500.0, 380.0)
    comparison = only((400.0, 380.0, 420.0), wide)
    assert comparison.verdict == "too few seeds to say"
    assert comparison.needed is not None
    assert comparison.more_seeds == comparison.needed - 3
    assert f"about {comparison.more_seeds} more" in comparison.why


def test_seeds_needed_are_for_the_larger_of_observed_and_smallest_difference() -> None:
    base = (400.0, 380.0, 420.0, 390.0)
    for other, effect in (
        ((300.0, 360.0, 250.0, 395.0), None),  # a fifth less, observed
        ((380.0, 420.0, 390.0, 400.0), math.log(1.1)),  # next to nothing
    ):
        logs = np.log(other) - np.log(base)
        larger = abs(logs.mean()) if effect is None else effect
        comparison = only(base, other)
        assert comparison.verdict == "too few seeds to say"
        assert comparison.needed == pairs_needed(larger, logs.std(ddof=1))


def test_on_the_plain_scale_the_smallest_difference_is_a_tenth_of_the_base() -> None:
    base, other = np.array([0.20, 0.22, 0.18, 0.20]), np.array([0.22, 0.20, 0.20, 0.18])
    comparison = compare_metric(
        arm("base", base.tolist()),
        [arm("other", other.tolist())],
        more_is_better=True,
        scale="plain",
    ).arms[0]
    assert comparison.needed == pairs_needed(0.1 * 0.2, (other - base).std(ddof=1))
    assert comparison.verdict == "too few seeds to say"


def test_no_difference_shown_requires_enough_seeds() -> None:
    base = (100.0, 101.0, 99.5, 100.2, 100.7)
    same = (100.3, 100.6, 99.9, 99.8, 100.9)
    comparison = only(base, same)
    assert comparison.verdict == "no difference shown"
    assert comparison.more_seeds == 0
    assert "four times in five" in comparison.why


def test_of_scores_without_spread_only_signs_count() -> None:
    """Covered modes: without spread, only the signs of differences count."""
    same = only([10.0] * 4, [10.0] * 4)
    assert (same.p, same.verdict) == (1.0, "no difference shown")
    assert only([10.0] * 3, [10.0] * 3).verdict == "no difference shown", "just enough seeds"
    fewer = only([10.0] * 4, [9.0] * 4)
    assert (fewer.p, fewer.verdict, fewer.more_seeds) == (0.125, "too few seeds to say", 2)
    assert only([10.0] * 6, [9.0] * 6).verdict == "better"


def test_one_or_two_seeds_give_no_verdict() -> None:
    one = only((400.0,), (100.0,))
    assert (one.p, one.verdict, one.more_seeds) == (None, "too few seeds to say", None)
    assert one.adjusted is None, "what was not tested has no p"
    assert one.why.startswith("1 seed (paired t on logs, which needs at least 3 seeds)")
    assert "p =" not in one.why
    two = only((400.0, 401.0), (100.0, 100.2))
    assert (two.p, two.verdict, two.more_seeds) == (None, "too few seeds to say", 1)
    assert "at least 3 seeds" in two.why


def test_ranks_of_three_seeds_give_no_verdict() -> None:
    """Even the best of 20 ways to distribute six ranks has p = 2 / 20."""
    three = only((400.0, 401.0, NO), (1.0, 2.0, 3.0))
    assert (three.p, three.verdict) == (pytest.approx(0.1), "too few seeds to say")
    assert three.why.startswith("3 seeds (ranks, failures last, which needs at least 4")
    assert only((400.0, 401.0, 402.0, NO), (1.0, 2.0, 3.0, 4.0)).verdict == "better"


def test_only_seeds_that_ended_on_both_sides_are_compared() -> None:
    base = ArmScores("base", {0: 400.0, 1: 410.0, 2: 405.0, 3: 395.0, 8: Failure("diverged")})
    other = ArmScores("other", {1: 300.0, 2: 310.0, 3: 299.0, 4: 1.0, 5: Failure("collapsed")})
    comparison = compare_arms(base, [other], more_is_better=False, scale="log")[0]
    assert (comparison.seeds, comparison.test) == (3, "paired t on logs")
    assert comparison.difference is not None
    assert comparison.difference.value == pytest.approx((300 + 310 + 299 - 410 - 405 - 395) / 3)
    apart = compare_arms(base, [ArmScores("apart", {9: 1.0})], more_is_better=False, scale="log")[0]
    assert (apart.seeds, apart.difference, apart.verdict) == (0, None, "too few seeds to say")


def test_scores_without_logs_are_compared_on_the_plain_scale() -> None:
    comparison = compare_metric(
        arm("base", (0.01, 0.02, 0.015)),
        [arm("other", (0.0, 0.001, 0.0005))],
        more_is_better=True,
        scale="log",
    )
    assert comparison.scale == "plain"
    assert comparison.arms[0].test == "paired t"
    assert comparison.arms[0].ratio is None


def test_names_must_differ() -> None:
    with pytest.raises(GanvasError, match=r"more than once: a$"):
        compare_metric(arm("a", DCGAN), [arm("a", RESNET)], more_is_better=False, scale="log")


def test_a_base_alone_is_compared_with_nothing() -> None:
    comparison = compare_metric(arm("dcgan", DCGAN), [], more_is_better=False, scale="log")
    assert comparison.arms == ()
    assert comparison.recommendation == "stay with dcgan: no arm is shown to be better"


OUTCOMES = st.lists(st.none() | st.floats(0.01, 100.0), min_size=1, max_size=6)


@settings(max_examples=60)
@given(OUTCOMES, st.lists(OUTCOMES, max_size=3), st.booleans())
def test_any_scores_give_a_comparison(
    base: list[float | None], others: list[list[float | None]], more: bool
) -> None:
    arms = [arm(f"arm {i}", scores, cost=1.0 + i) for i, scores in enumerate(others)]
    comparison = compare_arms(arm("base", base), arms, more_is_better=more, scale="log")
    for one in comparison:
        assert one.verdict in get_args(ArmVerdict)
        assert (one.p is None) == (one.adjusted is None)
        adjusted = 1.0 if one.adjusted is None else one.adjusted
        assert (one.verdict in ("better", "worse")) == (adjusted <= 0.05)
        if one.verdict == "too few seeds to say":
            assert one.more_seeds is None or one.more_seeds > 0
        else:
            assert one.seeds >= 3
            assert one.more_seeds == 0


@settings(max_examples=60)
@given(OUTCOMES, st.data())
def test_exchanging_base_and_arm_reverses_the_verdict(
    base: list[float | None], data: st.DataObject
) -> None:
    other = data.draw(st.lists(st.none() | st.floats(0.01, 100.0), min_size=6, max_size=6))
    there = compare_arms(arm("a", base), [arm("b", other)], more_is_better=False, scale="log")[0]
    back = compare_arms(arm("b", other), [arm("a", base)], more_is_better=False, scale="log")[0]
    exchanged = {"better": "worse", "worse": "better"}
    assert back.verdict == exchanged.get(there.verdict, there.verdict)
    assert back.adjusted == pytest.approx(there.adjusted)
    if there.ratio is not None and back.ratio is not None:
        assert math.isclose(there.ratio.value * back.ratio.value, 1, rel_tol=1e-9)
