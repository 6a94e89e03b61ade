"""Words on pictures leave the picture as it is, and white around it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ganvas.drawing.captions import LINE, with_caption, with_margins


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_a_caption_stands_below_the_picture(mode: str) -> None:
    picture = Image.new(mode, (120, 30), "red")
    captioned = with_caption(picture, "1,234 images")
    assert captioned.mode == mode
    assert captioned.size == (120, 30 + LINE)
    pixels = np.asarray(captioned.convert("RGB"))
    assert np.array_equal(pixels[:30], np.asarray(picture.convert("RGB")))
    below = pixels[30:]
    assert below.min() < 60, "letters"
    assert (below[[0, -1]] == 255).all()
    assert (below[:, [0, -1]] == 255).all(), "in the middle"


def test_margins_have_a_text_for_each_row_and_column() -> None:
    grid = Image.new("L", (90, 60), "grey")
    pixels = np.asarray(with_margins(grid, ["0", "1"], ["-1", "0", "+1"]))
    left = pixels.shape[1] - 90
    assert pixels.shape[0] == LINE + 60
    assert (pixels[LINE:, left:] == 128).all()
    assert (pixels[:LINE, :left] == 255).all()
    for row in range(2):
        assert pixels[LINE + 30 * row : LINE + 30 * (row + 1), :left].min() < 100
    for column in range(3):
        assert pixels[:LINE, left + 30 * column : left + 30 * (column + 1)].min() < 100
