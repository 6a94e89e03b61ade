"""Has ganvas become slower? `make bench-check`, or `python benchmarks/check.py --help`.

Measures ganvas / textbook again in some minutes and compares it with what is committed for this
hardware. Ends with 1 where a ratio has fallen, and with 2 where there is nothing to compare with.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import hardware
import report
import throughput
from figure import FULL, Effort, Figure
from ganvas.devices import choose_device
from ganvas.errors import DeviceError
from speed_cases import every_case

HERE = Path(__file__).parent
SHORT: Effort = replace(FULL, rounds=5, seconds=4.0)
LEAST_TOLERANCE = 0.05
"""A ratio may always fall by this share of what it was."""
MOST_TOLERANCE = 0.2
"""And never by more: figures that spread further say nothing, and are to be measured again."""


@dataclass(frozen=True)
class Comparison:
    """One ratio, as committed and as it is now."""

    committed: Figure
    now: Figure

    @property
    def tolerance(self) -> float:
        """By what share it may fall: twice the distance from a middle round to an extreme one."""
        spread = (self.committed.high - self.committed.low) / self.committed.value
        return min(max(LEAST_TOLERANCE, spread), MOST_TOLERANCE)

    @property
    def least(self) -> float:
        """What it must reach."""
        return self.committed.value * (1 - self.tolerance)

    @property
    def has_fallen(self) -> bool:
        """Whether it is worse by more than the tolerance."""
        return self.now.value < self.least


def main() -> int:
    """Measure, compare, and say what came of it."""
    arguments = parse()
    try:
        device = choose_device(arguments.device)
    except DeviceError as error:
        print(f"bench-check: {error}", file=sys.stderr)
        return 2
    machine = hardware.describe(device)
    path = HERE / "results" / f"{machine.slug}.json"
    committed = ratios_in(path)
    if not committed:
        print(f"bench-check: {nothing_kept(machine, path)}", file=sys.stderr)
        return 2
    print(f"{machine.name}  ({report.caption(machine)})", flush=True)
    for line in differences(report.read_hardware(path), machine):
        print(f"bench-check: {line}", file=sys.stderr)
    measured = {}
    for case in every_case(SHORT, device):
        key = f"{case.key}/ratio"
        if key not in committed:
            print(f"{key} is not committed yet and is left out", file=sys.stderr)
            continue
        print(f"measuring {case.title} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            measured[key] = throughput.measure_ratio(case, SHORT, device, Path(folder))
    return conclude(compare(committed, measured))


def ratios_in(path: Path) -> dict[str, Figure]:
    """The committed ratios of training speed by key; none without the file."""
    figures = report.read_figures(path).get("throughput", []) if path.exists() else []
    return {one.key: one for one in figures if one.key.endswith("/ratio")}


def nothing_kept(machine: hardware.Hardware, path: Path) -> str:
    """Why nothing can be compared, and what to do."""
    return (
        f"no ratios are committed for {machine.name} (benchmarks/results/{path.name}). "
        "On a quiet machine, `make bench` measures them; commit what it writes"
    )


def differences(committed: hardware.Hardware, now: hardware.Hardware) -> list[str]:
    """A line for each thing that may change ratios without anything having become slower."""
    return [
        f"committed with {name} {before}, and this is {after}: ratios may differ for that"
        for name in ("torch", "python", "threads")
        if (before := getattr(committed, name)) != (after := getattr(now, name))
    ]


def compare(committed: Mapping[str, Figure], measured: Mapping[str, Figure]) -> list[Comparison]:
    """Those that are in both."""
    return [Comparison(committed[key], now) for key, now in measured.items() if key in committed]


def conclude(comparisons: list[Comparison]) -> int:
    """Print the table and the verdict; 0, 1 where a ratio has fallen, 2 where there was none."""
    if not comparisons:
        print("bench-check: nothing was compared", file=sys.stderr)
        return 2
    print(f"\n{table(comparisons)}\n")
    fallen = [one for one in comparisons if one.has_fallen]
    for one in fallen:
        lost = 100 * (1 - one.now.value / one.committed.value)
        print(
            f"bench-check: {one.now.meaning} has fallen by {lost:.1f} %, from "
            f"{one.committed.value:.3f} to {one.now.value:.3f}",
            file=sys.stderr,
        )
    if not fallen:
        print("no ratio has fallen")
    return 1 if fallen else 0


def table(comparisons: list[Comparison]) -> str:
    """A markdown table, one row a ratio."""
    rows = [["ratio", "committed", "now", "smallest to largest", "at least", ""]]
    rows += [
        [
            one.now.meaning,
            report.short(one.committed.value),
            report.short(one.now.value),
            f"{report.short(one.now.low)} to {report.short(one.now.high)}",
            report.short(one.least),
            "FALLEN" if one.has_fallen else "kept",
        ]
        for one in comparisons
    ]
    return report.aligned(rows)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
