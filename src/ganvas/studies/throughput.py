"""Measures a few seconds of an arm's training and scoring, to plan how long a study will take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch

from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.devices import choose_device, peak_memory_mb, reset_peak_memory
from ganvas.errors import Diverged, GanvasError
from ganvas.evaluation.failures import Failures
from ganvas.evaluation.families import FAMILIES
from ganvas.evaluation.measure import measure
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import Recipe
from ganvas.runs.data import prepare_for
from ganvas.runs.run import KEPT_CHECKPOINTS
from ganvas.sampling import TrainedGenerator
from ganvas.studies.plan import ThroughputEstimate
from ganvas.studies.study import Study
from ganvas.studies.worker import InterruptibleFeedback, interruptible_progress
from ganvas.training.due import early_grids
from ganvas.training.grids import GRID_IMAGES
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

WARM_UP = 1.0
"""Seconds of training before the clock starts."""

SECONDS = 3.0
"""Seconds of training that are timed."""

SCORED = 200
"""Samples of the timed evaluation, or as many as its metrics need."""

UNLIMITED = 10**9
"""Stands for a budget in images that is not known yet."""


class TimedScoring(NamedTuple):
    """How long an evaluation takes.

    seconds: `Plan.scoring`.
    failures: why some of the metrics cannot be measured.
    """

    seconds: tuple[float, float]
    failures: Failures


ThroughputResult = tuple[ThroughputEstimate, TimedScoring | None]
"""The estimate, and how long scores take if an evaluation was timed."""


@dataclass(frozen=True)
class ThroughputJob:
    """One arm to measure."""

    study: Study
    arm: str
    data: str
    device: str
    threads: int
    scored: bool = False
    """Whether an evaluation is timed too."""


def estimate_throughput(job: ThroughputJob) -> ThroughputResult:
    """Train an arm for a few seconds, and time an evaluation if the job says so.

    Raises:
        GanvasError: the arm cannot be trained, or the images cannot be scored.
    """
    torch.set_num_threads(job.threads)
    device = choose_device(job.device)
    reset_peak_memory(device)
    images = job.study.images or UNLIMITED
    recipe = job.study.recipe_for(job.study.arm(job.arm), images)
    data = prepare_for(recipe, job.data, quiet=True)
    try:
        state = TrainState.start(recipe, data, 0, device)
        _, state = train_for(WARM_UP, state, recipe, data)
        rate, state = train_for(SECONDS, state, recipe, data)
    except RuntimeError as error:  # mostly out of memory
        raise GanvasError(f"arm {job.arm!r} cannot be trained here: {error}") from error
    scoring = time_scoring(job.study, recipe, state, data) if job.scored else None
    estimate = ThroughputEstimate(
        images_per_second=rate,
        memory_mb=peak_memory_mb(device),
        run_bytes=run_bytes(recipe, state, job.study.images),
    )
    return estimate, scoring


def train_for(
    seconds: float, state: TrainState, recipe: Recipe, data: PreparedData
) -> tuple[float, TrainState]:
    """Train for so many seconds, at least one step. Returns images per second and the last state.

    Training that diverges starts again: its steps take as long, and only speed matters here.
    """
    start, images = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds or images == 0:
        try:
            train_step(state, recipe)
        except Diverged:
            state = TrainState.start(recipe, data, 0, state.device)
        images += recipe.batch * recipe.discriminator_steps
        if state.device.type == "cuda":
            torch.cuda.synchronize(state.device)
    return images / elapsed, state


def time_scoring(
    study: Study, recipe: Recipe, state: TrainState, data: PreparedData
) -> TimedScoring:
    """Time the second of two evaluations, when the features of real images are cached.

    Raises:
        GanvasError: the deciding score cannot be measured.
    """
    generator = TrainedGenerator(state.ema, data.shape, recipe.latent_dim, 0)
    metrics = parse_metrics(study.metrics)
    n = max([SCORED, *(FAMILIES[metric.family].fewest for metric in metrics)])
    feedback = TimedFeedback()
    for _ in range(2):
        start = time.perf_counter()
        measurement = measure(generator, data, recipe.data, metrics, n, 0, feedback)
        total = time.perf_counter() - start
    if metrics[0].name in measurement.failures:
        raise GanvasError(
            f"{study.scores[0]} decides the study, and cannot be measured: "
            f"{measurement.failures[metrics[0].name]}"
        )
    sampling = feedback.seconds["sampling"]
    return TimedScoring((total - sampling, sampling / n), measurement.failures)


class TimedFeedback(InterruptibleFeedback):
    """Notes how long each task took the last time."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def progress(self, task: str) -> Iterator[Progress]:
        start = time.perf_counter()
        with interruptible_progress(task) as update:
            yield update
        self.seconds[task] = time.perf_counter() - start


def run_bytes(recipe: Recipe, state: TrainState, images: int | None) -> int:
    """Estimated size of a run directory: checkpoints, the generator, sample grids.

    The best checkpoint and the last healthy one are often among the newest.
    """
    checkpoint = sum(tensor.nbytes for tensor in state.tensors().values())
    generator: int = sum(tensor.nbytes for tensor in state.ema.state_dict().values())
    height, width = recipe.data.size
    grid = 3 * GRID_IMAGES * height * width  # random pixels do not compress
    every = recipe.intervals.samples
    grids = 2 + len([*early_grids(every)]) + (0 if images is None else images // every)
    return (KEPT_CHECKPOINTS + 1) * checkpoint + generator + grids * grid
