"""The curves of a run: losses and the key numbers of the probes over images seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ganvas.formatting import format_number
from ganvas.health.evidence import finite_number
from ganvas.health.key_plots import KEY_PLOTS, LOG_FROM
from ganvas.reports.attempts import Attempt
from ganvas.reports.charts import Dashes, Line, Mark, Panel, line_chart
from ganvas.reports.figures import Colour
from ganvas.reports.page import Drawing
from ganvas.reports.texts import column_meaning
from ganvas.runs.history import Record

LINE_STYLES: tuple[tuple[Colour, Dashes], ...] = (
    ("first", "-"), ("second", "--"), ("third", ":"), ("fourth", "-."),
)  # fmt: skip
"""Of the lines of a panel: no two differ by their colour alone."""


def series(records: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """Images seen and values wherever a column has a finite number."""
    values = [(record["images_seen"], finite_number(record.get(name))) for record in records]
    finite = [(seen, value) for seen, value in values if value is not None]
    return [seen for seen, _ in finite], [value for _, value in finite]


def with_styles(lines: Sequence[Line]) -> list[Line]:
    """The lines, each with its own colour and dashes."""
    return [
        replace(line, colour=colour, dashes=dashes)
        for line, (colour, dashes) in zip(lines, LINE_STYLES, strict=False)
    ]


def describe_line(line: Line) -> str:
    """A line in words, for readers who cannot see it."""
    if not len(line.y):
        return f"{line.label}: no values"
    return (
        f"{line.label}: {format_number(line.y[0])} at {line.x[0]:,.0f}, "
        f"{format_number(line.y[-1])} at {line.x[-1]:,.0f}, "
        f"between {format_number(min(line.y))} and {format_number(max(line.y))}"
    )


def draw_panel(about: str, panel: Panel, caption: str = "", title: str = "") -> Drawing:
    """A panel with its numbers in words; `about` says what is plotted."""
    lines = [describe_line(line) for line in panel.lines if line.label]
    marks = [f"{mark.label}: {format_number(mark.value)}" for mark in panel.marks]
    alt = f"{about}, over {panel.x_label}. {'; '.join([*lines, *marks])}."
    return Drawing(line_chart(panel), alt, caption, title)


def needs_log(values: Sequence[float]) -> bool:
    """Whether values are all above 0 and span more than `LOG_FROM`."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > LOG_FROM


def loss_plots(attempts: Sequence[Attempt]) -> list[Drawing]:
    """The loss terms of each player; those of discarded attempts in grey."""
    players = ("discriminator", "generator")
    return [drawing for player in players for drawing in _loss_plot(attempts, player)]


def _loss_plot(attempts: Sequence[Attempt], player: str) -> Iterator[Drawing]:
    history = attempts[-1].history
    prefix = f"{player}/loss/"
    names = dict.fromkeys(name for record in history for name in record if name.startswith(prefix))
    lines = [Line(name.removeprefix(prefix), *series(history, name)) for name in names]
    if not any(line.y for line in lines):
        return
    discarded = []
    for attempt in attempts[:-1]:
        own = [record for record in attempt.history if record["images_seen"] > attempt.begin]
        points = series(own, f"{prefix}adversarial")
        discarded.append(Line("", *points, colour="muted", dashes=":"))
    lines = [*discarded, *with_styles(lines)]
    panel = Panel(lines, log=needs_log([value for line in lines for value in line.y]))
    caption = "Means since the record before."
    caption += " Grey and dotted: discarded attempts." if discarded else ""
    caption += " Logarithmic axis." if panel.log else ""
    title = f"The {player}'s loss"
    yield draw_panel(title, panel, caption, title)


def key_plots(history: Sequence[Record]) -> list[Drawing]:
    """Those of the `KEY_PLOTS` for which something was measured."""
    drawings = []
    for plot in KEY_PLOTS:
        lines = [Line(label, *series(history, name)) for name, label in plot.columns]
        lines = with_styles([line for line in lines if line.y])
        if lines:
            marks = [] if plot.mark is None else [Mark(*plot.mark)]
            panel = Panel(lines, marks=marks, limits=plot.limits)
            drawings.append(draw_panel(plot.title, panel, plot.caption, plot.title))
    return drawings


def column_rows(history: Sequence[Record]) -> list[tuple[str, float, float, str]]:
    """Every numeric column of the history: name, first and last value, meaning."""
    names = dict.fromkeys(name for record in history for name in record if name != "images_seen")
    values = {name: series(history, name)[1] for name in names}
    return [(name, v[0], v[-1], column_meaning(name)) for name, v in values.items() if v]
