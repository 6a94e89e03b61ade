"""How the speed of `dcgan` depends on the batch, the image size and a second process."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from figure import Effort, Figure, figure
from ganvas.formatting import format_count
from ganvas.runs import Run
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, recipe_for
from throughput import WARM_UP_STEPS, steps_in

WIDTH = 32
SIDE, BATCH = 32, 32
"""The fixed image size while the batch varies, and the fixed batch while the size varies."""
ROUNDS = 3
SHARED_BATCH = 64
"""Batch of the run that one or two processes train together."""
RECORDS = 8
"""History records in a run. The first is a warm-up, and the last includes a sample grid."""


@dataclass(frozen=True)
class Launch:
    """How many processes train one run, and with how many threads each."""

    processes: int
    threads: int

    @property
    def key(self) -> str:
        """Its part of the figure's key."""
        return f"{self.processes}x{self.threads}"

    @property
    def title(self) -> str:
        """The launch as tables name it."""
        processes = format_count(self.processes, "process", "processes")
        threads = format_count(self.threads, "thread")
        return f"{processes} of {threads}"


ONE_THREAD, TWO_THREADS, TWO_PROCESSES = Launch(1, 1), Launch(1, 2), Launch(2, 1)


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Bare steps by batch and image size; whole runs by processes that share the CPU."""
    return [*measure_sizes(effort, device, folder), *measure_processes(effort, folder)]


def measure_sizes(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Images per second of bare training steps. All settings take turns."""
    settings = [(SIDE, batch) for batch in effort.batches]
    settings += [(side, BATCH) for side in effort.sides if (side, BATCH) not in settings]
    turns = {size: turn_of(*size, effort.seconds / 2, device, folder) for size in settings}
    rates: dict[tuple[int, int], list[float]] = {size: [] for size in settings}
    for _ in range(ROUNDS):
        for size, (loop, steps) in turns.items():
            seconds = stopwatch(lambda loop=loop, steps=steps: loop.steps(steps), device)
            rates[size].append(steps * size[1] / seconds)
    return [
        figure(
            f"side-{side}/batch-{batch}",
            f"dcgan {side}x{side} grey, width {WIDTH}, batch {batch}: bare steps",
            "images/s",
            values,
        )
        for (side, batch), values in rates.items()
    ]


def turn_of(
    side: int, batch: int, seconds: float, device: torch.device, folder: Path
) -> tuple[GanvasLoop, int]:
    """A loop after its warm-up, and how many steps take about so many seconds."""
    place = folder / f"{side}-{batch}"
    place.mkdir()
    case = Case(place.name, "dcgan", side, WIDTH)
    recipe = dataclasses.replace(recipe_for(case), batch=batch)
    loop = GanvasLoop(recipe, data_for(case, recipe, folder), place / "run", device)
    loop.steps(2 * WARM_UP_STEPS)  # CUDA graphs are captured by now
    return loop, steps_in(seconds, loop.steps, device)


def measure_processes(effort: Effort, folder: Path) -> list[Figure]:
    """One run by two processes of one thread, against one process with one and two threads."""
    rates: dict[Launch, list[float]] = {ONE_THREAD: [], TWO_THREADS: [], TWO_PROCESSES: []}
    for repetition in range(min(2, effort.repetitions)):
        for launch in rates:
            run = folder / f"processes-{launch.key}-{repetition}"
            rates[launch].append(rate_of(launch, effort.shared_images, run))
    what = f"dcgan 32x32, batch {SHARED_BATCH}, on the CPU"
    ratios = {
        other: [a / b for a, b in zip(rates[TWO_PROCESSES], rates[other], strict=True)]
        for other in (ONE_THREAD, TWO_THREADS)
    }
    return [
        *(
            figure(f"processes/{launch.key}", f"{what}: {launch.title}", "images/s", values)
            for launch, values in rates.items()
        ),
        *(
            figure(
                f"processes/{TWO_PROCESSES.key}-over-{other.key}",
                f"{what}: {TWO_PROCESSES.title} / {other.title}",
                "",
                values,
            )
            for other, values in ratios.items()
        ),
    ]


def rate_of(launch: Launch, images: int, out: Path) -> float:
    """Images per second of a run by the command line, from its history."""
    words = ["train", "dcgan", "fashion", "--device", "cpu", "--batch", str(SHARED_BATCH)]
    words += ["--images", str(images), "--intervals.history", str(images // RECORDS)]
    words += ["--intervals.probes", "0", "--out", str(out)]
    torchrun = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(launch.processes)]
    launcher = [] if launch.processes == 1 else ["-m", *torchrun]
    environment = {
        **os.environ,
        "GANVAS_CACHE": str(out.parent / "cache"),
        "OMP_NUM_THREADS": str(launch.threads),
    }
    command = [sys.executable, *launcher, "-m", "ganvas", *words]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return statistics.median(Run.open(out).history.column("images_per_second")[1:-1])
