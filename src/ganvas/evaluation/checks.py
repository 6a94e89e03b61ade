"""What is checked before any sample is generated: sample counts, held-out images, shapes."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.data.held_out import FEWEST_HELD_OUT, fewest_for_scores
from ganvas.data.prepared import PreparedData
from ganvas.errors import DataError, GanvasError
from ganvas.evaluation.failures import Failures
from ganvas.evaluation.families import FAMILIES
from ganvas.evaluation.label_sets import foreign_labels_problem
from ganvas.evaluation.mode_classifier import labels_problem, modes_problem, no_labels
from ganvas.evaluation.samples import Samples
from ganvas.formatting import format_percent
from ganvas.metrics.names import Metric


def check_sample_count(n: int) -> None:
    """Raise a `GanvasError` unless there is a sample to score."""
    if n < 1:
        raise GanvasError(f"the number of samples must be at least 1, got {n}")


def impossible_metrics(metrics: Sequence[Metric], data: PreparedData, n: int) -> Failures:
    """Why some of the metrics cannot be measured, as far as the counts and the data say it."""
    failures: Failures = {}
    for metric in metrics:
        problem = sample_count_problem(metric, n) or data_problem(metric, data)
        if problem is not None:
            failures[metric.name] = problem
    return failures


def metrics_of_more_samples(metrics: Sequence[Metric], n: int) -> Failures:
    """Why some of the metrics cannot be measured of n samples, whatever the data are."""
    problems = {metric.name: sample_count_problem(metric, n) for metric in metrics}
    return {name: problem for name, problem in problems.items() if problem is not None}


def sample_count_problem(metric: Metric, n: int) -> str | None:
    """Why n samples are too few for a metric; None if they are enough."""
    fewest = FAMILIES[metric.family].fewest
    if n >= fewest:
        return None
    count = f"{n} sample{'s are' if n > 1 else ' is'} too few"
    return f"{count}: {metric.name} needs at least {fewest}. Generate more: n (-n)"


def data_problem(metric: Metric, data: PreparedData) -> str | None:
    """Why a metric does not suit the data; None if it does."""
    kind = FAMILIES[metric.family].kind
    if data.shape.is_point and kind != "modes":
        points = f"{data.name} holds points, and {metric.name} needs images"
        return f"{points}. For points there is: modes"
    if kind == "modes":
        return modes_problem(data)
    sees_labels = FAMILIES[metric.family].labels != "unseen"
    if sees_labels and data.label_set is None:
        return no_labels(data)
    return labels_problem(data) if sees_labels or metric.features == "classifier" else None


def label_problems(metrics: Sequence[Metric], generator: Samples, data: PreparedData) -> Failures:
    """Why metrics that see labels cannot be measured for this generator."""
    failures: Failures = {}
    for metric in metrics:
        labels = FAMILIES[metric.family].labels
        if labels == "unseen":
            continue
        problem = foreign_labels_problem(generator, data)
        if labels == "learned" and not generator.label_names:
            problem = (
                "the generator takes no labels. Train one that does with a recipe whose name ends "
                "in -conditional, or leave the metric out"
            )
        if problem is not None:
            failures[metric.name] = problem
    return failures


def check_held_out(data: PreparedData, fraction: float) -> None:
    """Raise a `DataError` unless enough real images are held out from training.

    Args:
        fraction: of the images that are held out, as the recipe says.
    """
    if len(data.held_out) >= FEWEST_HELD_OUT:
        return
    advice = "Train with more held out (--held-out, data.held_out)"
    if fraction > 0:
        advice += (
            f", or score against at least {fewest_for_scores(fraction):,} other images of the same "
            f"kind (evaluate --data DATA), of which {format_percent(fraction)} are used, too"
        )
    raise DataError(
        f"{data.name}: {len(data.held_out)} of {len(data.images)} images are held out, but a score "
        f"needs at least {FEWEST_HELD_OUT}, because samples are compared with images that were not "
        f"trained on. {advice}"
    )


def check_same_shape(generator: Samples, data: PreparedData) -> None:
    """Raise a `DataError` unless generated and real images have the same shape."""
    if generator.shape != data.shape:
        raise DataError(
            f"the generator's images are {generator.shape}, those of {data.name} are "
            f"{data.shape}: name images with the same number of channels, or none"
        )
