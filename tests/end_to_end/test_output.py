"""Outputs that fail: full disks, closed terminals, pipes without a reader, missing streams."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

import ganvas as library
from ganvas.cli import main
from ganvas.recipes import load_recipe
from ganvas.studies.executors import process_executor
from ganvas.terminal import tolerant_output

from .studies import UNWATCHED, endings, stay_in_this_process, tiny_study

Make = Callable[[], TextIO | None]


def full_disk() -> TextIO:
    return open("/dev/full", "w", encoding="utf-8")  # noqa: PTH123


def closed_terminal() -> TextIO:
    """A terminal as an ended ssh session leaves it: every write is an EIO."""
    master, slave = pty.openpty()
    os.close(master)
    return open(slave, "w", encoding="utf-8")  # noqa: PTH123


def pipe_without_reader() -> TextIO:
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")  # noqa: PTH123


def closed_stream() -> TextIO:
    stream = io.StringIO()
    stream.close()
    return stream


class BadDescriptor(io.StringIO):
    """A stream of another kind, whose descriptor is gone."""

    def write(self, text: str) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def no_stream() -> None:
    """What Python has for a stream that was closed when it started."""


FAILING: tuple[Make, ...] = (
    full_disk,
    closed_terminal,
    pipe_without_reader,
    closed_stream,
    BadDescriptor,
    no_stream,
)


@contextmanager
def stdout_only(make: Make) -> Iterator[None]:
    """While entered, stdout is such a stream."""
    stream = make()
    try:
        with contextlib.redirect_stdout(stream):
            yield
            assert sys.stdout is stream
    finally:
        with contextlib.suppress(OSError):  # where a test printed without us
            if stream is not None:
                stream.close()


@contextmanager
def both_streams(make: Make) -> Iterator[None]:
    """While entered, stdout and stderr are such streams."""
    stream = make()
    with stdout_only(make), contextlib.redirect_stderr(stream):
        yield
        assert sys.stderr is stream
    if stream is not None:
        stream.close()


def status(run: Path) -> object:
    return json.loads((run / "status.json").read_text(encoding="utf-8"))["status"]


@pytest.mark.parametrize("make", FAILING)
def test_training_and_resuming_need_no_output(
    tmp_path: Path, small: Path, images: Path, make: Make
) -> None:
    run = tmp_path / "run"
    with both_streams(make):
        assert main(["train", str(small), str(images), "--out", str(run), "--images", "96"]) == 0
        assert main(["resume", str(run), "--images", "160"]) == 0
    assert status(run) == "finished"


@pytest.mark.parametrize("make", [full_disk, closed_stream, no_stream])
def test_training_from_python_needs_no_output(
    tmp_path: Path, small: Path, images: Path, make: Make
) -> None:
    recipe = replace(load_recipe(str(small)), images=96)
    with both_streams(make):
        library.train(recipe, images, tmp_path / "run")
    assert status(tmp_path / "run") == "finished"


def test_training_goes_on_when_its_terminal_closes(
    tmp_path: Path, small: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    received = bytearray()

    def read_until_training() -> None:
        while b"training" not in received:
            received.extend(os.read(master, 1000))
        os.close(master)

    reader = threading.Thread(target=read_until_training)
    reader.start()
    with both_streams(lambda: open(os.dup(slave), "w", encoding="utf-8")):  # noqa: PTH123
        assert main(["train", str(small), str(images), "--out", str(tmp_path / "run")]) == 0
    reader.join()
    os.close(slave)
    assert status(tmp_path / "run") == "finished"


@pytest.mark.parametrize("make", [full_disk, closed_terminal, no_stream])
def test_a_study_needs_no_output(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    stay_in_this_process(monkeypatch)
    (tmp_path / "small.toml").write_text(UNWATCHED)
    short = {"images": 64, "evaluations": 0, "seeds": 1}
    study = tiny_study(tmp_path, tmp_path / "small.toml", images, **short)
    with both_streams(make):
        assert main(["compare", str(study), "--out", str(tmp_path / "out")]) == 0
    assert set(endings(tmp_path / "out").values()) == {"finished"}


def test_workers_start_although_their_parent_cannot_print() -> None:
    with stdout_only(full_disk):
        print("waits in a buffer that multiprocessing flushes")
        with tolerant_output(), process_executor(1, 1) as executor:
            assert executor.submit(os.getpid).result() != os.getpid()


def test_a_result_that_cannot_be_printed_is_an_error(
    tmp_path: Path, small: Path, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    main(["train", str(small), str(images), "--out", str(run), "--images", "96"])
    for command in (
        ["recipes"],
        ["recipes", "dcgan"],
        ["check", str(images), "--json"],
        ["diagnose", str(run)],
        ["evaluate", str(run), "--metrics", "swd", "-n", "20", "--json"],
        ["compare", "--help"],
        ["--version"],
    ):
        for make in (full_disk, closed_terminal, no_stream):
            capsys.readouterr()
            with stdout_only(make):
                assert main(command) == 2, command
            error = capsys.readouterr().err
            assert error.startswith("ganvas: cannot write to stdout: "), error
            assert error.count("\n") == 1, error
        with stdout_only(pipe_without_reader):
            assert exit_code(command) in (0, 1), command


def exit_code(command: list[str]) -> object:
    try:
        return main(command)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("ganvas recipes >/dev/full", 2, "cannot write to stdout: no space left on device."),
        ("ganvas recipes dcgan >&-", 2, "cannot write to stdout: it is closed."),
        ("ganvas recipes | head -n 1; exit ${PIPESTATUS[0]}", 0, ""),
        ("ganvas nonsense 2>/dev/full", 2, ""),
        ("ganvas nonsense 2>&-", 2, ""),
    ],
)
def test_python_ends_a_command_with_the_code_that_we_chose(
    line: str, code: int, error: str
) -> None:
    ended = run_shell(line)
    assert ended.returncode == code
    assert error in ended.stderr
    assert ended.stderr.count("\n") == bool(error), ended.stderr


def test_python_ends_training_with_the_code_that_we_chose(
    tmp_path: Path, small: Path, images: Path
) -> None:
    run = tmp_path / "run"
    line = f"ganvas train {small} {images} --images 96 --out {run} >/dev/full 2>&-"
    assert run_shell(line).returncode == 0
    assert status(run) == "finished"


def run_shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `ganvas` is ours."""
    define = 'ganvas() { "$PYTHON" -W error -m ganvas "$@"; }'
    return subprocess.run(
        ["bash", "-c", f"{define}\n{line}"],
        env={**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
