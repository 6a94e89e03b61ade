"""Numbers, counts, durations and sizes as text."""

from __future__ import annotations

import math

import pytest

from ganvas.formatting import (
    format_bytes,
    format_clock,
    format_count,
    format_duration,
    format_estimate,
    format_image_size,
    format_interval,
    format_list,
    format_number,
    format_percent,
    format_progress,
    format_short,
    format_signed,
    format_weights,
)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0123456, 4, "0.01235"),
        (12.3456, 4, "12.35"),
        (1234.4, 4, "1,234"),
        (999.96, 4, "1,000"),
        (999.6, 4, "999.6"),
        (999.6, 3, "1,000"),
        (402.31, 3, "402"),
        (0.51234, 3, "0.512"),
        (12345.6, 3, "12,346"),
        (-12345.6, 3, "-12,346"),
        (1e-5, 3, "1e-05"),
        (0.05, 3, "0.05"),
        (1e12, 3, "1e+12"),
        (math.pi, 3, "3.14"),
        (2.5e9, 3, "2.5e+09"),
        (0, 4, "0"),
        (math.inf, 4, "inf"),
        (math.nan, 4, "nan"),
    ],
)
def test_numbers_have_significant_digits_and_no_needless_exponent(
    value: float, digits: int, text: str
) -> None:
    assert format_number(value, digits) == text


def test_signed_numbers_always_have_a_sign() -> None:
    assert [format_signed(value) for value in (53.0, -84.2, 0.0)] == ["+53", "-84.2", "+0"]


def test_an_interval_has_three_digits_and_none_is_empty() -> None:
    assert format_interval((0.12345, 1234.5)) == "[0.123, 1,234]"
    assert format_interval(None) == format_interval([]) == ""


def test_short_numbers_end_in_k_m_or_g() -> None:
    values = (0, 0.0123456, 999, 1500, 200_000, 1.25e6, 3e9, -1500)
    texts = ["0", "0.0123", "999", "1.5k", "200k", "1.25M", "3G", "-1.5k"]
    assert [format_short(value) for value in values] == texts


def test_a_percentage_below_one_is_not_called_zero() -> None:
    assert [format_percent(value) for value in (0.004, 0.01, 0.126)] == ["under 1 %", "1 %", "13 %"]


def test_counts_take_the_plural() -> None:
    assert format_count(1, "seed") == "1 seed"
    assert format_count(0, "seed") == "0 seeds"
    assert format_count(1500, "image") == "1,500 images"
    assert format_count(2, "process", "processes") == "2 processes"
    assert format_progress(1200, 60_000) == "1,200/60,000"


def test_a_list_ends_with_and_or_another_word() -> None:
    assert format_list(["a"]) == "a"
    assert format_list(["a", "b"]) == "a and b"
    assert format_list(["a", "b", "c"]) == "a, b and c"
    assert format_list(["a", "b", "c"], "or") == "a, b or c"


def test_a_count_of_weights_is_short() -> None:
    assert [format_weights(count) for count in (9300, 412_000)] == ["9,300", "0.41 M"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (512, "512 bytes"),
        (4_400, "4 kB"),
        (12_300, "12 kB"),
        (1.23e6, "1.2 MB"),
        (1e6, "1 MB"),
        (9.96e6, "10 MB"),
        (3.4e8, "340 MB"),
        (1.1e9, "1.1 GB"),
        (2.5e12, "2,500 GB"),
    ],
)
def test_bytes_have_the_unit_that_suits(count: float, text: str) -> None:
    assert format_bytes(int(count)) == text


def test_image_sizes_start_with_the_height() -> None:
    assert format_image_size((32, 64)) == "32x64"


def test_durations_name_two_units_at_most() -> None:
    texts = ["1.2 s", "59 s", "12 min 40 s", "3 h 5 min"]
    assert [format_duration(seconds) for seconds in (1.23, 59.4, 760, 11_100)] == texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (40, "40 s"), (720, "12 min"), (7800, "2 h 10 min"), (7199, "2 h 0 min")],
)
def test_estimates_are_rounded(seconds: float, text: str) -> None:
    assert format_estimate(seconds) == text


def test_clock_shows_hours_only_when_there_are_some() -> None:
    assert [format_clock(seconds) for seconds in (4, 64, 7800)] == ["0:04", "1:04", "2:10:00"]
