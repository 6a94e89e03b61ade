"""The picture of a truncation curve: its columns, and the colours of a report."""

from __future__ import annotations

import io
import re

import matplotlib
from PIL import Image

from ganvas.package_files import package_text
from ganvas.reports.truncation_picture import LIGHT, columns_of, truncation_picture
from tests.builders.curves import curve, point

TRUNCATED = [point(1, 1), point(0.9, 1), point(0.7, 1)]
KEPT = [point(1, 0.5), point(1, 0.25)]


def test_colours_are_those_of_a_report_on_a_light_screen() -> None:
    css = package_text("reports/templates/style.css")
    light = dict(re.findall(r"--(\w+): (#\w+);", css[: css.index("@media")]))
    assert light.items() >= LIGHT.items()


def test_a_ladder_begins_as_trained_and_points_of_both_are_in_neither() -> None:
    both = point(0.8, 0.5)
    truncations, kept = columns_of(curve([*KEPT, both, *TRUNCATED], chosen=KEPT[0]))
    assert list(truncations.x) == [1, 0.9, 0.7]
    assert list(kept.x) == [1, 0.5, 0.25]
    assert (truncations.chosen, kept.chosen) == (None, 0.5)


def test_a_column_is_drawn_for_each_ladder_that_was_measured() -> None:
    before = dict(matplotlib.rcParams)
    widths = []
    for points in ([*TRUNCATED, *KEPT], TRUNCATED, [TRUNCATED[0], *KEPT]):
        png = truncation_picture(curve(points))
        assert png == truncation_picture(curve(points))
        with Image.open(io.BytesIO(png)) as picture:
            widths.append(picture.width)
    assert widths == [1600, 800, 800]
    assert dict(matplotlib.rcParams) == before
