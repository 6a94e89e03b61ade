"""What is printed: to a terminal, a log file or a pipe, any of which may fail while we work.

A terminal closes, a log's disk fills, an encoding lacks a character: none of it ends the work.
"""

from __future__ import annotations

import codecs
import io
import os
import select
import sys
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

PLAIN = {"·": "|", "×": "x", "−": "-", "…": "..."}
"""What stands for our own signs where the encoding lacks them."""


DIRECTIONS = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))
"""Classes of the marks that turn the direction of what follows: `gpj.exe` reads `exe.jpg`."""


class TolerantStream(io.TextIOBase):
    """A text stream that drops what cannot be written, and keeps the reason in `failure`.

    Nothing waits in a buffer for another attempt, so Python's own flush at exit cannot fail either.
    What the encoding lacks is written as escapes. Everything else is as in the stream itself.
    """

    def __init__(
        self, stream: TextIO | None, name: str, other: io.TextIOBase | None = None
    ) -> None:
        """Make one.

        Args:
            stream: where to write; Python has None for one that was closed when it started.
            name: what a message calls it.
            other: where the first failure is said; None says nothing.
        """
        self._stream, self._name, self._other = stream, name, other
        self._encoder = codecs.getincrementalencoder(self.encoding)()
        self.failure: Exception | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream; utf-8 where it names none that Python knows."""
        try:
            return codecs.lookup(getattr(self._stream, "encoding", None) or "utf-8").name
        except LookupError:
            return "utf-8"

    @property
    def lost_text(self) -> bool:
        """Whether text was dropped that somebody may miss, unlike the reader of a closed pipe."""
        return self.failure is not None and not isinstance(self.failure, BrokenPipeError)

    def write(self, text: str) -> int:
        """Write the text, or drop it."""
        try:
            self._write(encodable(text, self.encoding))
        except Exception as error:  # a stream that somebody made may raise anything
            self._fail(error)
        return len(text)

    def flush(self) -> None:
        """Flush what others have written to the stream itself."""
        try:
            flush = getattr(self._stream, "flush", None)
            if flush is not None:  # a stream without a buffer may lack it
                flush()
        except Exception as error:
            self._fail(error)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except Exception:  # it is closed, or does not know
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _write(self, text: str) -> None:
        if self._stream is None:
            raise ValueError("it is closed")
        raw = raw_file(self._stream)
        if raw is None:
            self._stream.write(text)
        else:
            self._stream.flush()  # what others have written comes first
            write_all(raw, self._encoder.encode(text.replace("\n", os.linesep)))

    def _fail(self, error: Exception) -> None:
        is_first, self.failure = self.failure is None, error
        if is_first and self.lost_text and self._other is not None:
            reason = getattr(error, "strerror", None) or str(error)
            text = f"cannot write to {self._name}: {reason.lower()}. What is printed there is lost"
            print(f"ganvas: {text}", file=self._other)


def raw_file(stream: TextIO) -> io.RawIOBase | None:
    """The file below the buffers of a stream that Python opened; None for other streams."""
    if type(stream) is not io.TextIOWrapper:  # a subclass may do something else in `write`
        return None
    buffer: object = stream.buffer
    raw = buffer.raw if isinstance(buffer, io.BufferedWriter) else buffer
    return raw if isinstance(raw, io.RawIOBase) else None


def write_all(raw: io.RawIOBase, content: bytes) -> None:
    """Write all bytes, and wait where a file that does not block is not ready.

    Raises:
        OSError: some bytes could not be written.
    """
    rest = memoryview(content)
    while rest:
        count = raw.write(rest)
        if count is None:
            select.select([], [raw.fileno()], [])
        else:
            rest = rest[count:]


def encodable(text: str, encoding: str) -> str:
    """The text, with escapes as in JSON and TOML for the characters that an encoding lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        if len(text) > 1:
            return "".join(encodable(character, encoding) for character in text)
        return PLAIN.get(text) or escape(text)
    return text


def printable(text: str, keep: str = "\n\t") -> str:
    """The text with `is_escaped` characters as escapes.

    Names of files may hold sequences that recolour or clear a terminal, or turn what follows round.

    Args:
        text: a message.
        keep: characters that are left as they are; in a single line, whose end is not from a name,
            none.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        escape(character) if is_escaped(character) and character not in keep else character
        for character in text
    )


def is_escaped(character: str) -> bool:
    """Whether it is a control character, an undecodable byte, or a mark that turns the direction of
    writing or ends a line."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in DIRECTIONS
    )


def print_lines(*lines: str) -> None:
    """Print lines, each as one line whatever names are in it."""
    for line in lines:
        print(printable(line, keep=""))


def escape(character: str) -> str:
    r"""`\u001b`; above 0xffff `\U0001f600`."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


class _Replaced:
    """The streams that `tolerant_output` has put in place of sys.stdout and sys.stderr."""

    def __init__(self) -> None:
        self.originals = sys.stdout, sys.stderr
        self.stderr = TolerantStream(sys.stderr, "stderr")
        self.stdout = TolerantStream(sys.stdout, "stdout", other=self.stderr)
        sys.stdout, sys.stderr = self.stdout, self.stderr

    def restore(self) -> None:
        """Put the originals back, unless somebody else has replaced the streams since."""
        stdout, stderr = self.originals
        if sys.stdout is self.stdout:
            sys.stdout = stdout
        if sys.stderr is self.stderr:
            sys.stderr = stderr


_lock = threading.Lock()
_replaced: _Replaced | None = None
_entered = 0


@contextmanager
def tolerant_output() -> Iterator[TolerantStream]:
    """While entered, in any thread, nothing that prints can fail; libraries and warnings included.

    Yields what stands in place of sys.stdout.
    """
    global _entered, _replaced
    with _lock:
        _entered += 1
        replaced = _replaced = _replaced or _Replaced()
    try:
        yield replaced.stdout
    finally:
        with _lock:
            _entered -= 1
            if _entered == 0:
                _replaced = None
                replaced.restore()
