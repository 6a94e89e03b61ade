"""How training went: losses and telling columns over images, and where every column ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ganvas.formatting import format_number
from ganvas.health.evidence import number
from ganvas.reports import words
from ganvas.reports.attempts import Attempt
from ganvas.reports.figures import Colour, Dashes, Line, Mark, Panel, curves
from ganvas.reports.page import Drawing
from ganvas.runs.history import Record

STYLES: tuple[tuple[Colour, Dashes], ...] = (
    ("first", "-"), ("second", "--"), ("third", ":"), ("fourth", "-."),
)  # fmt: skip
"""Of a panel's lines: no two differ by colour alone."""

WIDE = 30
"""From this ratio of the largest to the smallest value on, an axis counts factors."""


@dataclass(frozen=True)
class Plot:
    """A drawing under a heading, with a line that explains it."""

    title: str
    drawing: Drawing
    explained: str


@dataclass(frozen=True)
class Telling:
    """Columns that tell how training goes. names: column and what its line is called."""

    title: str
    names: tuple[tuple[str, str], ...]
    mark: Mark | None
    limits: tuple[float | None, float | None]
    explained: str


TELLING = (
    Telling(
        "Can the discriminator tell?",
        (("probe/ranking/train", "training"), ("probe/ranking/held_out", "held out")),
        Mark(0.5, "a coin toss"),
        (0, 1.04),
        "How often a real image's logit is above a generated one's. Two lines apart: the "
        "discriminator knows its training images by heart.",
    ),
    Telling(
        "How various are the images?",
        (("probe/diversity/vendi", "number"), ("probe/diversity/distance", "distance")),
        Mark(1, "as real images"),
        (0, None),
        "Effective number of different images, and mean distance of two, over those of real ones.",
    ),
    Telling(
        "How far from real on average?",
        (("probe/likeness/mean_gap", "mean image"),),
        Mark(0.18, "noise of 64 images"),
        (0, None),
        "Distance of the mean generated from the mean training image, over the reals' own spread.",
    ),
    Telling(
        "How much do images still change?",
        (("probe/movement/last", "last look"), ("probe/movement/average_lag", "average lag")),
        None,
        (0, None),
        "For the same latents, over the distance of two real images: since the last look, and "
        "between the averaged generator and the current one.",
    ),
)


def series(records: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """Images seen and values wherever a column has a finite number."""
    pairs = [(one["images_seen"], number(one.get(name))) for one in records]
    known = [(seen, value) for seen, value in pairs if value is not None]
    return [seen for seen, _ in known], [value for _, value in known]


def styled(lines: Sequence[Line]) -> list[Line]:
    """The lines, each with a colour and a dash of its own."""
    return [
        replace(one, colour=colour, dashes=dashes)
        for one, (colour, dashes) in zip(lines, STYLES, strict=False)
    ]


def in_words(line: Line) -> str:
    """A line for those who cannot see it."""
    if not len(line.y):
        return f"{line.label}: no values"
    return (
        f"{line.label}: {format_number(line.y[0])} at {line.x[0]:,.0f}, "
        f"{format_number(line.y[-1])} at {line.x[-1]:,.0f}, "
        f"between {format_number(min(line.y))} and {format_number(max(line.y))}"
    )


def drawn(title: str, panel: Panel) -> Drawing:
    """A panel with its numbers in words."""
    lines = [in_words(line) for line in panel.lines if line.label]
    marks = [f"{mark.label}: {format_number(mark.value)}" for mark in panel.marks]
    return Drawing(curves(panel), f"{title}, over {panel.x_label}. {'; '.join([*lines, *marks])}.")


def is_wide(values: Sequence[float]) -> bool:
    """Whether values are all above 0 and span factors."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > WIDE


def losses(taken: Sequence[Attempt]) -> list[Plot]:
    """Each player's loss terms; those of attempts that were given up in grey."""
    return [plot for player in ("discriminator", "generator") for plot in _losses(taken, player)]


def _losses(taken: Sequence[Attempt], player: str) -> Iterator[Plot]:
    history = taken[-1].history
    start = f"{player}/loss/"
    names = list(dict.fromkeys(name for one in history for name in one if name.startswith(start)))
    lines = styled([Line(name.removeprefix(start), *series(history, name)) for name in names])
    if not any(line.y for line in lines):
        return
    given_up = []
    for attempt in taken[:-1]:
        past = [one for one in attempt.history if one["images_seen"] > attempt.begin]
        given_up.append(Line("", *series(past, f"{start}adversarial"), colour="muted", dashes=":"))
    every = [value for line in [*lines, *given_up] for value in line.y]
    panel = Panel([*given_up, *lines], log=is_wide(every))
    title = f"The {player}'s loss"
    said = "Means between two records."
    if given_up:
        said += " Grey and dotted: what was given up."
    if panel.log:
        said += " The axis counts factors."
    yield Plot(title, drawn(title, panel), said)


def telling(history: Sequence[Record]) -> list[Plot]:
    """The columns of probes that tell most, where they were measured."""
    plots = []
    for one in TELLING:
        lines = [Line(label, *series(history, name)) for name, label in one.names]
        lines = styled([line for line in lines if line.y])
        if not lines:
            continue
        marks = [] if one.mark is None else [one.mark]
        panel = Panel(lines, marks=marks, limits=one.limits)
        plots.append(Plot(one.title, drawn(one.title, panel), one.explained))
    return plots


@dataclass(frozen=True)
class ColumnRow:
    """A column of the history: its first and last value, and what it means."""

    name: str
    first: str
    last: str
    meaning: str


def columns(history: Sequence[Record]) -> list[ColumnRow]:
    """Every column that holds numbers."""
    names = dict.fromkeys(name for one in history for name in one if name != "images_seen")
    rows = []
    for name in names:
        _, values = series(history, name)
        if values:
            first, last = format_number(values[0]), format_number(values[-1])
            rows.append(ColumnRow(name, first, last, words.column(name)))
    return rows
