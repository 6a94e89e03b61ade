"""Score a generator: generate samples, extract features, compute metrics and their floors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

import torch
from torch import Tensor

import ganvas
from ganvas.checksum import checksum
from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.data.settings import DataSettings
from ganvas.errors import DataError
from ganvas.evaluation.checks import check_held_out, check_same_shape, check_sample_count
from ganvas.evaluation.extractors import (
    Extractor,
    fake_features,
    gather_features,
    local_range,
    real_features,
)
from ganvas.evaluation.families import FAMILIES, FeatureSets
from ganvas.evaluation.mode_classifier import classifier_for, mode_extractor
from ganvas.evaluation.score import MeasurementConfig, Score
from ganvas.formatting import format_image_size
from ganvas.metrics.estimate import LEVEL
from ganvas.metrics.feature_networks import load_feature_network
from ganvas.metrics.features import FeatureNetwork
from ganvas.metrics.inception import load_inception_classes
from ganvas.metrics.names import Metric
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.sampling import TrainedGenerator

FEW = 100
"""With fewer samples or held-out images than this, scores vary much from set to set."""

MAX_PIXEL_IMAGES = 4_096
"""Images of each set that are compared pixel by pixel."""

OpenBar = Callable[[str], AbstractContextManager[Progress]]
"""Opens a progress bar with a label."""

ExtractorKey = tuple[str, str | None]
"""Metrics with the same kind and features share an extractor."""


def measure(
    generator: TrainedGenerator,
    data: PreparedData,
    settings: DataSettings,
    metrics: Sequence[Metric],
    n: int,
    seed: int,
    open_bar: OpenBar,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> list[Score]:
    """Score a generator. Whatever can be wrong is reported before the first sample.

    With several processes all hold the same generator and call this together. Each generates and
    extracts a part of the samples. The main process gathers the features and computes the scores:
    bit for bit those of a single process of its kind. The others return an empty list.

    Args:
        data: the real images, prepared with `settings`.

    Raises:
        GanvasError: too few samples, missing weights, no labels where needed, a generator that
            diverged.
        DataError: too few images are held out, or their shape is another.
        RankLost: another process is gone.
    """
    check_sample_count(metrics, n)
    check_held_out(data, settings.held_out)
    check_same_shape(generator, data)
    device = next(generator.network.parameters()).device
    with processes.failing_together():
        extractors = extractors_for(metrics, data, settings, device, open_bar, processes)
        unique = list(extractors.values())
        with open_bar("sampling") as on_progress:
            indices = local_range(processes.rank, processes.size, n)
            features = fake_features(generator, n, seed, unique, on_progress, indices)
    features = gather_features(features, unique, generator, n, processes)
    if not processes.is_main:
        return []
    common = common_config(generator, data, settings, seed)
    scores = []
    for metric in metrics:
        extractor = extractors[extractor_key(metric)]
        sets = feature_sets(metric, extractor, data, features[extractor.name], open_bar)
        with open_bar(f"computing {metric.full_name(metric.scores[0])}"):
            scores += compute_scores(metric, extractor, sets, seed, common)
    return scores


# -- Extractors ------------------------------------------------------------------------------------


def extractor_key(metric: Metric) -> ExtractorKey:
    """The kind of images or features that a metric compares."""
    return FAMILIES[metric.family].kind, metric.features


def extractors_for(
    metrics: Sequence[Metric],
    data: PreparedData,
    settings: DataSettings,
    device: torch.device,
    open_bar: OpenBar,
    processes: ProcessGroup,
) -> dict[ExtractorKey, Extractor]:
    """One extractor for all metrics that share it, in the order of the metrics."""
    extractors: dict[ExtractorKey, Extractor] = {}
    for metric in metrics:
        key = extractor_key(metric)
        if key in extractors:
            continue
        if needs_labels_or_centres(metric) and not processes.is_main:
            extractors[key] = Extractor("images", lambda pixels: pixels, main_process_only=True)
        else:
            extractors[key] = extractor_for(metric, data, settings, device, open_bar)
    return extractors


def needs_labels_or_centres(metric: Metric) -> bool:
    """Whether a metric needs a classifier of the data's labels, or the known centres of its modes.

    The classifier's cache is local to a machine, so only the main process trains and uses it.
    """
    return FAMILIES[metric.family].kind == "modes" or metric.features == "classifier"


def extractor_for(
    metric: Metric,
    data: PreparedData,
    settings: DataSettings,
    device: torch.device,
    open_bar: OpenBar,
) -> Extractor:
    """The extractor that a metric needs.

    Raises:
        GanvasError: it is not available: missing weights, no labels, points instead of images.
    """
    kind = FAMILIES[metric.family].kind
    if data.shape.is_point and kind != "modes":
        raise DataError(
            f"{data.name} holds points, and {metric.full_name(metric.scores[0])} needs images. "
            "For points there is: modes"
        )
    if kind == "pixels":
        return Extractor("pixels", lambda pixels: pixels.to(device), max_images=MAX_PIXEL_IMAGES)
    if kind == "modes":
        with open_bar("training the classifier") as on_progress:
            extractor = mode_extractor(data, settings, device, on_progress)
        return replace(extractor, main_process_only=True)
    if kind == "classes":
        return network_extractor(load_inception_classes(device), data)
    if metric.features == "classifier":
        with open_bar("training the classifier") as on_progress:
            classifier = classifier_for(data, settings, device, on_progress)
        return Extractor(
            "classifier", classifier, classifier.config(), cached=True, main_process_only=True
        )
    assert metric.features is not None
    return network_extractor(load_feature_network(metric.features, device), data)


def network_extractor(network: FeatureNetwork, data: PreparedData) -> Extractor:
    """An extractor of a network's features."""
    batch_size = network.batch_size(data.shape.height, data.shape.width)
    return Extractor(network.name, network, network.config(), batch_size=batch_size, cached=True)


# -- Scores ----------------------------------------------------------------------------------------


def feature_sets(
    metric: Metric, extractor: Extractor, data: PreparedData, fake: Tensor, open_bar: OpenBar
) -> FeatureSets:
    """The features of real images beside those of the samples."""
    whole = FAMILIES[metric.family].whole_training_set
    count = len(data.training) if whole else min(len(fake), len(data.training))
    with open_bar(f"training images, {extractor.name}") as on_progress:
        training = real_features(extractor, data, False, count, on_progress)
    with open_bar(f"held-out images, {extractor.name}") as on_progress:
        held_out = real_features(extractor, data, True, len(data.held_out), on_progress)
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
    floors = family.estimate(reference, seed)
    warnings = small_set_warnings(sets)
    scores = []
    for name in metric.scores:
        if name == "high-quality" and not extractor.may_reject:
            continue
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
                protocol=protocol,
                warnings=warnings + estimate.warnings,
                details=estimate.details,
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
    generator: TrainedGenerator, data: PreparedData, settings: DataSettings, seed: int
) -> MeasurementConfig:
    """The part of the protocol that all scores of one evaluation share."""
    return {
        "ganvas": ganvas.__version__,
        "checkpoint": generator.images_seen,
        "checkpoint_hash": checksum(generator.network.state_dict(), {})[:16],
        "data": data.name,
        "fingerprint": data.fingerprint,
        "prepared": data.key,
        "size": format_image_size((data.shape.height, data.shape.width)),
        "channels": data.shape.channels,
        "resize": "none" if data.shape.is_point else f"Lanczos, {settings.fit}",
        "seed": seed,
    }
