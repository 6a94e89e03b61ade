"""What is printed: to streams that fail, in encodings that lack characters."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

import pytest

from ganvas.terminal import TolerantStream, encodable, printable, tolerant_output


class Failing(io.StringIO):
    """A stream that fails until it is repaired."""

    error: Exception | None = OSError(errno.ESTALE, "Stale file handle")

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        return super().write(text)


@contextlib.contextmanager
def replaced(stdout: TextIO | None, stderr: TextIO | None) -> Iterator[None]:
    originals = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = stdout, stderr  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout, sys.stderr = originals


def test_what_cannot_be_written_is_dropped_and_said_once_on_the_other_stream() -> None:
    stdout, stderr = Failing(), io.StringIO()
    with replaced(stdout, stderr), tolerant_output() as tolerant:
        print("one")
        print("two")
        assert tolerant.lost_text
        stdout.error = None
        print("three", flush=True)
    assert stderr.getvalue() == (
        "ganvas: cannot write to stdout: stale file handle. What is printed there is lost\n"
    )
    assert stdout.getvalue() == "three\n"


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "Broken pipe"), None])
def test_the_reader_of_a_closed_pipe_misses_nothing(error: Exception | None) -> None:
    stdout, stderr = Failing(), io.StringIO()
    stdout.error = error
    with replaced(stdout, stderr), tolerant_output() as tolerant:
        print("one")
    assert not tolerant.lost_text
    assert stderr.getvalue() == ""


def test_streams_that_are_closed_or_missing_take_everything() -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        with replaced(stream, stream), tolerant_output() as tolerant:
            print("one", flush=True)
            print("two", file=sys.stderr, flush=True)
            assert not sys.stdout.isatty()
            assert tolerant.lost_text


class Tee:
    """What programs put in place of stdout to keep a log: hardly more than `write`."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> None:
        self.written += text


class Disconnected(Tee):
    """One that raises what it likes, and names an encoding of its own."""

    encoding = "of-a-notebook"

    def write(self, text: str) -> None:
        raise RuntimeError("The notebook is gone")

    def flush(self) -> None:
        self.write("")

    def isatty(self) -> bool:
        raise NotImplementedError


def test_a_stream_needs_no_more_than_write() -> None:
    tee = Tee()
    with replaced(tee, None), tolerant_output() as tolerant:  # type: ignore[arg-type]
        print("one", flush=True)
        assert not sys.stdout.isatty()
        assert not tolerant.lost_text
    assert tee.written == "one\n"


def test_a_stream_may_raise_anything() -> None:
    stderr = io.StringIO()
    with replaced(Disconnected(), stderr), tolerant_output() as tolerant:  # type: ignore[arg-type]
        print("one ü", flush=True)
        assert not sys.stdout.isatty()
        assert tolerant.lost_text
    assert stderr.getvalue() == (
        "ganvas: cannot write to stdout: the notebook is gone. What is printed there is lost\n"
    )


def test_nothing_is_left_in_a_buffer_that_pythons_exit_would_flush() -> None:
    with open("/dev/full", "w") as full, replaced(full, None), tolerant_output() as tolerant:  # noqa: PTH123
        print("x" * 100_000)
        assert tolerant.lost_text
        full.flush()


def test_what_was_printed_before_comes_first() -> None:
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as pipe:  # noqa: PTH123
        pipe.write("first ")
        with replaced(pipe, None), tolerant_output():
            print("then")
    with open(reader, encoding="utf-8") as pipe:  # noqa: PTH123
        assert pipe.read() == "first then\n"


def test_a_pipe_that_does_not_block_gets_everything() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    text = "0123456789" * 50_000
    received: list[str] = []

    def read() -> None:
        with open(reader, encoding="utf-8") as pipe:  # noqa: PTH123
            received.append(pipe.read())

    thread = threading.Thread(target=read)
    thread.start()
    with open(writer, "w", encoding="utf-8") as pipe, replaced(pipe, None), tolerant_output():  # noqa: PTH123
        print(text, end="")
    thread.join()
    assert received == [text]


def test_threads_share_the_streams_and_the_last_one_restores_them() -> None:
    stdout = Failing()
    with replaced(stdout, io.StringIO()):
        first, second = tolerant_output(), tolerant_output()
        assert first.__enter__() is second.__enter__()
        first.__exit__(None, None, None)
        print("the second is still inside")
        second.__exit__(None, None, None)
        assert sys.stdout is stdout


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("ascii", "a · b × 32 …", "a | b x 32 ..."),
        ("cp1252", "a · b", "a · b"),
        ("cp1252", "Łódź", "\\u0141ód\\u017a"),
        ("ascii", "\N{GRINNING FACE}", "\\U0001f600"),
        ("utf-8", "caf\udcc3", "caf\\udcc3"),
        ("utf-8", "Łódź", "Łódź"),
    ],
)
def test_what_an_encoding_lacks_is_escaped(encoding: str, text: str, expected: str) -> None:
    assert encodable(text, encoding) == expected


def test_an_encoding_with_a_mark_at_its_beginning_has_one() -> None:
    file = io.BytesIO()
    stream = io.TextIOWrapper(io.BufferedWriter(raw := Raw(file)), encoding="utf-16")
    tolerant = TolerantStream(stream, "stdout")
    for text in ("one ", "two"):
        tolerant.write(text)
    assert file.getvalue().decode("utf-16") == "one two"
    assert raw.writable()


class Raw(io.RawIOBase):
    """An unbuffered file."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        return self._file.write(content)  # type: ignore[arg-type]


def test_names_cannot_steer_a_terminal() -> None:
    assert printable("a\u202egpj\u2066.\u2028exe") == "a\\u202egpj\\u2066.\\u2028exe"
    assert printable("a\x1b[2Jb\x07\x9bc\r\udcff") == "a\\u001b[2Jb\\u0007\\u009bc\\u000d\\udcff"
    assert printable("Łódź\tπ\nline two \N{GRINNING FACE}") == (
        "Łódź\tπ\nline two \N{GRINNING FACE}"
    )
