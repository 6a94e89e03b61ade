"""The boxes of AVIF and JP2 files: where they end, and Exif that is not needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_LONG, _TO_THE_END = 1, 0  # sizes with another meaning


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int
    """May lie beyond the end of the file."""


def without_exif(content: bytes) -> bytes:
    """An AVIF whose Exif is not found. It is turned as its own properties say, not by Exif."""
    for box in _boxes(content):
        if box.kind == b"meta":
            meta = content[box.start : box.end].replace(b"Exif", b"none")
            return content[: box.start] + meta + content[box.end :]
    return content


def is_cut(content: bytes) -> bool:
    """Whether the last box reaches beyond the end of the file."""
    box = None
    for box in _boxes(content):
        if box.kind == b"jp2c" and box.end == len(content):
            return not content.rstrip(b"\0").endswith(b"\xff\xd9")
    return box is None or box.end > len(content)


def _boxes(content: bytes) -> Iterator[_Box]:
    """Every box of the file itself, up to one whose size is wrong."""
    position = 0
    while position + 8 <= len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        if size == _TO_THE_END:
            size = len(content) - position
        elif size == _LONG:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        if size < 8:
            return
        yield _Box(content[position + 4 : position + 8], position, position + size)
        position += size
