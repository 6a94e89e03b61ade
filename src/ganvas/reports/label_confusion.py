"""The picture of label-confusion.json: as what samples of each label are recognised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from ganvas.formatting import format_percent
from ganvas.reports.figures import (
    COLOURS,
    SIZE,
    as_svg,
    empty_figure,
    name_rows,
    text_width,
)
from ganvas.reports.page import Drawing
from ganvas.runs.tables import LabelConfusionTable
from ganvas.terminal import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_LABELS = 20
"""Labels of a picture: of more, those that are recognised worst."""

CELL = 30.0
"""Side of a cell, in SVG units."""

DARKEST = 0.6
"""How opaque a cell is whose fraction is 1; its number must be readable."""

WORTH_A_NUMBER = 0.005
"""From this fraction on a cell has a number."""


def confusion_drawing(table: LabelConfusionTable) -> Drawing:
    """A cell for each pair of labels, with the fraction in percent."""
    shown = labels_to_show(table)
    names = [table["labels"][label] for label in shown]
    fractions = [[table["fractions"][row][column] for column in shown] for row in shown]
    caption = (
        f"Of the samples of each label (rows), how many a classifier trained on real images "
        f"recognises as each label (columns), in percent, after {table['images_seen']:,} images."
    )
    if len(shown) < len(table["labels"]):
        caption += f" Of {len(table['labels'])} labels, the {len(shown)} recognised worst."
    own = "; ".join(
        f"{name} {format_percent(fractions[index][index])}" for index, name in enumerate(names)
    )
    alt = f"Samples recognised as their own label: {own}"
    return Drawing(heat_map(names, fractions), alt, caption, "Recognised labels")


def labels_to_show(table: LabelConfusionTable) -> list[int]:
    """Labels with samples, in their order; of more than `MOST_LABELS`, the worst recognised."""
    made = [label for label, count in enumerate(table["samples"]) if count > 0]
    worst = sorted(made, key=lambda label: table["fractions"][label][label])[:MOST_LABELS]
    return sorted(worst)


@as_svg
def heat_map(names: list[str], fractions: list[list[float]]) -> Figure:
    """Square cells, darker for larger fractions (0 to 1); rows and columns have the same names."""
    margin, side = 16 + text_width(names), CELL * len(names)
    size = (side + margin + 10, side + margin + 10)
    figure, axes = empty_figure(size, left=margin, right=10, top=10, bottom=margin)
    for y, row in enumerate(fractions):
        for x, fraction in enumerate(row):
            cell = Rectangle((x, y), 1, 1, facecolor=COLOURS["first"], alpha=DARKEST * fraction)
            axes.add_patch(cell)
            if fraction >= WORTH_A_NUMBER:
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    f"{100 * fraction:.0f}",
                    ha="center",
                    va="center",
                    color=COLOURS["ink"],
                    fontsize=SIZE,
                )
    axes.set_xlim(0, len(names))
    axes.set_ylim(len(names), 0)
    middles = [index + 0.5 for index in range(len(names))]
    axes.set_xticks(middles, [printable(name, keep="") for name in names], rotation=90)
    axes.tick_params(axis="x", labelcolor=COLOURS["ink"])
    axes.spines["bottom"].set_visible(False)
    name_rows(axes, names, middles)
    return figure
