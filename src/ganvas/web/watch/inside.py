"""Reading files of a folder, and none outside: a link that leads out is refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ganvas.errors import RunError
from ganvas.formatting import format_bytes

LARGEST = 64_000_000
"""Bytes of a file that is read as a whole: no table, page or picture of ganvas has so many."""

Signature = tuple[int, int, int]
"""Time of the last change, size and number of a file: as long as it stays, so does the content."""


@dataclass(frozen=True)
class Inside:
    """A folder whose files may be read.

    root: without links.
    """

    root: Path

    @classmethod
    def of(cls, folder: Path) -> Inside:
        """The folder that a path leads to."""
        return cls(Path(os.path.realpath(folder)))

    def check(self, path: Path) -> None:
        """Raise a `RunError` unless a path leads to a regular file of the folder."""
        real = Path(os.path.realpath(path))
        if not real.is_relative_to(self.root):
            raise RunError(f"{self.name(path)} leads out of the folder, so it is not read")
        try:
            kind = real.stat().st_mode
        except OSError as error:
            raise RunError(f"{self.name(path)} cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(kind):  # opening a pipe would wait for ever
            raise RunError(f"{self.name(path)} is no file")

    def check_whole(self, path: Path) -> None:
        """As `check`; also raise a `RunError` for a file too large to be read as a whole."""
        self.check(path)
        size = path.stat().st_size
        if size > LARGEST:
            raise RunError(f"{self.name(path)} has {format_bytes(size)}, so it is not read")

    @contextmanager
    def open(self, path: Path) -> Iterator[BinaryIO]:
        """A regular file of the folder, to be read.

        Raises:
            RunError: it is none, or leads out of the folder, or cannot be read.
        """
        self.check(path)
        try:
            with path.open("rb") as file:
                yield file
        except OSError as error:
            raise RunError(f"{self.name(path)} cannot be read: {error.strerror}") from error

    def name(self, path: Path) -> str:
        """A path as pages show it: from the folder on."""
        return path.relative_to(self.root).as_posix() if path != self.root else self.root.name


def signature(path: Path) -> Signature | None:
    """What changes when a file does; None while there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
