"""The machine: its name (never its host name), how fast it multiplies matrices and copies."""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

MATRIX_SIDE = {"cpu": 2048, "mps": 4096, "cuda": 8192}
COPIED_BYTES = 2**29
"""Read, and as many written: together more than caches hold, which are up to half of it."""


INSTRUCTIONS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "avx512f": "AVX-512"}
"""What Linux calls those that matter here, and others do; the best first."""


@dataclass(frozen=True)
class Hardware:
    """What figures belong to."""

    name: str
    torch: str
    python: str
    threads: int

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def describe(device: torch.device) -> Hardware:
    """The GPU, if that is what trains, else the processor; with the number of its cores."""
    cores = f"{os.cpu_count()} cores"
    name = f"{processor()}, {cores}"
    if device.type == "cuda":
        name = f"{torch.cuda.get_device_name(device)} ({cores} of CPU)"
    elif device.type != "cpu":
        name = f"{name}, {device.type}"
    return Hardware(
        name=name,
        torch=torch.__version__,
        python=platform.python_version(),
        threads=torch.get_num_threads(),
    )


def processor() -> str:
    """The processor's model, with the bfloat16 instructions that a bare model name hides."""
    about = Path("/proc/cpuinfo")
    if not about.is_file():
        return platform.processor() or platform.machine()
    text = about.read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = re.sub(r"\((R|TM)\)", "", model[1]).strip() if model else platform.machine()
    extras = [word for flag, word in INSTRUCTIONS.items() if flag in text]
    return f"{name} with {extras[0]}" if extras else name


def wait_for(device: torch.device) -> None:
    """Return when the device has done all its work, so that a clock may be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matrix_rate(
    device: torch.device, seconds: float, numbers: torch.dtype = torch.float32
) -> float:
    """Floating-point operations a second in large products: the median over `seconds`.

    In the float32 that convolutions have: on CUDA that is TF32 unless somebody forbids it.
    """
    side = MATRIX_SIDE[device.type]
    left = torch.randn(side, side, device=device).to(numbers)
    right = torch.randn(side, side, device=device).to(numbers)
    products = torch.backends.cuda.matmul
    before, products.allow_tf32 = products.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        return 2 * side**3 / median_seconds(lambda: torch.matmul(left, right), device, seconds)
    finally:
        products.allow_tf32 = before  # the loops that take turns with this multiply as by default


def copy_rate(device: torch.device, seconds: float) -> float:
    """Bytes read and written a second in copying a large tensor: the median over `seconds`."""
    source = torch.ones(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES / median_seconds(lambda: target.copy_(source), device, seconds)


def median_seconds(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """What the work takes, once it is warm: the median of all that fit into `seconds`."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        times.append(stopwatch(work, device))
    return statistics.median(times)


def stopwatch(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the work is done, on the device too."""
    wait_for(device)
    start = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - start
