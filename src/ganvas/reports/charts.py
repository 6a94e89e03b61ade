"""The charts of reports: lines, a timeline of symptoms, effects with intervals, a scatter plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from matplotlib.ticker import MaxNLocator, NullLocator

from ganvas.reports.figures import (
    COLOURS,
    SIZE,
    Colour,
    annotate,
    as_svg,
    axis_label,
    empty_figure,
    finish_axes,
    name_rows,
    spread_apart,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Dashes = Literal["-", "--", ":", "-."]

DOTTED = (0, (2, 2))
"""How reference levels are dashed."""

PANEL_SIZE = (420, 190)
"""Width and height of a panel of lines, in SVG units."""

MOST_POINTS = 300
"""Points of a line; a longer one is averaged down to fewer."""


@dataclass(frozen=True)
class Line:
    """One line of a panel, labelled at its right end.

    low, high: the ends of a band around it; empty for none.
    dashes: so that lines differ by more than their colour.
    steps: whether it keeps each value until the next x.
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
    """A horizontal reference: a limit, a floor, a normal value."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One plot of lines over images seen or time.

    limits: of the y axis; None for what the data need.
    log: whether the y axis is logarithmic.
    events: x values that get a thin vertical line.
    end: of the x axis; None for the end of the longest line.
    """

    lines: Sequence[Line]
    x_label: str = "images seen"
    marks: Sequence[Mark] = ()
    limits: tuple[float | None, float | None] = (None, None)
    log: bool = False
    events: Sequence[float] = ()
    end: float | None = None


@as_svg
def line_chart(panel: Panel) -> Figure:
    """Lines with their bands, labelled at their right ends."""
    right = 10 + text_width([line.label for line in panel.lines])
    figure, axes = empty_figure(PANEL_SIZE, left=48, right=right, top=10)
    if panel.log:
        axes.set_yscale("log")
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(axis_label)
    for line in panel.lines:
        _draw_line(axes, thinned(line))
    for mark in panel.marks:
        axes.axhline(mark.value, color=COLOURS["muted"], linewidth=1, linestyle=DOTTED)
    for event in panel.events:
        axes.axvline(event, color=COLOURS["muted"], linewidth=0.8)
    axes.set_ylim(*_y_limits(axes, panel))
    last = max((line.x[-1] for line in panel.lines if len(line.x)), default=1)
    axes.set_xlim(0, (last if panel.end is None else panel.end) or 1)
    finish_axes(axes, panel.x_label, grid="y")
    for mark in panel.marks:
        left_end = (0, mark.value)
        coords = ("axes fraction", "data")
        annotate(axes, mark.label, left_end, "muted", offset=(4, 7), coords=coords)
    _label_ends(axes, panel.lines)
    return figure


def thinned(line: Line) -> Line:
    """The same line with at most `MOST_POINTS` points, each the mean of its neighbourhood.

    Steps stay as they are: a mean of times is no time at which anything happened.
    """
    if len(line.x) <= MOST_POINTS or line.steps:
        return line
    size = math.ceil(len(line.x) / MOST_POINTS)

    def means(values: Sequence[float]) -> list[float]:
        blocks = [values[start : start + size] for start in range(0, len(values), size)]
        return [sum(block) / len(block) for block in blocks]

    return replace(
        line, x=means(line.x), y=means(line.y), low=means(line.low), high=means(line.high)
    )


def _draw_line(axes: Axes, line: Line) -> None:
    colour = COLOURS[line.colour]
    axes.plot(
        line.x,
        line.y,
        color=colour,
        linestyle=line.dashes,
        drawstyle="steps-post" if line.steps else "default",
        marker="o" if len(line.x) <= 15 and not line.steps else "",
        markersize=3.5,
        clip_on=False,
    )
    if len(line.low):
        axes.fill_between(line.x, line.low, line.high, facecolor=colour, alpha=0.18, linewidth=0)


def _y_limits(axes: Axes, panel: Panel) -> tuple[float, float]:
    """The limits asked for, or else those of the data, with room for the labels of the marks."""
    low, high = axes.get_ylim()
    for mark in () if panel.log else panel.marks:
        span = high - low
        low, high = min(low, mark.value - 0.08 * span), max(high, mark.value + 0.18 * span)
    wanted_low, wanted_high = panel.limits
    return (low if wanted_low is None else wanted_low, high if wanted_high is None else wanted_high)


def _label_ends(axes: Axes, lines: Sequence[Line]) -> None:
    """Write each line's label at its right end, moved apart where labels would overlap."""
    labelled = [line for line in lines if line.label and len(line.y)]
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [float(to_axes.transform((line.x[-1], line.y[-1]))[1]) for line in labelled]
    gap = (SIZE + 2) / (PANEL_SIZE[1] - 46)
    for end, line in zip(spread_apart(ends, gap), labelled, strict=True):
        annotate(axes, line.label, (1, end), line.colour, coords="axes fraction")


ROW = 22
"""Height of one row of a chart, in SVG units."""

ROW_GAP = 10
"""Space between two attempts of a timeline, in SVG units."""


@dataclass(frozen=True)
class Span:
    """A symptom while it lasted, in images seen.

    failing_from: when it got failing; None if it was only ever to be watched.
    """

    name: str
    since: float
    until: float
    failing_from: float | None = None


@dataclass(frozen=True)
class TimelineRow:
    """One attempt at training, from its first to its last image, with its symptoms.

    ending: how it ended, in a word or two: finished, discarded.
    """

    name: str
    begin: float
    end: float
    ending: str
    spans: Sequence[Span] = ()


@as_svg
def timeline(rows: Sequence[TimelineRow], width: float = 760) -> Figure:
    """A bar for each symptom, below the line of the attempt that it belongs to.

    A failing symptom has a thick bar, one to be watched a thin one; both are labelled.
    """
    names = [name for row in rows for name in (row.name, *(span.name for span in row.spans))]
    size = (width, 46 + ROW * len(names) + ROW_GAP * (len(rows) - 1))
    right = 16 + text_width(["interrupted"])
    figure, axes = empty_figure(size, left=16 + text_width(names), right=right, top=4)
    y, positions = 0.0, []
    for row in rows:
        positions += [y - index for index in range(1 + len(row.spans))]
        axes.plot([row.begin, row.end], [y, y], color=COLOURS["muted"], linewidth=1.5)
        axes.plot(row.end, y, "|", color=COLOURS["ink"], markersize=9, markeredgewidth=1.5)
        annotate(axes, row.ending, (row.end, y), "ink")
        for index, span in enumerate(row.spans, start=1):
            _draw_span(axes, span, y - index)
        y = positions[-1] - 1 - ROW_GAP / ROW
    axes.set_xlim(min(row.begin for row in rows), max(1, *(row.end for row in rows)))
    axes.set_ylim(positions[-1] - 0.6, 0.6)
    finish_axes(axes, "images seen", grid="x")
    name_rows(axes, names, positions)
    return figure


def _draw_span(axes: Axes, span: Span, y: float) -> None:
    status: Colour = "watch"
    axes.plot([span.since, span.until], [y, y], color=COLOURS[status], lw=4, solid_capstyle="butt")
    if span.failing_from is not None:
        status = "failing"
        failing = [span.failing_from, span.until]
        axes.plot(failing, [y, y], color=COLOURS[status], lw=10, solid_capstyle="butt")
    annotate(axes, status, (span.until, y), status)


@dataclass(frozen=True)
class EffectRow:
    """One effect with its interval, and a note beside it."""

    name: str
    value: float
    interval: tuple[float, float] | None
    note: str
    colour: Colour


@as_svg
def effect_chart(rows: Sequence[EffectRow], no_effect: float, label: str, log: bool) -> Figure:
    """A row for each effect: a dot, its interval as a line, its verdict as text.

    Args:
        no_effect: the value that means none: 1 for ratios, 0 for differences.
        label: of the x axis.
        log: whether the x axis is logarithmic.
    """
    left, right = text_width([row.name for row in rows]), text_width([row.note for row in rows])
    size = (760, 50 + ROW * len(rows))
    figure, axes = empty_figure(size, left=16 + left, right=20 + right, top=8)
    if log:
        axes.set_xscale("log")
    axes.axvline(no_effect, color=COLOURS["muted"], linewidth=1, linestyle=DOTTED)
    for y, row in enumerate(rows):
        colour = COLOURS[row.colour]
        if row.interval is not None:
            axes.plot(row.interval, [y, y], color=colour, linewidth=2)
        axes.plot(row.value, y, "o", color=colour, markersize=6.5)
        coords = ("axes fraction", "data")
        annotate(axes, row.note, (1, y), row.colour, offset=(10, 0), coords=coords)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.06)
    finish_axes(axes, label, grid="x")
    if log:
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.xaxis.set_minor_locator(NullLocator())
    name_rows(axes, [row.name for row in rows], range(len(rows)))
    return figure


@dataclass(frozen=True)
class Spot:
    """One arm in a scatter plot; `best` ones get a ring and a bold name."""

    name: str
    x: float
    y: float
    best: bool


@as_svg
def scatter(spots: Sequence[Spot], x_label: str, y_label: str) -> Figure:
    """Named spots in a plane."""
    width, height = 520.0, 280.0
    right = 16 + text_width([spot.name for spot in spots])
    figure, axes = empty_figure((width, height), left=48, right=right, top=26)
    for spot in spots:
        axes.plot(spot.x, spot.y, "o", color=COLOURS["first"], markersize=5, clip_on=False)
        if spot.best:
            axes.plot(
                spot.x, spot.y, "o", color=COLOURS["first"], fillstyle="none", ms=11, clip_on=False
            )
    axes.set_xlim(0, 1.05 * max(spot.x for spot in spots))
    finish_axes(axes, x_label, grid="y")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(axis_label)
    axes.set_title(y_label, loc="left", x=-44 / (width - 48 - right))
    low, high = axes.get_ylim()
    heights = [(spot.y - low) / (high - low) for spot in spots]
    for spot, at in zip(spots, spread_apart(heights, (SIZE + 2) / (height - 62)), strict=True):
        weight: Literal["normal", "bold"] = "bold" if spot.best else "normal"
        position = (spot.x, low + at * (high - low))
        annotate(axes, spot.name, position, "ink", offset=(11, 0), weight=weight)
    return figure
