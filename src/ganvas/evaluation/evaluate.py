"""Evaluate a run on disk: from the run and names of metrics to scores."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from ganvas import storage
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import Channels, DataSettings
from ganvas.data.source import Source
from ganvas.data.stacking import is_stacked
from ganvas.devices import choose_device
from ganvas.errors import GanvasError
from ganvas.evaluation.checks import check_sample_count, metrics_of_more_samples
from ganvas.evaluation.extractor_choice import uninstalled_metrics
from ganvas.evaluation.failures import failure_lines
from ganvas.evaluation.measure import FEW, ScoringResult, measure
from ganvas.evaluation.samples import (
    GivenImages,
    check_enough,
    prepared_pair,
    source_of_images,
)
from ganvas.evaluation.score import Score, Scores
from ganvas.generators.files import load
from ganvas.generators.trained_generator import TrainedGenerator
from ganvas.metrics.intra_frechet import FEWEST_PER_LABEL
from ganvas.metrics.names import Metric, parse_metrics
from ganvas.networks import ImageShape
from ganvas.progress import TerminalFeedback
from ganvas.recipes.recipe import EvaluationSettings
from ganvas.runs import Run
from ganvas.runs.data import check_data_unchanged, data_location, open_images, prepare_images
from ganvas.runs.directories import is_generator
from ganvas.terminal import tolerant_output
from ganvas.torch_state import usual_torch

QUICK_SAMPLES = EvaluationSettings.samples
"""Samples of a first answer: as many as of scores while training, so that they can be compared.

On one thread of a busy CPU, a first answer on a `dcgan` run of Fashion-MNIST took 9 s of CPU time,
of which 2 s once for real images; with 10,000 samples and KID it took 61 s, of which 27 s once."""

STACKED_SAMPLES = 5_000
"""Samples of a first answer on stacked digits: five for each mode, the fewest for `reverse-kl`."""


@tolerant_output()
@usual_torch()
def evaluate(
    run: Run | Path | str,
    metrics: Sequence[str] | str = (),
    *,
    n: int | None = None,
    full: bool = False,
    data: str | Path | None = None,
    checkpoint: str = "last",
    seed: int = 0,
    device: str = "auto",
    verify: bool = False,
    quiet: bool = True,
) -> Scores:
    """Score a run's generated images against held-out real ones, and add the scores to the run.

    A generator without its run (an .onnx file, a copied generator/ folder, hf:OWNER/NAME) needs
    `data`, and its scores are only returned. Real images are prepared and split as its training
    images were: of the same images, those that it has never seen are held out again.

    Images that another program made need `data` too. They must be of one size; real images are
    brought to it, and a tenth of them is held out, as in a run that is not told otherwise.

    Args:
        run: the run or its directory; or an .onnx file, a copied generator/ folder, hf:OWNER/NAME;
            or images: a folder, .zip, .npz, .npy.
        metrics: names such as fd-lite0, prdc-lite0, swd, or a text with commas; by default those
            that suit the data.
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
            images, no labels where needed; or a generator without its run, and no data.
        RunError: there is no such run or checkpoint.
        DataError: the run's images are missing or have changed.
    """
    feedback = TerminalFeedback(quiet)
    result = evaluate_run(
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
    for line in failure_lines(result.failures):
        warnings.warn(line, stacklevel=2)
    return Scores(result.scores)


def evaluate_run(
    run: Run | Path | str,
    metrics: Sequence[str] | str,
    *,
    n: int | None,
    full: bool,
    data: str | Path | None,
    checkpoint: str,
    seed: int,
    device: str,
    verify: bool,
    feedback: TerminalFeedback,
) -> ScoringResult:
    """As `evaluate`, and also why some of the metrics could not be measured."""
    requested = parse_metrics(metrics) if metrics else []
    given = (
        None if isinstance(run, Run) else source_of_images(storage.given_path(run), feedback.quiet)
    )
    if given is not None:
        if checkpoint != "last":
            raise GanvasError(f"{given.name} holds images, and these have no checkpoint")
        return evaluate_images(given, requested, n, full, data, seed, device, verify, feedback)
    own_run = find_run(run)
    check_before_work(own_run, requested, n, data, feedback.quiet)
    generator = load(run if own_run is None else own_run, device, checkpoint)
    settings = data_settings(own_run, generator)
    prepared = images_to_compare(own_run, generator, settings, data, feedback.quiet, verify)
    takes_labels = bool(generator.label_names)
    requested = requested or parse_metrics(default_metrics(prepared, full, takes_labels))
    if not metrics and takes_labels and not labels_suffice(prepared):
        feedback.message(
            f"no score of each label: no label has {FEWEST_PER_LABEL} held-out images here. A "
            "larger --held-out when training keeps more"
        )
    count = default_count(prepared, full) if n is None else n
    result = measure(generator, prepared, settings, requested, count, seed, feedback)
    result.check()
    if own_run is not None:
        record_scores(own_run, result.scores, generator.images_seen, while_training=False)
        if result.confusion is not None:
            own_run.write_label_confusion(result.confusion)
    return result


def evaluate_images(
    source: Source,
    metrics: Sequence[Metric],
    n: int | None,
    full: bool,
    data: str | Path | None,
    seed: int,
    device: str,
    verify: bool,
    feedback: TerminalFeedback,
) -> ScoringResult:
    """Score images that another program made; `metrics` may be empty.

    Raises:
        GanvasError: no real images are named, or fewer images are given than n.
        DataError: the images have several sizes; or as `measure`.
    """
    if data is None:
        raise GanvasError(
            f"{source.name} holds images, not a run. To score them as samples, say which real "
            "images to compare them with (--data DATA)"
        )
    check_before_work(None, metrics, n, data, feedback.quiet)
    samples, real, settings = prepared_pair(source, data, feedback.quiet, verify)
    check_enough(samples, n)
    unusable = f", {len(samples.unusable):,} cannot be read" if samples.unusable else ""
    feedback.message(
        f"{samples.name}: {len(samples.images):,} images, {samples.shape}{unusable}. If whatever "
        f"made them was trained on the images of {real.name} that are held out here, their scores "
        "are better than they should be"
    )
    metrics = metrics or parse_metrics(default_metrics(real, full))
    count = min(default_count(real, full), len(samples.images)) if n is None else n
    given = GivenImages(samples, choose_device(device))
    result = measure(given, real, settings, metrics, count, seed, feedback)
    result.check()
    return result


def find_run(run: Run | Path | str) -> Run | None:
    """The run that is evaluated; None for a generator without one.

    Raises:
        RunError: it is neither.
    """
    if isinstance(run, Run):
        return run
    return None if is_generator(storage.given_path(run)) else Run.open(run)


def check_before_work(
    run: Run | None,
    metrics: Sequence[Metric],
    n: int | None,
    data: str | Path | None,
    quiet: bool,
) -> None:
    """Check what costs little, before images are decoded and networks loaded.

    Raises:
        RunError: the scores could not be written.
        DataError: the real images are not there.
        GanvasError: there would be no sample, or no metric can be measured on this machine or of so
            few samples.
    """
    if n is not None:
        check_sample_count(n)
    if run is not None:
        storage.check_can_write(run.scores.path)
    if data is not None:
        open_images(data, quiet)
    elif run is not None:
        data_location(run)
    else:
        raise GanvasError(
            "a generator without its run knows no images to compare with: say where they are "
            "(--data DATA). Those that it was trained on are split as they were then"
        )
    too_few = {} if n is None else metrics_of_more_samples(metrics, n)
    failures = {**too_few, **uninstalled_metrics(metrics)}
    if metrics and len(failures) == len(metrics):
        ScoringResult([], failures).check()


def data_settings(run: Run | None, generator: TrainedGenerator) -> DataSettings:
    """How the images that a generator was trained on were prepared."""
    if run is not None:
        return run.read_recipe().data
    if generator.data is not None:
        return generator.data.settings
    return DataSettings(size=(generator.shape.height, generator.shape.width))


def images_to_compare(
    run: Run | None,
    generator: TrainedGenerator,
    settings: DataSettings,
    data: str | Path | None,
    quiet: bool,
    verify: bool,
) -> PreparedData:
    """The images that samples are compared with: those that are named, or the run's own.

    Args:
        run, data: not both None (`check_before_work`).
        settings: of `data_settings`.
    """
    if data is not None:
        return other_images(settings, generator.shape, data, quiet, verify)
    assert run is not None
    return own_images(run, settings, quiet, verify)


def reference_images(run: Run, data: str | Path | None, quiet: bool) -> PreparedData:
    """The run's own images, or others, prepared in the same way with as many channels."""
    settings = run.read_recipe().data
    if data is None:
        return own_images(run, settings, quiet, verify=False)
    return other_images(settings, run.read_shape(), data, quiet, verify=False)


def own_images(run: Run, settings: DataSettings, quiet: bool, verify: bool) -> PreparedData:
    """The images that a run was trained on."""
    prepared = prepare_images(settings, data_location(run), quiet, verify)
    check_data_unchanged(run, prepared)
    return prepared


def other_images(
    settings: DataSettings, shape: ImageShape, data: str | Path, quiet: bool, verify: bool
) -> PreparedData:
    """Images that are named, prepared with these settings, with as many channels as the shape."""
    if settings.channels == "auto" and not shape.is_point:
        settings = replace(settings, channels=cast(Channels, str(shape.channels)))
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
    if data.shape.is_point or is_stacked(data.location):
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
    many as there are held-out images: with more, `coverage` would saturate.
    """
    if data.shape.is_point:
        return 2_500
    if is_stacked(data.location):
        return 26_000 if full else STACKED_SAMPLES
    return 10_000 if full else min(QUICK_SAMPLES, max(FEW, 2 * len(data.held_out)))
