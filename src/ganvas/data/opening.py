"""From a file's bytes to an opened image, or to the reason why it cannot be used."""

from __future__ import annotations

import ctypes
import functools
import io
import logging
from collections.abc import Callable, Iterator

from PIL import Image, ImageFile, _imaging

from ganvas.data import iso_boxes, jpeg_2000, jpeg_markers, png_chunks, webp_chunks
from ganvas.data.completeness import is_cut
from ganvas.data.formats import other_kind, readable_format
from ganvas.data.source import UnusableImage
from ganvas.data.tiff_tags import TiffTags
from ganvas.formatting import format_bytes

# Without any handler, Python would print what Pillow logs, which names no file.
logging.getLogger("PIL").addHandler(logging.NullHandler())

# Pillow's words for headers that are whole, but describe pixels that it has no mode for.
_UNKNOWN_LAYOUTS = {
    "unknown pixel mode",
    "unknown data organization",
    "Invalid value for samples per pixel",
    "unable to determine J2K image mode",
}
_CONVERT = "which cannot be read here; convert it to 8-bit grey or RGB"


class ImageBytes(io.BytesIO):
    """What a reader of Pillow is given."""

    def __init__(self, content: bytes, file_size: int) -> None:
        super().__init__(content)
        self.file_size = file_size
        """Bytes of the file; its metadata may have been left out of the content."""


def open_image(content: bytes) -> Image.Image:
    """Detect the format of a file's content and read its header; pixels are decoded later.

    Metadata decides about nothing but the orientation: what a reader stumbles over is left out.
    Pillow's limit of pixels, which holds for the whole process, is neither asked nor changed.

    Raises:
        UnusableImage: empty, not an image of a known format, or cut or damaged in its header.
    """
    if not content:
        raise UnusableImage("zero bytes")
    kind = readable_format(content)
    if kind is None:
        raise UnusableImage(str(other_kind(content) or "not an image"))
    if kind not in _readers():
        raise UnusableImage(f"{kind}, which this Pillow cannot read; convert it to PNG or JPEG")
    failure: Exception | None = None
    for given in _versions(kind, content):
        try:
            return _readers()[kind](ImageBytes(given, len(content)), "")
        except Exception as error:  # Pillow's readers raise whatever their parsers meet
            failure = failure or error
    assert failure is not None
    raise UnusableImage(_reason(kind, content, len(content), failure)) from failure


def load(image: Image.Image) -> None:
    """Decode the pixels of an image.

    Raises:
        UnusableImage: cut, damaged, of a kind that cannot be decoded, or too large for that.
    """
    given = image.fp if isinstance(image, ImageFile.ImageFile) else None
    try:
        image.load()
    except Exception as error:  # as in open_image
        if not isinstance(given, ImageBytes):
            raise UnusableImage(_damage(error)) from error
        reason = _reason(str(image.format), given.getvalue(), given.file_size, error)
        raise UnusableImage(reason) from error


@functools.cache
def _readers() -> dict[str, Callable[[io.BytesIO, str], ImageFile.ImageFile]]:
    """The readers that this build of Pillow has, by format."""
    Image.init()
    _silence_libtiff()
    return {kind: reader for kind, (reader, _) in Image.OPEN.items()}


def _silence_libtiff() -> None:
    """Keep libtiff from printing on stderr what its caller learns as an error.

    Pillow does the same to its warnings, and leaves no other way. Where libtiff is built into
    Pillow (Windows) it cannot be reached, and may print.
    """
    try:
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
    except (AttributeError, OSError):
        return


def _versions(kind: str, content: bytes) -> Iterator[bytes]:
    """The content as its reader gets it, and with less metadata, where that was too much."""
    if kind == "PNG":
        yield png_chunks.without_metadata(content, animated=True)
        yield png_chunks.without_metadata(content, animated=False)
    elif kind == "JPEG":
        yield content
        yield jpeg_markers.without_metadata(content)
    elif kind == "WEBP":
        yield content
        yield webp_chunks.without_metadata(content)
    elif kind == "AVIF":
        yield content
        yield iso_boxes.without_exif(content)
    elif kind == "JPEG2000":
        yield content
        yield jpeg_2000.without_boxes(content)
    elif kind == "TIFF":
        tags = TiffTags(content)
        if tags.is_raw:
            raise UnusableImage(
                "a raw photograph, which cannot be read here; develop it to JPEG or to 8-bit TIFF"
            )
        if tags.has_signed_bytes:
            raise UnusableImage(f"{tags}, {_CONVERT}")
        yield tags.without_metadata()
    else:
        yield content


def _reason(kind: str, content: bytes, file_size: int, error: Exception) -> str:
    """Why a reader failed: too large, bytes are missing, an unknown variant, or damage."""
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more pixels than Pillow decodes in {kind}; convert it to PNG or JPEG"
    if isinstance(error, MemoryError):
        return "its pixels do not fit in memory"
    if is_cut(kind, content, file_size, error):
        return f"cut after {format_bytes(file_size)}"
    unknown = _unknown_variant(kind, content, error)
    return _damage(error) if unknown is None else f"{unknown}, {_CONVERT}"


def _unknown_variant(kind: str, content: bytes, error: Exception) -> str | None:
    """The variant of a format, where its reader does not know it; None where it does."""
    is_unknown_layout = str(error) in _UNKNOWN_LAYOUTS
    if kind in ("JPEG", "MPO"):
        frame = jpeg_markers.read_frame(content)
        return None if frame is None or frame.is_common else str(frame)
    if kind == "TIFF":
        tags = TiffTags(content)
        return str(tags) if is_unknown_layout or not tags.has_common_compression else None
    if kind == "JPEG2000" and is_unknown_layout:
        return jpeg_2000.describe(content)
    return f"{kind} ({error})" if "unsupported" in str(error).lower() else None


def _damage(error: Exception) -> str:
    if isinstance(error, EOFError) or "truncated" in str(error).lower():
        return "damaged (its pixels end too early)"
    if str(error).startswith("decoder error"):
        return "damaged (its pixels cannot be unpacked)"
    return f"damaged ({str(error).strip() or type(error).__name__})"
