"""The rate of training on this machine is measured without leaving anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganvas.data.settings import DataSettings
from ganvas.growth import Growth
from ganvas.recipes import Recipe
from ganvas.training import pace
from ganvas.training.state import TrainState
from tests.builders.tiny import start, tiny_recipe


def test_the_rate_is_measured_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(pace, "WARM_UP", 0.0)
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    assert pace.measure_pace(tiny_recipe(), channels=3) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_that_grows_is_timed_at_each_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An image takes 1 ms while small, for a quarter of the budget, and then 5 ms."""
    now = [0.0]

    def step(state: TrainState, recipe: Recipe) -> None:
        now[0] += recipe.batch * (0.001 if state.later_doublings else 0.005)

    monkeypatch.setattr(pace, "train_step", step)
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    recipe = tiny_recipe(
        data=DataSettings(size=(24, 24)), images=1_000, grow=Growth(heights=(12, 24), ends=(250,))
    )
    data = pace.noise(recipe.image_shape(1), 8)
    rate, state = pace.train_sizes(recipe, data, torch.device("cpu"))
    assert rate == pytest.approx(1 / (0.25 * 0.001 + 0.75 * 0.005))
    assert state.later_doublings == 0


@pytest.mark.parametrize(("samples", "seconds"), [(1_000, 3.5), (200, 0.7), (100, 0.35)])
def test_a_score_is_timed_with_few_samples_after_what_is_done_once(
    monkeypatch: pytest.MonkeyPatch, samples: int, seconds: float
) -> None:
    """The first one loads networks for a minute; a sample takes 3.5 ms."""
    now, scored = [0.0], list[int]()

    def score(recipe: Recipe, *others: object) -> None:
        now[0] += 0.0035 * recipe.evaluation.samples + (0 if scored else 60)
        scored.append(recipe.evaluation.samples)

    monkeypatch.setattr(pace, "score_ema", score)
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    recipe = tiny_recipe()
    recipe = replace(recipe, evaluation=replace(recipe.evaluation, samples=samples))
    state = start(recipe)
    assert pace.score_seconds(recipe, state, state.stream.data) == pytest.approx(seconds)
    assert max(scored) <= 200


def test_it_takes_a_few_seconds_at_most() -> None:
    assert pace.WARM_UP + pace.SECONDS <= 5
