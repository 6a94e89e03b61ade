"""How soon the pages of a generator show pictures: `python benchmarks/opening.py runs/clothes`.

It exports the run as one HTML file and opens that in headless Chromium, in a new browser each time;
then it starts `ganvas demo` and opens its page. It prints the page's size, the time from the start
of loading to the first 64 pictures, that of 64 others, and how soon the demo answers and with how
much memory. On a busy machine times are upper bounds; seconds of a core, which all processes of the
browser use together, depend less on others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

import ganvas

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.builders.commands import core_seconds
from tests.end_to_end.devtools import Page, chromium

OTHER_SEEDS = 10
FIRST = "performance.getEntriesByName('pictures')[0]"
LATER = """(async () => {
  const times = [];
  for (let count = 0; count < %d; count++) {
    const begun = performance.now();
    goTo(1000 + count);
    while (drawing) await new Promise((resolve) => setTimeout(resolve, 1));
    times.push(performance.now() - begun);
  }
  return times;
})()"""


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        page = ganvas.export(arguments.run, "web", folder / "page.html")
        print(f"page: {page.stat().st_size / 1e6:.1f} MB")
        report("page", [opened(page.as_uri(), folder / str(n)) for n in range(arguments.repeats)])
        with demo(arguments.run) as address:
            times = [opened(address, folder / f"d{n}") for n in range(arguments.repeats)]
            report("demo", times)


@dataclass(frozen=True)
class Opening:
    """What opening a page took, in milliseconds."""

    first: float
    first_of_core: float
    later: list[float]
    later_of_core: float
    """On average."""


def report(name: str, openings: Sequence[Opening]) -> None:
    """Print the least and the most of each."""
    for words, values in {
        "first 64 pictures": [opening.first for opening in openings],
        "first 64 pictures, of a core": [opening.first_of_core for opening in openings],
        "64 others": [each for opening in openings for each in opening.later],
        "64 others, of a core": [opening.later_of_core for opening in openings],
    }.items():
        print(f"{name}: {words}: {min(values):.0f} to {max(values):.0f} ms")


def opened(address: str, profile: Path) -> Opening:
    """Open a page in a new browser."""
    profile.mkdir()
    with chromium(profile) as window:
        window.resize(1280, 800)
        return measured(window, address)


def measured(window: Page, address: str) -> Opening:
    """As `opened`, in a browser that is open."""
    begun = core_seconds(window.process.pid)
    window.open(address)
    window.wait_for(f"document.readyState === 'complete' && {FIRST}")
    shown = core_seconds(window.process.pid)
    first: float = window.evaluate(f"{FIRST}.startTime")
    later: list[float] = window.evaluate(LATER % OTHER_SEEDS)
    ended = core_seconds(window.process.pid)
    return Opening(first, 1000 * (shown - begun), later, 1000 * (ended - shown) / OTHER_SEEDS)


@contextmanager
def demo(run: Path) -> Iterator[str]:
    """The address of a `ganvas demo`; prints when it answered and its memory."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "ganvas", "demo", str(run), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        seconds = time.perf_counter() - begun
        process_info = psutil.Process(process.pid)
        used = process_info.cpu_times()
        print(f"demo: answers after {seconds:.1f} s ({used.user + used.system:.1f} s of a core)")
        try:
            yield address
            print(f"demo: {process_info.memory_info().rss / 1e6:.0f} MB after these pictures")
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
