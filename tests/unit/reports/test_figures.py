"""Figures: drawn from numbers, thinned, labelled, and always the same bytes."""

from __future__ import annotations

import pytest

from ganvas.reports import charts, figures
from ganvas.reports.charts import Line, Mark, Panel, Span, TimelineRow


class TestFigures:
    def test_an_empty_panel_and_one_of_a_single_point_can_be_drawn(self) -> None:
        for line in (Line("none", [], []), Line("one", [5], [2.0])):
            assert charts.line_chart(Panel([line])).startswith(b"<?xml")

    def test_long_lines_are_averaged_in_neighbourhoods(self) -> None:
        many = list(range(1000))
        line = charts.thinned(Line("x", many, [float(2 * x) for x in many]))
        assert len(line.x) <= charts.MOST_POINTS
        assert line.x[0] == 1.5, "the mean of 0, 1, 2 and 3"
        assert line.y == [2 * x for x in line.x]

    def test_steps_are_kept_as_they_are(self) -> None:
        line = Line("x", list(range(1000)), [1.0] * 1000, steps=True)
        assert charts.thinned(line) is line

    @pytest.mark.parametrize(
        ("places", "expected"),
        [
            ([0.2, 0.8], [0.2, 0.8]),
            ([0.5, 0.5], [0.5, 0.6]),
            ([1.0, 0.99], [1.0, 0.9]),
            ([1.0, 1.0, 1.0], [0.8, 0.9, 1.0]),
            ([-3.0, 0.05], [0.0, 0.1]),
            ([], []),
        ],
    )
    def test_names_are_pushed_apart(self, places: list[float], expected: list[float]) -> None:
        assert figures.spread_apart(places, 0.1) == pytest.approx(expected)

    def test_the_same_numbers_give_the_same_bytes(self) -> None:
        panel = Panel([Line("a", [1, 2], [3, 4], [2, 3], [4, 5])], marks=[Mark(3, "limit")])
        assert charts.line_chart(panel) == charts.line_chart(panel)

    def test_matplotlib_is_left_as_it_was(self) -> None:
        import matplotlib

        before = dict(matplotlib.rcParams)
        charts.timeline([TimelineRow("run", 0, 10, "finished", [Span("sick", 2, 5, 3)])])
        assert dict(matplotlib.rcParams) == before

    def test_axes_show_numbers_briefly(self) -> None:
        shown = [figures.axis_label(number) for number in (0, 0.0123456, 1500, 200_000, 1.5e6)]
        assert shown == ["0", "0.0123", "1.5k", "200k", "1.5M"]
