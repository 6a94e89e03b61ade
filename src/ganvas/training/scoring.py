"""Scores while training: each process generates a part of the samples, and rank 0 scores them."""

from __future__ import annotations

from ganvas.data.preparation import PreparedData
from ganvas.evaluation.checks import check_held_out
from ganvas.evaluation.measure import OpenBar, measure
from ganvas.evaluation.score import Score
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import Recipe
from ganvas.sampling import TrainedGenerator
from ganvas.training.state import TrainState


def check_can_score(recipe: Recipe, data: PreparedData) -> None:
    """Raise a `DataError` if the recipe wants scores and too few images are held out."""
    if recipe.evaluation.every > 0:
        check_held_out(data, recipe.data.held_out)


def score_ema(
    recipe: Recipe, state: TrainState, data: PreparedData, open_bar: OpenBar
) -> list[Score]:
    """Score the current EMA generator.

    All processes call this together; only rank 0 gets scores.
    """
    generator = TrainedGenerator(state.ema, data.shape, recipe.latent_dim, state.images_seen)
    metrics, n = parse_metrics(recipe.evaluation.metrics), recipe.evaluation.samples
    return measure(generator, data, recipe.data, metrics, n, state.seed, open_bar, state.processes)
