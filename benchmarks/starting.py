"""Start-up time as a user sees it: seconds from the start of a new process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from figure import Effort, Figure, figure

SECONDS_TO_HELP = 0.5
SECONDS_TO_FIRST_STEP = 5.0
POLL_SECONDS = 0.005
PATIENCE_SECONDS = 300.0


def measure(effort: Effort, device: str, folder: Path) -> list[Figure]:
    """The help of ganvas and of its largest command, and the first step of training."""
    figures = []
    for words in (("--help",), ("train", "--help")):
        seconds = [seconds_to_exit(words) for _ in range(effort.repetitions)]
        command = " ".join(["ganvas", *words])
        key = "-".join(word.strip("-") for word in words)
        figures.append(figure(key, f"`{command}`", "s", seconds, at_most=SECONDS_TO_HELP))
    # The first run prepares the data; the second figure is without that.
    unprepared = seconds_to_first_step(folder / "unprepared", folder / "cache", device)
    prepared = [
        seconds_to_first_step(folder / f"prepared-{number}", folder / "cache", device)
        for number in range(effort.repetitions)
    ]
    command = "`ganvas train dcgan fashion` to the end of its first step"
    return [
        *figures,
        figure("first-step-unprepared", f"{command}, preparing included", "s", [unprepared]),
        figure(
            "first-step",
            f"{command}, data prepared before",
            "s",
            prepared,
            at_most=SECONDS_TO_FIRST_STEP,
        ),
    ]


def seconds_to_exit(words: Sequence[str]) -> float:
    """Seconds that a command takes; its output is discarded."""
    start = time.perf_counter()
    subprocess.run([*COMMAND, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def seconds_to_first_step(run: Path, cache: Path, device: str) -> float:
    """Seconds until the history has its first line, which is written after the first step."""
    words = ["train", "dcgan", "fashion", "--out", str(run), "--device", device]
    words += ["--images", "64", "--intervals.history", "1"]
    environment = {**os.environ, "GANVAS_CACHE": str(cache)}
    history = run / "history.jsonl"
    start = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *words], env=environment, stdout=subprocess.DEVNULL)
    try:
        while not history.exists():
            if process.poll() is not None or time.perf_counter() - start > PATIENCE_SECONDS:
                raise RuntimeError(f"no first step; exit code {process.poll()}")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - start
        if process.wait(PATIENCE_SECONDS) != 0:
            raise RuntimeError(f"training failed with exit code {process.returncode}")
    finally:
        process.kill()
        process.wait()
    return seconds


COMMAND = (sys.executable, "-m", "ganvas")
