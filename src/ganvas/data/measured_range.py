"""The one range of pixel values for a whole data set: measured over it, or checked against it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ganvas.data.bit_depth import (
    EIGHT_BITS,
    FULL,
    MEASURED,
    SIXTEEN_BITS,
    PixelRange,
    array_depth,
    measure_values,
)
from ganvas.data.decoding import load_whole
from ganvas.data.reading import parallel_map
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source, UnusableImage
from ganvas.errors import DataError, RunError
from ganvas.formatting import format_count, format_list
from ganvas.json_files import parse_json, write_json
from ganvas.progress import StageProgress

MEASURING = "measuring pixels"
"""The stage of preparation in which pixel values are measured."""

_FORMAT = 2


class Measured(NamedTuple):
    """What was measured of all images with one number type."""

    low: float
    high: float
    images: int
    """How many there are."""
    example: str
    """The name of the first one."""

    @property
    def range(self) -> PixelRange:
        """The lowest and the highest value."""
        return PixelRange(self.low, self.high)

    def with_another(self, low: float, high: float) -> Measured:
        """The same with one more image."""
        return self._replace(
            low=min(self.low, low), high=max(self.high, high), images=self.images + 1
        )


Ranges = dict[str, Measured]
"""What was measured of all usable images, by the name of their number type."""


def with_known_range(
    source: Source,
    settings: DataSettings,
    fingerprint: str,
    cache: Path,
    on_progress: StageProgress | None,
) -> DataSettings:
    """The settings with the measured range in place of `measured`.

    Every pixel of every image is read for that, once for the same content. It is also read where
    values may lie outside what is agreed: arrays of floats, which must lie in 0 to 1, and of
    integers but uint8 and uint16, which need a range.

    Args:
        source: where images come from.
        settings: `pixel_range` is read.
        fingerprint: hash of the content.
        cache: folder of prepared data, where the measured values are kept.
        on_progress: called with (stage, done, total).

    Raises:
        DataError: no range can be measured, or one must be given; with what was found.
    """

    def measured() -> Ranges:
        return _cached(
            cache / f"range-{fingerprint}.json", lambda: _measure(source, settings, on_progress)
        )

    if settings.pixel_range == MEASURED:
        chosen = _single_range(source, measured())
        return replace(settings, pixel_range=FULL if chosen is None else str(chosen))
    needs_check = source.dtype is not None and array_depth(source.dtype) not in (
        EIGHT_BITS,
        SIXTEEN_BITS,
    )
    if settings.pixel_range == FULL and needs_check:
        _check_agreed(source, measured())
    return settings


def _single_range(source: Source, ranges: Ranges) -> PixelRange | None:
    """The range of all images; None where none of them is usable."""
    if len(ranges) > 1:
        kinds = format_list([_in_words(name, measured) for name, measured in ranges.items()])
        raise DataError(
            f"{source.location} mixes images of {kinds}, whose values mean different things, so "
            "no range can be measured. Save all images alike, take those of one number type away, "
            "or leave --pixel-range out"
        )
    for span in (measured.range for measured in ranges.values()):
        if span.low == span.high:
            raise DataError(
                f"{source.location}: every pixel is {span.low:g}, so there is no range to "
                "measure. Give one: --pixel-range LOW:HIGH"
            )
        return span
    return None


def _in_words(name: str, measured: Measured) -> str:
    """`16 bits (92 to 4,095; 56 images, such as 000.tif)`."""
    images = format_count(measured.images, "image")
    such_as = ", such as" if measured.images > 1 else ":"
    return f"{name} ({measured.range.in_words()}; {images}{such_as} {measured.example})"


def _check_agreed(source: Source, ranges: Ranges) -> None:
    """Raise a `DataError` where an array's values are not what its number type promises."""
    assert source.dtype is not None  # the caller looked
    full = array_depth(source.dtype).full
    for span in (measured.range for measured in ranges.values()):
        if full is not None and full.low <= span.low <= span.high <= full.high:
            continue
        rule = "floats must lie in 0 to 1" if full else "it is not agreed what these numbers mean"
        typed = "LOW:HIGH" if span.low == span.high else span.rounded()
        raise DataError(
            f"{source.location}: its pixels are {source.dtype.name} from {span.in_words()}, and "
            f"{rule}. Say which values become black and white: --pixel-range {typed}. "
            f"--pixel-range {MEASURED} takes the lowest and highest of all images"
        )


def _measure(source: Source, settings: DataSettings, on_progress: StageProgress | None) -> Ranges:
    """The values of all usable images."""

    def measure(index: int) -> tuple[str, str, float, float] | None:
        try:
            depth, low, high = measure_values(load_whole(source.read(index), settings))
        except UnusableImage:
            return None
        return source.items[index].name, depth.name, low, high

    def report(done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(MEASURING, done, total)

    ranges: Ranges = {}
    images = filter(None, parallel_map(measure, range(len(source.items)), report))
    for image, depth_name, low, high in images:
        known = ranges.get(depth_name, Measured(low, high, 0, image))
        ranges[depth_name] = known.with_another(low, high)
    return ranges


def _cached(path: Path, measure: Callable[[], Ranges]) -> Ranges:
    """What was measured of this content before, or is now. A damaged file is replaced."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stored = parse_json(path.read_bytes())
        if stored["format"] == _FORMAT:
            return {name: Measured(*values) for name, values in stored["ranges"].items()}
    ranges = measure()
    with contextlib.suppress(OSError, RunError):  # a cache that cannot be written costs only time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"format": _FORMAT, "ranges": ranges})
    return ranges
