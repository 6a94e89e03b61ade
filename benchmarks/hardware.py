"""The machine: its name (never its host name), its matrix rate and its copy rate."""

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
"""Read once and written once; at least twice the size of the largest caches."""


INSTRUCTIONS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "avx512f": "AVX-512"}
"""Instruction sets by Linux's name and their usual name, the best first."""


@dataclass(frozen=True)
class Hardware:
    """The hardware and versions that figures belong to."""

    name: str
    torch: str
    python: str
    threads: int

    @property
    def slug(self) -> str:
        """The name as a file name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def describe(device: torch.device) -> Hardware:
    """The GPU if it trains, else the processor, with the number of cores."""
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
    """The processor's model and its best vector instructions, which decide how fast bfloat16 is."""
    about = Path("/proc/cpuinfo")
    if not about.is_file():
        return platform.processor() or platform.machine()
    text = about.read_text(encoding="utf-8", errors="replace")
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    name = re.sub(r"\((R|TM)\)", "", model[1]).strip() if model else platform.machine()
    extras = [word for flag, word in INSTRUCTIONS.items() if flag in text]
    return f"{name} with {extras[0]}" if extras else name


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished all work, so that a clock can be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matrix_rate(device: torch.device, seconds: float, dtype: torch.dtype = torch.float32) -> float:
    """Floating-point operations per second in large matrix products: the median over `seconds`.

    float32 uses the same precision as convolutions: TF32 on CUDA, unless it is turned off.
    """
    side = MATRIX_SIDE[device.type]
    left = torch.randn(side, side, device=device).to(dtype)
    right = torch.randn(side, side, device=device).to(dtype)
    products = torch.backends.cuda.matmul
    previous, products.allow_tf32 = products.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        return 2 * side**3 / median_seconds(lambda: torch.matmul(left, right), device, seconds)
    finally:
        products.allow_tf32 = previous  # the measured loops use the default


def copy_rate(device: torch.device, seconds: float) -> float:
    """Bytes read and written per second in copying a large tensor: the median over `seconds`."""
    source = torch.ones(COPIED_BYTES // 4, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES / median_seconds(lambda: target.copy_(source), device, seconds)


def median_seconds(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds that the work takes after a warm-up: the median of all repetitions in `seconds`."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        times.append(stopwatch(work, device))
    return statistics.median(times)


def stopwatch(work: Callable[[], object], device: torch.device) -> float:
    """Seconds until the work is done, including the work on the device."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def processor_stopwatch(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of processor time of this process until the work is done; on a GPU, of the clock."""
    if device.type != "cpu":
        return stopwatch(work, device)
    start = time.process_time()
    work()
    return time.process_time() - start
