"""Grids of samples: what the same latents give as training goes on, close together at first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ganvas import sampling
from ganvas.randomness import draw_latents, named_generator
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training.state import TrainState

GRID_IMAGES = 64
"""How many latents are followed through the run."""
DRAWN_POINTS = 2_500
"""How many where they give points."""

FIRST = 1_000
"""Images seen at the first grid after the one of untrained weights."""
GROWTH = 3
"""How many times as many were seen at the next one, until the recipe's interval takes over."""


def save_grid(run: Run, recipe: Recipe, state: TrainState) -> Path:
    """The same latents as ever through the averaged generator, as a PNG."""
    random = named_generator(run.read_environment()["seed"], "grid")
    extent = run.read_data()["extent"]
    count = GRID_IMAGES if extent is None else DRAWN_POINTS
    latents = draw_latents(count, recipe.latent_dim, random).to(state.device)
    path = run.sample_path(state.images_seen)
    sampling.write_samples(path, sampling.generate(state.average, latents), extent)
    return path


def is_grid_due(state: TrainState, every: int, before: int) -> bool:
    """Whether a moment for a grid came since `before` images were seen.

    Images change most at the beginning, and whoever waits for the first ones wants to see them.
    """
    early = any(before < moment <= state.images_seen for moment in early_moments(every))
    return early or state.crossed(every, before)


def forget_grid_of_stop(run: Run, recipe: Recipe, state: TrainState) -> None:
    """Remove the grid that an interruption drew: a run that goes on is like one without it."""
    before = state.images_seen - recipe.batch * recipe.discriminator_steps
    due = is_grid_due(state, recipe.intervals.samples, before)
    if run.read_status().status == "interrupted" and not due:
        run.sample_path(state.images_seen).unlink(missing_ok=True)


def early_moments(every: int) -> Iterator[int]:
    """Images seen at the grids before the first regular one: 1,000, 3,000, 9,000, ..."""
    moment = FIRST
    while moment < every:
        yield moment
        moment *= GROWTH
