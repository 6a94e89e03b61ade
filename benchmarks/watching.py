"""What `ganvas watch` costs: memory and processor, with many growing runs and a huge history.

    python benchmarks/watching.py                    # 50 runs for 2 minutes, then 1 GB of history
    python benchmarks/watching.py --runs 200 --seconds 300 --gigabytes 4

Two pages are open, as from a browser: the list, and one run. The runs are fake: another process
appends a record of 70 columns to each of them every second, more often than training does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import psutil

from ganvas.health.columns import COLUMNS
from ganvas.recipes import CATALOG
from ganvas.runs import Run

PROBED = 4
"""Every fourth record has probes."""


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.runs, options.seconds, options.gigabytes)


def measure(folder: Path, runs: int, seconds: float, gigabytes: float) -> None:
    """Print what the server takes while nobody, then while two pages look at growing runs."""
    made = [make_run(folder / f"run-{i:03d}") for i in range(runs)]
    with growing(made), server(folder) as (process, port):
        time.sleep(5)
        print(f"no page open: {usage(process, 10)}")
        with Reader(port, "/events") as rows:
            rows.wait_for(lambda: len(rows.known) == runs)
            ids = sorted(rows.known)
            with Reader(port, f"/events?run={ids[0]}") as page:
                page.wait_for(lambda: page.read == 1)
                print(f"{runs} growing runs, list and one run open: {usage(process, seconds)}")
                print(f"  the list was sent {rows.messages} messages, {rows.size / 1e6:.1f} MB")
        huge = make_run(folder / "huge")
        write_history(huge, gigabytes * 1e9)
        with Reader(port, "/events") as rows:
            rows.wait_for(lambda: any(row["name"] == "huge" for row in rows.known.values()))
            (id,) = [row["id"] for row in rows.known.values() if row["name"] == "huge"]
        before = processor_seconds(process)
        begin = time.monotonic()
        with Reader(port, f"/events?run={id}") as page:
            page.wait_for(lambda: page.messages > 0)
            first = time.monotonic() - begin
            page.wait_for(lambda: page.read == 1)
            whole = time.monotonic() - begin
            used = processor_seconds(process) - before
            print(
                f"{gigabytes:g} GB of history: page there after {first:.1f} s, read after "
                f"{whole:.0f} s ({used:.0f} s of a core); buckets sent: {page.buckets}"
            )
            print(f"the same, from then on: {usage(process, 20)}")


def make_run(directory: Path) -> Run:
    """A run that trains for ever."""
    environment = {
        "ganvas": "0", "device": "cpu", "device_name": "none", "threads": 1,
        "command": ["ganvas"], "seed": 0, "deterministic": False,
    }  # fmt: skip
    data = {
        "name": "nothing", "location": "nowhere", "fingerprint": "0", "images": 10_000,
        "held_out": 1_000, "shape": {"channels": 1, "height": 32, "width": 32}, "extent": None,
        "labels": [], "duplicates_left_out": 0, "unusable": [],
    }  # fmt: skip
    recipe = CATALOG["dcgan"]().with_fixed_schedules()
    return Run.create(directory, recipe, environment, data)


def record(index: int) -> dict[str, Any]:
    """A record of the history with plausible columns."""
    names = ["adversarial", "gradient_penalty"]
    columns = {
        f"{player}/loss/{name}" for player in ("generator", "discriminator") for name in names
    }
    if index % PROBED == 0:
        columns |= set(COLUMNS)
    timings = {"seconds": index, "images_per_second": 900.0, "data_wait": 0.0, "memory_mb": 400.0}
    values = {name: random.random() for name in sorted(columns)}
    return {"images_seen": 100 * (index + 1), **timings, **values}


def write_history(run: Run, size: float) -> None:
    """A history of so many bytes."""
    with run.history.path.open("w") as file:
        index = 0
        templates = [json.dumps(record(i))[len('{"images_seen": 100') :] for i in range(100)]
        templates = [line[line.index(",") :] for line in templates]
        while file.tell() < size:
            for _ in range(1_000):
                index += 1
                file.write(f'{{"images_seen": {100 * index}{templates[index % 100]}\n')


@contextmanager
def growing(runs: list[Run]) -> Iterator[None]:
    """Another process locks the runs, as training does, and appends to each every second."""
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    process = context.Process(target=grow, args=(runs, ready, stop))
    process.start()
    ready.wait()
    try:
        yield
    finally:
        stop.set()
        process.join()


def grow(runs: list[Run], ready: Event, stop: Event) -> None:
    """Append a record to each run every second."""
    import contextlib

    with contextlib.ExitStack() as locks:
        for run in runs:
            locks.enter_context(run.lock())
        index = 0
        while not stop.wait(1.0):
            for run in runs:
                run.history.append(record(index))
            index += 1
            ready.set()


@contextmanager
def server(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    """`ganvas watch`, and its port."""
    command = [sys.executable, "-m", "ganvas", "watch", str(folder), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split()[0].rsplit(":", 1)[1])
        try:
            yield psutil.Process(process.pid), port
        finally:
            process.terminate()


@dataclass
class Usage:
    """Resident memory at most, and the part of a core."""

    megabytes: float
    core: float

    def __str__(self) -> str:
        return f"{self.megabytes:.0f} MB resident, {self.core:.1%} of a core"


def usage(process: psutil.Process, seconds: float) -> Usage:
    """What a process takes during so many seconds."""
    before, begin = processor_seconds(process), time.monotonic()
    most = 0
    while time.monotonic() < begin + seconds:
        most = max(most, process.memory_info().rss)
        time.sleep(0.2)
    used = processor_seconds(process) - before
    return Usage(most / 1e6, used / (time.monotonic() - begin))


def processor_seconds(process: psutil.Process) -> float:
    """Of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


class Reader:
    """A page that is open: it takes what the server sends, as a browser does."""

    def __init__(self, port: int, path: str) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.read = 0.0
        self.messages = self.size = self.buckets = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.request("GET", path)
        self._answer = self._connection.getresponse()
        self._open = True
        self._thread = threading.Thread(target=self._take, daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._thread.join()
        self._connection.close()

    def _take(self) -> None:
        while self._open:
            line = self._answer.readline()
            if line.startswith(b"data: "):
                self.size += len(line)
                self._receive(json.loads(line[len("data: ") :]))
                self.messages += 1

    def _receive(self, message: dict[str, Any]) -> None:
        self.known |= {row["id"]: row for row in message.get("runs", [])}
        for part in message.get("parts", {}).values():
            self.read = part.get("read", self.read)
            if "history" in part:
                self.buckets = part["history"]["begin"] + len(part["history"]["x"])

    def wait_for(self, condition: Any) -> None:
        """Wait until something has come."""
        while not condition():
            time.sleep(0.05)


if __name__ == "__main__":
    main()
