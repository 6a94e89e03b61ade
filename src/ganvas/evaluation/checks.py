"""What is checked before any sample is generated: sample counts, held-out images, shapes."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.data.held_out import FEWEST_HELD_OUT, fewest_for_scores
from ganvas.data.preparation import PreparedData
from ganvas.errors import DataError, GanvasError
from ganvas.evaluation.families import FAMILIES
from ganvas.metrics.names import Metric
from ganvas.sampling import TrainedGenerator


def check_sample_count(metrics: Sequence[Metric], n: int) -> None:
    """Raise a `GanvasError` unless n samples are enough for every metric."""
    if n < 1:
        raise GanvasError(f"the number of samples must be at least 1, got {n}")
    fewest = {metric.full_name(metric.family): FAMILIES[metric.family].fewest for metric in metrics}
    needs = [f"{name} needs at least {needed}" for name, needed in fewest.items() if n < needed]
    if needs:
        count = f"{n} sample{'s are' if n > 1 else ' is'} too few"
        raise GanvasError(f"{count}: {', '.join(needs)}. Generate more: n (-n)")


def check_held_out(data: PreparedData, fraction: float) -> None:
    """Raise a `DataError` unless enough real images are held out from training.

    Args:
        fraction: of the images that are held out, as the recipe says.
    """
    if len(data.held_out) >= FEWEST_HELD_OUT:
        return
    advice = "Train with a larger data.held_out (--held-out)"
    if fraction > 0:
        advice += f", or name {fewest_for_scores(fraction):,} images as data (evaluate --data DATA)"
    raise DataError(
        f"{data.name}: {len(data.held_out)} of {len(data.images)} images are held out, but a score "
        f"needs at least {FEWEST_HELD_OUT}. Samples are compared with held-out images only: a "
        f"fraction of {fraction:g}, as in the run's recipe, of other data too. {advice}"
    )


def check_same_shape(generator: TrainedGenerator, data: PreparedData) -> None:
    """Raise a `DataError` unless generated and real images have the same shape."""
    if generator.shape != data.shape:
        raise DataError(
            f"the generator's images are {generator.shape}, those of {data.name} are "
            f"{data.shape}: name images with the same number of channels, or none"
        )
