"""Training for a time: what it gives in images, and a clock that corrects this while it runs.

Schedules need an end in images, and a machine's speed is only known roughly before it has trained.
So a time becomes a budget in images, by a measurement of a few seconds, and the budget is corrected
by the rate that training has. A correction is a checkpoint and another recipe, from which training
continues as after `ganvas resume`: whatever happened before, a run is a function of its newest
checkpoint and its recipe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ganvas.errors import RecipeError
from ganvas.evaluation.score import Score
from ganvas.formatting import format_clock, format_short
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.time_limit import Budget, TimeLimit, read_time_limit
from ganvas.schedules import parse_duration
from ganvas.training.listeners import Listener
from ganvas.training.pace import Pace
from ganvas.training.state import TrainState
from ganvas.training.stop import Signal

SHORTEST = 20.0
"""Seconds; in less, a few seconds of measuring say too little about the rest."""
FEWEST_STEPS = 20
"""Of the generator. After fewer nothing can be said of a run."""

CHECKS = (0.05, 0.2, 0.5, 0.8, 0.9, 0.95)
"""Fractions of the time at which the budget is corrected if it would miss the end."""
TOLERANCE = 0.01
"""A miss of this fraction of the time is left alone."""
SHORTEST_WINDOW = 0.02
"""The rate is that since the last check, and of at least this fraction of the time."""
NOTEWORTHY = 0.2
"""A budget that is off by this fraction of what was last said is mentioned; less lies within what a
machine that does other work beside varies by."""


def parse_time(text: str | float) -> float:
    """A time as seconds: a number, or text such as 90s, 10m, 1h30m.

    Raises:
        RecipeError: it is no time, or too short.
    """
    try:
        seconds = parse_duration(text) if isinstance(text, str) else float(text)
    except ValueError as error:
        raise RecipeError([f"time: {error}"]) from error
    if not SHORTEST <= seconds < float("inf"):
        raise RecipeError(
            [
                f"time: {text} is too short to train anything, or no time at all. Measuring the "
                f"speed alone takes a few seconds: give {SHORTEST:.0f}s or more"
            ]
        )
    return seconds


def images_in(seconds: float, images_per_second: float, seen: int, every: int, score: float) -> int:
    """How many more images fit into a time, with all scores that they bring and the last one.

    Args:
        seen: images seen before.
        every: images between two scores while training; 0: there are none.
        score: seconds that a score takes.
    """
    if every == 0:
        return max(0, int(seconds * images_per_second))
    images, left = 0, seconds - score  # the last score is always due
    while left > 0:
        until = every - (seen + images) % every
        training = until / images_per_second
        if left <= training:
            return images + int(left * images_per_second)
        images += until
        left -= training + score
    return images


def budget_for(recipe: Recipe, seconds: float, pace: Pace) -> tuple[Recipe, TimeLimit]:
    """The recipe with the budget that a time gives at a pace, its schedules fixed; and its limit.

    Raises:
        RecipeError: it is too short for more than a few steps.
    """
    step = recipe.images_per_step
    every = recipe.evaluation.every
    images = images_in(seconds, pace.images_per_second, 0, every, pace.score_seconds)
    if images < FEWEST_STEPS * step:
        raise RecipeError(
            [
                f"time: in {format_clock(seconds)} this machine trains {images // step} steps of "
                f"{step:,} images ({pace.images_per_second:,.1f} images/s), which is too little "
                "to say anything. Give more time, or smaller images, networks or batches"
            ]
        )
    recipe = replace(recipe, images=images // step * step).with_fixed_schedules()
    budget = Budget(recipe.images, at_images=0, at_seconds=0.0)
    return recipe, TimeLimit(seconds, 0.0, pace.score_seconds, (budget,))


def about_budget(limit: TimeLimit, pace: Pace) -> str:
    """One line for people about the first budget of a time."""
    return (
        f"{format_clock(limit.seconds)} of training: about {format_short(limit.budgets[0].images)} "
        f"images at {pace.images_per_second:,.0f}/s, measured for a few seconds and corrected on "
        "the way"
    )


class Clock(Listener):
    """Keeps a run within its time; asks for another budget where the present one misses the end.

    Args:
        limit: of the run, which is about to train.
        display: is told what is corrected.
        now: gives seconds that pass.
    """

    def __init__(
        self,
        run: Run,
        limit: TimeLimit,
        display: Listener,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run, self._limit, self._display, self._now = run, limit, display, now
        self._origin = now() - limit.spent
        self._recipe = run.read_recipe()
        self._checks = [
            part * limit.seconds for part in CHECKS if part * limit.seconds > limit.spent
        ]
        self._said = self._recipe.images
        """The budget that was last said."""
        self._asks = False
        self._window = (0, 0.0)
        """Images seen and seconds where the window of the rate begins."""
        self._scored = 0.0
        """Seconds of scores inside of the window."""
        self._last_step = 0.0

    @classmethod
    def of(cls, run: Run, display: Listener) -> Clock | None:
        """The clock of a run that was given a time; None for another."""
        limit = read_time_limit(run.directory)
        return None if limit is None or limit.replaced else cls(run, limit, display)

    @property
    def signal(self) -> Signal:
        """REPLAN where the budget is to be corrected."""
        return Signal.REPLAN if self._asks else Signal.CONTINUE

    @property
    def elapsed(self) -> float:
        """Seconds of training so far; of those before a kill, what its newest checkpoint says."""
        return self._now() - self._origin

    def start(self, state: TrainState) -> None:
        """Training starts, or continues after a correction or a rewind."""
        self._recipe = self._run.read_recipe()
        self._asks = False
        self._last_step = self.elapsed
        self._window, self._scored = (state.images_seen, self._last_step), 0.0

    def step(self, state: TrainState) -> None:
        """Ask for a correction if a check is due and the end would be missed, or time is up."""
        now = self._last_step = self.elapsed
        if state.later_doublings:  # at the last size the rate is another, and the one that counts
            self._window, self._scored = (state.images_seen, now), 0.0
        last_score = self._limit.score_seconds if self._recipe.evaluation.every else 0.0
        if now + last_score >= self._limit.seconds:
            self._asks = True
        elif self._checks and now >= self._checks[0] and self._knows_rate():
            self._checks = [check for check in self._checks if check > now]
            missing = self._recipe.images - state.images_seen - self._images_left(state)
            off = abs(missing) / self._rate(state)
            self._asks = off > TOLERANCE * self._limit.seconds
            if not self._asks:  # what else runs beside it may have come or gone by the next check
                self._window, self._scored = (state.images_seen, now), 0.0

    def scores(self, images_seen: int, scores: Sequence[Score]) -> None:
        """How long a score takes is known from the last one."""
        seconds = self.elapsed - self._last_step
        self._scored += seconds
        self._limit = replace(self._limit, score_seconds=round(seconds, 3))

    def checkpoint(self, state: TrainState, last: bool) -> None:
        """A run that is killed later has the time from here on."""
        self._limit = replace(self._limit, spent=round(self.elapsed, 3))
        self._limit.write(self._run.directory)

    def correct(self, state: TrainState) -> None:
        """Give the run the budget that the time left allows, at the present rate."""
        step = self._recipe.images_per_step
        more = max(step, self._images_left(state) // step * step)
        images = state.images_seen + more
        budget = Budget(images, state.images_seen, round(self.elapsed, 3))
        self._run.write_recipe(self._recipe.with_budget(images))
        self._limit = replace(
            self._limit, spent=budget.at_seconds, budgets=(*self._limit.budgets, budget)
        )
        self._limit.write(self._run.directory)
        if abs(images - self._said) > NOTEWORTHY * self._said:
            self._display.message(
                f"the budget is now {format_short(images)} images, to end in "
                f"{format_clock(self._limit.seconds)} (before: {format_short(self._said)})"
            )
            self._said = images

    def end(self) -> None:
        """Say what the budget was in the end, and how long it took."""
        images = format_short(self._recipe.images)
        spent, limit = format_clock(self.elapsed), format_clock(self._limit.seconds)
        self._display.message(f"trained on {images} images in {spent} of {limit}, scores included")

    def _knows_rate(self) -> bool:
        window = self._last_step - self._window[1] - self._scored
        return window >= SHORTEST_WINDOW * self._limit.seconds

    def _rate(self, state: TrainState) -> float:
        images, seconds = self._window
        elapsed = max(self._last_step - seconds - self._scored, 1e-9)
        return max(state.images_seen - images, 1) / elapsed

    def _images_left(self, state: TrainState) -> int:
        """How many more images fit into the time that is left."""
        return images_in(
            self._limit.seconds - self.elapsed,
            self._rate(state),
            state.images_seen,
            self._recipe.evaluation.every,
            self._limit.score_seconds,
        )


def replan_on_all(clock: Clock | None, state: TrainState) -> None:
    """Correct the budget of a run with a time limit; the first process alone has its clock."""

    def on_main() -> None:
        assert clock is not None  # nothing else asks for another budget
        clock.correct(state)

    state.processes.broadcast_object(on_main)
