"""The picture of a truncation curve: what each truncation, and each fraction kept, scores."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganvas.evaluation.truncation_points import SCORES, Point, TruncationCurve
from ganvas.reports.charts import DOTTED
from ganvas.reports.curves import LINE_STYLES
from ganvas.reports.figures import COLOURS, SIZE, STYLE, Colour, axis_label, spread_apart
from ganvas.shared_changes import SharedChange

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LIGHT: dict[Colour, str] = {
    "ink": "#1b1c1e",
    "muted": "#5d6167",
    "rule": "#dfdfdb",
    "first": "#1d5da6",
    "second": "#ad5108",
    "third": "#18735f",
    "fourth": "#744a9b",
}
"""The colours of a report on a light screen (`templates/style.css`); a PNG cannot ask for them."""

_LIGHT_OF = {COLOURS[colour]: light for colour, light in LIGHT.items()}

PNG_STYLE = {
    **{key: _LIGHT_OF.get(value, value) for key, value in STYLE.items()},
    "figure.frameon": True,
    "figure.facecolor": "white",
}
"""The style of all charts, in these colours."""

WHILE_DRAWN = SharedChange(lambda: matplotlib.rc_context(PNG_STYLE))

PANEL_WIDTH, ROW_HEIGHTS = 290.0, (200.0, 110.0)
"""Of the axes, in units of 1/72 inch."""
LEFT, RIGHT, TOP, BOTTOM, GAP = 44.0, 66.0, 30.0, 40.0, 24.0
"""Around the axes of a column; the gap is between its two rows."""
DPI = 144
"""Two pixels a unit: sharp on a dense screen."""


@dataclass(frozen=True)
class Column:
    """The points of one ladder, the weakest first.

    x: their truncations, or the fractions kept.
    chosen: where the point lies whose cost is told, if it is here.
    """

    label: str
    x: Sequence[float]
    points: Sequence[Point]
    chosen: float | None


def truncation_picture(curve: TruncationCurve) -> bytes:
    """A PNG: above precision, recall, density and coverage, below the Frechet distance.

    A column for truncations and one for fractions kept, as far as they were measured, the strongest
    at the right. Bands are 95 % intervals, dotted lines real images.
    """
    buffer = io.BytesIO()
    with WHILE_DRAWN():
        draw(curve, columns_of(curve)).savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def columns_of(curve: TruncationCurve) -> list[Column]:
    """The ladders that have more points than the generator as it was trained."""
    columns = []
    if len(points := curve.truncated) > 1:
        chosen = curve.chosen.truncation if curve.chosen in points else None
        columns.append(Column("truncation", [p.truncation for p in points], points, chosen))
    if len(points := curve.kept) > 1:
        chosen = curve.chosen.keep if curve.chosen in points else None
        label = "fraction that the discriminator keeps"
        columns.append(Column(label, [p.keep for p in points], points, chosen))
    return columns


def draw(curve: TruncationCurve, columns: Sequence[Column]) -> Figure:
    """The figure, in matplotlib's current style."""
    column_width = LEFT + PANEL_WIDTH + RIGHT
    width, height = column_width * len(columns), TOP + sum(ROW_HEIGHTS) + GAP + BOTTOM
    figure = Figure(figsize=(width / 72, height / 72))
    samples, features = curve.protocol["samples"], curve.features
    title = f"{samples:,} samples a point, features {features}; dotted: real images"
    figure.text(LEFT / width, 1 - 14 / height, title, color=LIGHT["muted"], va="center")
    *fractions, distance = SCORES
    for index, column in enumerate(columns):
        left, top = index * column_width + LEFT, height - TOP
        for names, row_height in zip((fractions, [distance]), ROW_HEIGHTS, strict=True):
            box = (left / width, (top - row_height) / height, PANEL_WIDTH / width)
            axes = figure.add_axes((*box, row_height / height))
            scores = [point.score(name) for point in curve.points for name in names]
            axes.set_ylim(0, 1.05 * max(max(score.interval[1], score.floor) for score in scores))
            draw_panel(axes, column, names, row_height)
            top -= row_height + GAP
        axes.set_xlabel(column.label)
    return figure


def draw_panel(axes: Axes, column: Column, names: Sequence[str], height: float) -> None:
    """Lines of these scores over a ladder, each with its band, its level and its name.

    Args:
        axes: with the limits of y.
        height: of the panel, in units.
    """
    styles = dict(zip(names, LINE_STYLES, strict=False))
    for name, (colour, dashes) in styles.items():
        scores = [point.score(name) for point in column.points]
        low, high = zip(*(score.interval for score in scores), strict=True)
        values, light = [score.value for score in scores], LIGHT[colour]
        axes.fill_between(column.x, low, high, facecolor=light, alpha=0.15, linewidth=0)
        axes.plot(column.x, values, "o", color=light, linestyle=dashes, ms=3.5, clip_on=False)
        axes.axhline(scores[0].floor, color=light, linewidth=1, linestyle=DOTTED)
    if column.chosen is not None:
        axes.axvline(column.chosen, color=LIGHT["muted"], linewidth=0.8)
    axes.set_xlim(column.x[0], column.x[-1])
    axes.grid(axis="y")
    axes.set_xticks(column.x)
    axes.xaxis.set_major_formatter(axis_label)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(axis_label)
    ends = [column.points[-1].score(name).value / axes.get_ylim()[1] for name in names]
    for end, (name, (colour, _)) in zip(
        spread_apart(ends, (SIZE + 2) / height), styles.items(), strict=True
    ):
        axes.annotate(
            name,
            (1, end),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=LIGHT[colour],
            annotation_clip=False,
        )
