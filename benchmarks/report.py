"""Figures as a table, as JSON, and as a block per hardware in the README."""

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
    "augmentation": "augmentation",
    "conditioning": "labels",
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
    """A Markdown table, aligned so that it is readable as text."""
    rows = [["what", "median", "smallest to largest", "target"]]
    for name, figures in measured.items():
        rows.append([f"**{TITLES[name]}**", "", "", ""])
        rows += [row(figure) for figure in figures]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table. The first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    head, *body = rows
    lines = [head, ["-" * width for width in widths], *body]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def row(figure: Figure) -> list[str]:
    """The cells of one figure."""
    target = ""
    if figure.meets_target is not None:
        at_least = figure.at_least is not None
        bound = f">= {figure.at_least:g}" if at_least else f"<= {figure.at_most:g}"
        target = f"{bound}: {'met' if figure.meets_target else 'MISSED'}"
    low, high = format_value(figure.low), format_value(figure.high)
    spread = f"{low} to {high}" if figure.repetitions > 1 else "once"
    value = f"{format_value(figure.value)} {figure.unit}".rstrip()
    return [figure.meaning, value, spread, target]


def format_value(value: float) -> str:
    """At least three digits, never an exponent: columns of figures stay comparable."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def caption(hardware: Hardware) -> str:
    """One line that says where the figures come from."""
    return (
        f"torch {hardware.torch}, Python {hardware.python}, "
        f"{hardware.threads} threads; by `make bench`"
    )


def write_json(path: Path, hardware: Hardware, measured: Measured) -> None:
    """Store the figures by name, for comparisons."""
    figures = {name: [asdict(figure) for figure in part] for name, part in measured.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hardware": asdict(hardware), "figures": figures}, indent=1) + "\n")


def read_json(path: Path, hardware: Hardware) -> dict[str, list[Figure]]:
    """The figures in a file; empty without the file, or if other versions wrote it."""
    if not path.exists() or read_hardware(path) != hardware:
        return {}
    return read_figures(path)


def read_hardware(path: Path) -> Hardware:
    """The hardware and versions that a file's figures were measured on."""
    return Hardware(**json.loads(path.read_text())["hardware"])


def read_figures(path: Path) -> dict[str, list[Figure]]:
    """The figures in a file, whatever versions wrote it."""
    parts = json.loads(path.read_text())["figures"]
    return {name: [Figure(**figure) for figure in part] for name, part in parts.items()}


def fill_readme(text: str, hardware: Hardware, measured: Measured) -> str:
    """The README with the block of this hardware replaced or added.

    Raises:
        ValueError: the README has no mark below its results.
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
