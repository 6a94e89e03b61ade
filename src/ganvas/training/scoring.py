"""Scores while training: every rank makes a share of the samples, the first one has the scores."""

from __future__ import annotations

from ganvas.data.preparation import PreparedData
from ganvas.evaluation.checks import check_held_out
from ganvas.evaluation.evaluate import record_scores
from ganvas.evaluation.measure import OpenBar, measure
from ganvas.evaluation.score import Score
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.sampling import TrainedGenerator
from ganvas.training.state import TrainState


def refuse_without_scores(recipe: Recipe, data: PreparedData) -> None:
    """Raise a `DataError` where the recipe wants scores and too few images are held out."""
    if recipe.evaluation.every > 0:
        check_held_out(data, recipe.data.held_out)


def score_average(
    run: Run, recipe: Recipe, state: TrainState, data: PreparedData, open_bar: OpenBar
) -> list[Score]:
    """Score the averaged generator as it stands, and write the scores into the run.

    All ranks call this together; only the first one gets and writes scores.
    """
    generator = TrainedGenerator(state.average, data.shape, recipe.latent_dim, state.images_seen)
    asked, n = parse_metrics(recipe.evaluation.metrics), recipe.evaluation.samples
    seed = run.read_environment()["seed"]
    scores = measure(generator, data, recipe.data, asked, n, seed, open_bar, state.processes)
    record_scores(run, scores, state.images_seen, while_training=True)
    return scores
