"""The plan of a study: how many runs, how long they will take, how much disk they need."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ganvas.studies.study import SAMPLES_WHILE_TRAINING, Study


@dataclass(frozen=True, kw_only=True)
class ThroughputEstimate:
    """A few seconds of one arm's training, measured under the load that the study will have.

    images_per_second: of training, without scores.
    memory_mb: peak memory of the process, or of the GPU.
    run_bytes: estimated size of a run directory.
    """

    images_per_second: float
    memory_mb: float
    run_bytes: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the study will do, fixed when it starts.

    images: budget of each arm's runs.
    throughput: of each arm.
    scoring: seconds that an evaluation by the study's metrics takes: without samples, and for each.
    workers: how many runs train at a time.
    threads: per run. Fixed too: another number rounds sums differently, and a resumed run would
        not continue bit for bit.
    """

    images: dict[str, int]
    throughput: dict[str, ThroughputEstimate]
    scoring: tuple[float, float]
    workers: int
    threads: int

    def run_seconds(self, study: Study, arm: str) -> float:
        """Estimated duration of one run of the arm, with its scores."""
        training = self.images[arm] / self.throughput[arm].images_per_second
        return training + self.all_scoring_seconds(study, study.evaluations)

    def all_scoring_seconds(self, study: Study, evaluations: int) -> float:
        """Estimated duration of so many scores while training, and of the final ones."""
        while_training = evaluations * self.scoring_seconds(SAMPLES_WHILE_TRAINING)
        return while_training + self.scoring_seconds(study.samples)

    def scoring_seconds(self, samples: int) -> float:
        """Estimated duration of an evaluation with so many samples."""
        fixed, per_sample = self.scoring
        return fixed + samples * per_sample

    def seconds(self, study: Study, arms: Iterable[str] | None = None) -> float:
        """Estimated duration of the study. Features of real images are computed once, at first.

        Args:
            arms: the arm of every run that is left, in order; None: all runs.
        """
        if arms is None:
            arms = [arm.name for arm in study.all_arms] * study.seeds
        runs = [self.run_seconds(study, arm) for arm in arms]
        real_features = self.scoring[1] * (study.samples + SAMPLES_WHILE_TRAINING)
        return makespan([real_features if runs else 0.0] * self.workers, runs)

    def bytes(self, study: Study) -> int:
        """Estimated disk space of all runs."""
        return study.seeds * sum(arm.run_bytes for arm in self.throughput.values())


def makespan(workers: Sequence[float], runs: Iterable[float]) -> float:
    """Seconds until all runs are done, if each worker takes the next run as soon as it is free.

    Args:
        workers: seconds until each worker is free.
        runs: duration of each run, in order.
    """
    free = list(workers)
    heapq.heapify(free)
    for seconds in runs:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)
