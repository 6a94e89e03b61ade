"""From pixels of any number type to 8 bits: which values are black and white, in every image alike.

Pillow holds 16 bits and floats only in grey. Arrays have them in colour too: `DeepImage`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from ganvas.data.source import UnusableImage
from ganvas.formatting import format_number

GREY_MODES = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}
FULL, MEASURED = "full", "measured"
"""Words for `DataSettings.pixel_range`; any other value is LOW:HIGH."""
_BLOCK = 1_000_000
"""Values that are scaled at a time, in numbers of eight times the size."""


class PixelRange(NamedTuple):
    """The values that become 0 and 255; those between are spread evenly, others are clipped."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{_plain(self.low)}:{_plain(self.high)}"

    def rounded(self) -> PixelRange:
        """With six significant digits, as one would type it."""
        return PixelRange(float(f"{self.low:.6g}"), float(f"{self.high:.6g}"))

    def in_words(self) -> str:
        """`0 to 4,095`."""
        return f"{_readable(self.low)} to {_readable(self.high)}"


class Depth(NamedTuple):
    """A number type of pixels."""

    name: str
    """In a sentence: what 16 bits hold."""
    full: PixelRange | None
    """What it can hold, from black to white; None where nobody agrees on that."""


class WithoutRange(UnusableImage):
    """Raised for an image whose values lie outside what its number type is agreed to hold."""


class PixelValues(NamedTuple):
    """The lowest and the highest value among pixels, without alpha."""

    depth: Depth
    low: float
    high: float


EIGHT_BITS = Depth("8 bits", PixelRange(0.0, 255.0))
SIXTEEN_BITS = Depth("16 bits", PixelRange(0.0, 65535.0))
UNIT_FLOATS = Depth("floats from 0 to 1", PixelRange(0.0, 1.0))
FLOAT_FILE = Depth("floating-point", None)


@dataclass(frozen=True, eq=False)
class DeepImage:
    """An image of an array whose numbers are not 8 bits."""

    pixels: npt.NDArray[Any]
    """(H, W, C), C 1 to 4: grey, grey with alpha, colour, colour with alpha."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width, _ = self.pixels.shape
        return width, height

    @property
    def depth(self) -> Depth:
        """What its numbers are."""
        return array_depth(self.pixels.dtype)

    @property
    def mode(self) -> str:
        """What it is, for people: `16-bit colour`, `float32 grey with alpha`."""
        kind = "16-bit" if self.depth == SIXTEEN_BITS else self.pixels.dtype.name
        alpha = "" if self.colours == self.pixels.shape[2] else " with alpha"
        return f"{kind} {'grey' if self.colours == 1 else 'colour'}{alpha}"

    @property
    def colours(self) -> int:
        """The number of channels without alpha."""
        return 1 if self.pixels.shape[2] <= 2 else 3


Picture = Image.Image | DeepImage
"""What a `Source` reads."""


def array_depth(dtype: np.dtype[Any]) -> Depth:
    """What the numbers of an array mean."""
    if dtype.kind in "bu" and dtype.itemsize <= 2:
        return EIGHT_BITS if dtype.itemsize == 1 else SIXTEEN_BITS
    return UNIT_FLOATS if dtype.kind == "f" else Depth(dtype.name, None)


def picture_of(pixels: npt.NDArray[Any]) -> Picture:
    """The image of an array (H, W, C); True of a boolean array is white."""
    if pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    if pixels.dtype != np.uint8:
        return DeepImage(pixels)
    return Image.fromarray(
        np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    )


@functools.cache
def parse_pixel_range(text: str) -> PixelRange | None:
    """The range of a setting LOW:HIGH; None for `full`.

    Raises:
        ValueError: it is none; with what was expected.
    """
    if text == FULL:
        return None
    low, colon, high = text.partition(":")
    number = r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*"
    if not colon or not all(re.fullmatch(number, end, re.IGNORECASE) for end in (low, high)):
        raise ValueError(
            f"{text!r} is no range; give {FULL}, {MEASURED}, or the values that become black and "
            "white as LOW:HIGH, such as 0:4095"
        )
    if not float(low) < float(high) < np.inf:
        raise ValueError(f"{text!r} is empty; the first value must be the lower one")
    return PixelRange(float(low), float(high))


def pixel_range_problem(text: str) -> str | None:
    """Why a setting cannot be used; None where it can."""
    try:
        parse_pixel_range(FULL if text == MEASURED else text)
    except ValueError as error:
        return str(error)
    return None


def measure_values(picture: Picture) -> PixelValues:
    """The lowest and highest value of a picture whose pixels are decoded.

    Raises:
        UnusableImage: pixels are NaN or infinite.
    """
    if isinstance(picture, DeepImage):
        values = picture.pixels[:, :, : picture.colours]
    elif is_deep(picture):
        values = np.asarray(picture)
    else:
        image = _eight_bit_mode(picture)
        counts = np.reshape(image.histogram(), (-1, 256))  # band by band
        levels = np.flatnonzero(counts[: 1 if len(counts) <= 2 else 3].sum(axis=0))
        return PixelValues(EIGHT_BITS, float(levels[0]), float(levels[-1]))
    _check_finite(values)
    return PixelValues(depth_of(picture), float(values.min()), float(values.max()))


def depth_of(picture: Picture) -> Depth:
    """What the numbers of a picture are."""
    if isinstance(picture, DeepImage):
        return picture.depth
    if not is_deep(picture):
        return EIGHT_BITS
    return FLOAT_FILE if picture.mode == "F" else SIXTEEN_BITS


def is_deep(image: Image.Image) -> bool:
    """Whether Pillow holds more than 8 bits of each pixel; then it is grey."""
    return image.mode == "F" or image.mode.startswith("I")


def to_eight_bits(picture: Picture, pixel_range: str) -> Image.Image:
    """Any picture to L, LA, RGB or RGBA.

    Args:
        picture: its pixels decoded.
        pixel_range: `full` or LOW:HIGH. Alpha always has its full range.

    Raises:
        UnusableImage: pixels that are no finite numbers.
        WithoutRange: they lie outside what their type means.
    """
    chosen = parse_pixel_range(pixel_range)
    if isinstance(picture, DeepImage):
        return _deep_to_eight_bits(picture, chosen)
    if is_deep(picture):
        values = np.asarray(picture)
        _check_finite(values)
        chosen = chosen or _agreed_range(depth_of(picture), values)
        return Image.fromarray(_scaled(values, chosen))
    eight = _eight_bit_mode(picture)
    return eight if chosen is None else _stretched(eight, chosen)


def _deep_to_eight_bits(image: DeepImage, chosen: PixelRange | None) -> Image.Image:
    colours, alpha = np.split(image.pixels, [image.colours], axis=2)
    _check_finite(image.pixels)
    chosen = chosen or _agreed_range(image.depth, colours)
    scaled = [_scaled(colours, chosen), _scaled(alpha, image.depth.full or chosen)]
    whole = np.concatenate(scaled, axis=2)
    return Image.fromarray(whole[:, :, 0] if whole.shape[2] == 1 else whole)


def _eight_bit_mode(image: Image.Image) -> Image.Image:
    grey = image.mode in GREY_MODES
    target = ("L" if grey else "RGB") + ("A" if image.has_transparency_data else "")
    try:
        return image if image.mode == target else image.convert(target)
    except (ValueError, ImportError) as error:
        raise UnusableImage(f"pixel mode {image.mode} cannot be converted") from error


def _stretched(image: Image.Image, chosen: PixelRange) -> Image.Image:
    """An image of 8 bits with another range, without its alpha."""
    if chosen.high > 255:
        raise UnusableImage(f"8-bit pixels, but {chosen.in_words()} is a range of more bits")
    levels = _scaled(np.arange(256), chosen).tolist()
    alpha = image.mode.endswith("A")
    colours = len(image.getbands()) - alpha
    return image.point(levels * colours + list(range(256)) * alpha)


def _scaled(values: npt.NDArray[Any], chosen: PixelRange) -> npt.NDArray[np.uint8]:
    """The nearest of 256 levels; 65535 becomes 255, and 257 becomes 1."""
    flat = values.reshape(-1)
    scaled = np.empty(flat.shape, np.uint8)
    for start in range(0, len(flat), _BLOCK):
        block = slice(start, start + _BLOCK)
        levels = (flat[block].astype(np.float64) - chosen.low) * (255 / (chosen.high - chosen.low))
        scaled[block] = np.floor(np.clip(levels, 0, 255) + 0.5)
    return scaled.reshape(values.shape)


def _agreed_range(depth: Depth, values: npt.NDArray[Any]) -> PixelRange:
    """What a number type can hold, if these values lie in it."""
    found = PixelRange(float(values.min()), float(values.max()))
    if depth.full is not None and depth.full.low <= found.low <= found.high <= depth.full.high:
        return depth.full
    kind = "integer" if depth == SIXTEEN_BITS else depth.name
    agreed = "have no agreed range" if depth.full is None else f"outside {depth.full.in_words()}"
    raise WithoutRange(
        f"{kind} pixels {agreed} (here {found.in_words()})",
        f"--pixel-range {MEASURED} uses them, if all images are alike",
    )


def _check_finite(values: npt.NDArray[Any]) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = values.size - int(np.isfinite(values).sum())
        raise UnusableImage(f"{count:,} of its values are NaN or infinite")


def _plain(value: float) -> str:
    """A number that Python reads back exactly: `4095`, `-0.5`."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _readable(value: float) -> str:
    return f"{value:,.0f}" if value.is_integer() else format_number(value)
