"""The plan of a study: how many runs, how long they will take, how much disk they need."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ganvas.metrics.names import parse_metrics
from ganvas.studies.study import MIN_SEEDS, SAMPLES_WHILE_TRAINING, Study

PIXEL_METRIC = "swd"
"""The metric that needs no feature network."""

MOST_LEFT = 0.95
"""A saving leaves at most this fraction of the study's duration."""


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
    scoring_choice: why there are fewer scores than usual, and the flags for more; empty where there
        are not, or where the study says how many.
    """

    images: dict[str, int]
    throughput: dict[str, ThroughputEstimate]
    scoring: tuple[float, float]
    workers: int
    threads: int
    scoring_choice: str = ""

    def run_seconds(self, study: Study, arm: str) -> float:
        """Estimated duration of one run of the arm, with its scores."""
        return self.training_seconds(arm) + self.all_scoring_seconds(study, study.evaluation_count)

    def training_seconds(self, arm: str) -> float:
        """Estimated duration of the training of one run of the arm, without scores."""
        return self.images[arm] / self.throughput[arm].images_per_second

    def scoring_fraction(self, study: Study) -> float:
        """How much of the work of a study is for scores, 0 to 1."""
        arms = [arm.name for arm in study.all_arms]
        training = study.seeds * sum(self.training_seconds(arm) for arm in arms)
        of_run = self.all_scoring_seconds(study, study.evaluation_count)
        scoring = self.real_scoring_seconds(study) + study.seeds * len(arms) * of_run
        return scoring / (training + scoring)

    def all_scoring_seconds(self, study: Study, evaluations: int) -> float:
        """Estimated duration of so many scores while training, and of the final ones."""
        while_training = evaluations * self.scoring_seconds(SAMPLES_WHILE_TRAINING)
        return while_training + self.scoring_seconds(study.sample_count)

    def scoring_seconds(self, samples: int) -> float:
        """Estimated duration of an evaluation with so many samples."""
        fixed, per_sample = self.scoring
        return fixed + samples * per_sample

    def seconds(self, study: Study, arms: Iterable[str] | None = None) -> float:
        """Estimated duration of the study. Real images are scored once, at first.

        Args:
            arms: the arm of every run that is left, in order; None: all runs.
        """
        if arms is None:
            arms = [arm.name for arm in study.all_arms] * study.seeds
        runs = [self.run_seconds(study, arm) for arm in arms]
        at_first = self.real_scoring_seconds(study) if runs else 0.0
        return makespan([at_first] * self.workers, runs)

    def real_scoring_seconds(self, study: Study) -> float:
        """Estimated duration of what is done once: features and scores of real images."""
        while_training = self.scoring_seconds(SAMPLES_WHILE_TRAINING)
        of_curves = while_training if study.evaluation_count else 0.0
        return of_curves + self.scoring_seconds(study.sample_count)

    def bytes(self, study: Study) -> int:
        """Estimated disk space of all runs."""
        return study.seeds * sum(arm.run_bytes for arm in self.throughput.values())


@dataclass(frozen=True)
class Saving:
    """A change of a study that makes it cheaper, and what that costs.

    field, value: of the study.
    seconds: estimated duration of the changed study; None where it was not measured.
    """

    field: str
    value: Any
    seconds: float | None
    price: str


def savings(study: Study, plan: Plan) -> list[Saving]:
    """Ways to make a study clearly cheaper that keep its arms and its budget."""
    changes: list[tuple[str, Any, str]] = []
    if study.evaluation_count:
        changes.append(("evaluations", 0, "no curves of scores while training"))
    if study.sample_count > SAMPLES_WHILE_TRAINING:
        changes.append(("samples", SAMPLES_WHILE_TRAINING, "final scores vary more"))
    if study.seeds > MIN_SEEDS:
        changes.append(("seeds", MIN_SEEDS, "only large differences can be shown"))
    ways = []
    for field, value, price in changes:
        seconds = plan.seconds(replace(study, **{field: value}))
        if seconds < MOST_LEFT * plan.seconds(study):
            ways.append(Saving(field, value, seconds, price))
    if any(metric.features for metric in parse_metrics(study.metrics)):
        price = f"{PIXEL_METRIC} compares pixels: quicker, but it sees less of what images show"
        ways.append(Saving("metrics", (PIXEL_METRIC,), None, price))
    return ways


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
