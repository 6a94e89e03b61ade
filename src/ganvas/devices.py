"""The device that trains, its memory, and its description in a run's environment."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch

from ganvas.errors import DeviceError
from ganvas.notebook import in_notebook
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.version import __version__


def choose_device(name: str, processes: ProcessGroup = SINGLE_PROCESS) -> torch.device:
    """The device of that name; `auto` takes cuda, then mps, then cpu.

    With several processes each takes its own GPU, whatever index the name has; they share a CPU.

    Raises:
        DeviceError: no such device is known or on this machine, or there are too few GPUs.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, is_available in available.items() if is_available)
    choices = ", ".join(kind for kind, is_available in available.items() if is_available)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"unknown device {name!r}. There is: auto, {choices}") from error
    too_many = device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    if not available.get(device.type, False) or too_many:
        raise DeviceError(f"device {name!r} is not on this machine. There is: auto, {choices}")
    return device if processes.size == 1 else device_of_process(device, processes)


def device_of_process(device: torch.device, processes: ProcessGroup) -> torch.device:
    """The device of this type that this process trains on: the CPU, or its own GPU.

    Raises:
        DeviceError: several processes cannot use this type, or there are fewer GPUs than processes.
    """
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise DeviceError(f"several processes cannot train on {device.type}: set device to cpu")
    gpus = torch.cuda.device_count()
    if processes.local >= gpus:
        raise DeviceError(
            f"each process needs a GPU of its own, and this machine has {gpus}. Start that many: "
            f"torchrun --nproc-per-node {gpus}"
        )
    device = torch.device("cuda", processes.local)
    make_current(device)
    return device


def make_current(device: torch.device) -> None:
    """Make a GPU with an index the current one, on which CUDA graphs are captured.

    A GPU without an index is the current one already.
    """
    if device.type == "cuda" and device.index is not None:  # torch refuses a device without index
        torch.cuda.set_device(device)


def describe_environment(device: torch.device) -> dict[str, Any]:
    """Versions and hardware that a run's results depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "ganvas": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "platform": platform.platform(),
        "device": str(device),
        "device_name": name or platform.machine(),
        "threads": torch.get_num_threads(),
        "command": command_of_process(),
    }


def command_of_process() -> list[str]:
    """How this process was started; of a notebook its kernel's arguments would say nothing."""
    if in_notebook():
        return ["python", "(in a notebook)"]
    return [os.path.basename(sys.argv[0]), *sys.argv[1:]]  # noqa: PTH119 - a name, no path


def reset_peak_memory(device: torch.device) -> None:
    """Reset the peak that `peak_memory_mb` returns, on Linux and CUDA."""
    if device.type == "cuda":
        torch.cuda.current_device()  # initialises CUDA, which the next line does not
        torch.cuda.reset_peak_memory_stats(device)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM


MEMINFO = Path("/proc/meminfo")


def total_memory(device: torch.device) -> int | None:
    """Bytes of memory that the device has in all, of a CPU with swap.

    None where it is not known: elsewhere than on Linux, systems lend more as it is needed.
    """
    if sys.platform != "linux":
        return None
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    try:
        sizes = re.findall(
            r"^(?:MemTotal|SwapTotal): +(\d+) kB$", MEMINFO.read_text(), re.MULTILINE
        )
    except OSError:
        return None
    return 1024 * sum(map(int, sizes)) or None


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory in MB: reserved on a CUDA device, else resident in this process."""
    if device.type == "cuda":  # reserved memory includes the pools of captured graphs
        return torch.cuda.max_memory_reserved(device) / 1e6
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would start from the parent process's peak
        match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text("utf-8", "replace"))
        return int(match[1]) / 1e3 if match else 0.0
    if sys.platform == "win32":
        return 0.0  # the standard library cannot read it there
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
