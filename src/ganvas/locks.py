"""One writer for a directory at a time, and whether there is one."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ganvas.errors import Locked
from ganvas.storage import cannot_write

SHARES_LOCKS = sys.platform != "win32"
"""Whether the system has flock, whose locks can be shared."""

PATIENCE = 1.0
"""Seconds to wait for a lock: those who ask about it hold it for a moment."""
POLL = 0.005
"""Seconds between two tries, so that many fall within the patience."""
TRIES = 3
"""Of `is_locked`, where a lock cannot be shared with others who ask."""


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Lock a directory while writing it. The system releases the lock when a process ends.

    Raises:
        Locked: another process has locked it, or another thread of this one.
        RunError: the place cannot be written.
    """
    import filelock

    lock = filelock.FileLock(_file(directory), timeout=PATIENCE)
    try:
        lock.acquire(poll_interval=POLL)
    except filelock.Timeout as error:
        raise Locked(
            f"{directory} is being written by another process. "
            "Wait for it, or stop it with Ctrl-C where it runs."
        ) from error
    except OSError as error:
        raise cannot_write(directory, error) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(directory: Path) -> bool:
    """Whether a process has locked a directory (see `locked`). Where we cannot know: yes.

    Many may ask at once, each gets the same answer, and a writer gets its lock meanwhile.
    """
    path = _file(directory)
    if not path.exists():
        return False
    return _is_held(path) if SHARES_LOCKS else _is_refused(path)


def _file(directory: Path) -> Path:
    return directory / ".lock"


def _is_held(path: Path) -> bool:
    """Whether a shared lock is refused, as it is beside a writer's and not beside one who asks.

    It lasts for microseconds, which a writer waits out. The system cannot tell without it: F_GETLK
    does not see the locks of flock, which filelock takes.
    """
    if sys.platform == "win32":  # it has no flock
        return _is_refused(path)
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # no permission to read it
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)  # which releases it
    return False


def _is_refused(path: Path) -> bool:
    """Whether every try to lock fails. Another who asks is in the way at one of them at most."""
    import filelock

    for _ in range(TRIES):
        try:
            with filelock.FileLock(path, timeout=0):
                return False
        except filelock.Timeout:
            time.sleep(POLL)
        except OSError:  # no permission to lock it
            break
    return True
