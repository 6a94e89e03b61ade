"""A new run says once when shapes can be seen and when it is done, at its own rate."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from ganvas.growth import Growth
from ganvas.networks import ImageShape
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.first_shapes import measured_run
from ganvas.training import forecast
from ganvas.training.forecast import ShapesForecastListener
from ganvas.training.listeners import Listener
from ganvas.training.state import TrainState
from tests.builders.tiny import start, tiny_recipe

GREY = ImageShape(1, 32, 32)
DCGAN = CATALOG["dcgan"]()
SHAPES_AT = 29_000
"""As measured; the test of the table would fail first."""


class Messages(Listener):
    """Keeps what is printed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def message(self, text: str) -> None:
        self.texts.append(text)


@pytest.fixture
def state() -> TrainState:
    return start(tiny_recipe())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that the test sets: `clock.now`."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(forecast, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def train(
    recipe: Recipe, state: TrainState, clock: SimpleNamespace, seconds: int, shape: ImageShape
) -> list[str]:
    """What is printed in so many seconds at 100 images per second, after a first slow step."""
    messages = Messages()
    listener = ShapesForecastListener(messages, recipe, shape)
    listener.start(state)
    clock.now = 60.0  # the first step compiles
    state.images_seen += 32
    for _ in range(seconds + 1):
        listener.step(state)
        clock.now += 1.0
        state.images_seen += 100
    return messages.texts


def test_the_rate_is_that_of_the_first_seconds_without_the_first_step(
    state: TrainState, clock: SimpleNamespace
) -> None:
    (text,) = train(DCGAN, state, clock, seconds=30, shape=GREY)
    run = measured_run(DCGAN, 1)
    assert run is not None
    assert run.images == SHAPES_AT
    assert text == (
        f"time: shapes after about 29k images (5 min), as with {run}; done at 200k images (33 min)"
    )


def test_nothing_is_said_before_the_rate_is_known(
    state: TrainState, clock: SimpleNamespace
) -> None:
    assert train(DCGAN, state, clock, seconds=4, shape=GREY) == []
    assert len(train(DCGAN, start(tiny_recipe()), clock, seconds=5, shape=GREY)) == 1


def test_a_resumed_run_says_nothing_again(state: TrainState, clock: SimpleNamespace) -> None:
    state.images_seen = 20_000
    assert train(replace(DCGAN, images=25_000), state, clock, seconds=30, shape=GREY) == []


def test_a_budget_too_short_for_shapes_is_warned_about_at_the_start(
    state: TrainState, clock: SimpleNamespace
) -> None:
    texts = train(replace(DCGAN, images=9_000), state, clock, seconds=0, shape=GREY)
    assert texts == [
        "9,000 images are too few to see shapes: with Fashion-MNIST at 32x32 that took about 29k. "
        "Train on 200k"
    ]


def test_a_run_that_grows_has_no_forecast_as_it_gets_slower(
    state: TrainState, clock: SimpleNamespace
) -> None:
    growing = replace(DCGAN, grow=Growth(heights=(16, 32)))
    assert train(growing, state, clock, seconds=30, shape=GREY) == []


def test_points_have_no_shapes(state: TrainState, clock: SimpleNamespace) -> None:
    recipe = CATALOG["points-modern"]()
    texts = train(recipe, state, clock, seconds=5, shape=ImageShape(2, 1, 1))
    assert texts == ["time: done at 2M points (5 h 33 min)"]
