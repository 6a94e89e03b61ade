"""Which extractors the metrics need, and which metrics cannot have theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import torch

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.evaluation.checks import impossible_metrics
from ganvas.evaluation.extractors import Extractor
from ganvas.evaluation.failures import Failures, all_failures, failure_lines, recorded_failure
from ganvas.evaluation.families import FAMILIES
from ganvas.evaluation.mode_classifier import mode_extractor, modes_warnings
from ganvas.evaluation.own_networks import classifier_for, contrastive_for
from ganvas.formatting import format_image_size
from ganvas.metrics.feature_networks import load_feature_network
from ganvas.metrics.features import (
    CHANNELS,
    RESIZE,
    FeatureConfig,
    FeatureNetwork,
    resized,
    to_rgb,
)
from ganvas.metrics.inception import load_inception_classes
from ganvas.metrics.names import Metric
from ganvas.metrics.small_network import input_size
from ganvas.processes import ProcessGroup
from ganvas.progress import Progress

TRAINED_FEATURES = ("classifier", "self")
"""Features of networks that are trained on the data."""

TRAINED_KINDS = ("modes", "labels")
"""Kinds of images that a classifier of the data gives, or that are known centres."""

MAX_PIXEL_IMAGES = 4_096
"""Images of each set that are compared pixel by pixel."""

MAX_THUMBNAILS = 20_000
"""Images of each set that a classifier is trained on, scaled down."""


class Feedback(Protocol):
    """Where an evaluation says what it does."""

    def progress(self, task: str) -> AbstractContextManager[Progress]:
        """Entered while a task is done."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def expect(self, text: str) -> None:
        """How long the evaluation will take; told once, after its first samples."""


def unavailable_metrics(metrics: Sequence[Metric], data: PreparedData, n: int) -> Failures:
    """Why some of the metrics cannot be measured: by counts, data, and what is installed here."""
    failures = impossible_metrics(metrics, data, n)
    return {**failures, **uninstalled_metrics(remaining(metrics, failures))}


def uninstalled_metrics(metrics: Sequence[Metric]) -> Failures:
    """Why the networks of some metrics cannot be loaded: a package or weights are missing here."""
    failures: Failures = {}
    failed: Failures = {}
    for key in {extractor_key(metric): metric for metric in metrics}:
        with recorded_failure(failed, key):
            load_network(key, torch.device("cpu"))
    fail_with_extractors(failures, metrics, failed)
    return failures


def remaining(metrics: Sequence[Metric], failures: Failures) -> list[Metric]:
    """The metrics that can be measured, as far as is known."""
    return [metric for metric in metrics if metric.name not in failures]


def fail_with_extractors(
    failures: Failures, metrics: Sequence[Metric], failed: Mapping[str, str]
) -> None:
    """Record why extractors failed, as the failure of every metric that needs one.

    Args:
        failed: by `extractor_key`.
    """
    for metric in metrics:
        if extractor_key(metric) in failed:
            failures.setdefault(metric.name, failed[extractor_key(metric)])


def extractor_key(metric: Metric) -> str:
    """The features, or the kind of images, that a metric compares. It names what is shared."""
    return metric.features or FAMILIES[metric.family].kind


def extractors_for(
    metrics: Sequence[Metric],
    failures: Failures,
    data: PreparedData,
    settings: DataSettings,
    device: torch.device,
    feedback: Feedback,
    processes: ProcessGroup,
) -> dict[str, Extractor]:
    """One extractor for all metrics that share it; metrics without one are added to the failures.

    Those that train a network, which takes a while, come last, after all warnings.

    Raises:
        RankLost: another process is gone.
    """
    extractors: dict[str, Extractor] = {}
    known: Failures = {}
    for trained in (False, True):
        if trained:
            known = dict(failures)
            warnings = warnings_before(remaining(metrics, failures), data)
            report_warnings(feedback, [*failure_lines(known), *warnings])
        failed: Failures = {}
        for metric in remaining(metrics, failures):
            key = extractor_key(metric)
            if is_trained_here(metric) is not trained or key in {*extractors, *failed}:
                continue
            if trained and not processes.is_main:
                extractors[key] = Extractor(key, lambda pixels: pixels, main_process_only=True)
                continue
            with recorded_failure(failed, key):
                extractors[key] = extractor_for(metric, data, settings, device, feedback)
        failed = all_failures(failed, processes)
        fail_with_extractors(failures, metrics, failed)
        for key in failed:
            extractors.pop(key, None)
    report_warnings(
        feedback, failure_lines({n: why for n, why in failures.items() if n not in known})
    )
    return extractors


def report_warnings(feedback: Feedback, warnings: Sequence[str]) -> None:
    """Pass warnings on, one line each."""
    for warning in warnings:
        feedback.message(f"warning: {warning}")


def warnings_before(metrics: Sequence[Metric], data: PreparedData) -> list[str]:
    """What the scores of the metrics will leave out."""
    return [
        f"{metric.name}: {warning}"
        for metric in metrics
        if FAMILIES[metric.family].kind == "modes"
        for warning in modes_warnings(data)
    ]


def is_trained_here(metric: Metric) -> bool:
    """Whether a metric needs a network trained on the data, or the known centres of its modes.

    Such a network's cache is local to a machine, so only the main process trains and uses it.
    """
    return FAMILIES[metric.family].kind in TRAINED_KINDS or metric.features in TRAINED_FEATURES


def extractor_for(
    metric: Metric,
    data: PreparedData,
    settings: DataSettings,
    device: torch.device,
    feedback: Feedback,
) -> Extractor:
    """The extractor that a metric needs.

    Raises:
        GanvasError: it is not available: missing weights, a missing package.
    """
    if not is_trained_here(metric):
        return untrained_extractor(metric, data, device)
    if metric.features == "self":
        with feedback.progress("training the features self") as on_progress:
            network = contrastive_for(data, device, on_progress)
        return Extractor("self", network, network.config(), cached=True, main_process_only=True)
    with feedback.progress("training the classifier") as on_progress:
        if FAMILIES[metric.family].kind == "modes":
            extractor = mode_extractor(data, settings, device, on_progress)
            return replace(extractor, main_process_only=True)
        classifier = classifier_for(data, settings, device, on_progress)
    if FAMILIES[metric.family].kind == "labels":
        config = {"judge": "classifier", **classifier.config()}
        return Extractor("labels", classifier.classify, config, main_process_only=True)
    return Extractor(
        "classifier", classifier, classifier.config(), cached=True, main_process_only=True
    )


def untrained_extractor(metric: Metric, data: PreparedData, device: torch.device) -> Extractor:
    """The extractor of pixels, or of a network with published weights."""
    if FAMILIES[metric.family].kind == "thumbnails":
        size = input_size(data.shape.height, data.shape.width, metric.name)
        config: FeatureConfig = {
            "input": format_image_size(size),
            "resize": RESIZE,
            "preprocessing": CHANNELS,
        }
        return Extractor(
            "thumbnails",
            lambda pixels: resized(to_rgb(pixels.to(device)), size).round().to(torch.uint8),
            config,
            max_images=MAX_THUMBNAILS,
        )
    network = load_network(extractor_key(metric), device)
    if network is None:
        return Extractor("pixels", lambda pixels: pixels.to(device), max_images=MAX_PIXEL_IMAGES)
    batch_size = network.batch_size(data.shape.height, data.shape.width)
    return Extractor(network.name, network, network.config(), batch_size=batch_size, cached=True)


def load_network(key: str, device: torch.device) -> FeatureNetwork | None:
    """The network with published weights that an extractor needs; None if it needs none.

    Args:
        key: see `extractor_key`.

    Raises:
        GanvasError: its package or its weights are missing or damaged.
    """
    if key in ("pixels", "thumbnails", *TRAINED_KINDS, *TRAINED_FEATURES):
        return None
    return load_inception_classes(device) if key == "classes" else load_feature_network(key, device)
