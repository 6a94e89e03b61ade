"""Time to a quality: a published example, runs that never reach it, the interval's coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.errors import GanvasError
from ganvas.studies.survival import RunObservation, time_to_quality

SIX_MP = [6, 6, 6, 7, 10, 13, 16, 22, 23]
SIX_MP_CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def at(*times: float) -> list[RunObservation]:
    return [RunObservation(time, time) for time in times]


def never(*ends: float, failed: bool = False) -> list[RunObservation]:
    return [RunObservation(None, end, failed) for end in ends]


def test_the_curve_of_weeks_in_remission_is_that_of_the_textbooks() -> None:
    """Weeks in remission under 6-MP (Freireich 1963), the textbooks' table; median 23 weeks, its
    interval by log-log from 13 and open at the end."""
    result = time_to_quality(at(*SIX_MP) + never(*SIX_MP_CENSORED))
    curve = dict(zip(result.times, result.unreached, strict=True))
    table = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 35: 0.448}
    assert {t: round(curve[t], 3) for t in table} == table
    assert (result.reached, result.runs, result.median) == (9, 21, 23)
    assert result.interval == (13, None)


def test_curve_and_median_by_hand() -> None:
    """At 2, one of four reaches it: 3/4. One is censored at 3. At 5, one of two: 3/8."""
    result = time_to_quality(at(2, 5) + never(3, 8))
    assert result.times == (2, 3, 5, 8)
    assert result.unreached == pytest.approx((3 / 4, 3 / 4, 3 / 8, 3 / 8))
    assert result.median == 5


def test_a_failed_run_is_censored_at_the_longest_run() -> None:
    """Three fail early and two reach it: less than half, so there is no median."""
    watched = at(50, 60)
    assert time_to_quality(watched + never(10, 10, 10)).median == 50
    failed = time_to_quality(watched + never(10, 10, 10, failed=True))
    assert (failed.median, failed.interval[1]) == (None, None)
    assert failed.unreached[-1] == pytest.approx(3 / 5)


def test_a_quality_reached_before_failing_counts() -> None:
    result = time_to_quality([RunObservation(5, 9, failed=True), RunObservation(7, 20)])
    assert (result.median, result.reached) == (5, 2)


def test_none_some_or_all_runs_reach_the_quality() -> None:
    nobody = time_to_quality(never(100, 100) + never(20, failed=True))
    assert (nobody.median, nobody.interval, nobody.reached, nobody.runs) == (
        None,
        (None,) * 2,
        0,
        3,
    )
    alone = time_to_quality(at(30))
    assert (alone.median, alone.interval, alone.reached) == (30, (30, None), 1)
    together = time_to_quality(at(30, 30, 30))
    assert (together.median, together.unreached) == (30, (0.0,))
    half = time_to_quality(at(30, 40) + never(100, 100))
    assert half.median == 40


@pytest.mark.parametrize(("runs", "failing"), [(5, 0.0), (8, 0.2), (10, 0.0)])
def test_median_interval_coverage_is_as_documented(runs: int, failing: float) -> None:
    """94 to 97 %; three standard errors of 200 studies are 5 %."""
    g = np.random.default_rng(runs)
    shift = -float({0.0: 0.0, 0.2: 0.31863936}[failing])  # the 0.5 / 0.8 quantile of a normal
    held = 0
    for _ in range(200):
        times = 100 * np.exp(0.5 * (g.standard_normal(runs) + shift))
        fails = g.random(runs) < failing
        low, high = time_to_quality(
            [
                RunObservation(None, 30, failed=True)
                if fail
                else RunObservation(t, t)
                if t < 300
                else never(300)[0]
                for t, fail in zip(times.tolist(), fails, strict=True)
            ]
        ).interval
        held += low is not None and low <= 100 <= (math.inf if high is None else high)
    assert held / 200 > 0.89


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans(), st.booleans()), min_size=1))
def test_curve_never_rises(runs: list[tuple[int, bool, bool]]) -> None:
    result = time_to_quality(
        [RunObservation(float(t) if hit else None, float(t), failed) for t, hit, failed in runs]
    )
    assert result.reached == sum(hit for _, hit, _ in runs)
    assert all(0 <= fraction <= 1 for fraction in result.unreached)
    assert list(result.unreached) == sorted(result.unreached, reverse=True)
    low, high = result.interval
    if result.median is not None:
        assert low is not None
        assert low <= result.median <= (math.inf if high is None else high)


def test_impossible_runs_are_refused() -> None:
    with pytest.raises(GanvasError, match="at least one run"):
        time_to_quality([])
    with pytest.raises(GanvasError, match="from 0 to the run's end at 5"):
        RunObservation(6, 5)
    with pytest.raises(GanvasError, match="from 0 to the run's end"):
        RunObservation(math.nan, 5)
    with pytest.raises(GanvasError, match="ends at 0 or later, got inf"):
        RunObservation(None, math.inf)
