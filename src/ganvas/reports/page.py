"""From the content of a report to one HTML file: charts and pictures inside, nothing loaded."""

from __future__ import annotations

import base64
import functools
import io
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup, escape
from PIL import Image

from ganvas import formatting
from ganvas.drawing.grids import to_pillow
from ganvas.errors import GanvasError
from ganvas.images import Pixels
from ganvas.reports import texts
from ganvas.reports.figures import COLOURS
from ganvas.reports.local_paths import LocalPaths

LIMIT = 8_000_000
"""Most bytes of a page."""

SMALLEST = 8
"""Pictures are reduced to no less than one n-th of their size."""


@dataclass(frozen=True)
class Drawing:
    """A chart as SVG, the same in words and numbers (alt), and the texts around it."""

    svg: bytes
    alt: str
    caption: str = ""
    title: str = ""


@dataclass(frozen=True)
class Picture:
    """Pixels, uint8 (H, W, C), shown `enlarged` times with sharp edges."""

    pixels: Pixels
    alt: str
    caption: str = ""
    enlarged: int = 1

    @property
    def width(self) -> int:
        """In CSS pixels."""
        return int(self.pixels.shape[1]) * self.enlarged

    @property
    def height(self) -> int:
        """In CSS pixels."""
        return int(self.pixels.shape[0]) * self.enlarged


def render(template: str, content: Mapping[str, Any], limit: int = LIMIT) -> bytes:
    """One HTML page. Pictures are halved until it is small enough, and the page says so.

    Args:
        template: the name of a file in templates/.
        content: the variables of the template; `local_paths` hides paths in every text.
        limit: bytes.

    Raises:
        GanvasError: it is too large even with pictures of an eighth of their size.
    """
    shrink = 1
    while True:
        html = (
            _environment(shrink, content["local_paths"])
            .get_template(template)
            .render(content, shrink=shrink)
        )
        html = html.replace(" %", "\N{NO-BREAK SPACE}%")  # no line breaks inside 95 %
        page = html.encode(errors="backslashreplace")  # names of files may hold bytes of any kind
        if len(page) <= limit:
            return page
        if shrink == SMALLEST:
            raise GanvasError(
                f"the report takes {formatting.format_bytes(len(page))}, more than the limit of "
                f"{formatting.format_bytes(limit)}, however small its pictures are"
            )
        shrink *= 2


def _environment(shrink: int, local_paths: LocalPaths) -> jinja2.Environment:
    def without_paths(value: Any) -> Any:
        return local_paths.hide(value) if type(value) is str else value  # Markup is ours

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganvas.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=without_paths,
    )
    environment.filters |= {
        "inline": functools.partial(inline, numbers=itertools.count(1)),
        "uri": functools.partial(data_uri, shrink=shrink),
        "unbroken": unbroken,
        "thousands": lambda number: f"{number:,}",
        "number": formatting.format_number,
        "interval": formatting.format_interval,
        "duration": formatting.format_duration,
        "sentence": texts.as_sentence,
        "counted": formatting.format_count,
        "listed": formatting.format_list,
        "weights": formatting.format_weights,
        "better_word": texts.better_word,
        "when_measured": texts.when_measured,
    }
    return environment


def data_uri(picture: Picture, shrink: int = 1) -> Markup:
    """The picture as a PNG inside a data: URI."""
    image = to_pillow(picture.pixels)
    if shrink > 1:
        size = (max(1, image.width // shrink), max(1, image.height // shrink))
        image = image.resize(size, Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return Markup(f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}")


def unbroken(line: str) -> Markup:
    """A command line that wraps between its flags and not inside them."""
    program, *flags = line.split(" --")
    parts = [program, *(f"--{flag}" for flag in flags)]
    return Markup(" ").join(Markup("<span>{}</span>").format(part) for part in parts)


def inline(drawing: Drawing, numbers: itertools.count[int]) -> Markup:
    """The SVG as an element of the page, with the page's colours and unique ids.

    Args:
        numbers: gives each drawing of a page a number.
    """
    prefix = f"f{next(numbers)}"
    text = drawing.svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"| font-family: [^;"]*;?', "", text)
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', text))
    text = re.sub(
        r' id="([\w.-]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", text
    )
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{prefix}-", text)
    for variable, placeholder in COLOURS.items():
        text = text.replace(placeholder, f"var(--{variable})")
    text = re.sub(r"\s*\n\s*", " ", text)
    size = re.search(r'viewBox="0 0 ([\d.]+) ', text)
    assert size is not None
    head = (
        f'<svg class="plot" role="img" aria-label="{escape(drawing.alt)}" '
        f'style="max-width: {float(size[1]) * 1.15:.0f}px"'
    )
    text = re.sub(r'<svg (.*?) width="[^"]*" height="[^"]*"', r"<svg \g<1>", text, count=1)
    return Markup(head + text[len("<svg") :])  # made by matplotlib, which escapes texts
