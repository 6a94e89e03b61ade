"""Whether bytes are missing at the end of an image file, asked once its reader has failed."""

from __future__ import annotations

from ganvas.data import iso_boxes, jpeg_markers, webp_chunks
from ganvas.data.tiff_tags import TiffTags


def is_cut(kind: str, content: bytes, file_size: int, error: Exception) -> bool:
    """Whether the file should be longer.

    Args:
        kind: Pillow's name of the format.
        content: what the reader was given.
        file_size: bytes of the file, which may have held more metadata.
        error: what it raised; it decides for the formats that do not say where they end.
    """
    if kind in ("JPEG", "MPO"):
        return jpeg_markers.is_cut(content)
    if kind == "TIFF":
        return TiffTags(content).is_cut(file_size)
    if kind == "WEBP":
        return webp_chunks.is_cut(content)
    if kind == "GIF":
        return not _gif_ends(content)
    if kind == "AVIF" or content.startswith(b"\0\0\0\x0cjP"):
        return iso_boxes.is_cut(content)
    if kind == "JPEG2000":
        return not content.rstrip(b"\0").endswith(b"\xff\xd9")
    if kind == "PNG":  # a cut one is told before Pillow reads it
        return False
    return isinstance(error, EOFError) or any(
        words in str(error).lower() for words in ("truncated", "not enough image data")
    )


def _gif_ends(content: bytes) -> bool:
    """Whether the blocks of a GIF lead to its trailer."""
    position = 13 + _colour_table_bytes(content[10:11])
    while position < len(content):
        block = content[position]
        if block == 0x3B:
            return True
        if block == 0x2C:
            position += 10 + _colour_table_bytes(content[position + 9 : position + 10]) + 1
        elif block == 0x21:
            position += 2
        else:
            return True  # no block begins like this: damaged, not cut
        while position < len(content) and content[position]:
            position += 1 + content[position]
        position += 1
    return False


def _colour_table_bytes(flags: bytes) -> int:
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
