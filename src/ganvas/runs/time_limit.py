"""time.json of a run that was given a time: how much of it is spent, and every budget it had."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganvas import json_files
from ganvas.runs.file_names import TIME_JSON


@dataclass(frozen=True)
class Budget:
    """A budget in images, and when it was set.

    images: the new budget.
    at_images, at_seconds: images seen and time spent at that moment.
    """

    images: int
    at_images: int
    at_seconds: float


@dataclass(frozen=True)
class TimeLimit:
    """The content of time.json.

    seconds: for training with everything that belongs to it, such as scores and checkpoints.
    spent: at the newest checkpoint.
    score_seconds: how long a score while training takes; 0 without any.
    budgets: the first as measured before training, then every correction.
    replaced: a budget in images was given since, so the time limits nothing any more.
    """

    seconds: float
    spent: float
    score_seconds: float
    budgets: tuple[Budget, ...]
    replaced: bool = False

    def write(self, run: Path) -> None:
        """Replace the file in a run directory."""
        json_files.write_json(run / TIME_JSON, json_files.to_plain(self))


def read_time_limit(run: Path) -> TimeLimit | None:
    """The time limit of a run directory; None if it was given a number of images.

    Raises:
        RunError: the file is damaged.
    """
    path = run / TIME_JSON
    return json_files.read_dataclass(path, TimeLimit) if path.exists() else None
