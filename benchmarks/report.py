"""Figures as a table for people, as JSON for tools, and into the README by hardware."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from figure import Figure
from hardware import Hardware

Measured = Mapping[str, Sequence[Figure]]
"""Figures by the name of what was measured."""

TITLES = {
    "throughput": "training speed",
    "launching": "what Python takes",
    "scaling": "growth",
    "preparation": "preparation",
    "startup": "start-up",
    "memory": "peak memory",
    "precision": "bfloat16 and im2col",
    "compiling": "compiling",
    "evaluation": "evaluation",
    "quality": "to a stated quality",
}
END = "<!-- bench: new hardware goes above -->"


def table(measured: Measured) -> str:
    """A markdown table, readable as it stands."""
    rows = [["what", "median", "smallest to largest", "target"]]
    for name, figures in measured.items():
        rows.append([f"**{TITLES[name]}**", "", "", ""])
        rows += [row(one) for one in figures]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a markdown table, the first of them its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = rows
    lines = [head, ["-" * width for width in widths], *body]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def row(one: Figure) -> list[str]:
    """One figure's cells."""
    target = ""
    if one.meets_target is not None:
        bound = f">= {one.at_least:g}" if one.at_least is not None else f"<= {one.at_most:g}"
        target = f"{bound}: {'met' if one.meets_target else 'MISSED'}"
    spread = f"{short(one.low)} to {short(one.high)}" if one.repetitions > 1 else "once"
    return [one.meaning, f"{short(one.value)} {one.unit}".rstrip(), spread, target]


def short(value: float) -> str:
    """Three digits or more, never an exponent."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def caption(hardware: Hardware) -> str:
    """One line on where the figures come from."""
    return (
        f"torch {hardware.torch}, Python {hardware.python}, "
        f"{hardware.threads} threads; by `make bench`"
    )


def write_json(path: Path, hardware: Hardware, measured: Measured) -> None:
    """Keep the figures by name, for comparisons."""
    figures = {name: [asdict(one) for one in found] for name, found in measured.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hardware": asdict(hardware), "figures": figures}, indent=1) + "\n")


def read_json(path: Path, hardware: Hardware) -> dict[str, list[Figure]]:
    """The figures that a file keeps; none where there is no file, or other versions made it."""
    if not path.exists() or read_hardware(path) != hardware:
        return {}
    return read_figures(path)


def read_hardware(path: Path) -> Hardware:
    """What the figures of a file belong to."""
    return Hardware(**json.loads(path.read_text())["hardware"])


def read_figures(path: Path) -> dict[str, list[Figure]]:
    """The figures that a file keeps, whatever made it."""
    kept = json.loads(path.read_text())["figures"]
    return {name: [Figure(**one) for one in found] for name, found in kept.items()}


def fill_readme(text: str, hardware: Hardware, measured: Measured) -> str:
    """The README with this hardware's block replaced, or added when it has none.

    Raises:
        ValueError: the README has lost the mark below its results.
    """
    start, end = f"<!-- bench: {hardware.slug} -->", f"<!-- end: {hardware.slug} -->"
    block = "\n".join(
        [start, f"### {hardware.name}", "", caption(hardware), "", table(measured), end]
    )
    if start in text and end in text:
        before, _, rest = text.partition(start)
        return before + block + rest.partition(end)[2]
    if END not in text:
        raise ValueError(f"benchmarks/README.md has no line {END}")
    return text.replace(END, f"{block}\n\n{END}")
