"""What truncation and choosing cost: precision, recall and distance over ladders of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.errors import GanvasError, RunError, did_you_mean
from ganvas.evaluation.checks import (
    check_held_out,
    check_same_shape,
    impossible_metrics,
    metrics_of_more_samples,
)
from ganvas.evaluation.evaluate import (
    check_before_work,
    data_settings,
    default_count,
    find_run,
    images_to_compare,
)
from ganvas.evaluation.extractor_choice import extractor_for, uninstalled_metrics
from ganvas.evaluation.extractors import Extractor, fake_features
from ganvas.evaluation.failures import Failures, failure_lines
from ganvas.evaluation.measure import ScoringResult, common_config, compute_scores, feature_sets
from ganvas.evaluation.truncation_points import Point, TruncationCurve
from ganvas.generators.discriminators import with_discriminator
from ganvas.generators.files import load
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.latents.settings import check_truncation, parse_keep
from ganvas.metrics.names import FEATURES, Metric, parse_metrics
from ganvas.networks.styles import StyleBased
from ganvas.progress import Progress, TerminalFeedback
from ganvas.runs import Run
from ganvas.terminal import tolerant_output
from ganvas.torch_state import usual_torch

SAMPLES = 1_000
"""Of each point, at most: ten points took half a minute of one thread (docs/tools.md)."""

TRUNCATIONS = (0.9, 0.8, 0.7, 0.6, 0.5)
KEPT = (0.75, 0.5, 0.25, 0.1)
USUAL_TRUNCATION, USUAL_KEPT = 0.7, 0.5
"""Whose cost is told if none is chosen."""


@tolerant_output()
@usual_torch()
def truncation(
    run: Run | Path | str,
    *,
    truncation: float | None = None,
    keep: str | None = None,
    features: str | None = None,
    n: int | None = None,
    data: str | Path | None = None,
    checkpoint: str = "last",
    seed: int = 0,
    device: str = "auto",
    verify: bool = False,
    quiet: bool = True,
) -> TruncationCurve:
    """Measure what truncation and choosing by the discriminator cost, against held-out images.

    Precision is low if samples do not look like real images, recall if they do not cover the real
    images (Kynkaanniemi 2019); density and coverage are Naeem 2020's. Nothing is added to the
    scores of the run.

    Args:
        run: the run or its directory; or, with `data`, an .onnx file, a copied generator/ folder,
            hf:OWNER/NAME, which have no discriminator.
        truncation, keep: one more point to measure, whose cost is reported; by default 0.7.
        features: lite0, self, classifier or inception; by default lite0 where it is installed, else
            self, which is trained on the images.
        n: samples of each point; by default as many as `evaluate` takes for a first answer, at most
            1,000.
        data, checkpoint, seed, device, verify, quiet: as for `ganvas.evaluate`. All points have the
            same latents before truncation.

    Raises:
        GanvasError: the generator makes points, or cannot be truncated; or as `evaluate`.
    """
    chosen = chosen_point(truncation, keep)
    own_run, (metrics, others) = find_run(run), metrics_in(features)
    check_before_work(own_run, metrics, n, data, quiet)
    if n is not None and (failures := metrics_of_more_samples(metrics, n)):
        ScoringResult([], failures).check()
    generator, notes = load_all(run if own_run is None else own_run, device, checkpoint, chosen)
    points, reasons = ladder(generator, chosen)
    settings = data_settings(own_run, generator)
    prepared = images_to_compare(own_run, generator, settings, data, quiet, verify)
    n = min(SAMPLES, default_count(prepared, full=False)) if n is None else n
    feedback = TerminalFeedback(quiet)
    measured = measure_points(generator, points, prepared, settings, metrics, n, seed, feedback)
    return TruncationCurve(
        points=measured,
        chosen=next(point for point in measured if point.is_like(chosen or usual_point(points))),
        space="w" if isinstance(generator.network, StyleBased) else "z",
        features=str(metrics[0].features),
        protocol={**common_config(generator, prepared, settings, seed), "samples": n},
        notes=(*others, *notes, *reasons),
    )


def chosen_point(truncation: float | None, keep: str | None) -> Point | None:
    """The point whose cost is asked for; None if none was named.

    Raises:
        GanvasError: it is out of range, or changes nothing.
    """
    if truncation is None and keep is None:
        return None
    truncation = 1.0 if truncation is None else truncation
    check_truncation(truncation)
    point = Point(truncation, 1.0 if keep is None else parse_keep(keep))
    if point.is_like(Point()):
        raise GanvasError(
            "nothing is truncated and all is kept, so there is no cost to tell: leave both out, or "
            f"name another point, such as --truncation {USUAL_TRUNCATION:g}"
        )
    return point


def usual_point(points: Sequence[Point]) -> Point:
    """The point whose cost is told if none was named."""
    usual = [Point(truncation=USUAL_TRUNCATION), Point(keep=USUAL_KEPT)]
    return next(point for point in usual if any(point.is_like(other) for other in points))


def metrics_in(features: str | None) -> tuple[list[Metric], list[str]]:
    """The metrics of each point, in the order of `SCORES`; and why they are not the usual ones.

    Raises:
        GanvasError: there are no such features.
    """
    if features is not None and features not in FEATURES:
        hint = did_you_mean(features, FEATURES)
        raise GanvasError(f"{features!r} are no features.{hint} All: {', '.join(FEATURES)}")
    metrics = parse_metrics([f"{family}-{features or FEATURES[0]}" for family in ("prdc", "fd")])
    if features is None and (failures := uninstalled_metrics(metrics)):
        return metrics_in("self")[0], failure_lines(failures)
    return metrics, []


def load_all(
    source: Run | Path | str, device: str, checkpoint: str, chosen: Point | None
) -> tuple[TrainedGenerator, list[str]]:
    """The generator, with its discriminator if there is one to choose by; else why there is none.

    Raises:
        RunError: it cannot be loaded; or the chosen point needs a discriminator.
        GanvasError: it makes points.
    """
    generator, notes = load(source, device, checkpoint), []
    if generator.makes_points:
        raise GanvasError(
            "this generator makes points, and precision and recall compare images. To see its "
            "points truncated: ganvas sample RUN --truncation 0.7"
        )
    try:
        generator = with_discriminator(generator, source)
    except RunError as error:
        if chosen is not None and chosen.keep < 1:
            raise
        notes.append(str(error))
    return generator, notes


def ladder(generator: TrainedGenerator, chosen: Point | None) -> tuple[list[Point], list[str]]:
    """The points to measure, also as trained, and why there are no others.

    Raises:
        GanvasError: the generator cannot be truncated, or not as chosen.
    """
    points, reasons = [Point()], []
    try:
        generator.truncated(USUAL_TRUNCATION)
        points += [Point(truncation=psi) for psi in TRUNCATIONS]
    except GanvasError as error:
        if generator.discriminator is None or (chosen is not None and chosen.truncation != 1):
            raise
        reasons.append(str(error))
    if generator.discriminator is not None:
        points += [Point(keep=fraction) for fraction in KEPT]
    if chosen is not None and not any(chosen.is_like(point) for point in points):
        points.append(chosen)
    order = sorted(points, key=lambda point: (point.keep < 1, -point.keep, -point.truncation))
    return order, reasons


def measure_points(
    trained: TrainedGenerator,
    points: Sequence[Point],
    data: PreparedData,
    settings: DataSettings,
    metrics: Sequence[Metric],
    n: int,
    seed: int,
    feedback: TerminalFeedback,
) -> tuple[Point, ...]:
    """The points with their scores.

    Raises:
        GanvasError: the scores cannot be measured, or the generator diverged.
        DataError: too few images are held out, or their shape is another.
    """
    check_held_out(data, settings.held_out)
    check_same_shape(trained, data)
    if failures := impossible_metrics(metrics, data, n):
        ScoringResult([], failures).check()
    extractor = extractor_for(metrics[0], data, settings, trained.device, feedback)
    none_yet = torch.empty(n, 0, device=trained.device)
    real = feature_sets(metrics[0], extractor, data, none_yet, feedback)
    common = common_config(trained, data, settings, seed)
    measured = []
    with feedback.progress("sampling") as on_progress:
        for index, point in enumerate(points):
            sets = replace(
                real,
                fake=features_of(
                    point.generator(trained),
                    n,
                    seed,
                    extractor,
                    part_of(on_progress, index * n, len(points) * n),
                ),
            )
            described = {**common, "truncation": point.truncation, "keep": point.keep}
            scores = [
                score
                for metric in metrics
                for score in compute_scores(metric, extractor, sets, seed, described)
            ]
            measured.append(replace(point, scores=tuple(scores)))
    return tuple(measured)


def features_of(
    generator: TrainedGenerator, n: int, seed: int, extractor: Extractor, on_progress: Progress
) -> Tensor:
    """The features of samples (n, D).

    Raises:
        GanvasError: they cannot be extracted, or the generator diverged.
    """
    failed: Failures = {}
    features = fake_features(generator, n, seed, [extractor], on_progress, failed)
    if failed:
        raise GanvasError(failed[extractor.name])
    return features[extractor.name]


def part_of(on_progress: Progress, before: int, total: int) -> Progress:
    """The progress of a part, as that of the whole.

    Args:
        before: what is done before the part begins.
    """
    return lambda done, _: on_progress(before + done, total)
