"""The parts that do a study's runs: pools, seconds of training, stopping, the newest record."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from ganvas.errors import GanvasError, Interrupted
from ganvas.runs.history import History
from ganvas.studies import executors
from ganvas.studies.worker import interruptible_progress, training_clock, training_seconds_at
from ganvas.training.stop import StopRequest, ask_to_stop, take_back


def test_a_pool_fills_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "cores", lambda: 8)
    monkeypatch.setattr(executors, "local_devices", lambda: ("cpu",))
    made = {
        (runs, workers): executors.local_pool(runs, workers)
        for runs, workers in ((100, None), (3, None), (100, 4), (100, 16))
    }
    sizes = {key: (one.workers, one.threads) for key, one in made.items()}
    assert sizes == {(100, None): (8, 1), (3, None): (3, 2), (100, 4): (4, 2), (100, 16): (16, 1)}
    monkeypatch.setattr(executors, "local_devices", lambda: ("cuda:0", "cuda:1"))
    gpus = executors.local_pool(100)
    assert (gpus.workers, gpus.threads) == (2, 4)
    assert [gpus.device(worker) for worker in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    with pytest.raises(GanvasError, match="workers: at least 1, got 0"):
        executors.local_pool(3, 0)


def test_workers_find_their_number_of_threads_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with executors.process_executor(1, 2):
        assert os.environ["OMP_NUM_THREADS"] == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_starting_workers_ignore_ctrl_c() -> None:
    """Ctrl-C reaches every process of the terminal, also one that is importing torch."""
    with executors.process_executor(2, 1) as executor:
        workers = multiprocessing.active_children()
        for worker in workers:
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGINT)
        assert executor.submit(os.getpid).result() in [worker.pid for worker in workers]
    assert len(workers) == 2


def test_terminated_workers_end_at_once() -> None:
    with executors.process_executor(1, 1) as executor:
        (worker,) = multiprocessing.active_children()
        asleep = executor.submit(time.sleep, 600)
        executors.terminate(executor)
    worker.join(60)
    assert not worker.is_alive()
    with pytest.raises(BrokenExecutor):
        asleep.result(60)


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(GanvasError, match=r"pip install 'ganvas\[cluster\]'"):
        executors.dask_pool("tcp://somewhere:8786", 3)


def test_seconds_of_training_come_from_the_rates() -> None:
    """1,000 images at 500 a second, then 600 at 300: the evaluation between does not count."""
    history = [
        {"images_seen": 1000, "images_per_second": 500.0, "seconds": 2.0},
        {"images_seen": 1600, "images_per_second": 300.0, "seconds": 60.0},
    ]
    assert training_clock(history) == {1000: 2.0, 1600: 4.0}
    assert training_clock([]) == {}


@pytest.mark.parametrize(
    ("images_seen", "seconds"), [(0, 0), (500, 1), (1000, 2), (1300, 3), (1600, 4), (1700, 4)]
)
def test_a_score_between_two_records_has_its_seconds_too(images_seen: int, seconds: float) -> None:
    assert training_seconds_at(images_seen, {1000: 2.0, 1600: 4.0}) == pytest.approx(seconds)
    assert training_seconds_at(images_seen, {}) == 0


def test_training_in_any_thread_can_be_asked_to_stop() -> None:
    heard = []

    def train() -> None:
        with StopRequest() as stop:
            heard.append(bool(stop))
            ask_to_stop()
            heard.append(bool(stop))

    try:
        thread = threading.Thread(target=train)
        thread.start()
        thread.join()
        with (
            pytest.raises(Interrupted, match="sampling"),
            interruptible_progress("sampling") as update,
        ):
            update(1, 2)
    finally:
        take_back()
    assert heard == [False, True]
    with StopRequest() as stop, interruptible_progress("sampling") as update:
        update(1, 2)
        assert not stop


@pytest.mark.parametrize(
    ("content", "newest"),
    [
        ("", None),
        ('{"images_seen": 1}\n', 1),
        ('{"images_seen": 1}\n{"images_seen": 2}\n', 2),
        ('{"images_seen": 1}\n{"images_s', 1),
        ('{"images_seen": 1}\n{"images_s\n', 1),
    ],
)
def test_the_newest_whole_record(tmp_path: Path, content: str, newest: int | None) -> None:
    path = tmp_path / "history.jsonl"
    assert History(path).last_record() is None
    path.write_text(content)
    record = History(path).last_record()
    assert (record and record["images_seen"]) == newest


def test_the_newest_record_of_a_long_history(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    history.path.write_text("".join(f'{{"images_seen": {n}}}\n' for n in range(20_000)))
    assert history.last_record() == {"images_seen": 19_999} == history.records()[-1]
