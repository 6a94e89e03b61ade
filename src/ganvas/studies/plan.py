"""The plan of a study: how many runs, how long they will take, how much disk."""

from __future__ import annotations

import heapq
from dataclasses import asdict, dataclass
from typing import Any

from ganvas.studies.study import SAMPLES_WHILE_TRAINING, Study


@dataclass(frozen=True, kw_only=True)
class ThroughputEstimate:
    """A few seconds of one arm's training, measured under the load that the study will make.

    images_per_second: of training alone.
    memory_mb: the most that the process, or the GPU, held.
    run_bytes: how large a run directory will about become.
    """

    images_per_second: float
    memory_mb: float
    run_bytes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the study will do, fixed when it starts.

    images: each arm's budget.
    trials: of each arm.
    scoring: seconds to score no samples at all, and what each adds (of an evaluation by the study's
        metrics).
    workers: how many runs train at a time.
    threads: of each run. Fixed too: with other numbers of them sums round otherwise, and a run that
        goes on would not do so bit for bit.
    """

    images: dict[str, int]
    throughput: dict[str, ThroughputEstimate]
    scoring: tuple[float, float]
    workers: int
    threads: int

    def run_seconds(self, study: Study, arm: str) -> float:
        """About how long one run of the arm takes, with its scores."""
        training = self.images[arm] / self.throughput[arm].images_per_second
        while_training = study.evaluations * self.scoring_seconds(SAMPLES_WHILE_TRAINING)
        return training + while_training + self.scoring_seconds(study.samples)

    def scoring_seconds(self, samples: int) -> float:
        """About how long it takes to score so many samples."""
        fixed, each = self.scoring
        return fixed + samples * each

    def seconds(self, study: Study, left: list[str] | None = None) -> float:
        """About how long the study takes, each worker taking the next run when it is free.

        What the metrics see in real images is computed once, before the first scores.

        Args:
            left: the arm of every run that is still to be done, in order; None: of all.
        """
        if left is None:
            left = [arm.name for _ in range(study.seeds) for arm in study.all_arms]
        once = self.scoring[1] * (study.samples + SAMPLES_WHILE_TRAINING)
        free = [once if left else 0.0] * self.workers
        for arm in left:
            heapq.heappush(free, heapq.heappop(free) + self.run_seconds(study, arm))
        return max(free)

    def bytes(self, study: Study) -> int:
        """About how much disk all runs will take."""
        return study.seeds * sum(trial.run_bytes for trial in self.throughput.values())

    def to_table(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> Plan:
        """What `to_table` wrote."""
        trials = {arm: ThroughputEstimate(**trial) for arm, trial in table["throughput"].items()}
        fixed, each = table["scoring"]
        return cls(**{**table, "throughput": trials, "scoring": (fixed, each)})
