"""The executors that do a study's runs: processes on this machine, or a dask cluster.

Both are executors of the standard library's `concurrent.futures`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ganvas.data.reading import cores
from ganvas.errors import ArgumentError, GanvasError
from ganvas.extras import check_extra
from ganvas.shared_changes import SharedChange
from ganvas.studies.worker import exit_with_parent
from ganvas.training.stop import STOP_SIGNALS

SECONDS_TO_CONNECT = 10

THREADS_VARIABLE = "OMP_NUM_THREADS"
"""Decides how many threads a process computes with."""

UNGUARDED = 77
"""Exit code of a worker whose import of the script started the study again."""

GUARD = """\
a worker imports the script that starts it, and this script starts the study again when imported.
Put the call under a guard:

    if __name__ == "__main__":
        ganvas.compare(...)"""
"""What a script needs that calls `compare`."""

TERMINAL_SIGNALS = [number for number in STOP_SIGNALS if number != signal.SIGTERM]
"""Ctrl-C, and the terminal's end."""


@dataclass(frozen=True)
class WorkerPool:
    """How many workers there are, and how to start them.

    workers: runs at a time.
    threads: per worker; together they fill the machine.
    devices: assigned to the workers in turn.
    make_executor: (workers, threads) -> context manager of an executor; its exit waits for them.
    """

    workers: int
    threads: int
    devices: tuple[str, ...]
    make_executor: Callable[[int, int], AbstractContextManager[Executor]]

    def device(self, worker: int) -> str:
        """The device of the worker with this number."""
        return self.devices[worker % len(self.devices)]


def check_workers(workers: int | None, dask: str | None) -> None:
    """Raise an `ArgumentError` if there can be no such workers, before the work that they are for.

    In a worker that imports the script which started it, this ends the worker: `GUARD`.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(UNGUARDED)  # without a word: the parent says it once
    if dask is not None:
        check_extra("cluster", "a cluster of dask", "distributed")
    elif workers is not None and workers < 1:
        raise ArgumentError("workers", f"at least 1, got {workers}")


def local_pool(runs: int, workers: int | None = None) -> WorkerPool:
    """Processes on this machine: one per GPU, or per core without a GPU.

    Args:
        runs: there are no more workers than runs.
        workers: replaces the default number; at least 1 (`check_workers`).
    """
    devices = local_devices()
    default = cores() if devices == ("cpu",) else len(devices)
    count = min(workers or default, runs)
    return WorkerPool(count, max(1, cores() // count), devices, process_executor)


def local_devices() -> tuple[str, ...]:
    """Every GPU of this machine, or its CPU."""
    if torch.cuda.is_available():
        return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return ("mps",) if torch.backends.mps.is_available() else ("cpu",)


@contextmanager
def process_executor(workers: int, threads: int) -> Iterator[Executor]:
    """Spawned worker processes with so many threads each.

    Raises:
        BrokenExecutor: a process died; says how.
        GanvasError: the script has no guard, `GUARD`.
    """
    spawn = multiprocessing.get_context("spawn")
    with restored_threads_variable():
        os.environ[THREADS_VARIABLE] = str(threads)  # read by the workers when they import torch
        pool = ProcessPoolExecutor(workers, spawn, initializer=init_worker)
        processes = pool._processes  # the pool forgets it when it is shut down
        try:
            with pool as executor:
                spawn_ignoring_signals(executor, workers)
                yield executor
        except BrokenExecutor as error:
            codes = [process.exitcode for process in processes.values()]
            if UNGUARDED in codes:
                raise GanvasError(GUARD) from error
            raise BrokenExecutor(cause_of_death(codes)) from error


def cause_of_death(exit_codes: Iterable[int | None]) -> str:
    """Why a pool broke, from the exit codes of its processes.

    The pool ends the others, so SIGTERM is no cause where there is another.
    """
    own = [code for code in exit_codes if code not in (None, 0, -signal.SIGTERM)]
    if not own:
        return "ended from outside"
    code = own[0]
    if code > 0:
        return f"exit code {code}: its own error is printed above"
    name = signal.Signals(-code).name
    return "killed, possibly out of memory" if name == "SIGKILL" else f"ended by {name}"


@contextmanager
def _restored_threads_variable() -> Iterator[None]:
    previous = os.environ.get(THREADS_VARIABLE)
    try:
        yield
    finally:
        os.environ.pop(THREADS_VARIABLE, None)
        if previous is not None:
            os.environ[THREADS_VARIABLE] = previous


restored_threads_variable = SharedChange(_restored_threads_variable)
"""While entered by any thread, the variable may change; then it is as it was before."""


def spawn_ignoring_signals(executor: ProcessPoolExecutor, workers: int) -> None:
    """Start all processes with the terminal's signals blocked, which they inherit.

    Only the parent reacts to them. A worker that is still importing torch would print a traceback.
    """
    if sys.platform == "win32":  # it cannot block signals
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        for _ in range(workers):  # each call starts a process while none is idle
            executor.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def init_worker() -> None:
    """The first thing a worker process does. It ignores what a terminal sends to all processes.

    The parent asks it to stop.
    """
    for number in TERMINAL_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)
    exit_with_parent()


def terminate(executor: Executor) -> None:
    """Wait for nothing more. Processes of this machine are ended, whatever they are doing."""
    if not isinstance(executor, ProcessPoolExecutor):
        executor.shutdown(wait=False)
        return
    # A pool has no public way to end its processes before Python 3.14.
    for worker in list(executor._processes.values()):
        worker.terminate()


def dask_pool(address: str, runs: int) -> WorkerPool:
    """The workers of a dask cluster, which must see the same files as this machine.

    dask is installed (`check_workers`).

    Raises:
        GanvasError: no scheduler answers, or a worker would do several runs at a time in one
            process, where they would share torch's random state.
    """
    with dask_client(address) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise GanvasError(f"the cluster at {address} has no workers: start some, dask worker")
        threaded = [worker for worker, info in workers.items() if info["nthreads"] != 1]
        if threaded:
            raise GanvasError(
                f"{len(threaded)} of {len(workers)} workers at {address} do several tasks at a "
                "time in one process, but training needs its own process: dask worker --nthreads 1"
            )
        per_host = Counter(str(info["host"]) for info in workers.values())
        host_cores = client.run(cores)
        threads = min(host_cores[w] // per_host[str(workers[w]["host"])] for w in workers)
    return WorkerPool(
        min(len(workers), runs), max(1, threads), ("auto",), partial(dask_executor, address)
    )


@contextmanager
def dask_executor(address: str, workers: int, threads: int) -> Iterator[Executor]:
    """A cluster's executor. The cluster has its own workers and threads."""
    with dask_client(address) as client, client.get_executor() as executor:
        yield executor


@contextmanager
def dask_client(address: str) -> Iterator[Any]:
    """A client of the scheduler at this address.

    Raises:
        GanvasError: no scheduler answers.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise GanvasError(f"no dask scheduler answers at {address}: {reason}") from error
    try:
        yield client
    finally:
        client.close()
