"""Runs made of files alone, and a logger that notes what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ganvas.drawing.grids import write_png
from ganvas.loggers.logger import LoggedRun, Logger, Moment
from ganvas.runs import Run

from . import run_files
from .tiny import tiny_recipe

Given = tuple[str, int, Any]
"""Kind, images seen, and what was given."""

ONSET = {
    "event": "onset",
    "symptom": "mode-collapse",
    "verdict": "watch",
    "confidence": 0.5,
    "since": 64,
    "numbers": [],
    "meaning": "It makes few images.",
    "advice": [{"field": "batch", "value": "128", "why": "more of them"}],
    "paper": "a paper",
}
REWIND = {"event": "rewind", "number": 1, "symptom": "mode-collapse", "failed_at": 192, "to": 64}


def empty_run(folder: Path) -> Run:
    """A run that has no records yet."""
    recipe = tiny_recipe().with_fixed_schedules()
    return Run.create(folder / "run", recipe, run_files.environment(), run_files.data())


def train_to(run: Run, *steps: int) -> None:
    """Add to a run what training leaves at these counts of images: a record, a score, a grid."""
    for seen in steps:
        layers = {"probe/gradient/generator/layers": [0.1, 0.2], "probe/missing": {"a": "b"}}
        losses = {"generator/loss/adversarial": seen / 3, "discriminator/loss/adversarial": 0.1}
        run.history.append({"images_seen": seen, "seconds": seen / 10, **losses, **layers})
        run.scores.append(run_files.score(images_seen=seen, value=seen / 7))
        write_png(run.sample_path(seen), np.full((8, 8, 1), seen % 256, np.uint8))


class Recorder(Logger):
    """Notes what it is given. Of all of them together, as a service would."""

    given: ClassVar[list[tuple[str, Given]]] = []
    """Each with the run's id."""
    begun: ClassVar[list[LoggedRun]] = []
    closed: ClassVar[int] = 0

    def __init__(self, run: LoggedRun) -> None:
        self._id = run.id
        Recorder.begun.append(run)

    @classmethod
    def forget(cls) -> None:
        cls.given, cls.begun, cls.closed = [], [], 0

    def scalars(self, at: Moment, values: Mapping[str, float]) -> None:
        self._note("scalars", at, dict(values))

    def picture(self, at: Moment, path: Path) -> None:
        self._note("picture", at, path.name)

    def text(self, at: Moment, name: str, text: str) -> None:
        self._note("text", at, (name, text))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        Recorder.closed += 1

    def _note(self, kind: str, at: Moment, what: Any) -> None:
        Recorder.given.append((self._id, (kind, at.images_seen, what)))


class Rebuilder(Recorder):
    """One that begins anew each time."""

    rebuilds: ClassVar[bool] = True
