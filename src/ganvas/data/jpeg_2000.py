"""What the header of a JPEG 2000 codestream says."""

from __future__ import annotations

from ganvas.formatting import format_count

_START = b"\xff\x4f\xff\x51"  # of a codestream, and of the segment with its size


def without_boxes(content: bytes) -> bytes:
    """The codestream alone; everything where the boxes have a palette, or there is none."""
    start = content.find(_START)
    return content if start < 0 or b"pclr" in content[:start] else content[start:]


def describe(content: bytes) -> str | None:
    """The kind of picture: `JPEG 2000 of 5 bands of 12 bits`; None without a codestream."""
    start = content.find(_START)
    bands = int.from_bytes(content[start + 40 : start + 42], "big")
    depths = content[start + 42 : start + 42 + 3 * bands : 3]
    if start < 0 or not depths:
        return None
    bits = sorted({(depth & 0x7F) + 1 for depth in depths})
    return f"JPEG 2000 of {format_count(bands, 'band')} of {'/'.join(map(str, bits))} bits"
