"""The machine: its name (never its host name), and how fast it multiplies matrices."""

from __future__ import annotations

import os
import platform
import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch

MATRIX_SIDE = {"cpu": 2048, "mps": 4096, "cuda": 8192}


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
    extras = [word for flag, word in (("amx_bf16", "AMX"), ("avx512f", "AVX-512")) if flag in text]
    return f"{name} with {extras[0]}" if extras else name


def wait_for(device: torch.device) -> None:
    """Return when the device has done all its work, so that a clock may be read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def matrix_rate(device: torch.device, seconds: float) -> float:
    """Floating-point operations a second in large fp32 products: the median over `seconds`."""
    side = MATRIX_SIDE[device.type]
    left = torch.randn(side, side, device=device)
    right = torch.randn(side, side, device=device)
    torch.matmul(left, right)
    wait_for(device)
    rates: list[float] = []
    end = time.perf_counter() + seconds
    while not rates or time.perf_counter() < end:
        start = time.perf_counter()
        torch.matmul(left, right)
        wait_for(device)
        rates.append(2 * side**3 / (time.perf_counter() - start))
    return statistics.median(rates)
