"""The tags of a TIFF that decide about its pixels, and words for the kind of picture they make."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganvas.formatting import format_count

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _STRIPS, _BANDS, _STRIP_BYTES, _PLANAR = 266, 273, 277, 279, 284
_TILES, _TILE_BYTES, _SUB_DIRECTORIES, _SAMPLE_FORMAT = 324, 325, 330, 339
_DNG_VERSION = 50706
_DECISIVE = frozenset(
    (
        *(254, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC),
        *(
            _FILL_ORDER,
            _STRIPS,
            274,
            _BANDS,
            278,
            _STRIP_BYTES,
            _PLANAR,
            292,
            293,
            317,
            320,
            322,
            323,
        ),
        *(_TILES, _TILE_BYTES, 332, 338, _SAMPLE_FORMAT, 347, *range(512, 522), *range(529, 533)),
    )
)
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # by field type
_CANON = b"\x10\0\0\0CR"  # how a CR2 file goes on
_SENSOR = {32803, 34892}  # photometric: colour filter array, linear raw
_MEANINGS = {
    **dict.fromkeys((0, 1), "grey"),
    2: "RGB",
    3: "palette",
    4: "mask",
    5: "CMYK",
    6: "YCbCr",
    **dict.fromkeys((8, 9, 10), "Lab"),
    32844: "LogL",
    32845: "LogLuv",
}
_SAMPLES = {2: " signed", 3: " floating-point", 5: " complex", 6: " complex"}
_COMPRESSIONS = {
    **dict.fromkeys((2, 3, 4), "CCITT"),
    5: "LZW",
    6: "old JPEG",
    7: "JPEG",
    **dict.fromkeys((8, 32946), "Deflate"),
    **dict.fromkeys((9, 10, 34661), "JBIG"),
    32766: "NeXT",
    32773: "PackBits",
    32809: "ThunderScan",
    **dict.fromkeys((32908, 32909), "Pixar"),
    **dict.fromkeys((33003, 33004, 33005, 34712), "JPEG 2000"),
    **dict.fromkeys((34676, 34677), "SGI log"),
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    **dict.fromkeys((50002, 52546), "JPEG XL"),
}
_READABLE_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000}
_MOST_SUB_DIRECTORIES = 16


class _Layout(NamedTuple):
    """How a file writes its numbers."""

    first: int
    """Where the offset of the first directory is."""
    offset: struct.Struct
    length: struct.Struct
    """How many entries a directory has."""
    entry: struct.Struct
    """Tag, field type, count."""
    entry_bytes: int
    """With the value, or its offset where it is longer."""

    @classmethod
    def of(cls, content: bytes) -> _Layout:
        order = "<" if content.startswith(b"II") else ">"
        first, offset, number, entry, size = (
            (8, "Q", "Q", "HHQ", 20) if b"+" in content[2:4] else (4, "I", "H", "HHI", 12)
        )
        offset_struct, number_struct = struct.Struct(order + offset), struct.Struct(order + number)
        return cls(first, offset_struct, number_struct, struct.Struct(order + entry), size)


_Directory = dict[int, bytes]  # an entry for each tag


class TiffTags:
    """The directories of a TIFF, one for each page. Nothing here raises for a damaged file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._layout = _Layout.of(content)
        self._chain_is_cut = False
        self._pages = list(self._directories())

    def without_metadata(self) -> bytes:
        """A TIFF of the same pages with only their decisive tags; unchanged where it is damaged.

        The new directories follow the old content, so that all values stay where they are.
        """
        if not self._pages:
            return self._content
        layout = self._layout
        parts = [self._content, bytes(-len(self._content) % 8)]
        position = first = sum(map(len, parts))
        for number, page in enumerate(self._pages, 1):
            entries = [entry for tag, entry in sorted(page.items()) if tag in _DECISIVE]
            position += layout.length.size + len(entries) * layout.entry_bytes + layout.offset.size
            following = position if number < len(self._pages) else 0
            parts += [layout.length.pack(len(entries)), *entries, layout.offset.pack(following)]
        whole = bytearray(b"".join(parts))
        layout.offset.pack_into(whole, layout.first, first)
        return bytes(whole)

    def is_cut(self, file_size: int) -> bool:
        """Whether a directory or pixels lie beyond the end of the file, in bytes."""
        if self._chain_is_cut or not self._pages:
            return True
        return any(
            start + length > file_size
            for page in self._pages
            for starts, lengths in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES))
            for start, length in zip(
                self._integers(page, starts), self._integers(page, lengths), strict=False
            )
        )

    @property
    def is_raw(self) -> bool:
        """Whether it is a photograph as the sensor saw it, perhaps with a small preview."""
        return self._content[4:10] == _CANON or any(
            _DNG_VERSION in page or self._integer(page, _PHOTOMETRIC) in _SENSOR
            for page in (*self._pages, *self._sub_directories())
        )

    @property
    def has_signed_bytes(self) -> bool:
        """Whether a page has pixels of 8 signed bits, which Pillow takes for unsigned ones."""
        return any(
            self._integer(page, _SAMPLE_FORMAT, 1) == 2 and self._integer(page, _BITS, 1) == 8
            for page in self._pages
        )

    @property
    def has_common_compression(self) -> bool:
        """Whether every decoder can unpack the first page."""
        return self._integer(self._pages[0], _COMPRESSION, 1) in _READABLE_COMPRESSIONS

    def __str__(self) -> str:
        """The first page in words: `TIFF of 5 bands of 8 bits (RGB, LERC)`."""
        page = self._pages[0]
        bands = self._integer(page, _BANDS, 1)
        bits = sorted(set(self._integers(page, _BITS) or [1]))
        photometric = self._integer(page, _PHOTOMETRIC, -1)
        compression = self._integer(page, _COMPRESSION, 1)
        details = [_MEANINGS.get(photometric, f"photometric {photometric}")]
        if self._integer(page, _PLANAR, 1) == 2:
            details.append("planar")
        if self._integer(page, _FILL_ORDER, 1) == 2:
            details.append("reversed bits")
        if compression != 1:
            details.append(_COMPRESSIONS.get(compression, f"compression {compression}"))
        sample = _SAMPLES.get(self._integer(page, _SAMPLE_FORMAT, 1), "")
        return (
            f"TIFF of {format_count(bands, 'band')} of {'/'.join(map(str, bits))}{sample} "
            f"{'bit' if bits == [1] else 'bits'} ({', '.join(details)})"
        )

    def _directories(self) -> Iterator[_Directory]:
        seen, entries = {0}, 0
        link = self._layout.first
        while (start := self._number(self._layout.offset, link)) not in seen:
            read = None if start is None else self._directory(start)
            if start is None or read is None:
                self._chain_is_cut = True
                return
            page, link = read
            seen.add(start)
            entries += len(page)
            if entries * self._layout.entry_bytes > len(self._content):
                return  # directories that overlap: nonsense that would take long
            yield page

    def _sub_directories(self) -> Iterator[_Directory]:
        for page in self._pages:
            for start in self._integers(page, _SUB_DIRECTORIES)[:_MOST_SUB_DIRECTORIES]:
                read = self._directory(start)
                if read is not None:
                    yield read[0]

    def _directory(self, start: int) -> tuple[_Directory, int] | None:
        """The entries of a directory, and where the offset of the next one is."""
        count, size = self._number(self._layout.length, start), self._layout.entry_bytes
        first = start + self._layout.length.size
        if count is None or first + count * size > len(self._content):
            return None
        end = first + count * size
        entries = [self._content[place : place + size] for place in range(first, end, size)]
        return {self._layout.entry.unpack_from(entry)[0]: entry for entry in entries}, end

    def _integers(self, page: _Directory, tag: int) -> Sequence[int]:
        """The values of a tag; those beyond the end of the file are left out."""
        entry = page.get(tag)
        if entry is None:
            return ()
        _, kind, count = self._layout.entry.unpack_from(entry)
        if kind not in _INTEGERS:
            return ()
        code = struct.Struct(self._layout.offset.format[0] + _INTEGERS[kind])
        values = entry[self._layout.entry.size :]
        if count * code.size > len(values):
            (offset,) = self._layout.offset.unpack(values)
            values = self._content[offset : offset + count * code.size]
        count = min(count, len(values) // code.size)
        return [value for (value,) in code.iter_unpack(values[: count * code.size])]

    def _integer(self, page: _Directory, tag: int, default: int = 0) -> int:
        return next(iter(self._integers(page, tag)), default)

    def _number(self, field: struct.Struct, position: int) -> int | None:
        """One number of the file; None beyond its end."""
        if position + field.size > len(self._content):
            return None
        number: int = field.unpack_from(self._content, position)[0]
        return number
