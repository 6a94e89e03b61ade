"""From a run and the names of metrics to scores with their floors and protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

import ganvas
from ganvas.checksum import checksum
from ganvas.data.held_out import FEWEST_HELD_OUT, fewest_for_scores
from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.data.settings import Channels, DataSettings
from ganvas.data.stacking import PREFIX
from ganvas.errors import DataError, GanvasError
from ganvas.evaluation.judges import classifier_for, mode_view
from ganvas.evaluation.measures import MEASURES, Sides
from ganvas.evaluation.score import Protocol, Score
from ganvas.evaluation.views import (
    View,
    bring_together,
    look_at_real,
    look_at_samples,
    rows_of,
)
from ganvas.formatting import format_image_size
from ganvas.metrics.estimate import LEVEL
from ganvas.metrics.features import Features, load_features
from ganvas.metrics.inception import load_inception_classes
from ganvas.metrics.names import Metric, parse_metrics
from ganvas.networks.sizes import POINT
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.progress import progress_bar
from ganvas.runs import Run
from ganvas.runs.data import check_data_unchanged, data_location, prepare_images
from ganvas.sampling import TrainedGenerator, load

FEW = 100
"""Samples or held-out images below which other ones would give quite another score."""

MOST_PIXELS = 4_096
"""Images a side that are compared pixel by pixel."""

Bar = Callable[[str], AbstractContextManager[Progress]]
"""Opens a progress bar for a piece of work."""

Looks = tuple[str, str | None]
"""What a metric looks at, and in which features."""


def evaluate(
    run: Run | Path | str,
    metrics: Sequence[str] = (),
    *,
    n: int | None = None,
    data: str | Path | None = None,
    checkpoint: str = "last",
    seed: int = 0,
    device: str = "auto",
    quiet: bool = True,
) -> list[Score]:
    """Score a run's generated images against held-out real ones, and add the scores to the run.

    Args:
        run: the run or its directory.
        metrics: names such as fd-lite0, prdc-lite0, swd; by default those that suit the data.
        n: how many images to generate; by default what the data's protocol asks for.
        data: other real images to compare with, split as the run's are; by default the run's own.
        checkpoint: last, best, or images seen at the checkpoint (80k).
        seed: decides the latents and every random choice; same seed, same numbers.
        device: auto, cpu, cuda, cuda:1, mps.
        quiet: show no progress bars.

    Raises:
        GanvasError: unknown metrics, missing weights, too few images, no labels where needed.
        RunError: no run, no such checkpoint. DataError: its images are gone or have changed.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    asked = parse_metrics(metrics) if metrics else []
    generator = load(run, device, checkpoint)
    prepared = images_to_compare_with(run, data, quiet)
    asked = asked or parse_metrics(default_metrics(prepared))
    count = default_count(prepared) if n is None else n
    bar = partial(progress_bar, quiet=quiet)
    scores = measure(generator, prepared, run.read_recipe().data, asked, count, seed, bar)
    record(run, scores, generator.images_seen, while_training=False)
    return scores


def images_to_compare_with(run: Run, data: str | Path | None, quiet: bool) -> PreparedData:
    """The run's own images, or others prepared in the same way and with as many channels."""
    settings = run.read_recipe().data
    if data is None:
        prepared = prepare_images(settings, data_location(run), quiet)
        check_data_unchanged(run, prepared)
        return prepared
    if settings.channels == "auto" and settings.size != POINT:
        channels = str(run.read_data()["shape"]["channels"])
        settings = replace(settings, channels=cast(Channels, channels))
    return prepare_images(settings, data, quiet)


def record(run: Run, scores: list[Score], images_seen: int, while_training: bool) -> None:
    """Add scores to scores.jsonl."""
    for score in scores:
        about = {"images_seen": images_seen, "while_training": while_training}
        run.scores.append({**about, **score.to_json()})


def default_metrics(data: PreparedData) -> tuple[str, ...]:
    """What suits the data where nothing is asked for."""
    if data.shape.is_point or data.location.startswith(PREFIX):
        return ("modes",)
    return ("fd-lite0", "kid-lite0", "prdc-lite0", "swd")


def default_count(data: PreparedData) -> int:
    """How many samples the published protocols of such data take; 10,000 for pictures."""
    if data.shape.is_point:
        return 2_500
    return 26_000 if data.location.startswith(PREFIX) else 10_000


def measure(
    generator: TrainedGenerator,
    data: PreparedData,
    settings: DataSettings,
    metrics: Sequence[Metric],
    n: int,
    seed: int,
    bar: Bar,
    processes: ProcessGroup = SINGLE_PROCESS,
) -> list[Score]:
    """Score a generator. Everything that can be wrong is said before the first sample is made.

    Of several processes, which all hold the same generator and call this together, each makes
    a share of the samples and looks at it. The first one gets what all have seen and does the
    rest; its scores are, bit for bit, those of a single process of its kind. The others get none.

    Args:
        data: the real images, prepared with `settings`.
    """
    refuse_few_samples(metrics, n)
    refuse_without_held_out(data, settings.held_out)
    refuse_other_shape(generator, data)
    device = next(generator.network.parameters()).device
    with processes.failing_together():
        views = views_of(metrics, data, settings, device, bar, processes)
        every_view = list(views.values())
        with bar("sampling") as on_progress:
            rows = rows_of(processes.rank, processes.size, n)
            seen = look_at_samples(generator, n, seed, every_view, on_progress, rows)
    seen = bring_together(seen, every_view, generator, n, processes)
    if not processes.is_main:
        return []
    common = common_protocol(generator, data, settings, seed)
    scores = []
    for metric in metrics:
        view = views[looks(metric)]
        sides = real_sides(metric, view, data, seen[view.name], bar)
        with bar(f"computing {metric.named(metric.scores[0])}"):
            scores += scores_of(metric, view, sides, seed, common)
    return scores


def views_of(
    metrics: Sequence[Metric],
    data: PreparedData,
    settings: DataSettings,
    device: torch.device,
    bar: Bar,
    processes: ProcessGroup,
) -> dict[Looks, View]:
    """One view for all metrics that look at the same, in the order in which they are asked for."""
    views: dict[Looks, View] = {}
    for metric in metrics:
        if looks(metric) in views:
            continue
        if by_a_judge(metric) and not processes.is_main:
            views[looks(metric)] = View("images", lambda pixels: pixels, by_first=True)
        else:
            views[looks(metric)] = view_of(metric, data, settings, device, bar)
    return views


def by_a_judge(metric: Metric) -> bool:
    """Whether a metric needs a network that is trained for it, or centres that only its data has.

    The cache that such a network lies in belongs to one machine, so one rank trains and asks it.
    """
    return MEASURES[metric.family].kind == "modes" or metric.features == "classifier"


def looks(metric: Metric) -> Looks:
    """Metrics for which this is the same share a view, and so a network."""
    return MEASURES[metric.family].kind, metric.features


def view_of(
    metric: Metric, data: PreparedData, settings: DataSettings, device: torch.device, bar: Bar
) -> View:
    """The way of looking that a metric needs.

    Raises:
        GanvasError: it cannot be had: missing weights, no labels, points instead of images.
    """
    kind = MEASURES[metric.family].kind
    if data.shape.is_point and kind != "modes":
        raise DataError(
            f"{data.name} holds points, and {metric.named(metric.scores[0])} needs images. "
            "For points there is: modes"
        )
    if kind == "pixels":
        return View("pixels", lambda pixels: pixels.to(device), most=MOST_PIXELS)
    if kind == "modes":
        with bar("training the classifier") as on_progress:
            return replace(mode_view(data, settings, device, on_progress), by_first=True)
    if kind == "classes":
        classes = load_inception_classes(device)
        return features_view(classes, data)
    if metric.features == "classifier":
        with bar("training the classifier") as on_progress:
            classifier = classifier_for(data, settings, device, on_progress)
        return View("classifier", classifier, classifier.protocol(), cached=True, by_first=True)
    assert metric.features is not None
    features = load_features(metric.features, device)
    return features_view(features, data)


def features_view(features: Features, data: PreparedData) -> View:
    """Images as numbers of a network."""
    at_once = features.at_once(data.shape.height, data.shape.width)
    return View(features.name, features, features.protocol(), at_once=at_once, cached=True)


def real_sides(metric: Metric, view: View, data: PreparedData, fake: Tensor, bar: Bar) -> Sides:
    """What the view sees in real images, beside what it saw in the samples."""
    whole = MEASURES[metric.family].whole_training_set
    enough = len(data.training) if whole else min(len(fake), len(data.training))
    with bar(f"training images, {view.name}") as on_progress:
        training = look_at_real(view, data, False, enough, on_progress)
    with bar(f"held-out images, {view.name}") as on_progress:
        held_out = look_at_real(view, data, True, len(data.held_out), on_progress)
    return Sides(training.to(fake.device), held_out.to(fake.device), fake, view.expected)


def scores_of(metric: Metric, view: View, sides: Sides, seed: int, common: Protocol) -> list[Score]:
    """The family's scores that were asked for, each with the floor of the same maths."""
    maths = MEASURES[metric.family]
    in_its_place = maths.floor(sides)
    estimates = maths.estimate(sides, seed)
    floors = maths.estimate(in_its_place, seed)
    few = few_warnings(sides)
    scores = []
    for name in metric.scores:
        if name == "high-quality" and not view.leaves_out:
            continue
        estimate = estimates[name]
        protocol = {
            **common,
            "split": maths.split,
            "n_fake": len(sides.fake),
            "n_real": len(sides.held_out),
            "n_training": len(sides.training),
            "n_floor": len(in_its_place.fake),
            "interval": f"{LEVEL:.0%}, {estimate.method}",
            "view": {"name": view.name, **view.protocol},
        }
        scores.append(
            Score(
                metric=metric.named(name),
                value=estimate.value,
                interval=estimate.interval,
                floor=floors[name].value,
                protocol=protocol,
                warnings=few + estimate.warnings,
                details=estimate.details,
            )
        )
    return scores


def few_warnings(sides: Sides) -> tuple[str, ...]:
    """A warning for each set that is too small to be believed."""
    counts = {"samples": len(sides.fake), "held-out images": len(sides.held_out)}
    return tuple(
        f"only {count} {name}: as many others would give quite another score"
        for name, count in counts.items()
        if count < FEW
    )


def common_protocol(
    generator: TrainedGenerator, data: PreparedData, settings: DataSettings, seed: int
) -> Protocol:
    """What all scores of one evaluation share."""
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


def refuse_few_samples(metrics: Sequence[Metric], n: int) -> None:
    """Raise a `GanvasError` unless there will be samples enough for every metric."""
    if n < 1:
        raise GanvasError(f"the number of samples must be at least 1, got {n}")
    fewest = {metric.named(metric.family): MEASURES[metric.family].fewest for metric in metrics}
    needing = [f"{name} needs at least {needed}" for name, needed in fewest.items() if n < needed]
    if needing:
        counted = f"{n} sample{'s are' if n > 1 else ' is'} too few"
        raise GanvasError(f"{counted}: {', '.join(needing)}. Generate more: n (-n)")


def refuse_without_held_out(data: PreparedData, share: float) -> None:
    """Raise a `DataError` unless there are real images that were never trained on, and enough."""
    if len(data.held_out) >= FEWEST_HELD_OUT:
        return
    advice = "Train with a larger data.held_out (--held-out)"
    if share > 0:
        advice += f", or name {fewest_for_scores(share):,} images as data (evaluate --data DATA)"
    raise DataError(
        f"{data.name}: {len(data.held_out)} of {len(data.images)} images are held out, and a score "
        f"needs at least {FEWEST_HELD_OUT}. Only these are compared with, a share of {share:g} as "
        f"the run's recipe says, of other data too; the rest says what real images score. {advice}"
    )


def refuse_other_shape(generator: TrainedGenerator, data: PreparedData) -> None:
    """Raise a `DataError` unless generated and real images have the same shape."""
    if generator.shape != data.shape:
        raise DataError(
            f"the generator makes images of {generator.shape}, those of {data.name} are "
            f"{data.shape}: name images that have the same channels, or none"
        )
