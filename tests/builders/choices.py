"""Cases that have every value of several choices, without their product."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, islice


def in_turns(*choices: Iterable[str]) -> list[tuple[str, ...]]:
    """As many cases as the longest choice has values; the values of the others take turns.

    For choices that have nothing to do with each other: each value is seen, not each pair.
    """
    values = [list(choice) for choice in choices]
    return list(islice(zip(*map(cycle, values), strict=True), max(map(len, values))))
