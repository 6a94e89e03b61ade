"""Charts that are no curves: a timeline of health, effects with intervals, quality against cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from ganvas.reports.figures import (
    COLOURS,
    LETTER,
    SIZE,
    Colour,
    apart,
    axis_label,
    beside,
    empty,
    quiet,
    svg,
)
from ganvas.reports.words import Ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 22
"""Height of one row, in the SVG's units."""


@dataclass(frozen=True)
class Span:
    """A symptom while it was there, in images seen.

    failing_from: from when on it was failing and not only to be watched; None for never.
    """

    name: str
    since: float
    until: float
    failing_from: float | None = None


@dataclass(frozen=True)
class Lane:
    """One course of training, from where it began to where it ended, with its symptoms."""

    name: str
    begin: float
    end: float
    ending: str
    """What happened at its end, in a word or two: finished, given up."""
    spans: Sequence[Span] = ()


def timeline(lanes: Sequence[Lane], width: float = 760) -> bytes:
    """A bar for each symptom, under the line of the training that it belongs to.

    A failing symptom has a thick bar, one to be watched a thin one; both are named in words.
    """
    rows = sum(1 + len(lane.spans) for lane in lanes)
    names = [lane.name for lane in lanes] + [s.name for lane in lanes for s in lane.spans]
    left = 16 + LETTER * max(len(name) for name in names)
    size = (width, 46 + 22 * rows + 10 * (len(lanes) - 1))
    figure, axes = empty(size, left=left, right=16 + 11 * LETTER, bottom=36, top=4)
    y, places = 0.0, []
    for lane in lanes:
        places.append((y, lane.name))
        axes.plot([lane.begin, lane.end], [y, y], color=COLOURS["muted"], linewidth=1.5)
        axes.plot(lane.end, y, "|", color=COLOURS["ink"], markersize=9, markeredgewidth=1.5)
        beside(axes, lane.end, y, lane.ending, "ink")
        for span in lane.spans:
            y -= 1
            places.append((y, span.name))
            _bar(axes, span, y)
        y -= 1 + 10 / 22
    end = max(lane.end for lane in lanes)
    axes.set_xlim(min(lane.begin for lane in lanes), max(end, 1))
    axes.set_ylim(y + 10 / 22 + 0.4, 0.6)
    quiet(axes, "images seen", across="x")
    axes.set_yticks([place for place, _ in places], [name for _, name in places])
    axes.tick_params(axis="y", labelcolor=COLOURS["ink"])
    return svg(figure)


def _bar(axes: Axes, span: Span, y: float) -> None:
    worst: Colour = "watch" if span.failing_from is None else "failing"
    axes.plot(
        [span.since, span.until],
        [y, y],
        color=COLOURS["watch"],
        linewidth=4,
        solid_capstyle="butt",
    )
    if span.failing_from is not None:
        axes.plot(
            [span.failing_from, span.until],
            [y, y],
            color=COLOURS["failing"],
            linewidth=10,
            solid_capstyle="butt",
        )
    beside(axes, span.until, y, worst, worst)


@dataclass(frozen=True)
class Dot:
    """One effect with its interval, and a word on it."""

    name: str
    value: float
    interval: Ends | None
    note: str
    colour: Colour


def dots(rows: Sequence[Dot], nothing: float, label: str, log: bool, width: float = 760) -> bytes:
    """A row for each effect: a dot, its interval as a line, its verdict in words.

    Args:
        nothing: where there is no effect.
        label: of the x axis.
        log: whether the x axis counts factors.
    """
    left = 16 + LETTER * max(len(row.name) for row in rows)
    right = 20 + LETTER * max(len(row.note) for row in rows)
    figure, axes = empty((width, 50 + ROW * len(rows)), left, right, bottom=36, top=8)
    ends = [end for row in rows for end in (row.interval or (row.value, row.value))]
    if log:
        axes.set_xscale("log")
    axes.axvline(nothing, color=COLOURS["muted"], linewidth=1, linestyle=(0, (2, 2)))
    for place, row in enumerate(rows):
        colour = COLOURS[row.colour]
        if row.interval is not None:
            axes.plot(row.interval, [place, place], color=colour, linewidth=2)
        axes.plot(row.value, place, "o", color=colour, markersize=6.5)
        axes.annotate(
            row.note,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=SIZE,
        )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    low, high = min(*ends, nothing), max(*ends, nothing)
    room = (high / low) ** 0.06 if log else 0.06 * (high - low)
    if low == high:
        room = 1.1
    axes.set_xlim((low / room, high * room) if log else (low - room, high + room))
    quiet(axes, label, across="x")
    if log:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(axis_label))
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.tick_params(axis="y", labelcolor=COLOURS["ink"])
    return svg(figure)


@dataclass(frozen=True)
class Spot:
    """One arm in a plane."""

    name: str
    x: float
    y: float
    ringed: bool


def scatter(spots: Sequence[Spot], x_label: str, y_label: str) -> bytes:
    """Named spots in a plane, those that matter most ringed and in bold."""
    width, height = 520.0, 280.0
    right = 16 + LETTER * max(len(spot.name) for spot in spots)
    figure, axes = empty((width, height), left=48, right=right, bottom=36, top=26)
    for spot in spots:
        axes.plot(spot.x, spot.y, "o", color=COLOURS["first"], markersize=5, clip_on=False)
        if spot.ringed:
            axes.plot(
                spot.x,
                spot.y,
                "o",
                markerfacecolor="none",
                markeredgecolor=COLOURS["first"],
                markersize=11,
                clip_on=False,
            )
    axes.set_xlim(0, 1.05 * max(spot.x for spot in spots))
    quiet(axes, x_label, across="y")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(axis_label))
    axes.set_title(
        y_label, loc="left", x=-44 / (width - 48 - right), color=COLOURS["muted"], fontsize=SIZE
    )
    low, high = axes.get_ylim()
    heights = [(spot.y - low) / (high - low) for spot in spots]
    for spot, place in zip(spots, apart(heights, (SIZE + 2) / (height - 62)), strict=True):
        axes.annotate(
            spot.name,
            (spot.x, low + place * (high - low)),
            xytext=(11, 0),
            textcoords="offset points",
            va="center",
            color=COLOURS["ink"],
            fontsize=SIZE,
            fontweight="bold" if spot.ringed else "normal",
        )
    return svg(figure)
