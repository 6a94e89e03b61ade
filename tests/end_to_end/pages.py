"""Checks of a report as a page, with the standard library's parser and in a browser."""

from __future__ import annotations

import base64
import html
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

VOID = {"meta", "link", "img", "wbr", "br", "hr", "path", "use", "clippath"}
LARGEST = 8_000_000


@dataclass
class Element:
    """One element: its name, attributes, and the text inside it."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: list[str] = field(default_factory=list)
    """The names of the elements around it."""


class Reader(HTMLParser):
    """Every element of a page in the order in which they begin."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), inside=[element.tag for element in self._open])
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(
            Element(tag, dict(attrs), inside=[element.tag for element in self._open])
        )

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open, f"</{tag}> ends nothing"
            assert self._open.pop().tag == tag, f"</{tag}> ends something else"

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data


def read(path: Path) -> list[Element]:
    """The elements of a page; every one that begins also ends."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert not reader._open, f"never ended: {[element.tag for element in reader._open]}"
    return reader.elements


PIXELS_ONLY = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""Chunks of a PNG that hold no text."""


def check_private(path: Path, *secrets: str) -> None:
    """Check that none of these texts is in a page, its attributes, or its pictures."""
    page = path.read_text(encoding="utf-8")
    for text in (page, html.unescape(page), "".join(element.text for element in read(path)[:1])):
        for secret in secrets:
            assert secret not in text, text[max(0, text.find(secret) - 200) :][:400]
    for encoded in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page):
        assert set(chunk_kinds(base64.b64decode(encoded))) <= PIXELS_ONLY
    assert page.count("base64,") == page.count("data:image/png;base64,")


def chunk_kinds(png: bytes) -> Iterator[bytes]:
    """The kind of every chunk of a PNG."""
    position = 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4])
        yield png[position + 4 : position + 8]
        position += length + 12


def of(elements: list[Element], *tags: str) -> list[Element]:
    return [element for element in elements if element.tag in tags]


def visible_text(elements: list[Element]) -> str:
    """All that a reader reads, with single spaces."""
    (body,) = of(elements, "body")
    return re.sub(r"\s+", " ", body.text)


def check_structure(path: Path) -> list[Element]:
    """Assert what makes a page readable for everybody, and self-contained; gives its elements."""
    assert path.stat().st_size < LARGEST
    elements = read(path)
    for landmark in ("header", "nav", "main", "footer"):
        assert len(of(elements, landmark)) == 1, landmark
    levels = [int(element.tag[1]) for element in elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    steps = itertools.pairwise(levels)
    assert all(after - before <= 1 for before, after in steps), f"a heading is skipped: {levels}"
    assert all(
        element.text.strip() for element in elements if re.fullmatch(r"h[1-6]|title", element.tag)
    )
    assert all(element.attributes.get("alt") for element in of(elements, "img"))
    drawings = [
        element for element in of(elements, "svg") if element.attributes.get("role") == "img"
    ]
    assert drawings == of(elements, "svg"), "an SVG that nobody announces"
    assert all(element.attributes.get("aria-label") for element in drawings)
    assert all(element.attributes.get("scope") in ("col", "row") for element in of(elements, "th"))
    assert len(of(elements, "caption")) == len(of(elements, "table"))
    check_links(elements)
    return elements


def check_links(elements: list[Element]) -> None:
    """No address leads out of the file, each inside leads somewhere, no name is given twice."""
    names = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(names) == len(set(names)), "two elements of one name"
    for element in elements:
        for attribute in ("src", "href", "xlink:href"):
            address = element.attributes.get(attribute)
            if address is None or address.startswith("data:"):
                continue
            assert address.startswith("#"), f"{element.tag} leads to {address}"
            assert address[1:] in names, f"{address} leads nowhere"
    assert not of(elements, "script", "iframe", "object")
    assert of(elements, "a")[0].attributes["href"] == "#content", "first comes the skip link"


@dataclass(frozen=True)
class Rendered:
    """What a browser made of a page."""

    dom: str
    console: list[str]
    requests: list[str]


def browser() -> str:
    """The browser's name; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    pytest.skip("no Chromium on this machine: apt-get install chromium")


def open_in_browser(path: Path, folder: Path) -> Rendered:
    """Open a page in headless Chromium and say what it showed, complained of and asked for."""
    log = folder / "net.json"
    command = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr",
        f"--log-net-log={log}",
        "--window-size=1200,1000",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "HOME": str(folder)},
    )
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Rendered(done.stdout, console, requests(log))


def requests(log: Path) -> list[str]:
    """Every address that the page asked for, from the browser's net log.

    What the browser asks for by itself, such as its own updates, has no origin as its initiator.
    """
    text = log.read_text(encoding="utf-8")
    try:
        table = json.loads(text)
    except ValueError:  # it was cut when the browser ended
        table = json.loads(text.rstrip().rstrip(",") + "]}")
    kinds = table["constants"]["logEventTypes"]
    events = [event for event in table["events"] if event["type"] == kinds["URL_REQUEST_START_JOB"]]
    begun = [event["params"] for event in events if "url" in event.get("params", {})]
    return [request["url"] for request in begun if request["initiator"] != "not an origin"]
