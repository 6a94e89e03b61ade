"""Words on pictures: below one, or beside the rows and above the columns of a grid."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

FONT_SIZE, PADDING = 14, 4
"""Pixels. The font is Pillow's own, which has Latin letters and digits."""

LINE = FONT_SIZE + 2 * PADDING
"""The height of a line of text with the white around it."""


def with_caption(picture: Image.Image, text: str) -> Image.Image:
    """A picture with a line of text below it, on white."""
    canvas = Image.new(picture.mode, (picture.width, picture.height + LINE), "white")
    canvas.paste(picture)
    _write(canvas, text, (picture.width / 2, picture.height + LINE / 2))
    return canvas


def with_margins(grid: Image.Image, rows: Sequence[str], columns: Sequence[str]) -> Image.Image:
    """A grid with words to the left of its rows and above its columns, on white.

    Args:
        rows, columns: a text for each; all rows are equally high, all columns equally wide.
    """
    font = ImageFont.load_default(FONT_SIZE)
    left = round(max(font.getlength(text) for text in rows)) + 2 * PADDING
    canvas = Image.new(grid.mode, (left + grid.width, LINE + grid.height), "white")
    canvas.paste(grid, (left, LINE))
    for number, text in enumerate(rows):
        _write(canvas, text, (left / 2, LINE + (number + 0.5) * grid.height / len(rows)))
    for number, text in enumerate(columns):
        _write(canvas, text, (left + (number + 0.5) * grid.width / len(columns), LINE / 2))
    return canvas


def _write(canvas: Image.Image, text: str, centre: tuple[float, float]) -> None:
    """Write black text around a point, in place."""
    font = ImageFont.load_default(FONT_SIZE)
    ImageDraw.Draw(canvas).text(centre, text, fill="black", font=font, anchor="mm")
