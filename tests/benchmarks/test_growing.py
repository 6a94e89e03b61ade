"""The benchmark of growing times each size, and the small network alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import growing
from tests.builders.tiny import tiny_recipe


def test_every_size_and_the_small_network_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def step(state: growing.TrainState, recipe: growing.Recipe) -> None:
        trained.append((recipe.data.size[0], state.later_doublings))

    monkeypatch.setattr(growing, "train_step", step)
    times = growing.milliseconds(tiny_recipe(), (12, 24, 48), rounds=1)
    assert len(times) == 4
    assert all(value >= 0 for value in times)
    assert trained == 3 * [(48, 2), (48, 1), (48, 0), (12, 0)]
