"""`--layers 0-3`: some of the layers that take a style."""

from __future__ import annotations

import re

from ganvas.errors import GanvasError

RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?")


def parse_layers(text: str | None) -> list[int] | None:
    """The layers that a text such as `0-3` or `0,2,5-7` names, in order; None if not given.

    Raises:
        GanvasError: it is no such text.
    """
    if text is None:
        return None
    layers: set[int] = set()
    for part in text.split(","):
        match = RANGE.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last:
            raise GanvasError(
                f"--layers {text}: expected numbers or ranges from 0 on, the coarsest layer, such "
                "as 0-3 or 0,2,5-7"
            )
        layers |= set(range(first, last + 1))
    return sorted(layers)
