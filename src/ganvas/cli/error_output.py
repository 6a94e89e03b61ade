"""One error message for the user, although torchrun starts several processes.

Usually all processes meet the same mistake, or one dies and the others notice it. They need no
process group to agree: the store of torchrun decides which one prints.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import timedelta

from ganvas.terminal import printable
from ganvas.torchrun import rank, restarts, world_size
from ganvas.training.stop import stop_signals

HEAD_START = timedelta(seconds=3)
"""How long the other ranks wait for rank 0 to print, which knows most."""

PRINTED = f"ganvas/told/{restarts()}"
"""The store's key that counts messages. A restart of all processes has its own."""


def is_main() -> bool:
    """Whether this process prints when nothing is wrong."""
    return world_size() == 1 or rank() == 0


def print_error(message: str, code: int) -> int:
    """Print an error, unless another process has printed one. Returns the exit code."""
    with ignored_signals():
        if may_print():
            print(f"ganvas: {printable(message)}", file=sys.stderr)
    return code


def may_print() -> bool:
    """Whether this process prints the error; true in one process only."""
    if world_size() == 1:
        return True
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    host, port = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", "0"))
    try:
        store = TCPStore(host, port, is_master=False, wait_for_workers=False, timeout=HEAD_START)
        if not is_main():
            end = time.monotonic() + HEAD_START.total_seconds()
            while time.monotonic() < end:  # the store's own wait logs a warning when it times out
                if store.check([PRINTED]):
                    return False
                time.sleep(0.05)
        return bool(store.add(PRINTED, 1) == 1)
    except (RuntimeError, ValueError):  # the store is gone: twice is better than never
        return True


@contextlib.contextmanager
def ignored_signals() -> Iterator[None]:
    """Ignore signals to stop: torchrun sends one to every process once one has ended."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def only_one_rank_prints() -> Iterator[None]:
    """Discard what the processes other than rank 0 print."""
    if is_main():
        yield
        return
    discarded = io.StringIO()
    with contextlib.redirect_stdout(discarded), contextlib.redirect_stderr(discarded):
        yield
