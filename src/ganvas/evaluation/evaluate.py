"""Evaluate a run on disk: from the run and names of metrics to scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from ganvas import storage
from ganvas.data.preparation import PreparedData
from ganvas.data.settings import Channels, DataSettings
from ganvas.data.stacking import PREFIX
from ganvas.errors import GanvasError
from ganvas.evaluation.checks import check_sample_count
from ganvas.evaluation.extractor_choice import uninstalled_metrics
from ganvas.evaluation.failures import failure_lines
from ganvas.evaluation.measure import FEW, Measurement, measure
from ganvas.evaluation.score import Score
from ganvas.generator_files import load, local_folder
from ganvas.hub_files import RECIPE_FILE, address_of, is_hub
from ganvas.metrics.intra_frechet import FEWEST_PER_LABEL
from ganvas.metrics.names import Metric, parse_metrics
from ganvas.networks.sizes import POINT
from ganvas.progress import TerminalFeedback
from ganvas.recipes import read_recipe
from ganvas.recipes.recipe import EvaluationSettings
from ganvas.runs import Run
from ganvas.runs.data import check_data_unchanged, data_location, open_images, prepare_images
from ganvas.sampling import TrainedGenerator
from ganvas.terminal import tolerant_output
from ganvas.torch_state import usual_torch

QUICK_SAMPLES = EvaluationSettings.samples
"""Samples of a first answer: as many as of scores while training, so that they can be compared.

On one thread of a busy CPU, a first answer on a `dcgan` run of Fashion-MNIST took 29 s of CPU time,
of which 9 s once for the features of real images; with 10,000 samples and KID it took 102 s."""


@tolerant_output()
@usual_torch()
def evaluate(
    run: Run | Path | str,
    metrics: Sequence[str] = (),
    *,
    n: int | None = None,
    full: bool = False,
    data: str | Path | None = None,
    checkpoint: str = "last",
    seed: int = 0,
    device: str = "auto",
    verify: bool = False,
    quiet: bool = True,
) -> list[Score]:
    """Score a run's generated images against held-out real ones, and add the scores to the run.

    Args:
        run: the run or its directory; or a model of the hub (hf:OWNER/NAME), with `data`.
        metrics: names such as fd-lite0, prdc-lite0, swd; by default those that suit the data.
        n: number of images to generate; the default depends on the data (see `default_count`).
        full: by default as many samples as in published protocols, and all metrics that suit.
        data: other real images to compare with, split like the run's; by default the run's own.
        checkpoint: last, best, or the images seen at a checkpoint (80k).
        seed: decides the latents and all other random choices; equal seeds give equal scores.
        device: auto, cpu, cuda, cuda:1, mps.
        verify: read every image file again, even where size and time stamp are unchanged.
        quiet: show no progress bars.

    A metric that cannot be measured gives a Python warning with the reason, and the others are
    measured.

    Raises:
        GanvasError: unknown metrics, or none of them can be measured: missing weights, too few
            images, no labels where needed.
        RunError: there is no such run or checkpoint.
        DataError: the run's images are missing or have changed.
    """
    feedback = TerminalFeedback(quiet)
    measurement = evaluate_run(
        run,
        metrics,
        n=n,
        full=full,
        data=data,
        checkpoint=checkpoint,
        seed=seed,
        device=device,
        verify=verify,
        feedback=feedback,
    )
    for line in failure_lines(measurement.failures):
        warnings.warn(line, stacklevel=2)
    return measurement.scores


def evaluate_run(
    run: Run | Path | str,
    metrics: Sequence[str],
    *,
    n: int | None,
    full: bool,
    data: str | Path | None,
    checkpoint: str,
    seed: int,
    device: str,
    verify: bool,
    feedback: TerminalFeedback,
) -> Measurement:
    """As `evaluate`, and also why some of the metrics could not be measured."""
    requested = parse_metrics(metrics) if metrics else []
    if not isinstance(run, Run) and is_hub(run):
        check_metrics(requested, n)
        generator = load(run, device, checkpoint)
        settings = settings_away_from_run(run, generator, data, feedback.quiet)
        prepared = prepare_images(settings, cast(str, data), feedback.quiet, verify)
        return measure_by_default(generator, prepared, settings, requested, n, full, seed, feedback)
    run = run if isinstance(run, Run) else Run.open(run)
    check_before_work(run, requested, n, data, feedback.quiet)
    generator = load(run, device, checkpoint)
    prepared = reference_images(run, data, feedback.quiet, verify)
    settings = run.read_recipe().data
    measurement = measure_by_default(
        generator, prepared, settings, requested, n, full, seed, feedback
    )
    record_scores(run, measurement.scores, generator.images_seen, while_training=False)
    if measurement.confusion is not None:
        run.write_label_confusion(measurement.confusion)
    return measurement


def measure_by_default(
    generator: TrainedGenerator,
    prepared: PreparedData,
    settings: DataSettings,
    metrics: Sequence[Metric],
    n: int | None,
    full: bool,
    seed: int,
    feedback: TerminalFeedback,
) -> Measurement:
    """Measure what was asked for; without metrics or a number of samples, what suits the images.

    Raises:
        GanvasError: nothing could be measured.
    """
    takes_labels = bool(generator.label_names)
    requested = metrics or parse_metrics(default_metrics(prepared, full, takes_labels))
    if not metrics and takes_labels and not labels_suffice(prepared):
        feedback.message(
            f"no score of each label: no label has {FEWEST_PER_LABEL} held-out images here. A "
            "larger --held-out when training keeps more"
        )
    count = default_count(prepared, full) if n is None else n
    measurement = measure(generator, prepared, settings, requested, count, seed, feedback)
    measurement.check()
    return measurement


def settings_away_from_run(
    place: Path | str, generator: TrainedGenerator, data: str | Path | None, quiet: bool
) -> DataSettings:
    """How images are read to compare a generator of the hub with them: as for its training.

    Raises:
        GanvasError: there are no images to compare with.
        DataError: they do not exist.
    """
    if data is None:
        raise GanvasError(
            f"{address_of(place)} comes without the images that it was trained on. Name some to "
            "compare its samples with: --data DATA"
        )
    open_images(data, quiet)
    shape = generator.shape
    path = local_folder(place) / RECIPE_FILE
    settings = read_recipe(path).data if path.is_file() else DataSettings()
    settings = replace(settings, size=(shape.height, shape.width))
    if shape.is_point:
        return settings
    return replace(settings, channels=cast(Channels, str(shape.channels)))


def check_before_work(
    run: Run, metrics: Sequence[Metric], n: int | None, data: str | Path | None, quiet: bool
) -> None:
    """Check what costs little, before images are decoded and networks loaded.

    Raises:
        RunError: the scores could not be written.
        DataError: the real images are not there.
        GanvasError: there would be no sample, or no metric can be measured on this machine.
    """
    check_metrics(metrics, n)
    storage.check_can_write(run.scores.path)
    if data is None:
        data_location(run)
    else:
        open_images(data, quiet)


def check_metrics(metrics: Sequence[Metric], n: int | None) -> None:
    """Raise a `GanvasError` for no samples, or if none of the metrics can be measured here."""
    if n is not None:
        check_sample_count(n)
    failures = uninstalled_metrics(metrics)
    if metrics and len(failures) == len(metrics):
        Measurement([], failures).check()


def reference_images(
    run: Run, data: str | Path | None, quiet: bool, verify: bool = False
) -> PreparedData:
    """The run's own images, or others, prepared in the same way with as many channels."""
    settings = run.read_recipe().data
    if data is None:
        prepared = prepare_images(settings, data_location(run), quiet, verify)
        check_data_unchanged(run, prepared)
        return prepared
    if settings.channels == "auto" and settings.size != POINT:
        channels = str(run.read_data()["shape"]["channels"])
        settings = replace(settings, channels=cast(Channels, channels))
    return prepare_images(settings, data, quiet, verify)


def record_scores(run: Run, scores: list[Score], images_seen: int, while_training: bool) -> None:
    """Add scores to scores.jsonl."""
    for score in scores:
        run.scores.append(
            {"images_seen": images_seen, "while_training": while_training, **score.to_json()}
        )


def default_metrics(data: PreparedData, full: bool, takes_labels: bool = False) -> tuple[str, ...]:
    """The metrics that suit the data, and a generator that takes its labels.

    A first answer has no KID, which takes longest and adds little to the Frechet distance; and no
    prdc where fewer than 50 images are held out, because `coverage` would saturate.
    """
    if data.shape.is_point or data.location.startswith(PREFIX):
        return ("modes",)
    of_labels = ("intra-fd-lite0",) if takes_labels and labels_suffice(data) else ()
    if full:
        learned = ("train-on-fake", "label-accuracy") if takes_labels else ()
        return ("fd-lite0", "kid-lite0", "prdc-lite0", "swd", *of_labels, *learned)
    prdc = ("prdc-lite0",) if 2 * len(data.held_out) >= FEW else ()
    return ("fd-lite0", *prdc, "swd", *of_labels)


def labels_suffice(data: PreparedData) -> bool:
    """Whether a label has enough held-out images for its own Frechet distance."""
    if data.labels is None:
        return False
    return int(np.bincount(data.labels[data.held_out]).max()) >= FEWEST_PER_LABEL


def default_count(data: PreparedData, full: bool) -> int:
    """The number of samples: as in published protocols, or enough for a first answer.

    A first answer on images takes as many samples as scores while training, but at most twice as
    many as there are held-out images: with more, `coverage` would saturate. On stacked digits five
    for each mode, the fewest for `reverse-kl`.
    """
    if data.shape.is_point:
        return 2_500
    if data.location.startswith(PREFIX):
        return 26_000 if full else 5_000
    return 10_000 if full else min(QUICK_SAMPLES, max(FEW, 2 * len(data.held_out)))
