"""The labels that a network is conditioned on: their names, and how many images have each."""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex

from ganvas.arguments import check_type
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

    def index_of(self, label: str | SupportsIndex) -> int:
        """The number of a label. Raises as `indices_of`."""
        return self.indices_of([label])[0]

    def indices_of(self, labels: Iterable[str | SupportsIndex]) -> list[int]:
        """The numbers of labels, by their names or numbers.

        Raises:
            GanvasError: there are no such labels; the message names the nearest of each.
        """
        labels = list(labels)
        numbers = [self._number(label) for label in labels]
        unknown = [label for label, number in zip(labels, numbers, strict=True) if number is None]
        if unknown:
            sentences = dict.fromkeys(map(self._unknown, unknown))
            raise GanvasError(f"{' '.join(sentences)} There are: {listed(self.names)}")
        return [number for number in numbers if number is not None]

    def named(self, text: str) -> tuple[str, ...]:
        """The labels that a text names: `each`, which is all, or some with commas between them.

        A name that has commas itself is found too: of several that fit, the longest. So what is no
        label is returned piece by piece.
        """
        if text == EACH:
            return self.names
        parts = [part.strip() for part in text.split(",")]
        joined = {",".join(part.strip() for part in name.split(",")): name for name in self.names}
        names = {composed(text): name for text, name in joined.items()} | joined
        labels = []
        while parts:
            lengths = range(len(parts), 0, -1)
            length = next((n for n in lengths if composed(",".join(parts[:n])) in names), 1)
            label = ",".join(parts[:length])
            labels.append(names.get(label, names.get(composed(label), label)))
            parts = parts[length:]
        return tuple(labels)

    def _number(self, label: str | SupportsIndex) -> int | None:
        """The number of a label; None if it is none."""
        if isinstance(label, str):
            if label in self.names:
                return self.names.index(label)
            names = [composed(name) for name in self.names]
            return names.index(composed(label)) if names.count(composed(label)) == 1 else None
        check_type("label", label, SupportsIndex, "the name or the number of a label")
        number = operator.index(label)
        return number if 0 <= number < len(self.names) else None

    def _unknown(self, label: str | SupportsIndex) -> str:
        """What is said of a label that there is not, with the nearest that there is."""
        last = len(self.names) - 1
        near = self.near(label) if isinstance(label, str) else f" Numbers go from 0 to {last}."
        return f"{label!r} is no label of this run.{near}"

    def near(self, text: str) -> str:
        """A hint with a leading space for a text that is no label; empty where none is near."""
        if text.isdecimal():  # no number is near another by its digits
            if any(name.isdecimal() for name in self.names):
                return ""
            known = int(text) < len(self.names)
            named = f": number {text} is {self.names[int(text)]}" if known else ""
            return f" Labels are named, not numbered{named}."
        if all(part.strip() in self.names for part in text.split(",")):
            return " One label was expected, and these are several."
        folded = {name.casefold(): name for name in self.names}
        return did_you_mean(folded.get(text.casefold(), text), self.names)

    def to_table(self) -> dict[str, Any]:
        """As JSON files hold it; `from_table` reads it back."""
        return {"names": list(self.names), "training_images": list(self.counts)}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> LabelSet:
        """The labels of `to_table`.

        Raises:
            ValueError: there is not one count of training images for each name.
        """
        names, counts = tuple(table["names"]), tuple(table["training_images"])
        if len(names) != len(counts) or min(counts, default=0) < 0 or not sum(counts):
            raise ValueError(
                f"labels: expected training images of {format_count(len(names), 'name')}, "
                f"got {list(counts)}"
            )
        return cls(names, counts)


def unsuitable(labels: LabelSet | None) -> str:
    """Why `auto` does not condition on these labels; empty if it does."""
    if labels is None:
        return "the images have none, or not all have one (ganvas check says how many)"
    count = len(labels.names)
    if not 2 <= count <= MOST_LABELS:
        return f"there are {count:,}, and auto wants 2 to {MOST_LABELS:,}"
    rare = [
        f"{name} ({images:,})"
        for name, images in zip(labels.names, labels.counts, strict=True)
        if images < FEWEST_IMAGES
    ]
    if not rare:
        return ""
    these = format_count(len(rare), "label")
    have = "has" if len(rare) == 1 else "have"
    wanted = f"auto wants {FEWEST_IMAGES} training images of each"
    return f"{wanted}, and {these} {have} fewer: {listed(rare)}"


def composed(name: str) -> str:
    """A name with each accented letter as one character; macOS may keep letter and accent apart."""
    return unicodedata.normalize("NFC", name)


def listed(names: Iterable[str]) -> str:
    """`cat, dog, 3 others`: the first names, and how many there are besides."""
    names = list(names)
    others = len(names) - NAMES_LISTED
    shown = ", ".join(names[:NAMES_LISTED])
    return f"{shown}, {others:,} others" if others > 0 else shown
