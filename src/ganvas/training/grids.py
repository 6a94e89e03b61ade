"""Grids of samples: what the same latents give as training continues."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from ganvas import sampling
from ganvas.randomness import draw_latents, named_generator
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training.due import is_grid_due
from ganvas.training.state import TrainState

GRID_IMAGES = 64
"""How many latents are followed through the run."""
GRID_POINTS = 2_500
"""How many latents where they give points."""


def grid_latents(count: int, recipe: Recipe, seed: int, device: torch.device) -> Tensor:
    """The latents of a run's grids, and the first ones of its probes: float32 (count, Z)."""
    return draw_latents(count, recipe.latent_dim, named_generator(seed, "grid")).to(device)


def draw_samples(recipe: Recipe, state: TrainState) -> npt.NDArray[Any]:
    """The EMA generator's images for the grid's latents: uint8 (N, H, W, C), or points (N, 2)."""
    shape = recipe.image_shape(1)
    count = GRID_POINTS if shape.is_point else GRID_IMAGES
    return sampling.generate(state.ema, grid_latents(count, recipe, state.seed, state.device))


def remove_interruption_grid(run: Run, recipe: Recipe, state: TrainState) -> None:
    """Remove the grid that an interruption drew: a resumed run then equals one without it."""
    before = state.images_seen - recipe.batch * recipe.discriminator_steps
    due = is_grid_due(recipe.intervals.samples, before, state.images_seen)
    if run.read_status().status == "interrupted" and not due:
        run.sample_path(state.images_seen).unlink(missing_ok=True)
