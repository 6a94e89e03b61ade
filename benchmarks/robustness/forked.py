"""Commands of ganvas in forked children: torch is imported once, so a start takes milliseconds."""

from __future__ import annotations

import contextlib
import fcntl
import io
import itertools
import json
import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch._dynamo  # noqa: F401

import ganvas.evaluation.evaluate
import ganvas.reports.report
import ganvas.studies.running
import ganvas.training.trainer  # noqa: F401
from ganvas.cli import main

# Imported for the children, as are the modules above that are not named below (optimizers import
# torch._dynamo, which takes a second); and what is built once for every command.
with contextlib.redirect_stdout(io.StringIO()):
    main(["recipes", "dcgan"])

CACHE = "cache"
SINGLE_EVENTS = {"os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
OnEvent = Callable[[int, str, str], None]
"""Called before a change of the file system: its number (from 1), what is done, and the path."""


@dataclass(frozen=True)
class Ended:
    """How a command ended. code: negative for the signal that ended it."""

    code: int
    out: str
    err: str
    seconds: float


class EventLog:
    """The last change of a file that a child is about to make; memory that both processes see."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 4096)

    def set(self, number: int, path: str) -> None:
        """Called by the child."""
        content = json.dumps([number, path]).encode()[:4094] + b"\n"
        self._shared[: len(content)] = content

    def last(self) -> tuple[int, str]:
        """Called by the parent: the number of changes, and the path of the last one."""
        content = self._shared[:].partition(b"\n")[0]
        return tuple(json.loads(content)) if content.strip(b"\0") else (0, "")


class Output:
    """What a process and its libraries write to descriptors 1 and 2.

    Two pipes that hold a megabyte: neither a full disk nor a limit of files' sizes is felt there.
    """

    def __init__(self) -> None:
        self._pipes = {1: os.pipe(), 2: os.pipe()}
        for reading, writing in self._pipes.values():
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
            os.set_blocking(reading, False)

    def redirect(self) -> None:
        """Write there from now on."""
        for number, (_, writing) in self._pipes.items():
            os.dup2(writing, number)

    def read(self) -> tuple[str, str]:
        """Both texts since the last call."""
        return self._drain(1), self._drain(2)

    def _drain(self, number: int) -> str:
        pieces = []
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._pipes[number][0], 1 << 20):
                pieces.append(piece)
        return b"".join(pieces).decode(errors="replace")

    def close(self) -> None:
        """Forget both."""
        for end in itertools.chain.from_iterable(self._pipes.values()):
            os.close(end)


@dataclass(frozen=True)
class Child:
    """A command that runs."""

    pid: int
    root: Path
    started: float
    events: EventLog
    output: Output

    def kill(self) -> None:
        """SIGKILL to the command alone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Whether the command ended within so many seconds. It stays to be collected by `end`."""
        deadline = time.monotonic() + seconds
        while True:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return True
            if (left := deadline - time.monotonic()) <= 0:
                return False
            time.sleep(min(0.001, left))

    def end(self) -> Ended:
        """Wait for the command's end."""
        _, status = os.waitpid(self.pid, 0)
        seconds = time.monotonic() - self.started
        out, err = self.output.read()
        self.output.close()
        return Ended(os.waitstatus_to_exitcode(status), out, err, seconds)


def start(arguments: Sequence[str], root: Path, on_event: OnEvent | None = None) -> Child:
    """Start `ganvas ARGUMENTS` in the folder `root`, with a cache of its own in there."""
    root.mkdir(parents=True, exist_ok=True)
    events, output = EventLog(), Output()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            output.redirect()
            enter(root)
            watch_files(root, events, on_event)
            code = run_command(arguments)
        except BaseException:
            traceback.print_exc()
        finally:
            end_child(code)
    return Child(pid, root, time.monotonic(), events, output)


def run(arguments: Sequence[str], root: Path, on_event: OnEvent | None = None) -> Ended:
    """Run `ganvas ARGUMENTS` to its end."""
    return start(arguments, root, on_event).end()


def run_command(arguments: Sequence[str]) -> int:
    """The exit code of a command, run in this process."""
    sys.argv = ["ganvas", *arguments]
    try:
        return main(list(arguments))
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1


def enter(root: Path) -> None:
    """Make `root` the folder of this process, with a cache of its own in there."""
    os.setpgid(0, 0)  # a study's workers end with it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["GANVAS_CACHE"] = str(root / CACHE)
    os.chdir(root)


def end_child(code: int) -> None:
    """End this forked process without the parent's clean-up."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def watch_files(root: Path, events: EventLog, on_event: OnEvent | None) -> None:
    """Count this process's changes of files below `root`, by Python's own audit events.

    Nothing of ganvas is replaced: it runs as it always does.
    """
    number = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal number
        for path in changed_path(event, arguments):
            if not os.path.abspath(path).startswith(f"{root}/"):  # noqa: PTH100 - no link is read
                return
            number += 1
            events.set(number, path)
            if on_event is not None:
                on_event(number, event, path)

    sys.addaudithook(hook)


def changed_path(event: str, arguments: tuple[object, ...]) -> Iterator[str]:
    """The path that an audit event is about to change; nothing for events that change none."""
    if event == "open":
        path, _, flags = arguments
        changes = isinstance(flags, int) and bool(flags & WRITING)
    else:
        path = arguments[1] if event == "os.rename" else arguments[0] if arguments else None
        changes = event in SINGLE_EVENTS or event == "os.rename"
    if changes and isinstance(path, str | bytes | os.PathLike):
        yield os.fsdecode(path)
