"""Measures a few seconds of training and scoring, to plan how long a study will take.

Arms whose steps do the same work are measured once. One small score is timed, of the base: without
that of real images, which is computed once in a study, and not again for every run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from ganvas.data.prepared import PreparedData
from ganvas.devices import choose_device, peak_memory_mb, reset_peak_memory
from ganvas.errors import GanvasError
from ganvas.evaluation.checks import check_held_out, impossible_metrics
from ganvas.evaluation.extractor_choice import (
    extractor_key,
    extractors_for,
    fail_with_extractors,
    remaining,
)
from ganvas.evaluation.extractors import fake_features
from ganvas.evaluation.failures import Failures, recorded_failure
from ganvas.evaluation.families import FAMILIES, FeatureSets
from ganvas.evaluation.label_sets import add_labels
from ganvas.generators.files import generator_in_training
from ganvas.metrics.names import parse_metrics
from ganvas.objectives.losses import LOSSES
from ganvas.processes import SINGLE_PROCESS
from ganvas.recipes import Recipe
from ganvas.recipes.recipe import AnyPlayer, PlayerSettings
from ganvas.runs.data import prepare_for
from ganvas.runs.labels import with_labels
from ganvas.runs.run import KEPT_CHECKPOINTS
from ganvas.studies.plan import ThroughputEstimate
from ganvas.studies.study import SAMPLES_WHILE_TRAINING, Study
from ganvas.studies.worker import InterruptibleFeedback
from ganvas.torch_state import cpu_threads
from ganvas.training.due import early_grids
from ganvas.training.grids import GRID_IMAGES
from ganvas.training.pace import SECONDS, UNLIMITED, train_sizes
from ganvas.training.run_files import checkpoint_bytes
from ganvas.training.state import TrainState

SAMPLES_AT_A_TIME = 32
"""Samples between two looks at the clock."""


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
    """Whether a score is timed too."""


def measured_arms(study: Study) -> dict[str, str]:
    """For every arm the one that is measured for it: the first whose steps do the same work."""
    first: dict[Recipe, str] = {}
    return {
        arm.name: first.setdefault(same_work(study.canonical(arm.recipe)), arm.name)
        for arm in study.all_arms
    }


def same_work(recipe: Recipe) -> Recipe:
    """The recipe without the fields that do not change how much work a step is."""
    loss = recipe.objective.loss
    if not LOSSES[loss].generator_sees_real:
        loss = "non-saturating"
    return replace(
        recipe,
        generator=_same_work(recipe.generator),
        discriminator=_same_work(recipe.discriminator),
        objective=replace(recipe.objective, loss=loss, real_label=1.0),
        ema_half_life=0.0,
        ema_rampup=1.0,
    )


def _same_work(player: AnyPlayer) -> AnyPlayer:
    usual = PlayerSettings()
    return replace(player, learning_rate=usual.learning_rate, beta1=usual.beta1, beta2=usual.beta2)


def estimate_throughput(job: ThroughputJob) -> ThroughputResult:
    """Train an arm for a few seconds, and time a score if the job says so.

    Raises:
        GanvasError: the arm cannot be trained, or the images cannot be scored.
    """
    with cpu_threads(job.threads):
        return _estimate(job)


def _estimate(job: ThroughputJob) -> ThroughputResult:
    device = choose_device(job.device)
    reset_peak_memory(device)
    images = job.study.images or UNLIMITED
    recipe = job.study.recipe_for(job.study.arm(job.arm), images)
    data = prepare_for(recipe, job.data, quiet=True)
    recipe, _ = with_labels(recipe, data)
    try:
        rate, state = train_sizes(recipe, data, device)
    except RuntimeError as error:  # mostly out of memory
        raise GanvasError(f"arm {job.arm!r} cannot be trained here: {error}") from error
    scoring = time_scoring(job.study, recipe, state, data) if job.scored else None
    estimate = ThroughputEstimate(
        images_per_second=rate,
        memory_mb=peak_memory_mb(device),
        run_bytes=run_bytes(recipe, state, job.study.images),
    )
    return estimate, scoring


def time_scoring(
    study: Study, recipe: Recipe, state: TrainState, data: PreparedData
) -> TimedScoring:
    """Seconds of a score without samples, and seconds per sample.

    Raises:
        GanvasError: the deciding score cannot be measured.
    """
    metrics = parse_metrics(study.metrics)
    failures = impossible_metrics(metrics, data, study.sample_count)
    generator = generator_in_training(recipe, state.ema, data, 0)
    feedback = InterruptibleFeedback()
    extractors = extractors_for(
        metrics, failures, data, recipe.data, state.device, feedback, SINGLE_PROCESS
    )
    unique, failed = list(extractors.values()), Failures()

    def sample() -> dict[str, Tensor]:
        with feedback.progress("sampling") as on_progress:
            return fake_features(generator, SAMPLES_AT_A_TIME, 0, unique, on_progress, failed)

    features = sample()  # untimed: a first batch also allocates memory
    lost = {key: failed[e.name] for key, e in extractors.items() if e.name in failed}
    fail_with_extractors(failures, metrics, lost)
    check_deciding_score(study, failures)
    start, count = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < SECONDS or count == 0:
        sample()
        count += SAMPLES_AT_A_TIME
    start = time.perf_counter()
    for metric in remaining(metrics, failures):
        extractor = extractors[extractor_key(metric)]
        sets = stand_in_sets(features[extractor.name], data, extractor.expected)
        if FAMILIES[metric.family].labels != "unseen":
            sets = add_labels(sets, generator, data, len(sets.fake), 0)
        with recorded_failure(failures, metric.name):
            FAMILIES[metric.family].estimate(sets, 0)
    computing = time.perf_counter() - start
    check_deciding_score(study, failures)
    return TimedScoring((computing, elapsed / count), failures)


def check_can_be_scored(study: Study, data: PreparedData) -> None:
    """Check, before anything is measured, that these images allow the scores of a study.

    Raises:
        DataError: too few images are held out.
        GanvasError: the deciding score cannot be measured on them.
    """
    check_held_out(data, study.base.data.held_out)
    metrics = parse_metrics(study.metrics)
    check_deciding_score(study, impossible_metrics(metrics, data, study.sample_count))


def check_deciding_score(study: Study, failures: Failures) -> None:
    """Raise a `GanvasError` if the score that decides the study cannot be measured."""
    reason = failures.get(parse_metrics(study.metrics)[0].name)
    if reason is not None:
        raise GanvasError(f"{study.scores[0]} decides the study, and cannot be measured: {reason}")


def stand_in_sets(features: Tensor, data: PreparedData, expected: Tensor | None) -> FeatureSets:
    """Sets as large as those of a score while training, of a few samples' features repeated.

    How long a metric takes depends on the number of rows, and hardly on what they hold.
    """

    def rows(available: int) -> Tensor:
        count = min(available, SAMPLES_WHILE_TRAINING)
        return features[torch.arange(count, device=features.device) % len(features)]

    return FeatureSets(
        rows(len(data.training)), rows(len(data.held_out)), rows(SAMPLES_WHILE_TRAINING), expected
    )


def run_bytes(recipe: Recipe, state: TrainState, images: int | None) -> int:
    """Estimated size of a run directory: checkpoints, the generator, sample grids.

    The best checkpoint and the last healthy one are often among the newest.
    """
    checkpoint = checkpoint_bytes(state)
    generator: int = sum(tensor.nbytes for tensor in state.ema.state_dict().values())
    height, width = recipe.data.size
    grid = 3 * GRID_IMAGES * height * width  # random pixels do not compress
    every = recipe.intervals.samples
    grids = 2 + len([*early_grids(every)]) + (0 if images is None else images // every)
    return (KEPT_CHECKPOINTS + 1) * checkpoint + generator + grids * grid
