"""What torchrun tells the processes it starts, by the environment. Without it there is one."""

from __future__ import annotations

import os
import socket


def world_size() -> int:
    """How many there are, over all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Which of them this is; the first is 0."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Its number on its own machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def restarts() -> int:
    """How often all of them were started again, after one failed."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))


def launch() -> str | None:
    """A name for one call of torchrun, the same after its restarts; None without torchrun."""
    name = os.environ.get("TORCHELASTIC_RUN_ID")
    if name == "none":  # what every launch without --rdzv-id is called
        return f"{socket.gethostname()}-{os.getppid()}"
    return name
