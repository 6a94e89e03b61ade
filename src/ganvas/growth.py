"""Growing: the sizes at which a run trains, one after another (Karras 2018).

Both networks start with their coarse stages alone and get the finer ones later. New stages are not
faded in: as in StyleGAN-XL (Sauer 2022, section 3.2), they train at once at full strength.
"""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import ClassVar

from ganvas.schedules import ScheduledValue, parse_count


@dataclass(frozen=True, kw_only=True)
class Growth(ScheduledValue):
    """Heights of images to train at, each twice the one before. Widths follow."""

    heights: tuple[int, ...]
    """At least two, ascending; the last is that of the data."""
    ends: tuple[int, ...] | None = None
    """Images seen at which each height but the last ends, ascending; None: equal shares of the
    budget, fixed when the run starts."""

    expected: ClassVar[str] = "text such as 16,32,64"

    @classmethod
    def parse(cls, text: str) -> object:
        return parse_growth(text)

    def __post_init__(self) -> None:
        pairs = list(itertools.pairwise(self.heights))
        if not pairs or any(height < 1 or above != 2 * height for height, above in pairs):
            raise ValueError(
                "expected at least two heights, each twice the one before, such as 16,32,64; got "
                f"{self._text_of_heights()}"
            )
        if self.ends is None:
            return
        if len(self.ends) != len(pairs) or any(
            end <= start for start, end in itertools.pairwise((0, *self.ends))
        ):
            raise ValueError(
                "expected for each height but the last how many images have been seen when it "
                f"ends, such as 16:50k,32:100k,64; got {self.text()}"
            )

    def text(self) -> str:
        if self.ends is None:
            return self._text_of_heights()
        ends = [f":{end}" for end in self.ends]
        pairs = itertools.zip_longest(self.heights, ends, fillvalue="")
        return ",".join(f"{height}{end}" for height, end in pairs)

    def _text_of_heights(self) -> str:
        return ",".join(map(str, self.heights))

    def in_words(self) -> str:
        """`16 until 50,000, 32 until 100,000 images seen, then 64`."""
        pairs = zip(self.heights, self._fixed_ends, strict=False)
        parts = [f"{height} until {end:,}" for height, end in pairs]
        return f"{', '.join(parts)} images seen, then {self.heights[-1]}"

    def with_budget(self, images: int) -> Growth:
        return dataclasses.replace(self, ends=self._ends(images))

    def lengths(self, images: int) -> list[int]:
        """How many images of a budget are trained on at each height."""
        return [end - start for start, end in itertools.pairwise((0, *self._ends(images), images))]

    def _ends(self, images: int) -> tuple[int, ...]:
        count = len(self.heights)
        return self.ends or tuple(images * part // count for part in range(1, count))

    def later_doublings(self, images_seen: int) -> int:
        """How often the height is still to double after so many images."""
        return sum(images_seen < end for end in self._fixed_ends)

    def start(self, later_doublings: int) -> int:
        """Images seen when the size began whose height is still to double so often."""
        starts = (0, *self._fixed_ends)
        return starts[-1 - later_doublings]

    @property
    def _fixed_ends(self) -> tuple[int, ...]:
        if self.ends is None:
            raise ValueError("open growth has no ends: call with_budget first")
        return self.ends


def parse_growth(text: str) -> Growth:
    """Read `16,32,64` or `16:50k,32:100k,64`.

    Raises:
        ValueError: the text is no growth; the message says what was expected.
    """
    heights, ends = [], []
    for part in text.split(","):
        height, separator, end = part.strip().partition(":")
        heights.append(parse_count(height))
        if separator:
            ends.append(parse_count(end))
    return Growth(heights=tuple(heights), ends=tuple(ends) or None)
