"""A long run in short: memory, open files and threads while millions of images are trained on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from forked import start
from kills import POINTS
from records import Record

IMAGES = 2_000_000
EVERY_SECONDS = 1.0
INTERVALS = "history = 500\nprobes = 2000\nsamples = 2000\ncheckpoint = 2000\n"
"""A thousand checkpoints, as a run of a day writes; and as many probes and sample grids."""


def train_long(images: int, scratch: Path) -> Iterator[Record]:
    """Train, and measure the process every second. The last record says how it ended."""
    root = scratch / "long"
    root.mkdir()
    recipe = POINTS.partition("[intervals]")[0].replace("batch = 32", "batch = 64")
    (root / "long.toml").write_text(f"{recipe}[intervals]\n{INTERVALS}")
    child = start(["train", "long.toml", "ring", "--out", "run", "--images", str(images)], root)
    while not child.wait(EVERY_SECONDS):
        seen = images_seen(root / "run" / "history.jsonl")
        yield {"images": seen, **measure(child.pid)}
    ended = child.end()
    yield {"images": images, "code": ended.code, "seconds": round(ended.seconds)}


def measure(pid: int) -> dict[str, float]:
    """Resident memory in MB, open files and threads of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    files = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - not a folder of files
    threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208
    return {
        "memory_mb": round(int(resident[1]) / 1e3, 1) if resident else 0.0,
        "files": files,
        "threads": threads,
    }


def images_seen(history: Path) -> int:
    """The images seen at the last complete record."""
    if not history.exists():
        return 0
    with history.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 10_000))
        lines = [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
    seen = re.search(rb'"images_seen": (\d+)', lines[-1]) if lines else None
    return int(seen[1]) if seen else 0
