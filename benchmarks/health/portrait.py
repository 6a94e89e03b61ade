"""One picture of one symptom: a run, its healthy twin, and the number that tells them apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from curves import Curve, Points, needs_log_scale, steady
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from panels import CELL, COLUMNS, GAP, ROWS, Panel
from PIL import Image

from ganvas import storage
from ganvas.formatting import format_number

SICK, WELL, LIMIT, INK, FAINT = "#c2410c", "#1d6fb8", "#4b5563", "#111827", "#6b7280"
"""Colours that hold their own on white, and differ in lightness too."""

WIDTH, HEIGHT = 1600, 720
"""Pixels; shown at half of it, so that text stays sharp on dense screens."""
EDGE, TOP = 36, 166
"""Pixels around the whole, and down to the images."""
PANEL_WIDTH, PANEL_HEIGHT = COLUMNS * (CELL + GAP) - GAP, ROWS * (CELL + GAP) - GAP
DPI = 100
LARGEST_FILE = 60 * 1024
PALETTES = (256, 160, 96, 64, 40, 24, 16)
"""Colours, of which the first that gives a small enough file is taken."""

TITLES = {
    "clip-too-small": "weights clipped so close to zero that the critic is flat",
    "clip-too-large": "no weight reaches the clip, and the critic grows steep",
    "updates-too-large": "each step changes so much that it unlearns what was known",
    "discriminator-too-weak": "fakes far from real images pass for real",
    "generator-stands-still": "the generator's weights hardly change",
    "vanishing-generator-gradient": "next to no gradient reaches the generator",
    "not-lipschitz": "the critic is far too steep for its loss to be a distance",
    "exploding-gradients": "gradients so large that every step leads astray",
    "diverging": "the numbers run away, and training with them",
    "discriminator-memorises": "the discriminator knows its training images by heart",
    "discriminator-overpowers": "every fake is told from every real image, at no cost",
    "mode-collapse": "the generator makes nearly the same few images",
    "partial-collapse": "the images vary much less than as many real ones",
    "oscillation": "images change all the time and nothing lasts",
    "saturated-output": "most pixels are stuck at pure black or white",
    "checkerboard": "images bear the grid of their transposed convolutions",
    "stagnation": "training goes on, and the best score is long ago",
    "idle-penalty": "a penalty next to nothing beside the loss",
    "average-lags": "the averaged generator lies far behind the trained one",
}
"""What a person sees, in one line."""

LABELS = {
    "probe/diversity/distance": "difference of two fakes, 1 as real",
    "probe/diversity/vendi": "effective number of images, 1 as real",
    "probe/diversity/duplicates": "share of near-copies",
    "probe/update/generator": "what a step changes of the generator",
    "probe/update/discriminator": "what a step changes of the discriminator",
    "probe/clip/share": "share of weights at the clip",
    "probe/input_gradient/between": "slope of the critic",
    "probe/input_gradient/fake": "slope of the discriminator at fakes",
    "probe/gradient/generator/first": "gradient at the generator's first layer",
    "probe/gradient/discriminator/first": "gradient at the first layer",
    "probe/logits/fake": "mean logit of fakes",
    "probe/logits/real": "mean logit of real images",
    "probe/ranking/train": "share of fakes told from real images",
    "probe/ranking/memory": "training images ranked above held-out ones",
    "probe/r_v": "held-out logits: 0 as training, 1 as fakes",
    "probe/likeness/mean_gap": "distance of mean fake and mean real image",
    "probe/output/saturated": "share of pixels at black or white",
    "probe/checkerboard/ratio": "strength of the grid, 1 as real",
    "probe/movement/last": "change of an image from look to look",
    "probe/movement/before_last": "change of an image over two looks",
    "probe/movement/average_lag": "distance of average and trained generator",
    "generator/gradient_norm": "gradient of the generator",
    "discriminator/gradient_norm": "gradient of the discriminator",
    "discriminator/loss/adversarial": "loss of the discriminator",
    "swd": "sliced Wasserstein distance, 0 the best",
}
"""Columns in few words."""


@dataclass(frozen=True)
class Portrait:
    """Everything that the picture shows.

    what: the change that made it, in words.
    setting: recipe, size and images, in words.
    curve: None where no single number decided.
    since: images seen at the onset.
    named: images seen when it was first said.
    """

    symptom: str
    what: str
    setting: str
    sick: Panel
    healthy: Panel
    curve: Curve | None
    since: int
    named: int

    @property
    def title(self) -> str:
        """The symptom, and what that is."""
        return f"{self.symptom}: {TITLES[self.symptom]}"


def label_of(column: str) -> str:
    """A column in few words."""
    for name in ("gradient_penalty", "one_sided_gradient_penalty", "r1", "r2"):
        if column == f"discriminator/loss/{name}":
            return f"the penalty's term of the loss ({name.replace('_', ' ')})"
    return LABELS.get(column, column)


def write_portrait(path: Path, portrait: Portrait) -> int:
    """Draw it into a PNG of few colours; its size in bytes."""
    content = packed(drawn(portrait))
    storage.make_directory(path.parent)
    storage.write_bytes(path, content)
    return len(content)


def drawn(portrait: Portrait) -> Image.Image:
    """The picture in full colour."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    write(figure, EDGE, 30, portrait.title, 31, INK, bold=True)
    write(figure, EDGE, 76, f"made by: {portrait.what}", 22, SICK)
    write(figure, EDGE, 76, portrait.setting, 20, FAINT, right=True)
    left = EDGE
    panels = (("this run", SICK, portrait.sick), ("without the change", WELL, portrait.healthy))
    for heading, colour, panel in panels:
        write(figure, left, 122, heading, 24, colour, bold=True)
        place(figure, left, panel)
        left += PANEL_WIDTH + 40
    chart(figure, left + 70, portrait)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def write(
    figure: Figure,
    left: float,
    top: float,
    text: str,
    size: float,
    colour: str,
    *,
    bold: bool = False,
    right: bool = False,
) -> None:
    """A line of text, its upper left corner in pixels; `right` ends it at the right edge."""
    figure.text(
        (WIDTH - EDGE if right else left) / WIDTH,
        1 - top / HEIGHT,
        text,
        fontsize=size * 72 / DPI,
        color=colour,
        fontweight="bold" if bold else "normal",
        va="top",
        ha="right" if right else "left",
    )


def place(figure: Figure, left: int, panel: Panel) -> None:
    """A panel's images pixel by pixel, and the headings of its columns."""
    picture = panel.picture()
    figure.figimage(picture, left, HEIGHT - TOP - picture.shape[0], origin="upper")
    for index, heading in enumerate(panel.headings):
        middle = left + index * (CELL + GAP) + CELL / 2
        figure.text(
            middle / WIDTH,
            1 - (TOP + picture.shape[0] + 8) / HEIGHT,
            heading,
            fontsize=18 * 72 / DPI,
            color=FAINT,
            ha="center",
            va="top",
        )


def chart(figure: Figure, left: int, portrait: Portrait) -> None:
    """The deciding number over images seen, of both runs."""
    curve = portrait.curve
    if curve is None:
        return
    right, bottom = EDGE + 10, 64
    height = HEIGHT - TOP - bottom
    axes = figure.add_axes(
        (left / WIDTH, bottom / HEIGHT, (WIDTH - left - right) / WIDTH, (height - 4) / HEIGHT)
    )
    write(figure, left - 70, 122, label_of(curve.column), 24, INK, bold=True)
    dress(axes)
    numbers = [value for points in (curve.sick, curve.healthy, curve.limits) for _, value in points]
    if curve.is_score or needs_log_scale(numbers):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if curve.is_score else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    for points, colour in ((curve.healthy, WELL), (curve.sick, SICK)):
        mark = "o" if len(points) <= 24 else ""
        axes.plot(*unzipped(points), color=colour, lw=3.5, marker=mark, ms=7, zorder=3)
    end = max(images for points in (curve.sick, curve.healthy) for images, _ in points)
    end = end if curve.stopped_at is None else round(1.2 * curve.stopped_at)
    axes.set_xlim(0, end * 1.03)
    draw_limit(axes, curve, end)
    if curve.stopped_at is not None and curve.sick:
        axes.plot(*curve.sick[-1], color=SICK, marker="X", ms=20, zorder=6)
    draw_onset(axes, portrait, end)


def dress(axes: Axes) -> None:
    """Quiet axes with large figures."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(labelsize=19 * 72 / DPI, colors=LIMIT, length=5)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images:,.0f}"))
    axes.set_xlabel("images seen", fontsize=19 * 72 / DPI, color=LIMIT)


def unzipped(points: Points) -> tuple[list[int], list[float]]:
    """Images and values apart."""
    return [images for images, _ in points], [value for _, value in points]


def draw_limit(axes: Axes, curve: Curve, end: int) -> None:
    """The limit as a line, the alarming side shaded."""
    if not curve.limits:
        return
    images, limits = unzipped(curve.limits)
    if steady(curve.limits):
        images, limits = [0, round(end * 1.03)], [limits[-1]] * 2
    low, high = axes.get_ylim()
    low, high = widened(low, high, limits, log=axes.get_yscale() == "log")
    if min(value for points in (curve.sick, curve.healthy) for _, value in points) >= 0:
        low = max(low, 0.0)
    axes.set_ylim(low, high)
    axes.plot(images, limits, color=LIMIT, lw=2.5, ls=(0, (4, 2.5)), zorder=2)
    far = high if curve.alarms_above else low
    axes.fill_between(images, limits, far, color=SICK, alpha=0.10, lw=0, zorder=1)
    name = "best" if curve.is_score else "limit"
    below = has_more_room_below(axes, limits[-1], [curve.sick[-1][1], curve.healthy[-1][1]])
    text = f"{name} {format_number(limits[-1], 3)}" if steady(curve.limits) else name
    axes.annotate(
        text,
        (images[-1], limits[-1]),
        xytext=(0, -5 if below else 5),
        textcoords="offset points",
        ha="right",
        va="top" if below else "bottom",
        fontsize=19 * 72 / DPI,
        color=LIMIT,
        bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5},
        zorder=5,
    )


def has_more_room_below(axes: Axes, limit: float, lines: Sequence[float]) -> bool:
    """On which side of a limit the lines at the right edge, or the axis, are farther away."""
    low, high = axes.get_ylim()
    heights = axes.transData.transform([(0, y) for y in (limit, low, high, *lines)])[:, 1]
    here, others = heights[0], heights[1:]
    below = min(here - y for y in others if y <= here)
    above = min((y - here for y in others if y > here), default=0.0)
    return bool(below > above)


def tick(value: float) -> str:
    """A number at an axis, short."""
    return format_number(value, 3) if value < 1e5 else f"{value:.0e}".replace("e+0", "e")


def widened(low: float, high: float, limits: Sequence[float], *, log: bool) -> tuple[float, float]:
    """A range of the axis in which the limits have room on both sides."""
    least, most = min(low, *limits), max(high, *limits)
    if log:
        room = (most / least) ** 0.08
        return least / room, most * room
    room = 0.08 * (most - least)
    return least - room, most + room


def draw_onset(axes: Axes, portrait: Portrait, end: int) -> None:
    """When it set in, and when that was said."""
    axes.axvline(portrait.since, color=SICK, lw=2, ls=":", zorder=2)
    said = "" if portrait.named == portrait.since else f"\nnamed at {portrait.named:,}"
    on_the_left = portrait.since > 0.55 * end
    stopped = portrait.curve.stopped_at if portrait.curve is not None else None
    axes.annotate(
        f"since {portrait.since:,}{said}",
        (portrait.since, 1 if stopped is None else 0.3),
        xycoords=("data", "axes fraction"),
        xytext=(-7 if on_the_left else 7, -2),
        textcoords="offset points",
        ha="right" if on_the_left else "left",
        va="top",
        fontsize=19 * 72 / DPI,
        color=SICK,
        bbox={"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5},
        zorder=5,
    )


def packed(picture: Image.Image) -> bytes:
    """As PNG with as many colours as `LARGEST_FILE` has room for."""
    content = b""
    for colours in PALETTES:
        buffer = io.BytesIO()
        few = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(buffer, format="PNG", optimize=True)
        content = buffer.getvalue()
        if len(content) <= LARGEST_FILE:
            break
    return content
