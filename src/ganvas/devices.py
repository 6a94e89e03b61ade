"""Which device trains, and what to write down about it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch

from ganvas.errors import DeviceError
from ganvas.processes import SINGLE_PROCESS, ProcessGroup


def choose_device(name: str, processes: ProcessGroup = SINGLE_PROCESS) -> torch.device:
    """The device by name; `auto` takes cuda, then mps, then cpu.

    Each of several ranks takes a GPU of its own, whatever number the name has; a CPU is shared.

    Raises:
        DeviceError: the name means nothing, or this machine has no such device, or too few.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    here = ", ".join(kind for kind, there in available.items() if there)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"device {name!r} means nothing here. There is: auto, {here}") from error
    too_many = device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    if not available.get(device.type, False) or too_many:
        raise DeviceError(f"device {name!r} is not on this machine. There is: auto, {here}")
    return device if processes.size == 1 else device_of_its_own(device, processes)


def device_of_its_own(device: torch.device, processes: ProcessGroup) -> torch.device:
    """The device of this kind that this rank trains on.

    Raises:
        DeviceError: this kind cannot be shared, and there are fewer than processes.
    """
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise DeviceError(f"several processes cannot train on {device.type}: set device to cpu")
    there = torch.cuda.device_count()
    if processes.local >= there:
        raise DeviceError(
            f"each process needs a GPU of its own, and this machine has {there}: start that many, "
            "torchrun --nproc-per-node " + str(there)
        )
    device = torch.device("cuda", processes.local)
    make_current(device)
    return device


def make_current(device: torch.device) -> None:
    """Let a GPU that has a number be the one that kernels are recorded on; without one it is."""
    if device.type == "cuda" and device.index is not None:  # torch refuses to look for the number
        torch.cuda.set_device(device)


def use_deterministic_kernels() -> None:
    """Make CUDA repeat itself bit for bit, at some cost in speed; the CPU does so anyway."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware that a run's numbers depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "ganvas": metadata.version("ganvas"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "platform": platform.platform(),
        "device": str(device),
        "device_name": name or platform.machine(),
        "threads": torch.get_num_threads(),
        "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]],  # noqa: PTH119 - a name, no path
    }


def forget_peak_memory(device: torch.device) -> None:
    """Let the peak begin anew, in a process that did other work before; Linux and CUDA can."""
    if device.type == "cuda":
        torch.cuda.current_device()  # begins CUDA, as the next line does not by itself
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM


def peak_memory_mb(device: torch.device) -> float:
    """The most memory taken so far, in MB: of the GPU there, else resident in this process."""
    if device.type == "cuda":  # reserved: what recorded graphs keep for themselves counts too
        return torch.cuda.max_memory_reserved(device) / 1e6
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would start from the peak of the process that started this one
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) / 1e3 if found else 0.0
    if sys.platform == "win32":
        return 0.0  # no standard library call tells it there
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
