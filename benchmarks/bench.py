"""Measure ganvas on this machine: `make bench`, or `python benchmarks/bench.py --help`.

Prints a table, stores the figures in results/HARDWARE.json and writes the table into README.md.
Parts that take long on a CPU run only on request: --only augmentation, --only conditioning,
--only precision, --only compiling, --only evaluation, --only quality. --quick measures everything
roughly and stores nothing: it shows only that every part runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import augmenting
import compiling
import conditioning
import evaluating
import hardware
import launching
import memory
import precision
import preparing
import quality
import report
import scaling
import starting
import throughput
from figure import FULL, QUICK, Effort, Figure
from ganvas.devices import choose_device
from ganvas.errors import DeviceError

HERE = Path(__file__).parent
NAMES = tuple(report.TITLES)
ON_REQUEST = ("augmentation", "conditioning", "precision", "compiling", "evaluation", "quality")
"""Parts that take many minutes on a CPU, so they are not in every run."""


def main() -> int:
    """Measure what the command line names, and report it."""
    arguments = parse()
    try:
        device = choose_device(arguments.device)
    except DeviceError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    effort: Effort = QUICK if arguments.quick else FULL
    measures: dict[str, Callable[[Path], list[Figure]]] = {
        "throughput": partial(throughput.measure, effort, device),
        "launching": partial(launching.measure, effort),
        "augmentation": partial(augmenting.measure, effort, device),
        "conditioning": partial(conditioning.measure, effort, device),
        "scaling": partial(scaling.measure, effort, device),
        "preparation": partial(preparing.measure, effort),
        "startup": partial(starting.measure, effort, str(device)),
        "memory": partial(memory.measure, effort),
        "precision": partial(precision.measure, effort, device),
        "compiling": partial(compiling.measure, effort, device),
        "evaluation": partial(evaluating.measure, effort, str(device)),
        "quality": partial(quality.measure, effort, str(device)),
    }
    machine = hardware.describe(device)
    print(f"{machine.name}  ({report.caption(machine)})", flush=True)
    measured: dict[str, list[Figure]] = {}
    usual = [name for name in NAMES if arguments.quick or name not in ON_REQUEST]
    for name in arguments.only or usual:
        print(f"measuring {report.TITLES[name]} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            measured[name] = measures[name](Path(folder))
    print(f"\n{report.table(measured)}")
    if not arguments.quick:
        store(machine, measured)
    return 0


def store(machine: hardware.Hardware, measured: dict[str, list[Figure]]) -> None:
    """Store the figures. Figures of an earlier call that were not measured now stay."""
    path = HERE / "results" / f"{machine.slug}.json"
    figures = {**report.read_json(path, machine), **measured}
    ordered = {name: figures[name] for name in NAMES if name in figures}
    report.write_json(path, machine, ordered)
    readme = HERE / "README.md"
    readme.write_text(report.fill_readme(readme.read_text(), machine, ordered))
    print(f"\nstored in benchmarks/results/{path.name} and benchmarks/README.md")


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Measure ganvas on this machine.")
    parser.add_argument(
        "--quick", action="store_true", help="a few minutes, rough; nothing is stored"
    )
    parser.add_argument(
        "--only", action="append", choices=NAMES, help="measure only this part; may be repeated"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
