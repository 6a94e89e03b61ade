"""A long history keeps its spikes in little memory."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.web.watch import series as series_module
from ganvas.web.watch.series import BUCKETS, MOST_COLUMNS, Series


def test_a_short_history_is_kept_as_it_is() -> None:
    series = Series()
    for seen in (10, 20, 30):
        series.add(seen, {"loss": seen / 2})
    assert series.table() == {
        "epoch": 0,
        "begin": 0,
        "width": 1,
        "x": [10, 20, 30],
        "columns": {"loss": [[5, 10, 15]]},
    }


def test_a_million_records_fit_in_as_many_buckets_as_a_thousand() -> None:
    series = Series()
    for seen in range(20_000):
        series.add(seen, {"loss": 1.0})
    assert BUCKETS <= len(series.x) <= 2 * BUCKETS
    assert series.x[-1] == 19_999


@pytest.mark.parametrize("at", [0, 1, 777, 9_998, 9_999])
def test_a_spike_of_one_record_stays_visible(at: int) -> None:
    series = Series()
    for seen in range(10_000):
        series.add(seen, {"loss": 99.0 if seen == at else 1.0})
    low, high = series.table()["columns"]["loss"]
    (bucket,) = [i for i, value in enumerate(high) if value == 99]
    before = series.x[bucket - 1] if bucket else -1
    assert before < at <= series.x[bucket]
    assert low.count(1) >= len(low) - 1


@settings(max_examples=50)
@given(
    st.lists(st.none() | st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=200),
    st.integers(1, 8),
)
def test_every_bucket_holds_the_extremes_of_its_records(
    values: list[float | None], buckets: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series_module, "BUCKETS", buckets)
        patch.setattr(series_module, "DIGITS", 17)
        series = Series()
        for seen, value in enumerate(values):
            series.add(seen, {} if value is None else {"loss": value})
        table = series.table()
    assert len(table["x"]) <= 2 * buckets
    begin = 0
    lists = table["columns"].get("loss", [[None] * len(table["x"])])
    for end, low, high in zip(table["x"], lists[0], lists[-1], strict=True):
        own = [value for value in values[begin : int(end) + 1] if value is not None]
        assert low == (min(own) if own else None)
        assert high == (max(own) if own else None)
        begin = int(end) + 1
    assert begin == len(values)


def test_a_column_that_comes_later_has_no_values_before() -> None:
    series = Series()
    series.add(1, {"a": 1.0})
    series.add(2, {"b": 2.0})
    assert series.table()["columns"] == {"a": [[1, None]], "b": [[None, 2]]}


def test_what_was_sent_changes_in_its_last_bucket_only_until_the_epoch_does() -> None:
    series = Series()
    seen = 0
    while series.epoch == 0:  # until neighbours are joined for the first time
        series.add(seen, {"a": float(seen)})
        seen += 1
    before = series.table()
    series.add(seen, {"a": 1e6})
    after = series.table()
    assert after["epoch"] == before["epoch"]
    assert after["columns"]["a"][1][:-1] == before["columns"]["a"][1][:-1]
    assert after["columns"]["a"][1][-1] == 1e6
    assert series.table(3)["x"] == after["x"][3:]


def test_images_seen_that_decrease_begin_anew() -> None:
    series = Series()
    series.add(100, {"a": 1.0})
    series.add(50, {"b": 2.0})
    assert series.epoch == 1
    assert series.columns() == ["b"]
    assert series.table()["x"] == [50]


def test_no_file_can_fill_the_memory_with_columns() -> None:
    series = Series()
    for seen in range(2):
        series.add(seen, {f"column {seen} {i}": 1.0 for i in range(MOST_COLUMNS)})
    assert len(series.columns()) == MOST_COLUMNS


def test_json_holds_no_number_that_is_none() -> None:
    series = Series()
    series.add(1, {"a": 1 / 3})
    series.add(2, {})
    (values,) = series.table()["columns"]["a"]
    assert values == [0.333333, None]
    assert not any(value is not None and math.isnan(value) for value in values)
