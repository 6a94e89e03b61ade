"""Scores while training: each process generates a part of the samples, and rank 0 scores them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ganvas.data.prepared import PreparedData
from ganvas.evaluation.checks import check_held_out
from ganvas.evaluation.extractor_choice import unavailable_metrics
from ganvas.evaluation.failures import failure_lines
from ganvas.evaluation.measure import ScoringResult, measure
from ganvas.evaluation.score import Score
from ganvas.generators.files import generator_in_training
from ganvas.metrics.names import parse_metrics
from ganvas.progress import Progress
from ganvas.recipes import Recipe
from ganvas.training.listeners import Listener
from ganvas.training.state import TrainState


def check_can_score(recipe: Recipe, data: PreparedData) -> list[str]:
    """A warning for each metric of the recipe that cannot be measured on these images.

    Raises:
        DataError: too few images are held out.
        GanvasError: no metric can be measured.
    """
    if recipe.evaluation.every == 0:
        return []
    check_held_out(data, recipe.data.held_out)
    metrics = parse_metrics(recipe.evaluation.metrics)
    failures = unavailable_metrics(metrics, data, recipe.evaluation.samples)
    if len(failures) == len(metrics):
        ScoringResult([], failures).check()
    return [f"warning: {line}" for line in failure_lines(failures)]


class ScoringFeedback:
    """The progress of an evaluation while training; its messages would come every time."""

    def __init__(self, listeners: Listener) -> None:
        self._listeners = listeners

    def progress(self, task: str) -> AbstractContextManager[Progress]:
        """Shown where training shows its own."""
        return self._listeners.progress(task)

    def message(self, text: str) -> None:
        """Nothing: see `score_ema`."""

    def expect(self, text: str) -> None:
        """Nothing: training shows its own remaining time."""


def score_ema(
    recipe: Recipe, state: TrainState, data: PreparedData, listeners: Listener
) -> list[Score]:
    """Score the current EMA generator. A metric that cannot be measured is named, and left out.

    All processes call this together; only rank 0 gets scores.
    """
    generator = generator_in_training(
        recipe, state.ema, data, state.images_seen, state.later_doublings
    )
    metrics, n = parse_metrics(recipe.evaluation.metrics), recipe.evaluation.samples
    feedback = ScoringFeedback(listeners)
    result = measure(
        generator, data, recipe.data, metrics, n, state.seed, feedback, state.processes
    )
    for line in failure_lines(result.failures):
        listeners.message(f"warning: at {state.images_seen:,} images {line}")
    return result.scores
