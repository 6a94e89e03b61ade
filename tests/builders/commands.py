"""Commands in processes of their own, and waiting for them as long as they make progress.

A process forks from a server that has imported torch and ganvas already: importing takes four
seconds of a core, most of what a short command needs.
"""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import TextIO

import psutil

STALLED = 120.0
"""A process that uses less than a second of a core within so many seconds makes no progress."""

RUNAWAY = 300.0
"""No command of a test needs so many seconds of a core, so it would never end."""

PRELOADED = (
    "torch._dynamo",  # the first optimizer of a process imports it
    "safetensors.torch",
    "ganvas.cli",
    "ganvas.training.trainer",
    "ganvas.evaluation.evaluate",
    "ganvas.studies.running",
    "ganvas.reports.run_report",
    "ganvas.reports.study_report",
    "tests.builders.preloaded",  # the last
)


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str


class Progress:
    """Fails where processes make no progress, however slow the machine is.

    Progress is measured in seconds of a core, which a busy machine hands out slowly, but never
    stops to.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids
        self.used, self.since = self.core_seconds(), time.monotonic()

    def check(self) -> None:
        """Raise an `AssertionError` if nothing has happened for a long time, or far too much."""
        now = self.core_seconds()
        assert now < RUNAWAY, f"{now:.0f} seconds of a core are used, and there is no end"
        if now >= self.used + 1:
            self.used, self.since = now, time.monotonic()
        waited = time.monotonic() - self.since
        assert waited < STALLED, f"no progress for {waited:.0f} s, after {now:.1f} s of a core"

    def core_seconds(self) -> float:
        return sum(map(core_seconds, self.pids))


def core_seconds(pid: int) -> float:
    """The processor time of a process, of its children, and of theirs."""
    total = 0.0
    try:
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            times = each.cpu_times()
            total += times.user + times.system
        return total + sum(process.cpu_times()[2:4])  # of children that have ended
    except psutil.NoSuchProcess:
        return total


def ended(pid: int) -> bool:
    """Whether a process that is no child of this one has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def race(program: str, *words: object) -> list[str]:
    """What two interpreters print that run a program at the same time.

    Args:
        program: reads a line, which both get once both are there, before what it races for.
        words: its arguments.
    """
    command = [sys.executable, "-c", program, *map(str, words)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate()[0] for racer in racers]


def wait_until(condition: Callable[[], bool], *processes: Command | subprocess.Popen[str]) -> bool:
    """Wait until a condition holds, or one of the processes has ended. Whether it holds.

    Raises:
        AssertionError: the processes make no progress (see `Progress`).
    """

    held = False  # a condition that has held may no longer, such as an image that is drawn anew

    def over() -> bool:
        nonlocal held
        held = condition()
        return held or any(process.poll() is not None for process in processes)

    wait_while_working(over, [process.pid for process in processes])
    return held or condition()


def wait_while_working(over: Callable[[], bool], pids: Sequence[int]) -> None:
    progress = Progress(pids)
    next_check = time.monotonic() + 1
    while not over():
        if time.monotonic() > next_check:
            progress.check()
            next_check = time.monotonic() + 1
        time.sleep(0.002)


def wait_until_ended(pids: Sequence[int]) -> None:
    """Wait until processes that are no children of this one have ended, as `wait_until` does."""
    wait_while_working(lambda: all(map(ended, pids)), pids)


class Command:
    """A Python program in a forked process; the part of `subprocess.Popen` that tests need."""

    def __init__(self, program: str, environment: Mapping[str, str]) -> None:
        context = fork_server()
        (out, child_out), (err, child_err) = context.Pipe(False), context.Pipe(False)
        arguments = (program, dict(environment), str(Path.cwd()), child_out, child_err)
        self.process = context.Process(target=run_program, args=arguments)
        self.process.start()
        child_out.close()
        child_err.close()
        self.stdout, self.stderr = text_of(out), text_of(err)
        pid = self.process.pid
        assert pid is not None
        self.pid = pid

    def poll(self) -> int | None:
        return self.process.exitcode

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def kill(self) -> None:
        self.process.kill()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def text_of(connection: Connection) -> TextIO:
    """The reading end of a pipe as a text file."""
    descriptor = os.dup(connection.fileno())
    connection.close()
    return os.fdopen(descriptor, encoding="utf-8", errors="surrogateescape")


@functools.cache
def fork_server() -> ForkServerContext:
    """The context whose server has imported everything; one for each process of pytest."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *PRELOADED])
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # torch reads it when it is imported
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["OMP_NUM_THREADS"]
        os.environ.update({} if threads is None else {"OMP_NUM_THREADS": threads})
    return context


def run_program(
    program: str, environment: dict[str, str], folder: str, out: Connection, err: Connection
) -> None:
    """Run a program as `python -W error -c` does. Called in the forked process."""
    for connection, descriptor in ((out, 1), (err, 2)):
        os.dup2(connection.fileno(), descriptor)
        connection.close()
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    warnings.simplefilter("error")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        exec(compile(program, "<command>", "exec"), {"__name__": "__main__"})
    finally:
        atexit._run_exitfuncs()  # a forked process would end without them


def start(arguments: Sequence[object], patch: str = "") -> Command:
    """Start a command, perhaps with a few lines of sabotage before it."""
    program = f"{patch}\nimport sys\n{program_of(arguments)}"
    return Command(program, {**os.environ, "OMP_NUM_THREADS": "1"})


def start_fresh(arguments: Sequence[object], patch: str = "") -> subprocess.Popen[str]:
    """Start a command in a new interpreter, where its own start or end is what is tested.

    It hears Ctrl-C even where the tests run in the background of a shell, which turns that off.
    """
    hear = "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", f"{patch}\n{hear}\n{program_of(arguments)}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def program_of(arguments: Sequence[object]) -> str:
    words = [str(argument) for argument in arguments]
    return f"sys.argv[1:] = {words!r}\nfrom ganvas.cli import command\ncommand()"


def finish(process: Command | subprocess.Popen[str]) -> Result:
    """Wait for a process, as long as it makes progress; if it makes none, it is killed.

    Raises:
        AssertionError: no progress, with what the process wrote.
    """
    texts = {"stdout": "", "stderr": ""}

    def collect(name: str, stream: TextIO) -> None:
        texts[name] = stream.read()
        stream.close()

    readers = [
        threading.Thread(target=collect, args=(name, stream), daemon=True)
        for name in texts
        if not (stream := getattr(process, name)).closed
    ]
    for reader in readers:
        reader.start()
    try:
        wait_until(lambda: False, process)
    except AssertionError as error:
        process.kill()
        raise AssertionError(f"{error}: {texts}") from error
    for reader in readers:
        reader.join()
    code = process.poll()
    assert code is not None
    return Result(code, texts["stdout"], texts["stderr"])
