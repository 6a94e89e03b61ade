"""From a report's parts to one HTML file: figures inside, pictures inside, nothing from outside."""

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

from ganvas.errors import GanvasError
from ganvas.formatting import format_bytes, format_count
from ganvas.images import Pixels, to_pillow
from ganvas.reports.figures import COLOURS

LIMIT = 8_000_000
"""Bytes of a page; browsers and mail programs take more, readers' patience does not."""

SMALLEST = 8
"""Pictures are shown at no less than one n-th of their size."""


@dataclass(frozen=True)
class Drawing:
    """A figure: an SVG from `figures`, what it shows in words and numbers, its caption."""

    svg: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """Pixels: uint8 (H, W, C), shown `enlarged` times with sharp edges."""

    pixels: Pixels
    alt: str
    caption: str = ""
    enlarged: int = 1

    @property
    def width(self) -> int:
        """On the page, in its pixels."""
        return int(self.pixels.shape[1]) * self.enlarged

    @property
    def height(self) -> int:
        """On the page, in its pixels."""
        return int(self.pixels.shape[0]) * self.enlarged


def render(template: str, parts: Mapping[str, Any], limit: int = LIMIT) -> bytes:
    """One HTML page. Pictures are halved until it is small enough, and the page says so.

    Args:
        template: a file's name in templates/.
        parts: what it shows.
        limit: bytes.

    Raises:
        GanvasError: it is too large even with pictures of an eighth of their size.
    """
    page = b""
    shrink = 1
    while shrink <= SMALLEST:
        page = _environment(shrink).get_template(template).render(parts, shrink=shrink).encode()
        if len(page) <= limit:
            return page
        shrink *= 2
    raise GanvasError(
        f"the report takes {format_bytes(len(page))} where {format_bytes(limit)} are the limit, "
        "however small its pictures are"
    )


def _environment(shrink: int) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganvas.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = functools.partial(inline, numbers=itertools.count(1))
    environment.filters["uri"] = functools.partial(uri, shrink=shrink)
    environment.filters["unbroken"] = unbroken
    environment.filters["counted"] = format_count
    environment.filters["count"] = lambda number: f"{number:,}"
    return environment


def uri(picture: Picture, shrink: int = 1) -> str:
    """The picture as a PNG inside an address."""
    image = to_pillow(picture.pixels)
    if shrink > 1:
        size = (max(1, image.width // shrink), max(1, image.height // shrink))
        image = image.resize(size, Image.Resampling.BOX)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def unbroken(line: str) -> Markup:
    """A command line that breaks between its flags and not inside them."""
    first, *flags = line.split(" --")
    pieces = [first, *(f"--{flag}" for flag in flags)]
    return Markup(" ").join(Markup("<span>{}</span>").format(piece) for piece in pieces)


def inline(drawing: Drawing, numbers: itertools.count[int]) -> Markup:
    """The drawing as an element of the page: its colours the page's, its names its own.

    Args:
        numbers: gives each drawing of a page a number.
    """
    name = f"f{next(numbers)}"
    text = drawing.svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' transform="rotate\(-0 [^"]*\)"| font-family: [^;"]*;?', "", text)
    used = set(re.findall(r'(?:href="|url\()#([\w.-]+)', text))
    text = re.sub(
        r' id="([\w.-]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text
    )
    text = re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", text)
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
