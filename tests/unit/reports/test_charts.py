"""Charts: drawn from any numbers, thinned, and always the same bytes."""

from __future__ import annotations

import pytest

from ganvas.reports import charts
from ganvas.reports.charts import EffectRow, Line, Mark, Panel, Spot


def test_an_empty_panel_and_one_of_a_single_point_can_be_drawn() -> None:
    for line in (Line("none", [], []), Line("one", [5], [2.0])):
        assert charts.line_chart(Panel([line])).startswith(b"<?xml")


def test_long_lines_are_averaged_to_fewer_points() -> None:
    many = list(range(1000))
    line = charts.thinned(Line("x", many, [float(2 * x) for x in many]))
    assert len(line.x) <= charts.MOST_POINTS
    assert line.x[0] == 1.5, "the mean of 0, 1, 2 and 3"
    assert line.y == [2 * x for x in line.x]


def test_steps_are_not_averaged() -> None:
    line = Line("x", list(range(1000)), [1.0] * 1000, steps=True)
    assert charts.thinned(line) is line


def test_the_same_numbers_give_the_same_bytes() -> None:
    panel = Panel([Line("a", [1, 2], [3, 4], [2, 3], [4, 5])], marks=[Mark(3, "limit")])
    assert charts.line_chart(panel) == charts.line_chart(panel)


@pytest.mark.parametrize("log", [False, True])
def test_effects_without_size_or_interval_can_be_drawn(log: bool) -> None:
    nothing = 1.0 if log else 0.0
    drawn = charts.effect_chart([EffectRow("a", nothing, None, "why", "muted")], nothing, "x", log)
    assert b"why" in drawn
    assert b"<svg" in charts.scatter([Spot("a", 1, 2, True), Spot("b", 1, 2, False)], "x", "y")
