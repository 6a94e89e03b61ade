"""One figure for one symptom: a run, its healthy twin, and the number that tells them apart."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from curves import Curve, Points
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from panels import CELL, COLUMNS, GAP, Panel
from PIL import Image

from ganvas import storage
from ganvas.formatting import format_number

SICK, WELL, LIMIT, INK, FAINT = "#c2410c", "#1d6fb8", "#4b5563", "#111827", "#6b7280"
"""Colours with enough contrast on white, which differ in lightness, too."""

WIDTH, HEIGHT = 1600, 720
"""Pixels; shown at half of it, so that text stays sharp on dense screens."""
EDGE, TOP = 36, 166
"""Pixels around the whole, and down to the images."""
PANEL_WIDTH = COLUMNS * (CELL + GAP) - GAP
DPI = 100
SMALL = 19 * 72 / DPI
"""Points of 19 pixels."""
MAX_FILE_SIZE = 60 * 1024
PALETTES = (256, 160, 96, 64, 40, 24, 16)
"""Numbers of colours; the first that gives a small enough file is used."""

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
    "class-collapse": "every label has one image, whatever the latents are",
    "mode-collapse": "the generator makes nearly the same few images",
    "partial-collapse": "the images vary much less than as many real ones",
    "ignores-labels": "images do not show which label they were asked for",
    "oscillation": "images change all the time and nothing lasts",
    "saturated-output": "most pixels are stuck at pure black or white",
    "checkerboard": "images bear the grid of their transposed convolutions",
    "stagnation": "training goes on, and the best score is long ago",
    "idle-penalty": "a penalty next to nothing beside the loss",
    "average-lags": "the averaged generator lies far behind the trained one",
}
"""What the images show, in one line."""

LABELS = {
    "probe/diversity/distance": "difference of two fakes, 1 as real",
    "probe/diversity/vendi": "effective number of images, 1 as real",
    "probe/diversity/duplicates": "share of near-copies",
    "probe/labels/effect": "share of labels in the difference of two images",
    "probe/labels/told": "labels told from pixels, 0 by chance",
    "probe/labels/diversity": "difference of two fakes of a label, 1 as real",
    "probe/labels/diversity_least": "the same of the label with the least",
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
"""Columns in a few words."""


@dataclass(frozen=True)
class SymptomFigure:
    """Everything that the figure shows.

    what: the change that made the run sick.
    setting: recipe, size and images, as text.
    curve: None where no single number decided.
    since: images seen at the onset.
    found: images seen at the first finding.
    """

    symptom: str
    what: str
    setting: str
    sick: Panel
    healthy: Panel
    curve: Curve | None
    since: int
    found: int

    @property
    def title(self) -> str:
        """The symptom and its meaning."""
        return f"{self.symptom}: {TITLES[self.symptom]}"


def label_of(column: str) -> str:
    """A column in a few words."""
    penalty = column.removeprefix("discriminator/loss/")
    if penalty in ("gradient_penalty", "one_sided_gradient_penalty", "r1", "r2"):
        return f"the penalty's term of the loss ({penalty.replace('_', ' ')})"
    return LABELS.get(column, column)


def write_figure(path: Path, shown: SymptomFigure) -> int:
    """Draw it into a PNG of few colours; its size in bytes."""
    content = compressed(draw(shown))
    storage.make_directory(path.parent)
    storage.write_bytes(path, content)
    return len(content)


def draw(shown: SymptomFigure) -> Image.Image:
    """The figure in full colour."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    write(figure, EDGE, 30, shown.title, 31, INK, fontweight="bold")
    write(figure, EDGE, 76, f"made by: {shown.what}", 22, SICK)
    write(figure, WIDTH - EDGE, 76, shown.setting, 20, FAINT, ha="right")
    left = EDGE
    panels = (("this run", SICK, shown.sick), ("without the change", WELL, shown.healthy))
    for heading, colour, panel in panels:
        write(figure, left, 122, heading, 24, colour, fontweight="bold")
        picture = panel.picture()
        figure.figimage(picture, left, HEIGHT - TOP - picture.shape[0], origin="upper")
        for index, text in enumerate(panel.headings):
            middle = left + index * (CELL + GAP) + CELL / 2
            write(figure, middle, TOP + picture.shape[0] + 8, text, 18, FAINT, ha="center")
        left += PANEL_WIDTH + 40
    if shown.curve is not None:
        write(figure, left, 122, label_of(shown.curve.column), 24, INK, fontweight="bold")
        draw_chart(figure, left + 70, shown, shown.curve)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def write(
    figure: Figure, x: float, y: float, text: str, size: float, colour: str, **style: Any
) -> None:
    """A line of text, `size` pixels high, its corner at (x, y) pixels from the upper left."""
    style = {"fontsize": size * 72 / DPI, "color": colour, "va": "top", **style}
    figure.text(x / WIDTH, 1 - y / HEIGHT, text, **style)


def draw_chart(figure: Figure, left: int, shown: SymptomFigure, curve: Curve) -> None:
    """The deciding number of both runs over images seen."""
    bottom, right = 64, EDGE + 10
    height = HEIGHT - TOP - bottom
    axes = figure.add_axes(
        (left / WIDTH, bottom / HEIGHT, (WIDTH - left - right) / WIDTH, (height - 4) / HEIGHT)
    )
    style_axes(axes)
    numbers = [value for points in (curve.sick, curve.healthy, curve.limits) for _, value in points]
    if curve.is_score or needs_log_scale(numbers):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if curve.is_score else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
    for points, colour in ((curve.healthy, WELL), (curve.sick, SICK)):
        marker = "o" if len(points) <= 24 else ""
        axes.plot(*unzip(points), color=colour, lw=3.5, marker=marker, ms=7, zorder=3)
    end = max(images for points in (curve.sick, curve.healthy) for images, _ in points)
    if curve.stopped_at is not None:
        end = round(1.2 * curve.stopped_at)
    axes.set_xlim(0, end * 1.03)
    if curve.limits:
        draw_limit(axes, curve, end)
    if curve.stopped_at is not None and curve.sick:
        axes.plot(*curve.sick[-1], color=SICK, marker="X", ms=20, zorder=6)
    draw_onset(axes, shown, curve, end)


def style_axes(axes: Axes) -> None:
    """Faint axes with large numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(labelsize=SMALL, colors=LIMIT, length=5)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images:,.0f}"))
    axes.set_xlabel("images seen", fontsize=SMALL, color=LIMIT)


def needs_log_scale(numbers: Sequence[float]) -> bool:
    """Whether all numbers are positive and far apart."""
    return bool(numbers) and min(numbers) > 0 and max(numbers) > 30 * min(numbers)


def unzip(points: Points) -> tuple[list[int], list[float]]:
    """Images and values."""
    return [images for images, _ in points], [value for _, value in points]


def draw_limit(axes: Axes, curve: Curve, end: int) -> None:
    """The limit as a line; the abnormal side is shaded."""
    images, limits = unzip(curve.limits)
    if curve.has_constant_limit:
        images, limits = [0, round(end * 1.03)], [limits[-1]] * 2
    low, high = with_margin(*axes.get_ylim(), limits, log=axes.get_yscale() == "log")
    if min(value for points in (curve.sick, curve.healthy) for _, value in points) >= 0:
        low = max(low, 0.0)
    axes.set_ylim(low, high)
    axes.plot(images, limits, color=LIMIT, lw=2.5, ls=(0, (4, 2.5)), zorder=2)
    far = high if curve.alarms_above else low
    axes.fill_between(images, limits, far, color=SICK, alpha=0.10, lw=0, zorder=1)
    name = "best" if curve.is_score else "limit"
    below = has_more_room_below(axes, limits[-1], [curve.sick[-1][1], curve.healthy[-1][1]])
    annotate(
        axes,
        f"{name} {format_number(limits[-1], 3)}" if curve.has_constant_limit else name,
        (images[-1], limits[-1]),
        xytext=(0, -5 if below else 5),
        ha="right",
        va="top" if below else "bottom",
        color=LIMIT,
    )


def annotate(axes: Axes, text: str, at: tuple[float, float], **style: Any) -> None:
    """Text on a white box, offset by `xytext` points."""
    box = {"facecolor": "white", "alpha": 0.75, "lw": 0, "pad": 1.5}
    style |= {"textcoords": "offset points", "fontsize": SMALL, "bbox": box, "zorder": 5}
    axes.annotate(text, at, **style)


def has_more_room_below(axes: Axes, limit: float, lines: Sequence[float]) -> bool:
    """Whether the nearest line, or edge of the axis, is farther away below the limit than above."""
    heights = axes.transData.transform([(0, y) for y in (limit, *axes.get_ylim(), *lines)])[:, 1]
    here, others = heights[0], heights[1:]
    below = min(here - y for y in others if y <= here)
    above = min((y - here for y in others if y > here), default=0.0)
    return bool(below > above)


def tick_label(value: float) -> str:
    """A number at an axis, short."""
    return format_number(value, 3) if value < 1e5 else f"{value:.0e}".replace("e+0", "e")


def with_margin(
    low: float, high: float, limits: Sequence[float], *, log: bool
) -> tuple[float, float]:
    """A range of the axis in which the limits have space on both sides."""
    least, most = min(low, *limits), max(high, *limits)
    if log:
        margin = (most / least) ** 0.08
        return least / margin, most * margin
    margin = 0.08 * (most - least)
    return least - margin, most + margin


def draw_onset(axes: Axes, shown: SymptomFigure, curve: Curve, end: int) -> None:
    """The onset, and when it was found."""
    axes.axvline(shown.since, color=SICK, lw=2, ls=":", zorder=2)
    found = "" if shown.found == shown.since else f"\nnamed at {shown.found:,}"
    on_the_left = shown.since > 0.55 * end
    annotate(
        axes,
        f"since {shown.since:,}{found}",
        (shown.since, 1 if curve.stopped_at is None else 0.3),
        xycoords=("data", "axes fraction"),
        xytext=(-7 if on_the_left else 7, -2),
        ha="right" if on_the_left else "left",
        va="top",
        color=SICK,
    )


def compressed(picture: Image.Image) -> bytes:
    """As PNG with as many colours as fit into `MAX_FILE_SIZE`."""
    content = b""
    for colours in PALETTES:
        buffer = io.BytesIO()
        few = picture.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        few.save(buffer, format="PNG", optimize=True)
        content = buffer.getvalue()
        if len(content) <= MAX_FILE_SIZE:
            break
    return content
