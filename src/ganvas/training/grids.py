"""Grids of samples: what the same latents give as training continues."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.latents.latents import Latents, generate
from ganvas.randomness import draw_latents, named_generator
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training.due import is_grid_due
from ganvas.training.state import TrainState

GRID_IMAGES = 64
"""How many latents are followed through the run."""
GRID_COLUMNS, GRID_LABELS = 8, 20
"""A generator that takes labels gets a row of so many latents for each of at most so many labels.
With more labels, those shown are spread evenly over all."""
GRID_POINTS = 2_500
"""How many latents where they give points."""


def grid_latents(count: int, recipe: Recipe, seed: int, device: torch.device) -> Tensor:
    """The latents of a run's grids, and the first ones of its probes: float32 (count, Z)."""
    return draw_latents(count, recipe.latent_dim, named_generator(seed, "grid")).to(device)


def draw_samples(recipe: Recipe, state: TrainState) -> npt.NDArray[Any]:
    """The EMA generator's images for the grid's latents: uint8 (N, H, W, C), or points (N, 2)."""
    if recipe.generator.network.uses_labels:
        labels = spread_labels(state.num_labels, GRID_LABELS).to(state.device)
        latents = grid_latents(GRID_COLUMNS, recipe, state.seed, state.device)
        rows = latents.repeat(len(labels), 1)
        return generate(state.ema, Latents(rows, labels.repeat_interleave(GRID_COLUMNS)))
    count = GRID_POINTS if recipe.image_shape(1).is_point else GRID_IMAGES
    latents = grid_latents(count, recipe, state.seed, state.device)
    return generate(state.ema, Latents(latents))


def spread_labels(num_labels: int, most: int) -> Tensor:
    """All labels, or `most` of them, evenly spread; ascending, int64."""
    if num_labels <= most:
        return torch.arange(num_labels)
    return torch.linspace(0, num_labels - 1, most).round().long()


def grid_columns(recipe: Recipe) -> int | None:
    """Columns of a run's grids; None makes them about square."""
    return GRID_COLUMNS if recipe.generator.network.uses_labels else None


def remove_interruption_grid(run: Run, recipe: Recipe, state: TrainState) -> None:
    """Remove the grid that an interruption drew: a resumed run then equals one without it."""
    before = state.images_seen - recipe.images_per_step
    due = is_grid_due(recipe.intervals.samples, before, state.images_seen)
    if run.read_status().status == "interrupted" and not due:
        run.sample_path(state.images_seen).unlink(missing_ok=True)
