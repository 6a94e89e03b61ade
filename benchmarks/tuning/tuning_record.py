"""The record of a search: one line of JSON for every run that ended, and what follows from them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ganvas import storage
from ganvas.errors import StudyError
from ganvas.metrics.names import more_is_better
from ganvas.studies.outcome import Outcome

FINAL = 0
"""Stands for the final comparison in place of a rung's number."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run that ended.

    rung: the first is 1; `FINAL` for the final comparison.
    configuration: its name; the base has the name of its recipe, and no changes.
    ending, reason: as in an `Outcome`; all but finished were dropped.
    scores, floors: by full name, of samples and of real images in their place.
    seconds: of training.
    """

    rung: int
    configuration: str
    changes: dict[str, Any]
    seed: int
    ending: str
    reason: str
    images: int
    seconds: float
    scores: dict[str, float]
    floors: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, rung: int, changes: dict[str, Any], outcome: Outcome) -> Trial:
        """A run of a study as a line of the record."""
        cost = outcome.cost
        return cls(
            rung=rung,
            configuration=outcome.arm,
            changes=changes,
            seed=outcome.seed,
            ending=outcome.ending,
            reason=outcome.reason,
            images=outcome.images_seen,
            seconds=0.0 if cost is None else round(cost.training_seconds, 1),
            scores={name: round(value, 4) for name, value in outcome.scores.items()},
            floors={name: round(value, 4) for name, value in outcome.floors.items()},
        )


def read_record(path: Path) -> list[Trial]:
    """The runs of a record, in order; none where there is no file.

    Raises:
        StudyError: a line is no run.
    """
    if not path.exists():
        return []
    trials = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            trials.append(TypeAdapter(Trial).validate_json(line))
        except ValidationError as error:
            raise StudyError([f"line {number} is no run of a search"], str(path)) from error
    return trials


def append_record(path: Path, trials: Iterable[Trial]) -> None:
    """Add runs to a record, all of them or none."""
    lines = [json.dumps(asdict(trial)) for trial in [*read_record(path), *trials]]
    storage.write_bytes(path, "".join(f"{line}\n" for line in lines).encode())


def ranked(trials: Iterable[Trial], metric: str) -> list[Trial]:
    """The runs that finished with a score, the best first; of equal ones, the first name."""
    sign = -1 if more_is_better(metric) else 1

    def rank(trial: Trial) -> tuple[float, str]:
        return sign * trial.scores[metric], trial.configuration

    finished = (trial for trial in trials if trial.ending == "finished")
    scored = (trial for trial in finished if math.isfinite(trial.scores.get(metric, math.nan)))
    return sorted(scored, key=rank)
