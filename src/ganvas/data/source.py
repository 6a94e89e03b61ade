"""What a source of images is: items with names and labels, each read only when it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image


class Item(NamedTuple):
    """One image before it is read: its name inside the source (`/` between folders), its label."""

    name: str
    label: str | None


class Unusable(NamedTuple):
    """One image that is left out, and why; reads as `IMG_0313.jpg: cut after 41 kB`."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class UnusableImage(Exception):
    """Raised for one image that cannot be trained on, whatever is wrong with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, eq=False)
class Source(ABC):
    """Images in a stable order. Threads may read one source at the same time.

    A source pickles as its location: another process opens it again.
    """

    name: str
    """Short name for people: `photos` for `/home/me/photos.zip`."""
    location: str
    """Absolute path, or the name of a built-in source: what `open_source` opens again."""
    items: Sequence[Item] = field(repr=False)
    """Every image or would-be image, sorted by name."""
    label_names: tuple[str, ...]
    """Every label once, in the order of their class numbers; empty where there are none."""

    @abstractmethod
    def content(self, index: int) -> bytes:
        """What makes two images the same: a file's bytes, or an array's shape and pixels.

        Raises:
            UnusableImage: this item cannot be read (no permission, missing, damaged archive).
        """

    @abstractmethod
    def read(self, index: int) -> Image:
        """Open one image. The pixels of a file are decoded later, by `decoding.decode`.

        Raises:
            UnusableImage: this item cannot be read or is not an image.
        """

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        from ganvas.data.sources import open_source

        return open_source, (self.location,)


def sorted_labels(labels: Iterable[str | None]) -> tuple[str, ...]:
    """Every label once, sorted; numbers by value, so that `10` comes after `9`."""

    def order(label: str) -> tuple[bool, int, str]:
        number = label.isdecimal()
        return (not number, int(label) if number else 0, label)

    return tuple(sorted({label for label in labels if label is not None}, key=order))
