"""The lines that were appended to a file since it was last read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ganvas.web.watch.inside import Inside, Signature, signature

SLICE = 2**20
"""Bytes read at a time. A line that is longer is left out."""

REMEMBERED = 256
"""Bytes before the place reached, by which a file is known to be the same."""


@dataclass(frozen=True)
class Lines:
    """What `Tail.read` found.

    restarted: the file is another than before, or shorter; these lines are its first ones.
    """

    lines: list[bytes]
    restarted: bool = False


@dataclass
class Tail:
    """Follows a file that others append to, cut at its end, replace or remove.

    Only whole lines count: one that a kill has cut waits for its end. A file that resuming or a
    rewind has cut, or that was copied anew, begins at its first line again, unless what was read of
    it is still there.
    """

    inside: Inside
    path: Path
    position: int = 0
    """Bytes read so far."""
    size: int = 0
    """Bytes of the file."""
    _before: bytes = b""
    _skips: bool = False
    """Whether the position is within a line that is too long."""
    _seen: Signature | None = field(default=None)

    @property
    def is_behind(self) -> bool:
        """Whether there is more to read at once."""
        return self.position < self.size and self._seen is None

    @property
    def fraction(self) -> float:
        """How much of the file is read, 0 to 1."""
        return self.position / self.size if self.size else 1.0

    def read(self) -> Lines:
        """The next lines, at most `SLICE` bytes of them; call it again while `is_behind`.

        Raises:
            RunError: the file cannot be read.
        """
        now = signature(self.path)
        if now is None:
            return self._restart()
        if now == self._seen:
            return Lines([])
        with self.inside.open(self.path) as file:
            size = file.seek(0, 2)
            restarted = not self._continues(file)
            if restarted:
                self._restart()
            self.size = size
            file.seek(self.position)
            chunk = file.read(SLICE)
        reached_end = self.position + len(chunk) >= self.size
        lines = self._take(chunk)
        self._seen = now if reached_end else None
        return Lines(lines, restarted)

    def _continues(self, file: BinaryIO) -> bool:
        """Whether the file still has what was read last, where it was."""
        file.seek(self.position - len(self._before))
        return file.read(len(self._before)) == self._before

    def _take(self, chunk: bytes) -> list[bytes]:
        """The whole lines of a chunk, of which the rest is read again."""
        end = chunk.rfind(b"\n") + 1
        if end == 0:
            if len(chunk) < SLICE:
                return []
            end, self._skips = len(chunk), True
            lines = []
        else:
            lines = chunk[:end].splitlines()
            if self._skips:
                lines, self._skips = lines[1:], False
        self.position += end
        self._before = (self._before + chunk[:end])[-REMEMBERED:]
        return lines

    def _restart(self) -> Lines:
        restarted = self.position > 0
        self.position, self.size, self._before = 0, 0, b""
        self._skips, self._seen = False, None
        return Lines([], restarted)


def last_lines(inside: Inside, path: Path, size: int) -> list[bytes]:
    """The whole lines within the last `size` bytes of a file, oldest first; none if it is missing.

    Raises:
        RunError: it cannot be read.
    """
    if not path.exists():
        return []
    with inside.open(path) as file:
        begin = max(0, file.seek(0, 2) - size)
        file.seek(begin)
        chunk = file.read(size)
    whole = chunk[: chunk.rfind(b"\n") + 1].splitlines()
    return whole[1:] if begin else whole
