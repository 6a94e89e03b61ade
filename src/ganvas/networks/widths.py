"""How many channels a network has at each resolution: fields that residual families share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Channels that double with each halving, up to a limit."""

    width: Annotated[int, Ge(1)] = 32
    """Channels next to the image."""
    largest_multiplier: Annotated[int, Ge(1)] = 4
    """Channels double with each halving of the resolution, up to this multiple of the width."""

    def channels_at(self, level: int) -> int:
        """Channels at a level: level 0 has the width, and each next one twice as many."""
        multiplier: int = 2**level
        return self.width * min(multiplier, self.largest_multiplier)
