"""A directory has one writer at a time, and asking who writes disturbs nobody."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from ganvas import locks
from ganvas.errors import Locked

WRITES = 300
"""How often a writer takes the lock beside those who ask; 267 of 1,573 tries failed once."""

FORK = multiprocessing.get_context("forkserver")


@pytest.fixture(params=[True, False], ids=["shared", "alone"])
def ways_to_ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Both ways in which `is_locked` asks: where a lock can be shared, and where it cannot."""
    shares: bool = request.param
    monkeypatch.setattr(locks, "SHARES_LOCKS", shares and locks.SHARES_LOCKS)
    return shares


@pytest.mark.usefixtures("ways_to_ask")
def test_a_lock_is_held_against_threads_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)

    def lock() -> None:
        with locks.locked(tmp_path):
            pass

    with locks.locked(tmp_path), ThreadPoolExecutor(1) as pool:
        assert pool.submit(locks.is_locked, tmp_path).result()
        with pytest.raises(Locked, match="is being written by another process"):
            pool.submit(lock).result()
    assert not locks.is_locked(tmp_path)
    lock()


def ask(directory: Path, shares: bool, begun: Event, done: Event) -> None:
    """Ask again and again, as a live page does, until the writer is done."""
    locks.SHARES_LOCKS = shares and locks.SHARES_LOCKS
    while not done.is_set():
        locks.is_locked(directory)
        begun.set()


def test_asking_in_a_tight_loop_makes_no_writer_fail(tmp_path: Path, ways_to_ask: bool) -> None:
    with locks.locked(tmp_path):
        pass  # now there is a file to ask about
    begun, done = FORK.Event(), FORK.Event()
    process = FORK.Process(target=ask, args=(tmp_path, ways_to_ask, begun, done))
    process.start()
    begun.wait()
    try:
        for _ in range(WRITES):
            with locks.locked(tmp_path):
                pass
    finally:
        done.set()
        process.join()
    assert process.exitcode == 0


@pytest.mark.skipif(not locks.SHARES_LOCKS, reason="locks of this system cannot be shared")
def test_those_who_ask_do_not_take_each_other_for_a_writer(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / ".lock"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # another page, just now
        assert not locks.is_locked(tmp_path)
    finally:
        os.close(descriptor)


def test_a_directory_that_was_never_locked_is_free_and_stays_as_it_is(tmp_path: Path) -> None:
    assert not locks.is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("ways_to_ask")
def test_without_permission_to_lock_a_directory_counts_as_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    with locks.locked(tmp_path):
        pass
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    monkeypatch.setattr("fcntl.flock", refuse)
    assert locks.is_locked(tmp_path)
