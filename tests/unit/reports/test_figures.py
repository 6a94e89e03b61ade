"""The style of charts: labels, their positions, and matplotlib's own settings."""

from __future__ import annotations

import warnings

import matplotlib
import pytest

from ganvas.reports import charts, figures
from ganvas.reports.charts import Span, TimelineRow


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([0.2, 0.8], [0.2, 0.8]),
        ([0.5, 0.5], [0.5, 0.6]),
        ([1.0, 0.99], [1.0, 0.9]),
        ([1.0, 1.0, 1.0], [0.8, 0.9, 1.0]),
        ([-3.0, 0.05], [0.0, 0.1]),
        ([], []),
    ],
)
def test_overlapping_labels_are_moved_apart(positions: list[float], expected: list[float]) -> None:
    assert figures.spread_apart(positions, 0.1) == pytest.approx(expected)


def test_settings_of_matplotlib_are_restored() -> None:
    before = dict(matplotlib.rcParams)
    charts.timeline([TimelineRow("run", 0, 10, "finished", [Span("sick", 2, 5, 3)])])
    assert dict(matplotlib.rcParams) == before


def test_tick_labels_are_short() -> None:
    labels = [figures.axis_label(number) for number in (0, 0.012, 1500, 200_000, 1.5e6)]
    assert labels == ["0", "0.012", "1.5k", "200k", "1.5M"]


def test_labels_of_neighbouring_ticks_differ() -> None:
    assert [figures.axis_label(number) for number in (201.5, 202, 202.5)] == [
        "201.5",
        "202",
        "202.5",
    ]


def test_chinese_letters_are_wider_than_latin_ones() -> None:
    assert figures.text_width(["cat", "\u732b"]) == pytest.approx(3 * figures.LETTER)
    assert figures.text_width(["ab", "\u5c0f\u732b"]) == 2 * figures.SIZE
    assert figures.text_width([]) == 0


def test_filters_of_warnings_are_restored() -> None:
    before = list(warnings.filters)
    charts.timeline([TimelineRow("\u732b", 0, 10, "finished", [])])
    assert warnings.filters == before
