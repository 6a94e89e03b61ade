"""tuning.json: the values that a run with `--tune` tries first, what came out, and the choice."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from ganvas import json_files
from ganvas.formatting import format_list, format_number
from ganvas.health.finding import HealthStatus
from ganvas.runs.file_names import TUNING_JSON


@dataclass(frozen=True)
class CandidateOutcome:
    """What came out of training with one value.

    verdict: of health after the last image, or that training diverged.
    reasons: why the value is dropped, one sentence each; empty if it is kept.
    score: the early score; None where the value is dropped or nothing can be measured.
    """

    verdict: HealthStatus | Literal["diverged"]
    reasons: tuple[str, ...] = ()
    score: float | None = None

    @property
    def is_dropped(self) -> bool:
        """Whether the run cannot continue with this value."""
        return self.verdict in ("failing", "diverged")


@dataclass(frozen=True)
class Candidate:
    """One of the values that are tried.

    factor: of the recipe's own value.
    values: by field, as on the command line: {"objective.clip_weights": "0.025"}.
    outcome: None until it is trained.
    """

    factor: float
    values: dict[str, str]
    outcome: CandidateOutcome | None = None

    def __str__(self) -> str:
        """`x 1/4 (5e-05)`."""
        values = format_list(list(dict.fromkeys(self.values.values())))
        return f"x {Fraction(self.factor)} ({values})"


@dataclass(frozen=True)
class Tuning:
    """The content of tuning.json.

    images: how many every candidate is trained on.
    candidates: the smallest value first.
    metric: of the early score, where less is better; None where none can be measured.
    chosen: the index of the candidate that the run continues with; None until all are trained.
    why: it was chosen, in a sentence.
    """

    images: int
    candidates: tuple[Candidate, ...]
    metric: str | None = None
    chosen: int | None = None
    why: str = ""

    @property
    def fields(self) -> list[str]:
        """The recipe's fields that are tuned, together."""
        return list(self.candidates[0].values)

    def with_outcome(self, index: int, outcome: CandidateOutcome) -> Tuning:
        """The same, and what came out of one candidate."""
        candidates = list(self.candidates)
        candidates[index] = dataclasses.replace(candidates[index], outcome=outcome)
        return dataclasses.replace(self, candidates=tuple(candidates))

    def outcome_of(self, candidate: Candidate) -> str:
        """What came out of a candidate, in one line: `healthy, fd-lite0 512.3`."""
        outcome = candidate.outcome
        if outcome is None:
            return "not trained yet"
        if outcome.reasons:
            return f"{outcome.verdict}, so dropped. {' '.join(outcome.reasons)}"
        if outcome.score is None:
            return outcome.verdict
        return f"{outcome.verdict}, {self.metric} {format_number(outcome.score)}"

    def line(self, candidate: Candidate) -> str:
        """A candidate and what came out: `x 4 (0.0008): healthy, fd-lite0 512.3`."""
        return f"{candidate}: {self.outcome_of(candidate)}"

    @property
    def headline(self) -> str:
        """What is tried, in one line."""
        return f"tuning {format_list(self.fields)}: each value on {self.images:,} images"

    @property
    def conclusion(self) -> str:
        """What was chosen, and why, in one line; until then how far it is."""
        if self.chosen is not None:
            return f"chosen: {self.candidates[self.chosen]}, because {self.why}"
        tried = sum(candidate.outcome is not None for candidate in self.candidates)
        return f"{tried} of {len(self.candidates)} values are tried"

    def lines(self) -> list[str]:
        """The whole, as a few lines of text."""
        outcomes = [f"  {line}" for line in map(self.line, self.candidates)]
        return [self.headline, *outcomes, f"  {self.conclusion}"]

    def write(self, run: Path) -> None:
        """Write the file into the directory of a run."""
        json_files.write_json(run / TUNING_JSON, json_files.to_plain(self))


def candidate_directory(run: Path, index: int) -> Path:
    """The run of a candidate, inside the directory of the run: RUN/tuning/1 is the first."""
    return run / "tuning" / str(index + 1)


def read_tuning(run: Path) -> Tuning | None:
    """What `--tune` has done in the directory of a run; None where it was not asked for.

    Raises:
        RunError: the file is damaged.
    """
    path = run / TUNING_JSON
    return json_files.read_dataclass(path, Tuning) if path.is_file() else None
