"""The confusion matrix as a picture: what was wrong against what was named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cases import HEALTHY, KINDS
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from watching import NOTHING

CELL = 0.42
"""Inches a cell."""


def write_confusion(
    path: Path, rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]
) -> None:
    """Counts as shades, a share of their row each; what is right is framed."""
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    figure = Figure(
        figsize=(3.4 + CELL * len(columns), 2.4 + CELL * len(rows)), layout="constrained"
    )
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="equal")
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [label(row) for row in rows])
    axes.set_xlabel("symptom named first")
    axes.set_ylabel("what was done")
    for y, row in enumerate(counts):
        for x, count in enumerate(row):
            if is_right(rows[y], columns[x]):
                axes.add_patch(
                    Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, fill=False, lw=1.4, ec="#d95f02")
                )
            if count:
                shade = "white" if shares[y][x] > 0.55 else "black"
                axes.text(x, y, str(count), ha="center", va="center", color=shade, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, bbox_inches="tight")


def is_right(row: str, column: str) -> bool:
    """Whether this symptom names the cause; for healthy runs, nothing does."""
    if row == HEALTHY:
        return column == NOTHING
    return column in KINDS[row].symptoms


def label(row: str) -> str:
    """A row in words."""
    return "nothing (healthy)" if row == HEALTHY else KINDS[row].what
