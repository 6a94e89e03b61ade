"""Peak resident memory. Run as a script it is the process that is weighed, and weighs itself.

Its parent cannot do so: after a fork, the system's own figure starts at what the parent held.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from figure import Effort, Figure, figure

MOST_GB = 2.5
"""For 100,000 colour images of 64x64, the mapped file's 1.2 GB of pages included."""
SIDE, BATCH = 64, 64
STEPS = 30


def measure(effort: Effort, folder: Path) -> list[Figure]:
    """A small run by command, and a large data set with every page of it touched."""
    small = peak_gb(["fashion"], folder)
    large = folder / "large.npy"
    write_noise(large, effort.large_data)
    title = (
        f"{effort.large_data:,} colour images {SIDE}x{SIDE}, dcgan of width {effort.colour_width}"
    )
    peak = peak_gb(["large", str(large), str(effort.colour_width)], folder)
    return [
        figure("fashion", "peak memory of `ganvas train dcgan fashion`", "GB", [small]),
        figure("large", f"preparing and training on {title}", "GB", [peak], at_most=MOST_GB),
    ]


def write_noise(path: Path, count: int) -> None:
    """A .npy of random images (count, SIDE, SIDE, 3), written a piece at a time."""
    random = np.random.default_rng(0)
    shape = (count, SIDE, SIDE, 3)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, 1_000):
            piece = (min(1_000, count - start), *shape[1:])
            file.write(random.integers(0, 256, piece, np.uint8).tobytes())


def peak_gb(words: list[str], folder: Path) -> float:
    """What a process of its own says that it needed at most, in GB."""
    environment = {**os.environ, "GANVAS_CACHE": str(folder / "cache")}
    command = [sys.executable, __file__, str(folder), *words]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1]) / 1e9


def own_peak_bytes() -> int:
    """The most memory that this process has had resident, mapped files' pages included."""
    about = Path("/proc/self/status")
    if about.is_file():
        found = re.search(r"VmHWM:\s*(\d+) kB", about.read_text())
        if found:
            return int(found[1]) * 1024
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def train_small(folder: Path) -> None:
    """The command as a user types it, for enough steps to have seen every kind of work."""
    from ganvas.cli import main

    words = ["train", "dcgan", "fashion", "--out", str(folder / "small"), "--device", "cpu"]
    if main([*words, "--images", str(STEPS * BATCH)]) != 0:
        raise RuntimeError("training failed")


def train_large(folder: Path, data: str, width: int) -> None:
    """`ganvas train` in its parts: prepare, stream one epoch so that every page is read, train."""
    from dataclasses import replace

    import torch

    from ganvas.runs.data import prepare_for
    from throughput import Case, GanvasLoop, recipe_for

    recipe = recipe_for(Case("large", SIDE, width, 3))
    recipe = replace(recipe, intervals=replace(recipe.intervals, history=BATCH))
    prepared = prepare_for(recipe, data, quiet=True)
    loop = GanvasLoop(recipe, prepared, folder / "large-run", torch.device("cpu"))
    for _ in range(len(prepared.images) // BATCH):
        loop.state.stream.next(BATCH)
    loop.fit(STEPS)


def main() -> None:
    """FOLDER fashion | large DATA WIDTH: do it, then print the peak in bytes."""
    folder, what, *data = sys.argv[1:]
    if what == "fashion":
        train_small(Path(folder))
    else:
        train_large(Path(folder), data[0], int(data[1]))
    print(own_peak_bytes())


if __name__ == "__main__":
    main()
