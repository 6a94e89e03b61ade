"""Figures as SVG: functions from numbers to bytes, by matplotlib's `Figure`, without pyplot.

Colours in them are placeholders, which `page.inline` turns into the page's own variables: so a
figure reads on paper, on a light and on a dark screen. Texts stay texts, in the page's font.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ganvas.formatting import format_short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "ink": "#100001",
    "muted": "#100002",
    "rule": "#100003",
    "ground": "#100004",
    "healthy": "#100005",
    "watch": "#100006",
    "failing": "#100007",
    "first": "#100011",
    "second": "#100012",
    "third": "#100013",
    "fourth": "#100014",
}
"""What stands in an SVG for a variable of the page, by the variable's name."""

Colour = Literal[
    "ink", "muted", "rule", "ground", "healthy", "watch", "failing", "first", "second", "third",
    "fourth",
]  # fmt: skip

Dashes = Literal["-", "--", ":", "-."]

SIZE = 10.5
"""Of all letters, in the SVG's units; the page shows a unit as about one pixel."""

LETTER = 6.4
"""How wide one is on average."""

MOST_POINTS = 300
"""Points of a line; more than that are averaged in neighbourhoods."""


@dataclass(frozen=True)
class Line:
    """One line of a panel, named where it ends.

    low, high: ends of a band around it; empty for none.
    dashes: how it is drawn, so that lines differ by more than colour.
    steps: it keeps each value until the next x.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: Colour = "first"
    dashes: Dashes = "-"
    steps: bool = False


@dataclass(frozen=True)
class Mark:
    """A level to compare with: a limit, a floor, what is normal."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One plot of lines over images seen or time.

    limits: of the y axis; None leaves them to the numbers.
    log: whether the y axis counts factors.
    moments: x values to mark with a thin upright line.
    end: of the x axis; None where the last line ends.
    """

    lines: Sequence[Line]
    x_label: str = "images seen"
    marks: Sequence[Mark] = ()
    limits: tuple[float | None, float | None] = (None, None)
    log: bool = False
    moments: Sequence[float] = ()
    end: float | None = None
    size: tuple[float, float] = (420, 190)


def curves(panel: Panel) -> bytes:
    """Lines with their bands, named at their right ends."""
    names = [line.label for line in panel.lines if line.label]
    right = 10 + LETTER * max((len(name) for name in names), default=0)
    figure, axes = empty(panel.size, left=48, right=right, bottom=36, top=10)
    if panel.log:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    for line in panel.lines:
        _draw(axes, thinned(line))
    for mark in panel.marks:
        axes.axhline(mark.value, color=COLOURS["muted"], linewidth=1, linestyle=(0, (2, 2)))
    for moment in panel.moments:
        axes.axvline(moment, color=COLOURS["muted"], linewidth=0.8)
    axes.set_ylim(*_room(axes, panel))
    last = max((line.x[-1] for line in panel.lines if len(line.x)), default=1)
    axes.set_xlim(0, (last if panel.end is None else panel.end) or 1)
    quiet(axes, panel.x_label, across="y")
    axes.yaxis.set_major_formatter(FuncFormatter(axis_label))
    if not panel.log:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    for mark in panel.marks:
        axes.annotate(
            mark.label,
            (0, mark.value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 3),
            textcoords="offset points",
            color=COLOURS["muted"],
            fontsize=SIZE,
        )
    _name_ends(axes, panel.lines, panel.size[1] - 46)
    return svg(figure)


def thinned(line: Line) -> Line:
    """The same line with at most `MOST_POINTS` points, each the mean of its neighbourhood.

    Steps stay as they are: a mean of times would be no time at which anything happened.
    """
    if len(line.x) <= MOST_POINTS or line.steps:
        return line
    size = math.ceil(len(line.x) / MOST_POINTS)

    def means(values: Sequence[float]) -> list[float]:
        pieces = [values[start : start + size] for start in range(0, len(values), size)]
        return [sum(piece) / len(piece) for piece in pieces]

    return replace(
        line, x=means(line.x), y=means(line.y), low=means(line.low), high=means(line.high)
    )


def axis_label(value: float, _position: object = None) -> str:
    """What matplotlib writes at a tick."""
    return format_short(value)


def empty(
    size: tuple[float, float], left: float, right: float, bottom: float, top: float
) -> tuple[Figure, Axes]:
    """A figure of this size and one pair of axes with these margins around, in units."""
    width, height = size
    figure = Figure(figsize=(width / 72, height / 72))  # matplotlib writes 72 units an inch
    figure.patch.set_visible(False)
    box = (
        left / width,
        bottom / height,
        (width - left - right) / width,
        (height - bottom - top) / height,
    )
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    return figure, axes


def quiet(axes: Axes, x_label: str, across: Literal["x", "y"]) -> None:
    """Quiet axes: thin rules on one side, no frame, few ticks, small grey numbers."""
    axes.set_axisbelow(True)
    axes.grid(axis=across, color=COLOURS["rule"], linewidth=0.8)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["muted"])
    axes.tick_params(length=0, labelsize=SIZE, labelcolor=COLOURS["muted"], pad=5)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(axis_label))
    axes.set_xlabel(x_label, color=COLOURS["muted"], fontsize=SIZE)


def _draw(axes: Axes, line: Line) -> None:
    colour = COLOURS[line.colour]
    style = "steps-post" if line.steps else "default"
    few = len(line.x) <= 15 and not line.steps
    axes.plot(
        line.x,
        line.y,
        color=colour,
        linestyle=line.dashes,
        linewidth=1.6,
        drawstyle=style,
        marker="o" if few else "",
        markersize=3.5,
        clip_on=False,
    )
    if len(line.low):
        axes.fill_between(line.x, line.low, line.high, facecolor=colour, alpha=0.18, linewidth=0)


def _room(axes: Axes, panel: Panel) -> tuple[float, float]:
    """The y limits: those asked for, else what the numbers take, with room for the marks."""
    low, high = axes.get_ylim()
    wanted_low, wanted_high = panel.limits
    for mark in panel.marks:  # with a margin in which its label stands
        span = high - low
        if not panel.log:
            low, high = min(low, mark.value - 0.08 * span), max(high, mark.value + 0.18 * span)
    return (low if wanted_low is None else wanted_low, high if wanted_high is None else wanted_high)


def _name_ends(axes: Axes, lines: Sequence[Line], height: float) -> None:
    """Each line's name at its right end, pushed apart where they would overlap."""
    named = [line for line in lines if line.label and len(line.y)]
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [float(to_axes.transform((line.x[-1], line.y[-1]))[1]) for line in named]
    for place, line in zip(apart(ends, (SIZE + 2) / height), named, strict=True):
        axes.annotate(
            line.label,
            (1, place),
            xycoords="axes fraction",
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS[line.colour],
            fontsize=SIZE,
        )


def apart(places: Sequence[float], gap: float) -> list[float]:
    """Places in [0, 1], moved as little as it takes to lie at least `gap` from each other."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = [min(max(place, 0.0), 1.0) for place in places]
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    if order and moved[order[-1]] > 1:
        moved[order[-1]] = 1.0
        for after, before in itertools.pairwise(reversed(order)):
            moved[before] = min(moved[before], moved[after] - gap)
    return moved


def beside(axes: Axes, x: float, y: float, text: str, colour: Colour) -> None:
    """A word just right of a point."""
    axes.annotate(
        text,
        (x, y),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        color=COLOURS[colour],
        fontsize=SIZE,
        annotation_clip=False,
    )


def svg(figure: Figure) -> bytes:
    """The figure's bytes, the same for the same numbers."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    # The settings of the SVG writer can be given in no other way; they hold for this call only.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ganvas"}):
        figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()
