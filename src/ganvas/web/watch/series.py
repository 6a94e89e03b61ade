"""A long history in little memory: the smallest and the largest value of every few records."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from typing import Any

BUCKETS = 256
"""Fewest buckets once there are so many records; twice as many are the most."""

MOST_COLUMNS = 256
"""Further columns are left out, so that no file can fill the memory."""

DIGITS = 6
"""Significant digits that a page is sent."""

Columns = dict[str, "array[float]"]


class Series:
    """Numbers over images seen, in buckets of `width` consecutive records each.

    A bucket keeps the smallest and the largest value of each column, so a spike stays visible
    however long the run. When there are 2 x `BUCKETS` of them, neighbours are joined and the width
    doubles: memory is bounded, and every record counts.

    Attributes:
        epoch: grows whenever buckets change that were there before; else only the last one does.
        x: images seen at the newest record of each bucket.
    """

    def __init__(self) -> None:
        self.epoch = 0
        self.width = 1
        self.records = 0
        self.x: array[float] = array("d")
        self._low: Columns = {}
        self._high: Columns = {}

    def clear(self) -> None:
        """Forget everything: the history begins anew."""
        self.epoch += 1
        self.width, self.records = 1, 0
        self.x = array("d")
        self._low, self._high = {}, {}

    def add(self, x: float, values: Mapping[str, float]) -> None:
        """Add a record. One with fewer images seen than the last begins anew.

        Args:
            x: images seen.
            values: finite numbers by column.
        """
        if self.x and x < self.x[-1]:
            self.clear()
        if self.records % self.width == 0:
            if len(self.x) == 2 * BUCKETS:
                self._join_neighbours()
            self.x.append(x)
            for column in (*self._low.values(), *self._high.values()):
                column.append(math.nan)
        self.records += 1
        self.x[-1] = x
        for name, value in values.items():
            low = self._low.get(name) or self._new_column(name)
            if low is None:
                continue
            high = self._high[name]
            if not low[-1] <= value:  # also where it is not a number yet
                low[-1] = value
            if not high[-1] >= value:
                high[-1] = value

    def _new_column(self, name: str) -> array[float] | None:
        """An empty column; None if there are too many."""
        if len(self._low) == MOST_COLUMNS:
            return None
        for columns in (self._low, self._high):
            columns[name] = array("d", [math.nan]) * len(self.x)
        return self._low[name]

    def _join_neighbours(self) -> None:
        self.epoch += 1
        self.width *= 2
        self.x = self.x[1::2]
        self._low = {name: _joined(values, min) for name, values in self._low.items()}
        self._high = {name: _joined(values, max) for name, values in self._high.items()}

    def columns(self) -> list[str]:
        """Names of the columns, in the order in which they came."""
        return list(self._low)

    def table(self, begin: int = 0) -> dict[str, Any]:
        """The buckets from `begin` on, as JSON: x, and [smallest, largest] of each column.

        Where there is no value: None. Where all are equal, there is one list for both.
        """
        columns = {}
        for name, values in self._low.items():
            low, high = _plain(values[begin:]), _plain(self._high[name][begin:])
            if any(value is not None for value in low):
                columns[name] = [low] if low == high else [low, high]
        return {
            "epoch": self.epoch,
            "begin": begin,
            "width": self.width,
            "x": self.x[begin:].tolist(),
            "columns": columns,
        }


def _joined(values: array[float], choose: Callable[[float, float], float]) -> array[float]:
    """Of every two neighbours one; a missing one gives way."""
    pairs = zip(values[::2], values[1::2], strict=True)
    return array(
        "d", (b if math.isnan(a) else a if math.isnan(b) else choose(a, b) for a, b in pairs)
    )


def _plain(values: array[float]) -> list[float | None]:
    return [None if math.isnan(value) else float(f"{value:.{DIGITS}g}") for value in values]
