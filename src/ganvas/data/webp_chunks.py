"""The chunks of a WebP that decide about its pixels."""

from __future__ import annotations

import struct

_PIXELS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}
_FLAGS_OF_PIXELS = 0x12  # transparency, animation


def without_metadata(content: bytes) -> bytes:
    """A WebP of the same pixels: no profile, Exif or texts, whole or not."""
    position, kept = 12, []
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        end = position + 8 + length + length % 2
        if kind in _PIXELS:
            missing_padding = b"\0" if end == len(content) + 1 else b""
            kept.append(content[position:end] + missing_padding)
        position = end
    if kept and kept[0][:4] == b"VP8X" and len(kept[0]) > 8:
        kept[0] = kept[0][:8] + bytes([kept[0][8] & _FLAGS_OF_PIXELS]) + kept[0][9:]
    body = b"".join(kept)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4, b"WEBP") + body


def is_cut(content: bytes) -> bool:
    """Whether the file is shorter than it declares."""
    return int.from_bytes(content[4:8], "little") + 8 > len(content)
