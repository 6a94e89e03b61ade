"""Several processes of one run; this process keeps their store, as torchrun would."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from torch.distributed import TCPStore

from ..builders.commands import Command, Result, finish

Processes = list[Command]

SMALL_FOR_PROCESSES = (
    "--intervals.history", 32, "--intervals.probes", 160, "--intervals.samples", 320,
    "--intervals.checkpoint", 64,
)  # fmt: skip


@contextmanager
def started(commands: Sequence[Sequence[object]], patch: str = "") -> Iterator[Processes]:
    """One process for each command, perhaps with a few lines of sabotage before it.

    Those that are left at the end are killed.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes: Processes = []
    try:
        for rank, arguments in enumerate(commands):
            processes.append(start_process(rank, len(commands), store.port, arguments, patch))
        yield processes
    finally:
        for process in processes:
            process.kill()
            finish(process)


def start_process(
    rank: int, size: int, port: int, arguments: Sequence[object], patch: str
) -> Command:
    words = [str(argument) for argument in arguments]
    program = f"{patch}\nimport sys\nfrom ganvas.cli import main\nsys.exit(main({words!r}))"
    environment = {
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
    return Command(program, {**os.environ, **environment})


def run_together(commands: Sequence[Sequence[object]], patch: str = "") -> list[Result]:
    """The result of each process."""
    with started(commands, patch) as processes:
        return [finish(process) for process in processes]


def said_once(results: Sequence[Result], *fragments: str) -> None:
    """All processes together write one message to stderr, with all of the fragments."""
    stderr = "".join(result.err for result in results)
    assert stderr.count("ganvas: ") == 1, stderr
    assert "Traceback" not in stderr, stderr
    for fragment in fragments:
        assert fragment in stderr


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").glob("*.safetensors"))
