"""Has ganvas become slower? `make bench-check`, or `python benchmarks/check.py --help`.

Measures ganvas / textbook again in a few minutes and compares the ratios with those committed for
this hardware. Exits with 1 if a ratio has fallen, and with 2 if there is nothing to compare with.
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
MIN_TOLERANCE = 0.05
"""A ratio may always fall by this fraction."""
MAX_TOLERANCE = 0.2
"""A ratio may never fall by more. If the committed figures vary more, measure them again."""


@dataclass(frozen=True)
class Comparison:
    """One ratio, as committed and as it is now."""

    committed: Figure
    now: Figure

    @property
    def tolerance(self) -> float:
        """The fraction by which it may fall: the spread of the committed rounds, within limits."""
        spread = (self.committed.high - self.committed.low) / self.committed.value
        return min(max(MIN_TOLERANCE, spread), MAX_TOLERANCE)

    @property
    def threshold(self) -> float:
        """The smallest ratio that passes."""
        return self.committed.value * (1 - self.tolerance)

    @property
    def has_fallen(self) -> bool:
        """Whether the ratio has fallen by more than the tolerance."""
        return self.now.value < self.threshold


def main() -> int:
    """Measure, compare and print the result."""
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
        print(f"bench-check: {missing_ratios(machine, path)}", file=sys.stderr)
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
    return print_result(compare(committed, measured))


def ratios_in(path: Path) -> dict[str, Figure]:
    """The committed ratios of training speed by key; empty without the file."""
    figures = report.read_figures(path).get("throughput", []) if path.exists() else []
    return {figure.key: figure for figure in figures if figure.key.endswith("/ratio")}


def missing_ratios(machine: hardware.Hardware, path: Path) -> str:
    """Why nothing can be compared, and what to do about it."""
    return (
        f"no ratios are committed for {machine.name} (benchmarks/results/{path.name}). "
        "On a quiet machine, `make bench` measures them; commit what it writes"
    )


def differences(committed: hardware.Hardware, now: hardware.Hardware) -> list[str]:
    """A line for each difference that may change ratios although nothing became slower."""
    return [
        f"committed with {name} {before}, but this is {after}: that may change the ratios"
        for name in ("torch", "python", "threads")
        if (before := getattr(committed, name)) != (after := getattr(now, name))
    ]


def compare(committed: Mapping[str, Figure], measured: Mapping[str, Figure]) -> list[Comparison]:
    """A comparison for every ratio that is committed and measured."""
    return [Comparison(committed[key], now) for key, now in measured.items() if key in committed]


def print_result(comparisons: list[Comparison]) -> int:
    """Print the table and the result. Returns 0, 1 if a ratio has fallen, 2 without ratios."""
    if not comparisons:
        print("bench-check: nothing was compared", file=sys.stderr)
        return 2
    print(f"\n{table(comparisons)}\n")
    fallen = [comparison for comparison in comparisons if comparison.has_fallen]
    for comparison in fallen:
        committed, now = comparison.committed.value, comparison.now.value
        lost = 100 * (1 - now / committed)
        print(
            f"bench-check: {comparison.now.meaning} has fallen by {lost:.1f} %, from "
            f"{committed:.3f} to {now:.3f}",
            file=sys.stderr,
        )
    if not fallen:
        print("no ratio has fallen")
    return 1 if fallen else 0


def table(comparisons: list[Comparison]) -> str:
    """A Markdown table with one row per ratio."""
    rows = [["ratio", "committed", "now", "smallest to largest", "at least", ""]]
    rows += [
        [
            ratio.now.meaning,
            report.format_value(ratio.committed.value),
            report.format_value(ratio.now.value),
            f"{report.format_value(ratio.now.low)} to {report.format_value(ratio.now.high)}",
            report.format_value(ratio.threshold),
            "FALLEN" if ratio.has_fallen else "kept",
        ]
        for ratio in comparisons
    ]
    return report.aligned(rows)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
