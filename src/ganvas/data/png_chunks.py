"""The chunks of a PNG that decide about its pixels. All others are left out before it is read.

Screens and editors write large colour profiles and texts, and a wrong checksum in one of them says
nothing about the pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganvas.data.source import UnusableImage
from ganvas.formatting import format_bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND" + zlib.crc32(b"IEND").to_bytes(4, "big")
_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
_PALETTE = 3  # a colour type
_TRANSPARENCY_BYTES = {0: {2}, 2: {6}, _PALETTE: set(range(1, 257))}  # by colour type


class _Chunk(NamedTuple):
    kind: bytes
    body: memoryview
    whole: memoryview
    """With length, kind and checksum."""

    @property
    def intact(self) -> bool:
        """Whether the checksum is right."""
        return zlib.crc32(self.whole[4:-4]) == int.from_bytes(self.whole[-4:], "big")


def without_metadata(content: bytes, *, animated: bool) -> bytes:
    """A PNG of the same pixels, transparency and orientation.

    Args:
        content: the bytes of a PNG file.
        animated: keep further frames, where all their chunks are intact.

    Raises:
        UnusableImage: cut before its last pixel, or damaged where pixels or colours are.
    """
    chunks = list(_chunks(content))
    data = [chunk for chunk in chunks if chunk.kind == b"IDAT"]
    ends = any(chunk.kind == b"IEND" for chunk in chunks)
    if not ends and not (data and _is_whole(data)):
        raise UnusableImage(f"cut after {format_bytes(len(content))}")
    header = chunks[0]
    if header.kind == b"CgBI":
        raise UnusableImage("a PNG for iOS programs (CgBI); convert it to an ordinary PNG")
    if header.kind != b"IHDR" or len(header.body) != 13:
        raise UnusableImage("damaged (a PNG without header)")
    colour_type = header.body[9]
    needed = {b"IDAT", b"PLTE"} if colour_type == _PALETTE else {b"IDAT"}
    kinds = [chunk.kind for chunk in chunks]
    if not needed.issubset(kinds):
        raise UnusableImage("damaged (a PNG without pixels, or without the palette that it needs)")
    for chunk in chunks:
        if chunk.kind in (b"IHDR", *needed) and not chunk.intact:
            raise UnusableImage(f"damaged (wrong checksum in its {chunk.kind.decode()} chunk)")
    if animated and b"acTL" in kinds[: kinds.index(b"IDAT")]:
        frames = [chunk for chunk in chunks if chunk.kind in _ANIMATION]
        needed |= _ANIMATION if all(chunk.intact for chunk in frames) else set()
    turned = [chunk for chunk in chunks if chunk.kind == b"eXIf" and chunk.intact]
    kept = [
        chunk
        for chunk in chunks
        if chunk.kind in needed or (chunk.kind == b"tRNS" and _fits(chunk, colour_type))
    ]
    return b"".join([_SIGNATURE, *(chunk.whole for chunk in (header, *turned[:1], *kept)), _END])


def _chunks(content: bytes) -> Iterator[_Chunk]:
    """Every chunk that is all there, up to the end chunk."""
    view, position, kind = memoryview(content), len(_SIGNATURE), b""
    while position + 12 <= len(content) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + 12 + length
        if end > len(content):
            return
        yield _Chunk(kind, view[position + 8 : end - 4], view[position:end])
        position = end


def _fits(chunk: _Chunk, colour_type: int) -> bool:
    """Whether transparency is intact and suits the colours; else the pixels are opaque."""
    return len(chunk.body) in _TRANSPARENCY_BYTES.get(colour_type, ()) and chunk.intact


def _is_whole(data: Sequence[_Chunk]) -> bool:
    """Whether the compressed pixels reach their end. Takes little memory, however many they are."""
    decompressor = zlib.decompressobj()
    try:
        for chunk in data:
            rest: bytes | memoryview = chunk.body
            while rest and not decompressor.eof:
                decompressor.decompress(rest, 1 << 16)
                rest = decompressor.unconsumed_tail
    except zlib.error:
        return False
    return decompressor.eof
