"""Several processes of one run, and this one in torchrun's place: it keeps their store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch.distributed import TCPStore

from .conftest import Result, finish

PATIENCE = 400.0
"""Seconds for several processes, on a machine that does other things too."""

Processes = list[subprocess.Popen[str]]

SMALL_FOR_RANKS = (
    "--intervals.history", 32, "--intervals.probes", 160, "--intervals.samples", 320,
    "--intervals.checkpoint", 64,
)  # fmt: skip


@contextmanager
def started(commands: Sequence[Sequence[object]], patch: str = "") -> Iterator[Processes]:
    """One rank for each command, perhaps with a few lines of sabotage before it.

    Whoever is left at the end is killed.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes: Processes = []
    try:
        for rank, arguments in enumerate(commands):
            processes.append(start_rank(rank, len(commands), store.port, arguments, patch))
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def start_rank(
    rank: int, size: int, port: int, arguments: Sequence[object], patch: str
) -> subprocess.Popen[str]:
    words = [str(argument) for argument in arguments]
    program = f"{patch}\nimport sys\nfrom ganvas.cli import main\nsys.exit(main({words!r}))"
    torchrun_says = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "TORCHELASTIC_RUN_ID": "test",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **torchrun_says},
    )


def run_together(commands: Sequence[Sequence[object]], patch: str = "") -> list[Result]:
    """What came of each rank."""
    with started(commands, patch) as processes:
        return [finish(process, PATIENCE) for process in processes]


def said_once(results: Sequence[Result], *fragments: str) -> None:
    """On the stderr of all ranks together stands one message, with all of the fragments."""
    together = "".join(result.err for result in results)
    assert together.count("ganvas: ") == 1, together
    assert "Traceback" not in together, together
    for fragment in fragments:
        assert fragment in together


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").glob("*.safetensors"))
