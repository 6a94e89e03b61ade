"""The markers of a JPEG: how it is coded, what is metadata, and whether it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ganvas.formatting import format_count

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = {
    0xC0: "JPEG",
    0xC1: "JPEG",
    0xC2: "progressive JPEG",
    0xC3: "lossless JPEG",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical JPEG"),
    0xC9: "arithmetic-coded JPEG",
    0xCA: "arithmetic-coded progressive JPEG",
    0xCB: "arithmetic-coded lossless JPEG",
    0xF7: "JPEG-LS",
}
_COMMON = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
# Metadata that changes how pixels look: JFIF and Adobe say what the colours mean, Exif turns them.
_MEANINGFUL = {0xE0: (b"JFIF\0", 14), 0xE1: (b"Exif\0\0", 6), 0xEE: (b"Adobe", 12)}
_MARKER = re.compile(rb"\xff+([^\0\xd0-\xd7\xff])", re.DOTALL)  # in coded data


class _Segment(NamedTuple):
    marker: int
    body: bytes
    start: int
    """Where its marker is."""
    end: int


class JpegFrame(NamedTuple):
    """How the pixels are coded."""

    marker: int
    bits: int
    bands: int
    whole: bool
    """Whether a decoder holds all coefficients in memory, even to give a reduced image."""

    @property
    def is_common(self) -> bool:
        """Whether every decoder can read it."""
        return self.marker in _COMMON and self.bits == 8 and self.bands in (1, 3, 4)

    def __str__(self) -> str:
        bands = format_count(self.bands, "band")
        return f"{_FRAMES[self.marker]} of {bands} of {self.bits} bits"


def read_frame(content: bytes) -> JpegFrame | None:
    """How a JPEG is coded; None where its header does not say it."""
    frame: _Segment | None = None
    for segment in _header(content):
        if segment.marker in _FRAMES and len(segment.body) >= 6:
            frame = segment
        elif segment.marker == _SCAN and segment.body and frame is not None:
            bands = frame.body[5]
            whole = frame.marker in _PROGRESSIVE or segment.body[0] < bands
            return JpegFrame(frame.marker, frame.body[0], bands, whole)
    return None


def without_metadata(content: bytes) -> bytes:
    """A JPEG of the same pixels and orientation: no profiles, previews, indexes and texts."""
    kept, position = [content[:2]], 2
    for segment in _header(content):
        is_metadata = 0xE0 <= segment.marker <= 0xEF or segment.marker == 0xFE
        start, fewest = _MEANINGFUL.get(segment.marker, (b"", 0))
        if not is_metadata or (
            start and segment.body.startswith(start) and len(segment.body) >= fewest
        ):
            kept.append(content[segment.start : segment.end])
        position = segment.end
    return b"".join([*kept, content[position:]])


def is_cut(content: bytes) -> bool:
    """Whether a JPEG ends before its end marker."""
    position, marker = 2, _START
    for segment in _header(content):
        position, marker = segment.end, segment.marker
    if marker != _SCAN:
        return True
    while (found := _MARKER.search(content, position)) is not None:
        marker = found[1][0]
        if marker == _END:
            return False
        length = int.from_bytes(content[found.end() : found.end() + 2], "big")
        position = found.end() + length
    return True


def _header(content: bytes) -> Iterator[_Segment]:
    """Every segment that is all there, up to that of the first scan."""
    position, marker = 2, _START
    while marker != _SCAN:
        start = position
        while content[position : position + 2] == b"\xff\xff":  # padding
            position += 1
        if position + 4 > len(content) or content[position] != 0xFF:
            return
        marker = content[position + 1]
        end = position + 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if end < position + 4 or end > len(content):
            return
        yield _Segment(marker, content[position + 4 : end], start, end)
        position = end
