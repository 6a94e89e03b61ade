"""Which sizes a run trains at, and when each ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.fields import format_field, parse_field
from ganvas.growth import Growth, parse_growth


def test_sizes_get_equal_shares_of_the_budget() -> None:
    growth = parse_growth("16,32,64").with_budget(100)
    assert growth == Growth(heights=(16, 32, 64), ends=(33, 66))
    assert growth.lengths(100) == [33, 33, 34]
    assert growth.in_words() == "16 until 33, 32 until 66 images seen, then 64"


def test_given_ends_stay_whatever_the_budget_is() -> None:
    growth = parse_growth("16:10k, 32:15k, 64")
    assert growth.ends == (10_000, 15_000)
    assert growth.with_budget(400_000) == growth
    assert growth.lengths(40_000) == [10_000, 5_000, 25_000]


def test_a_size_ends_when_its_images_have_been_seen() -> None:
    growth = parse_growth("8:100,16:200,32")
    left = {seen: growth.later_doublings(seen) for seen in (0, 99, 100, 199, 200, 10**9)}
    assert left == {0: 2, 99: 2, 100: 1, 199: 1, 200: 0, 10**9: 0}
    assert [growth.start(later) for later in (2, 1, 0)] == [0, 100, 200]


def test_open_growth_has_no_ends_yet() -> None:
    with pytest.raises(ValueError, match="with_budget"):
        parse_growth("16,32").later_doublings(0)


@given(st.integers(1, 99), st.integers(2, 5), st.none() | st.sets(st.integers(1, 10**9)))
def test_text_is_read_back(first: int, count: int, ends: set[int] | None) -> None:
    heights = tuple(first * 2**n for n in range(count))
    chosen = None if ends is None else tuple(sorted(ends))[: count - 1]
    if chosen is not None and len(chosen) < count - 1:
        chosen = None
    growth = Growth(heights=heights, ends=chosen)
    assert parse_field(Growth | None, format_field(growth)) == growth
    assert parse_field(Growth | None, "none") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("16", "at least two heights"),
        ("16,48", "each twice the one before.*got 16,48"),
        ("32,16", "each twice the one before"),
        ("0,0", "each twice the one before"),
        ("16,x", "'x' is no whole number"),
        ("", "no whole number"),
        ("16:5k,32,64", "images have been seen when it ends.*got 16:5000,32,64"),
        ("16:5k,32:5k,64", "images have been seen"),
        ("16:5k,32:9k,64:12k", "images have been seen"),
        ("16:0,32", "images have been seen"),
    ],
)
def test_what_is_no_growth_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_growth(text)
