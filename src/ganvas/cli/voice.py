"""Of the processes that torchrun starts, one tells the user what is wrong, once.

All of them mostly meet the same mistake, or one dies and the others notice. Nothing here needs them
to have met before: the store that torchrun itself keeps decides who speaks.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

from ganvas.torchrun import rank, restarts, world_size

PATIENCE = timedelta(seconds=3)
"""How long the others give the first process to speak, which knows most."""

TOLD = f"ganvas/told/{restarts()}"
"""Set in the store once somebody has spoken; what was said before a restart does not count."""


def is_first() -> bool:
    """Whether this is the one that talks, if all goes well."""
    return world_size() == 1 or rank() == 0


def complain(message: str, code: int) -> int:
    """Print a message for the user, unless another process has; give the exit code back."""
    with undisturbed():
        if may_speak():
            print(f"ganvas: {message}", file=sys.stderr)
    return code


def may_speak() -> bool:
    """Whether this process is to tell what is wrong; true for one of them only."""
    if world_size() == 1:
        return True
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    host, port = os.environ.get("MASTER_ADDR", ""), int(os.environ.get("MASTER_PORT", "0"))
    try:
        store = TCPStore(host, port, is_master=False, wait_for_workers=False, timeout=PATIENCE)
        if not is_first():
            end = time.monotonic() + PATIENCE.total_seconds()
            while time.monotonic() < end:  # the store's own wait would warn when it is over
                if store.check([TOLD]):
                    return False
                time.sleep(0.05)
        return bool(store.add(TOLD, 1) == 1)
    except (RuntimeError, ValueError):  # the store is gone: better twice than never
        return True


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """While entered, signals are not heard: torchrun ends who is left, and this one is ending."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def first_speaks() -> Iterator[None]:
    """While entered, what other processes than the first print is not heard."""
    if is_first():
        yield
        return
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield
