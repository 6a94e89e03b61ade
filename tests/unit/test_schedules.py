"""Schedules and counts: values, parsing and formatting."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.schedules import (
    Adaptive,
    Ramp,
    extremes,
    format_schedule,
    multiply,
    parse_adaptive_schedule,
    parse_count,
    parse_schedule,
    value_at,
    with_budget,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
RAMPS = st.builds(
    Ramp,
    shape=st.sampled_from(["linear", "cosine"]),
    start=NUMBERS,
    end=NUMBERS,
    images=st.none() | st.integers(1, 10**12),
)


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("linear", [2.0, 1.5, 1.0, 0.5, 0.0, 0.0]),
        ("cosine", [2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5), 0.0, 0.0]),
    ],
)
def test_ramp_runs_from_start_to_end_and_stays(shape: str, values: list[float]) -> None:
    ramp = Ramp(shape=shape, start=2.0, end=0.0, images=400)  # type: ignore[arg-type]
    assert [value_at(ramp, seen) for seen in (0, 100, 200, 300, 400, 9000)] == pytest.approx(values)


def test_a_ramp_may_begin_later() -> None:
    ramp = parse_schedule("linear:0:1:100-300")
    assert [value_at(ramp, seen) for seen in (0, 100, 150, 300, 900)] == [0, 0, 0.25, 1, 1]
    assert parse_schedule(format_schedule(ramp)) == ramp


def test_constant_is_the_same_everywhere() -> None:
    assert value_at(0.3, 0) == value_at(0.3, 10**9) == 0.3


@settings(deadline=None)
@given(RAMPS, st.integers(0, 10**12))
def test_ramp_stays_between_its_extremes(ramp: Ramp, seen: int) -> None:
    fixed = with_budget(ramp, 1000)
    low, high = extremes(fixed)
    assert {low, high} == {ramp.start, ramp.end}
    assert low <= high
    if math.isfinite(high - low):
        slack = 1e-9 * max(abs(low), abs(high))
        assert low - slack <= value_at(fixed, seen) <= high + slack


def test_extremes_of_a_constant_equal_it() -> None:
    assert extremes(0.5) == (0.5, 0.5)


def test_open_ramp_ends_with_the_budget_and_a_closed_one_keeps_its_end() -> None:
    open_ramp = Ramp(shape="linear", start=1.0, end=0.0)
    assert value_at(with_budget(open_ramp, 800), 400) == 0.5
    closed = Ramp(shape="linear", start=1.0, end=0.0, images=100)
    assert with_budget(closed, 800) == closed
    assert with_budget(0.5, 800) == 0.5


def test_open_ramp_has_no_value_yet() -> None:
    with pytest.raises(ValueError, match="with_budget"):
        Ramp(shape="linear", start=1.0, end=0.0).at(5)


@pytest.mark.parametrize(
    ("budget", "ramp"),
    [
        (3_000, 50_000),
        (200_000, 50_000),
        (800_000, 80_000),
        (5_000_000, 500_000),
        (250_000_000, 500_000),
    ],
)
def test_adaptive_ramp_is_a_tenth_of_the_budget_within_limits(budget: int, ramp: int) -> None:
    assert with_budget(Adaptive(target=0.7), budget) == Adaptive(target=0.7, images=ramp)
    closed = Adaptive(target=0.7, images=123)
    assert with_budget(closed, budget) == closed
    with pytest.raises(ValueError, match="with_budget"):
        _ = Adaptive().ramp


@settings(deadline=None)
@given(
    st.builds(Adaptive, target=NUMBERS, images=st.none() | st.integers(1, 10**12)) | NUMBERS | RAMPS
)
def test_adaptive_schedule_is_read_back_from_its_own_text_exactly(
    schedule: float | Ramp | Adaptive,
) -> None:
    assert parse_adaptive_schedule(format_schedule(schedule)) == schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("adaptive", Adaptive(target=0.6)),
        ("adaptive:0.7", Adaptive(target=0.7)),
        ("adaptive:0.6:100k", Adaptive(target=0.6, images=100_000)),
        ("0.3", 0.3),
        ("linear:0:0.5", Ramp(shape="linear", start=0.0, end=0.5)),
    ],
)
def test_adaptive_schedule_is_read_as_documented(
    text: str, schedule: float | Ramp | Adaptive
) -> None:
    assert parse_adaptive_schedule(text) == schedule


@pytest.mark.parametrize(
    "text", ["often", "adaptive:", "adaptive:x", "adaptive:0.6:0", "adaptive:0.6:1k:2", "adaptve"]
)
def test_wrong_adaptive_schedule_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="adaptive:TARGET") as caught:
        parse_adaptive_schedule(text)
    assert repr(text) in str(caught.value)


@settings(deadline=None)
@given(NUMBERS | RAMPS)
def test_schedule_is_read_back_from_its_own_text_exactly(schedule: float | Ramp) -> None:
    assert parse_schedule(format_schedule(schedule)) == schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("2e-4", 2e-4),
        ("-1", -1.0),
        ("20k", 20_000.0),
        ("cosine:0:1.5M", Ramp(shape="cosine", start=0.0, end=1_500_000.0)),
        ("linear:2e-4:0", Ramp(shape="linear", start=2e-4, end=0.0)),
        ("cosine:1:0.1:2M", Ramp(shape="cosine", start=1.0, end=0.1, images=2_000_000)),
        ("linear:0:1:60k-120k", Ramp(shape="linear", start=0, end=1, images=120_000, after=60_000)),
    ],
)
def test_schedule_is_read_as_documented(text: str, schedule: float | Ramp) -> None:
    assert parse_schedule(text) == schedule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fast",
        "linear",
        "linear:1",
        "linear:1:2:3:4",
        "linear:a:0",
        "square:1:0",
        "linear:1:0:1.5",
        "linear:1:0:0",
        "linear:1:0:-5",
        "linear:1:0:5-5",
        "linear:1:0:9-5",
        "linear:1:0:5-",
        "nan",
        "inf",
        "linear:nan:0",
        "cosine:1:-inf",
    ],
)
def test_wrong_schedule_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="give a number") as caught:
        parse_schedule(text)
    assert repr(text) in str(caught.value)


@settings(deadline=None)
@given(st.integers(-(10**15), 10**15), st.sampled_from(["k", "K", "m", "M", "g", "G"]))
def test_decimal_thousands_millions_and_billions_are_read_exactly(count: int, unit: str) -> None:
    digits = {"k": 3, "m": 6, "g": 9}[unit.lower()]
    sign = "-" if count < 0 else ""
    padded = f"{abs(count):0{digits + 1}d}"
    assert parse_count(f"{sign}{padded[:-digits]}.{padded[-digits:]}{unit}") == count


@settings(deadline=None)
@given(st.integers(-(10**18), 10**18))
def test_whole_number_is_read_as_itself(count: int) -> None:
    assert parse_count(str(count)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("64", 64), ("200k", 200_000), ("1.5M", 1_500_000), ("4.1M", 4_100_000), ("2G", 2 * 10**9),
     ("1_000", 1000), (" 7 ", 7), ("1e3", 1000)],
)  # fmt: skip
def test_count_is_read_as_documented(text: str, count: int) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize("text", ["", "k", "1.5", "0.0001k", "many", "nan", "inf", "1,5M", "5kk"])
def test_wrong_count_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="200k"):
        parse_count(text)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_multiplied_schedule_has_the_same_course_times_the_factor(
    shape: Literal["linear", "cosine"],
) -> None:
    ramp = Ramp(shape=shape, start=2e-4, end=1e-5, images=1_000)
    for seen in (0, 250, 999, 5_000):
        assert value_at(multiply(ramp, 0.25), seen) == pytest.approx(value_at(ramp, seen) / 4)
    assert multiply(2e-4, 0.25) == 5e-5
