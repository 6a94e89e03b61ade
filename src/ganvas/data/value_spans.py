"""How much of what their numbers can hold images use: 12 bits in files of 16 are near-black."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganvas.data.bit_depth import (
    EIGHT_BITS,
    MEASURED,
    Depth,
    Picture,
    PixelRange,
    PixelValues,
    depth_of,
    measure_values,
)
from ganvas.formatting import format_percent

NARROW = 0.5
"""Images that span less than this fraction of what their number type holds are spoken of."""

_BLACK = 0.01
"""Where the lowest value lies below this fraction, the images are dark rather than flat."""


@dataclass(frozen=True)
class ValueSpans:
    """What the images of a data set span."""

    narrow: tuple[PixelValues, ...] = ()
    """For each number type whose images span less than half of it: what they span together."""
    same_depth: bool = True
    """Whether all images have one number type, so that one range of values suits all."""

    @property
    def suits_one_range(self) -> bool:
        """Whether one range of values, measured over all images, would use more of 8 bits."""
        return self.same_depth and any(low < high for _, low, high in self.narrow)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to do about each narrow span."""
        return tuple(self._warning(values) for values in self.narrow)

    def to_json(self) -> list[dict[str, Any]]:
        """The narrow spans as JSON types."""
        return [{"type": depth.name, "low": low, "high": high} for depth, low, high in self.narrow]

    def _warning(self, values: PixelValues) -> str:
        depth, low, high = values
        start, end = fractions_of_full(values)
        which = "" if self.same_depth else f" of the images with {depth.name}"
        if start < _BLACK:
            text = f"dark images: the brightest pixel{which} is {format_percent(end)} "
        else:
            between = f"{format_percent(start)} and {format_percent(end)}"
            text = f"flat images: all pixels{which} lie between {between} "
        text += f"of what {depth.name} hold"
        if low == high:
            return f"{text}, and all pixels are the same"
        if not self.same_depth:
            return (
                f"{text}. Save all images alike, or take those of other number types away: one "
                "range cannot suit several"
            )
        found = PixelRange(low, high).in_words()
        return f"{text}. Train with --pixel-range {MEASURED}: {found} become black to white"


def picture_values(picture: Picture, decoded: npt.NDArray[np.uint8], whole: bool) -> PixelValues:
    """The values of a picture; of one that needs no closer look, all that its type holds.

    Args:
        picture: after decoding.
        decoded: what it became, whose wide span saves the closer look at 8-bit pixels.
        whole: whether all of its pixels were decoded: a JPEG may have been decoded smaller.
    """
    depth = depth_of(picture)
    is_wide = int(decoded.max()) - int(decoded.min()) >= 255 * NARROW
    if depth == EIGHT_BITS and (is_wide or not whole):
        return PixelValues(depth, 0, 255)
    return measure_values(picture)


def value_spans(values: Sequence[PixelValues], other_depths: bool) -> ValueSpans:
    """What images span, from the values of each.

    Args:
        other_depths: there are images without an agreed range too, which a measured one would use.
    """
    spans: dict[Depth, PixelValues] = {}
    for depth, low, high in values:
        _, lowest, highest = spans.get(depth, (depth, low, high))
        spans[depth] = PixelValues(depth, min(low, lowest), max(high, highest))
    narrow = [span for span in spans.values() if span.depth.full is not None]
    return ValueSpans(
        narrow=tuple(
            span
            for span in narrow
            if fractions_of_full(span)[1] - fractions_of_full(span)[0] < NARROW
        ),
        same_depth=len(spans) <= 1 and not other_depths,
    )


def fractions_of_full(values: PixelValues) -> tuple[float, float]:
    """The lowest and highest value as fractions of what the number type holds, which is agreed."""
    assert values.depth.full is not None
    low, high = values.depth.full
    return (values.low - low) / (high - low), (values.high - low) / (high - low)
