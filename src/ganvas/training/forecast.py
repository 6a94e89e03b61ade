"""Says early in a run when shapes can be seen and when it is done, at the rate it really has."""

from __future__ import annotations

import time

from ganvas.health.assessment import longer_budget
from ganvas.networks import ImageShape
from ganvas.recipes import Recipe
from ganvas.recipes.first_shapes import ShapesForecast, measured_run, too_short
from ganvas.training.listeners import Listener
from ganvas.training.state import TrainState

SECONDS = 5.0
"""Of training, whose rate the forecast is made from; the first step, which compiles, comes on
top."""


class ShapesForecastListener(Listener):
    """Prints the forecast of a new run once.

    Args:
        display: prints it.
        shape: of the images.
    """

    def __init__(self, display: Listener, recipe: Recipe, shape: ImageShape) -> None:
        self._display = display
        self._recipe = recipe
        self._channels = shape.channels
        self._things = "points" if shape.is_point else "images"
        self._first_step: tuple[float, int] | None = None
        self._said = False

    def start(self, state: TrainState) -> None:
        """Warn where the budget is too short to see anything; a resumed run was warned before."""
        enough = longer_budget(self._recipe, self._channels)
        warning = too_short(self._recipe, self._channels, enough)
        if state.images_seen > 0 or self._recipe.grow is not None:  # which gets slower
            self._said = True
        elif warning is not None:
            self._display.message(warning)

    def step(self, state: TrainState) -> None:
        """After the first seconds, print the forecast."""
        if self._said:
            return
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = now, state.images_seen
        began, images = self._first_step
        if now - began >= SECONDS:
            self._said = True
            rate = (state.images_seen - images) / (now - began)
            run = measured_run(self._recipe, self._channels)
            forecast = ShapesForecast(rate, self._recipe.images, run, self._things)
            self._display.message(f"time: {forecast}")
