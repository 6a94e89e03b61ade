"""The style that all charts of a report share, and what they are made with.

A chart is a function that returns a matplotlib `Figure`, made without pyplot; `as_svg` turns it
into one that returns the bytes of an SVG. Its colours are placeholders that `page.inline` replaces
by the page's CSS variables, so a chart is readable on paper, on a light and on a dark screen.
Texts stay texts, in the page's font.
"""

from __future__ import annotations

import functools
import io
import itertools
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, ParamSpec

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ganvas.formatting import format_short
from ganvas.shared_changes import SharedChange
from ganvas.terminal import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Colour = Literal[
    "ink", "muted", "rule", "healthy", "watch", "failing", "first", "second", "third", "fourth"
]

COLOURS: dict[Colour, str] = {
    "ink": "#100001",
    "muted": "#100002",
    "rule": "#100003",
    "healthy": "#100005",
    "watch": "#100006",
    "failing": "#100007",
    "first": "#100011",
    "second": "#100012",
    "third": "#100013",
    "fourth": "#100014",
}
"""The placeholder in an SVG for each colour variable of the page."""

SIZE = 10.5
"""Font size in SVG units; the page shows a unit as about one pixel."""

LETTER = 6.4
"""Mean width of a letter, in SVG units; one of Chinese, Japanese or Korean is `SIZE` wide."""

STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names may hold dollars
    "svg.fonttype": "none",
    "svg.hashsalt": "ganvas",
    "font.size": SIZE,
    "figure.frameon": False,
    "axes.labelsize": "medium",
    "axes.labelcolor": COLOURS["muted"],
    "axes.titlesize": "medium",
    "axes.titlecolor": COLOURS["muted"],
    "axes.edgecolor": COLOURS["muted"],
    "axes.axisbelow": True,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": COLOURS["rule"],
    "xtick.labelcolor": COLOURS["muted"],
    "xtick.major.pad": 5,
    "xtick.major.size": 0,
    "ytick.labelcolor": COLOURS["muted"],
    "ytick.major.pad": 5,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
}
"""matplotlib's settings for a chart: thin grid lines, no frame, no ticks, small grey numbers."""

METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
"""None of these is written, so the same numbers give the same bytes."""

P = ParamSpec("P")


@contextmanager
def _style() -> Iterator[None]:
    """Our style. Letters that matplotlib's font lacks are not warned of: the page's font draws."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


OUR_STYLE = SharedChange(_style)
"""matplotlib's settings while a chart is drawn."""


def as_svg(chart: Callable[P, Figure]) -> Callable[P, bytes]:
    """Draw a chart in our style and return its SVG; matplotlib's own settings are restored."""

    @functools.wraps(chart)
    def draw(*args: P.args, **kwargs: P.kwargs) -> bytes:
        buffer = io.BytesIO()
        with OUR_STYLE():
            chart(*args, **kwargs).savefig(buffer, format="svg", metadata=METADATA)
        return buffer.getvalue()

    return draw


def empty_figure(
    size: tuple[float, float], *, left: float, right: float, top: float, bottom: float = 36
) -> tuple[Figure, Axes]:
    """A figure of this width and height with one pair of axes inside margins, in SVG units."""
    width, height = size
    figure = Figure(figsize=(width / 72, height / 72))  # matplotlib writes 72 units per inch
    inner = (width - left - right) / width, (height - bottom - top) / height
    axes = figure.add_axes((left / width, bottom / height, *inner))
    axes.patch.set_visible(False)
    return figure, axes


def finish_axes(axes: Axes, x_label: str, grid: Literal["x", "y"]) -> None:
    """Name the x axis, choose its numbers, and draw grid lines across one axis."""
    axes.grid(axis=grid)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(axis_label)
    axes.set_xlabel(x_label)


def name_rows(axes: Axes, names: Sequence[str], positions: Sequence[float]) -> None:
    """Write names on the y axis, one beside each row of a chart."""
    axes.set_yticks(positions, [printable(name, keep="") for name in names])
    axes.tick_params(axis="y", labelcolor=COLOURS["ink"])


def annotate(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    colour: Colour,
    *,
    offset: tuple[float, float] = (7, 0),
    coords: str | tuple[str, str] = "data",
    weight: Literal["normal", "bold"] = "normal",
) -> None:
    """Write a text just right of a point.

    Args:
        at: the point, in `coords` as matplotlib names them.
        offset: from the point to the middle of the text's left side, in SVG units.
    """
    axes.annotate(
        printable(text, keep=""),
        at,
        xycoords=coords,
        xytext=offset,
        textcoords="offset points",
        va="center",
        color=COLOURS[colour],
        fontweight=weight,
        annotation_clip=False,
    )


def axis_label(value: float, _position: object = None) -> str:
    """What matplotlib writes at a tick. Neighbours may differ in the fourth digit alone."""
    return format_short(value, digits=4)


def text_width(texts: Sequence[str]) -> float:
    """About how wide the longest of these texts is, in SVG units."""
    widths = (
        sum(SIZE if unicodedata.east_asian_width(letter) in "WF" else LETTER for letter in line)
        for line in texts
    )
    return max(widths, default=0.0)


def spread_apart(positions: Sequence[float], gap: float) -> list[float]:
    """Positions in [0, 1], moved as little as needed to lie at least `gap` from each other."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    moved = [min(max(position, 0.0), 1.0) for position in positions]
    for before, after in itertools.pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    if order and moved[order[-1]] > 1:
        moved[order[-1]] = 1.0
        for after, before in itertools.pairwise(reversed(order)):
            moved[before] = min(moved[before], moved[after] - gap)
    return moved
