"""From an opened image of any kind to uint8 pixels of the requested size and channels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ganvas.data.bit_depth import GREY_MODES, DeepImage, Picture, to_eight_bits
from ganvas.data.jpeg_markers import read_frame
from ganvas.data.opening import ImageBytes, load
from ganvas.data.settings import DataSettings
from ganvas.data.source import UnusableImage
from ganvas.errors import did_you_mean
from ganvas.formatting import format_number

SMALLEST_SIDE = 8
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}

# How far above the final size a cheap first reduction may stop. With 3, photographs differ from
# the exact resize by 0.6 of 255 levels on average, and decode four times as fast.
_REDUCING_GAP = 3.0

_ORIENTATION = 0x0112  # EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(
    picture: Picture, settings: DataSettings, channels: int
) -> npt.NDArray[np.uint8]:  # (C, H, W)
    """Decode, turn upright, reduce to 8 bits, fit to `settings.size`, convert to `channels`.

    An animation gives its first frame. Which values become 0 and 255 is `settings.pixel_range`;
    before Pillow gives them, 16 bits of colour files are cut to their upper 8. Transparent pixels
    show `settings.background` unless `channels` is 2 or 4; there, a border added by `fit="pad"` is
    transparent.

    Args:
        picture: as read by a `Source`; a JPEG is decoded at a reduced size when that is enough.
        settings: `size`, `fit`, `background`, `pixel_range` (not `measured`) and `max_megapixels`
            are read.
        channels: 1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha.

    Returns:
        uint8, (channels, height, width), 0 to 255.

    Raises:
        UnusableImage: cut, damaged, too small, too large, of an unknown variant, or pixels without
            an agreed range.
    """
    _check_side(picture)
    if isinstance(picture, Image.Image):
        _load(picture, settings)
        picture = _upright(picture)
    image = to_eight_bits(picture, settings.pixel_range)
    width, height = fitted_size(image.size, settings)
    resized = image.resize(
        (width, height),
        Image.Resampling.LANCZOS,
        box=crop_box(image.size, settings),
        reducing_gap=_REDUCING_GAP,
    )
    background = _colour(settings.background)
    pixels = np.asarray(_pad(_to_channels(resized, channels, background), settings, background))
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes, dtype=np.uint8)


def load_whole(picture: Picture, settings: DataSettings) -> Picture:
    """The picture, all its pixels decoded. Raises UnusableImage as `decode`."""
    _check_side(picture)
    if isinstance(picture, Image.Image):
        _load(picture, replace(settings, size=picture.size))
    return picture


def is_grey(image: Picture, settings: DataSettings) -> bool:
    """Whether an opened image can hold no colour: a grey mode, or a palette of greys only.

    Raises:
        UnusableImage: it has a palette, which is known once it is decoded, and cannot be decoded.
    """
    if isinstance(image, DeepImage):
        return image.colours == 1
    if image.mode != "P":
        return image.mode in GREY_MODES
    _load(image, settings)
    palette = np.array(image.getpalette("RGB") or [0, 0, 0]).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def upright_size(image: Picture) -> tuple[int, int]:
    """Width and height in pixels once EXIF rotation is applied; reads the header only."""
    if isinstance(image, DeepImage):
        return image.size
    width, height = image.size
    if isinstance(image, TiffImageFile):  # Pillow turns the size of some, before the pixels
        width, height = image.tag_v2[256], image.tag_v2[257]
    return (height, width) if _orientation(image) >= 5 else (width, height)


def crop_box(
    size: tuple[int, int], settings: DataSettings
) -> tuple[float, float, float, float] | None:
    """The centred part (left, top, right, bottom) that `fit="crop"` keeps; None keeps all."""
    if settings.fit != "crop":
        return None
    width, height = size
    aspect = settings.size[1] / settings.size[0]
    kept_width = min(width, height * aspect)
    kept_height = min(height, width / aspect)
    left, top = (width - kept_width) / 2, (height - kept_height) / 2
    return (left, top, min(width, left + kept_width), min(height, top + kept_height))


def fitted_size(size: tuple[int, int], settings: DataSettings) -> tuple[int, int]:
    """Width and height of the resized image; with `fit="pad"` the border comes on top."""
    height, width = settings.size
    if settings.fit != "pad":
        return width, height
    scale = min(width / size[0], height / size[1])
    return (
        min(width, max(1, round(size[0] * scale))),
        min(height, max(1, round(size[1] * scale))),
    )


def background_problem(background: str) -> str | None:
    """Why a colour cannot be used behind transparent pixels; None where it can."""
    try:
        colour = ImageColor.getrgb(background)
    except ValueError:
        hint = did_you_mean(background, ImageColor.colormap)
        return f"{background!r} is not a colour; give a name or #rrggbb.{hint}"
    if len(colour) == 4 and colour[3] != 255:
        return f"{background!r} is transparent itself; give an opaque colour as #rrggbb"
    return None


def _check_side(image: Picture) -> None:
    width, height = image.size
    if min(width, height) < SMALLEST_SIDE:
        raise UnusableImage(
            f"{width}x{height} pixels is too small, at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
        )


def _load(image: Image.Image, settings: DataSettings) -> None:
    """Decode the pixels; a JPEG only as finely as the final size needs."""
    pixels = image.width * image.height
    enough = max(settings.size) * _REDUCING_GAP / min(image.size)
    if enough < 1:
        image.draft(None, (int(image.width * enough), int(image.height * enough)))
    if not _is_held_whole(image):
        pixels = image.width * image.height
    factor = 2 if _takes_more_memory(image) else 1
    if factor * pixels > settings.max_megapixels * 1e6:
        kind = " of this kind" if factor > 1 else ""
        raise UnusableImage(
            f"{format_number(pixels / 1e6)} megapixels to decode, at most "
            f"{format_number(settings.max_megapixels / factor)}{kind} are allowed",
            f"--max-megapixels {math.ceil(factor * pixels / 1e6)} allows it",
        )
    load(image)


def _takes_more_memory(image: Image.Image) -> bool:
    """Whether decoding takes about twice the memory of other images with as many pixels.

    The reader of WebP holds every pixel four times; 32-bit greys are copied to be scaled.
    """
    return isinstance(image, WebPImageFile) or image.mode in ("I", "F")


def _is_held_whole(image: Image.Image) -> bool:
    """Whether decoding takes memory for all pixels of a file, even to give fewer."""
    if not isinstance(image, JpegImageFile) or not isinstance(image.fp, ImageBytes):
        return False
    frame = read_frame(image.fp.getvalue())
    return frame is not None and frame.whole


def _orientation(image: Image.Image) -> int:
    if isinstance(image, PngImageFile) and "exif" not in image.info:
        return 1  # Pillow would decode all pixels in search of it
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF: the pixels are good, so the image is not rotated
        return 1
    return orientation if orientation in _TURNS else 1


def _upright(image: Image.Image) -> Image.Image:
    orientation = _orientation(image)
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def _to_channels(
    image: Image.Image, channels: int, background: tuple[int, int, int]
) -> Image.Image:
    mode = MODES[channels]
    if image.mode in ("LA", "RGBA") and channels in (1, 3):
        canvas = Image.new("RGB", image.size, background)
        canvas.paste(image.convert("RGB"), mask=image.getchannel("A"))
        image = canvas
    return image if image.mode == mode else image.convert(mode)


def _pad(
    image: Image.Image, settings: DataSettings, background: tuple[int, int, int]
) -> Image.Image:
    height, width = settings.size
    if image.size == (width, height):
        return image
    border = Image.new("RGBA", (width, height), (*background, 0)).convert(image.mode)
    border.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return border


def _colour(background: str) -> tuple[int, int, int]:
    red, green, blue = ImageColor.getrgb(background)[:3]
    return red, green, blue
