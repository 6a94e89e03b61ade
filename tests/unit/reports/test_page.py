"""Figures and commands as parts of a page."""

from __future__ import annotations

import re
from typing import Any, cast

from ganvas.reports import charts, figures, page
from ganvas.reports.charts import Line, Panel


def test_an_inlined_drawing_has_the_colours_of_the_page_and_unique_ids() -> None:
    drawing = page.Drawing(charts.line_chart(Panel([Line("a<b", [1, 2], [3, 4])])), 'said "so"')
    numbers = iter(range(1, 9))
    first, second = (page.inline(drawing, cast(Any, numbers)) for _ in range(2))
    for colour in figures.COLOURS.values():
        assert colour not in first
    assert "var(--first)" in first
    assert "a&lt;b" in first
    assert 'aria-label="said &#34;so&#34;"' in first
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_command_breaks_between_flags() -> None:
    html = page.unbroken("ganvas train a&b --size 16 --flip")
    assert html == ("<span>ganvas train a&amp;b</span> <span>--size 16</span> <span>--flip</span>")
