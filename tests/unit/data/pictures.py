"""Images for the tests of the data room, as Pillow images and as files' bytes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(mode: str, colour: object, side: int = 16) -> Image.Image:
    return Image.new(mode, (side, side), colour)  # type: ignore[arg-type]


def photograph(width: int, height: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def png_chunk(kind: bytes, body: bytes, checksum: int | None = None) -> bytes:
    """One chunk of a PNG, with the right checksum unless one is given."""
    right = zlib.crc32(kind + body)
    given = right if checksum is None else checksum
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", given)


def png(width: int, height: int, data: bytes, *chunks: bytes, colour_type: int = 2) -> bytes:
    """A PNG of 8 bits with further chunks before its compressed pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    parts = [png_chunk(b"IHDR", header), *chunks, png_chunk(b"IDAT", data), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def bomb_png(width: int, height: int) -> bytes:
    """A few bytes that declare a huge image."""
    return png(width, height, zlib.compress(bytes(1000)))


def huge_jpeg(width: int, height: int, progressive: bool = False) -> bytes:
    """A few bytes that declare a huge grey JPEG, of one colour in its first rows."""
    content = bytearray(encoded(flat("L", 100), "JPEG", progressive=progressive))
    frame = content.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)
