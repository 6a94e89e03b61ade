"""Worker pools: how many, with how many threads, and how they start and end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from multiprocessing.connection import wait
from pathlib import Path
from types import ModuleType

import pytest

from ganvas.errors import GanvasError
from ganvas.studies import executors
from ganvas.studies.running import compare, plan_study


def test_a_pool_fills_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 8)
    monkeypatch.setattr(executors, "local_devices", lambda: ("cpu",))
    pools = {
        (runs, workers): executors.local_pool(runs, workers)
        for runs, workers in ((100, None), (3, None), (100, 4), (100, 16))
    }
    sizes = {key: (pool.workers, pool.threads) for key, pool in pools.items()}
    assert sizes == {(100, None): (8, 1), (3, None): (3, 2), (100, 4): (4, 2), (100, 16): (16, 1)}
    monkeypatch.setattr(executors, "local_devices", lambda: ("cuda:0", "cuda:1"))
    gpus = executors.local_pool(100)
    assert (gpus.workers, gpus.threads) == (2, 4)
    assert [gpus.device(worker) for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]


def test_workers_that_cannot_be_are_refused_before_the_study_is_read(tmp_path: Path) -> None:
    for start in (compare, plan_study):
        with pytest.raises(GanvasError, match="workers: at least 1, got 0"):
            start(tmp_path / "absent", workers=0)


@pytest.fixture
def no_worker_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker imports torch, which takes two seconds of a core."""
    monkeypatch.setattr(executors, "spawn_ignoring_signals", lambda executor, workers: None)


@pytest.mark.usefixtures("no_worker_starts")
def test_omp_num_threads_is_set_for_workers_and_restored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with executors.process_executor(1, 2):
        assert os.environ["OMP_NUM_THREADS"] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7"


@pytest.mark.usefixtures("no_worker_starts")
def test_omp_num_threads_is_restored_when_the_last_of_two_pools_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(executors.process_executor(1, 2))
        second.enter_context(executors.process_executor(1, 1))
        first.close()
        assert "OMP_NUM_THREADS" in os.environ
    assert "OMP_NUM_THREADS" not in os.environ


def test_starting_workers_ignore_what_a_terminal_sends_and_end_at_once_when_terminated() -> None:
    """Takes five seconds: two workers import torch. Ctrl-C reaches also one that does just that."""
    with executors.process_executor(2, 3) as executor:
        workers = multiprocessing.active_children()
        assert len(workers) == 2
        for worker in workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGINT)
            os.kill(worker.pid, signal.SIGHUP)
        assert executor.submit(os.getpid).result() in [worker.pid for worker in workers]
        assert executor.submit(os.getenv, "OMP_NUM_THREADS").result() == "3"
        asleep = executor.submit(time.sleep, 600)
        executors.terminate(executor)
    # The pool's own thread joins workers, too, and only one of the two learns an exit code.
    for worker in workers:
        assert wait([worker.sentinel], 60)
    with pytest.raises(BrokenExecutor):
        asleep.result(60)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script that this program is, as far as its workers see: they import it first."""
    path = tmp_path / "script.py"
    main = ModuleType("__main__")
    main.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "__main__", main)
    return path


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed, possibly out of memory"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("sys.exit(3)", "exit code 3: its own error is printed above"),
    ],
)
def test_it_is_told_how_a_worker_died(script: Path, ending: str, cause: str) -> None:
    script.write_text(f"import os, signal, sys\n{ending}\n")
    with (
        pytest.raises(BrokenExecutor, match=f"^{cause}$"),
        executors.process_executor(1, 1) as executor,
    ):
        executor.submit(os.getpid).result(60)


def test_a_script_without_a_guard_is_told_to_add_one(
    script: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Takes two seconds: the worker imports torch, and would start the study again."""
    script.write_text("import ganvas\nganvas.compare('absent.toml')\n")
    with (
        pytest.raises(GanvasError, match='if __name__ == "__main__":'),
        executors.process_executor(1, 1) as executor,
    ):
        executor.submit(os.getpid).result(60)
    assert capfd.readouterr() == ("", ""), "the parent says it, once"


def test_a_worker_that_the_pool_ended_is_no_cause() -> None:
    assert executors.cause_of_death([-signal.SIGTERM, None, 1]).startswith("exit code 1")
    assert executors.cause_of_death([-signal.SIGTERM, 0]) == "ended from outside"
