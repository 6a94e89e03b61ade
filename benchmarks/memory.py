"""Peak resident memory. As a script, this module is the measured process and prints its own peak.

The parent process cannot measure it: after a fork, the system's figure starts at the parent's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from figure import Effort, Figure, figure

MAX_GB = 2.5
"""For 100,000 colour images of 64x64, including 1.2 GB of pages of the mapped file."""
SIDE, BATCH = 64, 64
STEPS = 30
CASE_STEPS = 5


def measure(effort: Effort, folder: Path) -> list[Figure]:
    """A small run by the command line, and a large data set of which every page is read."""
    small = peak_gb(["fashion"], folder)
    large = folder / "large.npy"
    write_noise(large, effort.large_data)
    title = (
        f"{effort.large_data:,} colour images {SIDE}x{SIDE}, dcgan of width {effort.colour_width}"
    )
    peak = peak_gb(["large", str(large), str(effort.colour_width)], folder)
    return [
        figure("fashion", "peak memory of `ganvas train dcgan fashion`", "GB", [small]),
        figure("large", f"preparing and training on {title}", "GB", [peak], at_most=MAX_GB),
    ]


def write_noise(path: Path, count: int) -> None:
    """Write a .npy of random images (count, SIDE, SIDE, 3), block by block."""
    random = np.random.default_rng(0)
    shape = (count, SIDE, SIDE, 3)
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, 1_000):
            block = (min(1_000, count - start), *shape[1:])
            file.write(random.integers(0, 256, block, np.uint8).tobytes())


def peak_gb(words: list[str], folder: Path) -> float:
    """The peak memory of this script with these arguments, in GB."""
    environment = {**os.environ, "GANVAS_CACHE": str(folder / "cache")}
    command = [sys.executable, __file__, str(folder), *words]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1]) / 1e9


def own_peak_bytes() -> int:
    """Peak resident memory of this process, including pages of mapped files."""
    status = Path("/proc/self/status")
    if status.is_file():
        peak = re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
        if peak:
            return int(peak[1]) * 1024
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def train_small(folder: Path) -> None:
    """Run the command for enough steps to include every kind of work."""
    from ganvas.cli import main

    words = ["train", "dcgan", "fashion", "--out", str(folder / "small"), "--device", "cpu"]
    if main([*words, "--images", str(STEPS * BATCH)]) != 0:
        raise RuntimeError("training failed")


def train_large(folder: Path, data: str, width: int) -> None:
    """Prepare, stream one epoch so that every page is read, then train."""
    from dataclasses import replace

    import torch

    from ganvas.runs.data import prepare_for
    from loops import GanvasLoop
    from speed_cases import Case, recipe_for

    recipe = recipe_for(Case("large", "dcgan", SIDE, width, channels=3))
    recipe = replace(recipe, intervals=replace(recipe.intervals, history=BATCH))
    prepared = prepare_for(recipe, data, quiet=True)
    loop = GanvasLoop(recipe, prepared, folder / "large-run", torch.device("cpu"))
    for _ in range(len(prepared.images) // BATCH):
        loop.state.stream.next(BATCH)
    loop.fit(STEPS)


def train_case(folder: Path, loop: str, case_as_json: str, device_name: str) -> int:
    """Run a few steps of one loop of a training-speed case. Returns its peak memory in bytes.

    On CUDA this is the GPU's memory. Both loops load the same modules. The data are prepared.
    """
    import torch

    from ganvas.devices import peak_memory_mb
    from loops import GanvasLoop
    from speed_cases import Case, data_for, recipe_for, textbook_for

    case, device = Case(**json.loads(case_as_json)), torch.device(device_name)
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)
    if loop == "ganvas":
        GanvasLoop(recipe, prepared, folder / "measured", device).fit(CASE_STEPS)
    else:
        textbook_for(case, recipe, prepared, device).run(CASE_STEPS)
    return round(peak_memory_mb(device) * 1e6)


def main() -> None:
    """FOLDER fashion | large DATA WIDTH | case LOOP CASE DEVICE: run it, then print the peak."""
    folder, what, *arguments = sys.argv[1:]
    if what == "case":
        print(train_case(Path(folder), *arguments))
        return
    if what == "fashion":
        train_small(Path(folder))
    else:
        train_large(Path(folder), arguments[0], int(arguments[1]))
    print(own_peak_bytes())


if __name__ == "__main__":
    main()
