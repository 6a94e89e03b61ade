"""Score a generator: generate samples, extract features, compute metrics and their floors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

import ganvas
from ganvas.checksum import checksum
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError
from ganvas.evaluation.checks import (
    check_held_out,
    check_same_shape,
    check_sample_count,
    impossible_metrics,
    label_problems,
)
from ganvas.evaluation.extractor_choice import (
    Feedback,
    extractor_key,
    extractors_for,
    fail_with_extractors,
    remaining,
)
from ganvas.evaluation.extractors import (
    Extractor,
    Split,
    fake_features,
    gather_features,
    is_cached,
    local_range,
    real_features,
)
from ganvas.evaluation.failures import (
    Failures,
    all_failures,
    failure_lines,
    recorded_failure,
)
from ganvas.evaluation.families import FAMILIES, FeatureSets
from ganvas.evaluation.floors import real_floors
from ganvas.evaluation.forecast import ScoringForecast
from ganvas.evaluation.label_sets import add_labels, confusion_of
from ganvas.evaluation.samples import GivenImages, Samples
from ganvas.evaluation.score import MeasurementConfig, Score
from ganvas.formatting import format_image_size
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.metrics.estimate import LEVEL
from ganvas.metrics.names import Metric
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.runs.tables import LabelConfusionTable

FEW = 100
"""With fewer samples or held-out images than this, scores vary much from set to set."""


@dataclass(frozen=True)
class ScoringResult:
    """What `measure` found.

    failures: by name of the family, why it could not be measured.
    confusion: as what the samples of each label are recognised, if `label-accuracy` was measured.
    """

    scores: list[Score]
    failures: Failures
    confusion: LabelConfusionTable | None = None

    def check(self) -> None:
        """Raise a `GanvasError` with all reasons if there is no score."""
        if self.scores:
            return
        if len(set(self.failures.values())) == 1:
            raise GanvasError(next(iter(self.failures.values())))
        lines = "".join(f"\n  {line}" for line in failure_lines(self.failures))
        raise GanvasError(f"no metric can be measured:{lines}")


def measure(
    generator: Samples,
    data: PreparedData,
    settings: DataSettings,
    metrics: Sequence[Metric],
    n: int,
    seed: int,
    feedback: Feedback,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> ScoringResult:
    """Score a generator. Whatever can be wrong is reported before the first sample.

    A metric that cannot be measured (too few samples, missing weights, no labels) is left out, and
    the others are measured.

    With several processes all hold the same generator and call this together. Each generates and
    extracts a part of the samples. The main process gathers the features and computes the scores:
    bit for bit those of a single process of its kind. The others return no scores.

    Args:
        data: the real images, prepared with `settings`.

    Raises:
        GanvasError: no sample is wanted, or the generator diverged.
        DataError: too few images are held out, or their shape is another.
        RankLost: another process is gone.
    """
    failures = failures_foreseen(generator, data, settings, metrics, n)
    device = generator.device
    extractors = extractors_for(metrics, failures, data, settings, device, feedback, processes)
    unique, failed = list(extractors.values()), Failures()
    with processes.failing_together(), feedback.progress("sampling") as on_progress:
        indices = local_range(processes.rank, processes.size, n)
        to_come = work_to_come(metrics, failures, extractors, data, n)
        on_progress = ScoringForecast(on_progress, feedback.expect, *to_come)
        features = fake_features(generator, n, seed, unique, on_progress, failed, indices)
    failed = all_failures(failed, processes)
    without = {key: failed[e.name] for key, e in extractors.items() if e.name in failed}
    fail_with_extractors(failures, metrics, without)
    useful = [extractor for extractor in unique if extractor.name not in failed]
    features = gather_features(features, useful, generator, n, processes)
    if not processes.is_main:
        return ScoringResult([], failures)
    common = common_config(generator, data, settings, seed)
    scores: list[Score] = []
    confusion = None
    for metric in remaining(metrics, failures):
        extractor = extractors[extractor_key(metric)]
        with recorded_failure(failures, metric.name):
            sets = feature_sets(metric, extractor, data, features[extractor.name], feedback)
            described = common
            if FAMILIES[metric.family].labels != "unseen":
                sets = add_labels(sets, generator, data, n, seed)
                described = {**common, "labels": "given" if generator.label_names else "ignored"}
            with feedback.progress(f"computing {metric.full_name(metric.scores[0])}"):
                scores += compute_scores(metric, extractor, sets, seed, described)
            if metric.family == "label-accuracy":
                confusion = confusion_of(sets, generator.images_seen)
    return ScoringResult(scores, failures, confusion)


def failures_foreseen(
    generator: Samples,
    data: PreparedData,
    settings: DataSettings,
    metrics: Sequence[Metric],
    n: int,
) -> Failures:
    """Why some of the metrics cannot be measured, as it is known before the first sample.

    Raises:
        GanvasError: no sample is wanted.
        DataError: too few images are held out, or their shape is another.
    """
    check_sample_count(n)
    check_held_out(data, settings.held_out)
    check_same_shape(generator, data)
    failures = impossible_metrics(metrics, data, n)
    return failures | label_problems(remaining(metrics, failures), generator, data)


def work_to_come(
    metrics: Sequence[Metric],
    failures: Failures,
    extractors: Mapping[str, Extractor],
    data: PreparedData,
    n: int,
) -> tuple[int, float]:
    """What follows the samples: how many real images to extract, and seconds of computing."""
    real_images = real_images_to_extract(metrics, failures, extractors, data, n)
    computing = sum(FAMILIES[metric.family].seconds for metric in remaining(metrics, failures))
    if real_images:  # their own scores are not in the cache either
        computing *= 2
    return real_images, computing


def real_images_to_extract(
    metrics: Sequence[Metric],
    failures: Failures,
    extractors: Mapping[str, Extractor],
    data: PreparedData,
    n: int,
) -> int:
    """Of how many real images features are computed, because they are not in the cache."""
    needed: dict[tuple[str, Split], int] = {}
    for metric in remaining(metrics, failures):
        key = extractor_key(metric)
        counts: dict[Split, int] = {
            "training": training_images(metric, data, n),
            "held-out": len(data.held_out),
        }
        for split, count in counts.items():
            if extractors[key].cached and not is_cached(extractors[key], data, split, count):
                needed[key, split] = max(count, needed.get((key, split), 0))
    return sum(needed.values())


def training_images(metric: Metric, data: PreparedData, n: int) -> int:
    """How many training images a metric compares with, or with the samples' fractions."""
    whole = FAMILIES[metric.family].whole_training_set
    return len(data.training) if whole else min(n, len(data.training))


def feature_sets(
    metric: Metric, extractor: Extractor, data: PreparedData, fake: Tensor, feedback: Feedback
) -> FeatureSets:
    """The features of real images beside those of the samples."""
    count = training_images(metric, data, len(fake))
    with feedback.progress(f"training images, {extractor.name}") as on_progress:
        training = real_features(extractor, data, "training", count, on_progress)
    with feedback.progress(f"held-out images, {extractor.name}") as on_progress:
        held_out = real_features(extractor, data, "held-out", len(data.held_out), on_progress)
    return FeatureSets(training.to(fake.device), held_out.to(fake.device), fake, extractor.expected)


def compute_scores(
    metric: Metric,
    extractor: Extractor,
    sets: FeatureSets,
    seed: int,
    common: MeasurementConfig,
) -> list[Score]:
    """The requested scores of a family, each with its floor, computed in the same way."""
    family = FAMILIES[metric.family]
    reference = family.real_reference(sets)
    estimates = family.estimate(sets, seed)
    names = [name for name in metric.scores if name != "high-quality" or extractor.may_reject]
    for name in names:
        if not math.isfinite(estimates[name].value):
            raise GanvasError(f"{metric.full_name(name)} came out as {estimates[name].value}")
    floors = real_floors(metric.family, reference, seed, names)
    warnings = small_set_warnings(sets) + extractor.warnings
    scores = []
    for name in names:
        estimate = estimates[name]
        protocol = {
            **common,
            "split": family.split,
            "n_fake": len(sets.fake),
            "n_real": len(sets.held_out),
            "n_training": len(sets.training),
            "n_floor": len(reference.fake),
            "interval": f"{LEVEL:.0%}, {estimate.method}",
            "view": {"name": extractor.name, **extractor.config},
        }
        scores.append(
            Score(
                metric=metric.full_name(name),
                value=estimate.value,
                interval=estimate.interval,
                floor=floors[name].value,
                floor_interval=floors[name].interval,
                protocol=protocol,
                warnings=warnings + estimate.warnings,
                details=estimate.details,
                notes=estimate.notes,
            )
        )
    return scores


def small_set_warnings(sets: FeatureSets) -> tuple[str, ...]:
    """A warning for each set that is too small for a reliable score."""
    counts = {"samples": len(sets.fake), "held-out images": len(sets.held_out)}
    return tuple(
        f"only {count} {name}: with other {name} the score could be very different"
        for name, count in counts.items()
        if count < FEW
    )


def common_config(
    generator: Samples, data: PreparedData, settings: DataSettings, seed: int
) -> MeasurementConfig:
    """The part of the protocol that all scores of one evaluation share."""
    return {
        "ganvas": ganvas.__version__,
        **origin_of(generator),
        "data": data.name,
        "fingerprint": data.fingerprint,
        "prepared": data.key,
        "size": format_image_size((data.shape.height, data.shape.width)),
        "channels": data.shape.channels,
        "resize": "none" if data.shape.is_point else f"Lanczos, {settings.fit}",
        "seed": seed,
    }


def origin_of(generator: Samples) -> MeasurementConfig:
    """What the samples are of."""
    if isinstance(generator, GivenImages):
        given = generator.prepared
        return {"samples_of": given.name, "samples_fingerprint": given.fingerprint}
    assert isinstance(generator, TrainedGenerator)
    return {
        "checkpoint": generator.images_seen,
        "checkpoint_hash": checksum(generator.network.state_dict(), {})[:16],
    }
