"""The labels that a network is conditioned on: their names, and how many images have each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ganvas.errors import GanvasError, did_you_mean
from ganvas.formatting import format_count

EACH = "each"
"""Stands for every label, where the name of one is asked for."""

NAMES_LISTED = 12

FEWEST_IMAGES = 20
"""Training images of every label from which `auto` conditions: with fewer, a label's samples soon
are copies (Shahbazi 2022)."""
MOST_LABELS = 1_000
"""Larger tables of labels leave too few images for each at any size that trains here."""


@dataclass(frozen=True)
class LabelSet:
    """Labels by number: a label is the index of its name."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    """Training images of each, so that labels can be drawn as often as the data has them."""

    def index_of(self, name: str) -> int:
        """The number of a label.

        Raises:
            GanvasError: there is no such label; the message names the nearest.
        """
        if name in self.names:
            return self.names.index(name)
        raise GanvasError(
            f"{name!r} is no label of this run.{did_you_mean(name, self.names)} "
            f"There are: {listed(self.names)}"
        )

    def to_table(self) -> dict[str, Any]:
        """As JSON files hold it; `from_table` reads it back."""
        return {"names": list(self.names), "training_images": list(self.counts)}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> LabelSet:
        """The labels of `to_table`."""
        return cls(tuple(table["names"]), tuple(table["training_images"]))


def unsuitable(labels: LabelSet | None) -> str:
    """Why `auto` does not condition on these labels; empty if it does."""
    if labels is None:
        return "the images have none"
    count = len(labels.names)
    if not 2 <= count <= MOST_LABELS:
        return f"there are {count:,}, and auto wants 2 to {MOST_LABELS:,}"
    fewest = min(labels.counts)
    if fewest < FEWEST_IMAGES:
        name = labels.names[labels.counts.index(fewest)]
        return (
            f"{name!r} has {format_count(fewest, 'training image')}, and auto wants "
            f"{FEWEST_IMAGES} of each"
        )
    return ""


def listed(names: Iterable[str]) -> str:
    """`cat, dog, 3 others`: the first names, and how many there are besides."""
    names = list(names)
    others = len(names) - NAMES_LISTED
    shown = ", ".join(names[:NAMES_LISTED])
    return f"{shown}, {others:,} others" if others > 0 else shown
