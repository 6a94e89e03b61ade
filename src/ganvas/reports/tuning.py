"""What `--tune` tried at the start of a run, as a report shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.reports.page import Picture
from ganvas.reports.pictures import Sides, grid_picture
from ganvas.runs import Run
from ganvas.runs.tuning import Tuning, candidate_directory, read_tuning

GRID_WIDTH = 260
"""About how wide the grid of each candidate is shown, in CSS pixels."""


@dataclass(frozen=True)
class TuningSection:
    """The values that were tried, and the last grid of each candidate that drew one."""

    tuning: Tuning
    pictures: list[Picture]


def tuning_section(run: Run, sides: Sides, rows: Sequence[str]) -> TuningSection | None:
    """The section of a run that was started with `--tune`; None for any other.

    Args:
        rows: the labels of the rows of grids.
    """
    tuning = read_tuning(run.directory)
    if tuning is None:
        return None
    pictures = [
        grid_picture(path, sides, f"{candidate} after {{}}", width=GRID_WIDTH, rows=rows)
        for index, candidate in enumerate(tuning.candidates)
        for path in Run(candidate_directory(run.directory, index)).sample_paths()[-1:]
    ]
    return TuningSection(tuning, pictures)
