"""TIFF files of every kind, written byte by byte: Pillow writes few of them."""

from __future__ import annotations

import struct

SIDE = 16
Tag = tuple[int, int, bytes]
"""Field type, count, packed values."""


def _shorts(*values: int) -> Tag:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def _longs(*values: int) -> Tag:
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def tiff(
    *,
    bands: int = 3,
    bits: int = 8,
    photometric: int = 2,
    compression: int = 1,
    sample_format: int = 1,
    planar: int = 1,
    pixels: bytes | None = None,
    more: dict[int, Tag] | None = None,
) -> bytes:
    """A little-endian TIFF of 16x16 pixels in one strip for each plane.

    `more` has further tags.
    """
    row_bytes = SIDE * bits * (bands if planar == 1 else 1) // 8
    strip = bytes(SIDE * row_bytes) if pixels is None else pixels
    strips = 1 if planar == 1 else bands
    starts = [8 + index * len(strip) for index in range(strips)]
    tags = {
        256: _shorts(SIDE),
        257: _shorts(SIDE),
        258: _shorts(*[bits] * bands),
        259: _shorts(compression),
        262: _shorts(photometric),
        273: _longs(*starts),
        277: _shorts(bands),
        278: _shorts(SIDE),
        279: _longs(*[len(strip)] * strips),
        284: _shorts(planar),
        339: _shorts(*[sample_format] * bands),
        **(more or {}),
    }
    values, entries = strip * strips, []
    for tag, (kind, count, value) in sorted(tags.items()):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack("<I", 8 + len(values))
            values += value + bytes(len(value) % 2)
        entries.append(struct.pack("<HHI", tag, kind, count) + place)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(values)) + values + directory
