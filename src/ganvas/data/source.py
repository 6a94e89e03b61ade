"""What a source of images is: items with names and labels, each read only on demand."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ganvas.data.label_tables import LabelTable

if TYPE_CHECKING:
    from ganvas.data.bit_depth import Picture


LABEL_WORDS = ("labels?", "targets?", "class(es)?")
"""What tools call labels, for `names_with`."""


class Item(NamedTuple):
    """One image before it is read: its name inside the source (`/` between folders), its label."""

    name: str
    label: str | None


class FileStamp(NamedTuple):
    """What changes when a file is written: its size in bytes, its modification time in ns."""

    size: int
    modified_ns: int


NO_FILE = FileStamp(-1, 0)
"""The stamp of a file that is missing."""
LATEST_NS = 2**62
"""The year 2116. Files may have any time, such as 4501, by which some programs mean none; stamps
are stored in 64 bits."""


class Unusable(NamedTuple):
    """One image that is left out, and why; prints as `IMG_0313.jpg: cut after 41 kB`."""

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


class UnusableImage(Exception):
    """Raised for one image that cannot be used for training, for any reason.

    Args:
        problem: why.
        flag: the flag of training that would use it, and what it does then; empty if there is none.
    """

    def __init__(self, problem: str, flag: str = "") -> None:
        self.problem = problem
        self.reason = f"{problem}; {flag}" if flag else problem
        super().__init__(self.reason)


@dataclass(frozen=True, eq=False)
class Dataset:
    """What `open_source` opens: images that are read, or data that is generated."""

    name: str
    """Short name for people: `photos` for `/home/me/photos.zip`."""
    location: str
    """Absolute path, or the name of a built-in source. `open_source` opens it again."""


@dataclass(frozen=True, eq=False)
class Source(Dataset, ABC):
    """Images in a stable order. Several threads may read one source at the same time."""

    items: Sequence[Item] = field(repr=False)
    """Every image or would-be image, sorted by name."""
    label_names: tuple[str, ...]
    """Every label once, in the order of their class numbers; empty where there are none."""
    label_table: LabelTable | None = field(default=None, kw_only=True, repr=False)
    """The table that the labels are from, or that could not be read; None where there is none."""
    unread_labels: tuple[str, ...] = field(default=(), kw_only=True)
    """Arrays or columns that may each hold the labels; none is read where they are several."""

    def group(self, index: int) -> Hashable:
        """What an item is a part of, with others like it; None for nothing. Items of one group are
        trained on or held out together."""
        return None

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The number type of every pixel of arrays; None for image files, which differ."""
        return None

    def class_numbers(self, indices: Sequence[int]) -> npt.NDArray[np.int64] | None:
        """The number of each of these items' labels; None unless all have one."""
        labels = [self.items[index].label for index in indices]
        if None in labels or not self.label_names:
            return None
        number_of = {label: number for number, label in enumerate(self.label_names)}
        return np.array([number_of[label] for label in labels if label is not None], np.int64)

    @abstractmethod
    def stamps(self) -> Sequence[FileStamp]:
        """For each item the stamp of the file that holds it, taken before its content is read."""

    @abstractmethod
    def content(self, index: int) -> bytes:
        """The bytes that identify an image: a file's bytes, or an array's shape and pixels.

        Raises:
            UnusableImage: this item cannot be read (no permission, missing, damaged archive).
        """

    @abstractmethod
    def read(self, index: int) -> Picture:
        """Open one image. `decoding.decode` decodes the pixels of a file later.

        Raises:
            UnusableImage: this item cannot be read or is not an image.
        """


def file_stamp(path: str | os.PathLike[str]) -> FileStamp:
    """Size and modification time of a file; `NO_FILE` where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path for each of many files takes longer
    except OSError:
        return NO_FILE
    modified = min(max(status.st_mtime_ns, -LATEST_NS), LATEST_NS)
    return FileStamp(status.st_size, modified)


def names_with(*words: str) -> re.Pattern[str]:
    """Names of arrays or columns that are one of these words, or have it before or after `_`, `.`
    or `-`: y_train, train_labels. Words are regular expressions without case."""
    return re.compile(rf"(.*[_.-])?({'|'.join(words)})([_.-].*)?", re.IGNORECASE)


def sorted_labels(labels: Iterable[str | None]) -> tuple[str, ...]:
    """Every label once, sorted; numbers by value, so that `10` comes after `9`."""

    def order(label: str) -> tuple[bool, int, str]:
        is_number = label.isdecimal()
        return (not is_number, int(label) if is_number else 0, label)

    return tuple(sorted({label for label in labels if label is not None}, key=order))
